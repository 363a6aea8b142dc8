"""Fills the tables of the field classes: which lookups and transforms each has. Imported once, with the first query.

A class's table is an attribute of the class; what a program registers itself stands beside these.
"""

from __future__ import annotations

from typing import Any

from vivace.models.expressions.functions import datetime as parts
from vivace.models.fields import base as fields_base
from vivace.models.fields import numbers, others, times
from vivace.models.lookups import base, json
from vivace.models.lookups import text as texts

_GENERAL = (
    base.Exact,
    base.GreaterThan,
    base.GreaterThanOrEqual,
    base.LessThan,
    base.LessThanOrEqual,
    base.In,
    base.IsNull,
    base.Range,
    texts.IExact,
    texts.Contains,
    texts.IContains,
    texts.StartsWith,
    texts.IStartsWith,
    texts.EndsWith,
    texts.IEndsWith,
    texts.Regex,
    texts.IRegex,
)
_INTEGER = (
    base.IntegerExact,
    base.IntegerGreaterThan,
    base.IntegerGreaterThanOrEqual,
    base.IntegerLessThan,
    base.IntegerLessThanOrEqual,
)
_DATE = (
    parts.ExtractYear,
    parts.ExtractMonth,
    parts.ExtractDay,
    parts.ExtractWeekDay,
    parts.ExtractIsoWeekDay,
    parts.ExtractWeek,
    parts.ExtractIsoYear,
    parts.ExtractQuarter,
)
_TIME = (parts.ExtractHour, parts.ExtractMinute, parts.ExtractSecond)


def _register(owner: Any, lookups: tuple[Any, ...]) -> None:
    for lookup in lookups:
        if lookup.lookup_name not in owner.class_lookups:
            owner.register_lookup(lookup)


_register(fields_base.Field, _GENERAL)
_register(numbers.IntegerField, _INTEGER)
_register(times.DateField, _DATE)
_register(times.TimeField, _TIME)
_register(times.DateTimeField, (*_DATE, *_TIME, parts.TruncDate, parts.TruncTime))
_register(others.JSONField, json.FIELD_LOOKUPS)
others.JSONField.register_lookup(json.KeyTransformFactory, "*")
_register(json.KeyTransform, json.KEY_LOOKUPS)
