"""What is written into a migration file can be read again, and is the same."""

from __future__ import annotations

import datetime
import decimal
import enum
import functools
import ipaddress
import math
import pathlib
import re
import uuid
import zoneinfo
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace import migrations, models
from vivace.errors import UnserializableValue
from vivace.migrations.serializer import serialize, text_of
from vivace.migrations.source import lay_out
from vivace.models import functions
from vivace.models.validators import RegexValidator


class Colour(enum.Enum):
    RED = 1


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Size(models.TextChoices):
    SMALL = "s", "small"


def upload(name: str) -> str:
    return name


def read_again(value: Any) -> Any:
    """Return what the source of a value gives."""
    imports: set[str] = set()
    source = lay_out(serialize(value, imports))
    scope: dict[str, Any] = {}
    exec("\n".join(sorted(imports)), scope)
    return eval(source, scope)


VALUES: list[Any] = [
    None, True, 3, -2.5, math.inf, "it's", 'a "b"', "both ' and \"", b"\x00x", decimal.Decimal("1.50"),
    datetime.date(2020, 1, 2), datetime.time(3, 4), datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC),
    datetime.timedelta(days=1), zoneinfo.ZoneInfo("Europe/Berlin"), uuid.UUID(int=7), pathlib.PurePosixPath("/a"),
    ipaddress.ip_address("::1"), range(1, 9, 2), Colour.RED, Access.READ | Access.WRITE, [1, (2,), {"a": {3}}],
    frozenset({1}), set(), (), upload, print, int, Colour, functools.partial(upload, "x"),
    models.F("a") + models.Value(2) * models.F("b"), models.Q(a=1, b__gt=2) | ~models.Q(c="x"),
    functions.Lower("name"), functions.Coalesce("a", models.Value("x")), models.F("a").desc(nulls_last=True),
    models.Case(models.When(a=1, then=models.Value("x")), default=models.F("b")),
    models.Index(fields=["-a"], name="i"), models.CheckConstraint(condition=models.Q(a__lt=1), name="c"),
    models.UniqueConstraint(functions.Lower("a"), name="u"), RegexValidator("^a"),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: str(getattr(value, "__name__", value))[:30])
def test_mg5_values_survive(value: Any) -> None:
    again = read_again(value)
    assert text_of(again) == text_of(value)
    if not isinstance(value, functools.partial | RegexValidator):
        assert repr(again) == repr(value)


def test_choices_are_written_as_values() -> None:
    assert text_of(Size.SMALL) == ('"s"', set())


def test_patterns() -> None:
    again = read_again(re.compile("a+", re.IGNORECASE))
    assert (again.pattern, again.flags & re.IGNORECASE) == ("a+", re.IGNORECASE)


def test_rules_of_deletion() -> None:
    assert text_of(models.CASCADE)[0] == "models.CASCADE"
    assert text_of(models.SET(3))[0] == "models.SET(3)"


def local() -> Callable[[], None]:
    def inner() -> None: ...

    return inner


@pytest.mark.parametrize("value", [lambda: 1, local(), object()], ids=["lambda", "local", "object"])
def test_what_cannot_be_written_is_told(value: Any) -> None:
    with pytest.raises(UnserializableValue, match="cannot be written into a migration"):
        text_of(value)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.floats(allow_nan=False) | st.dates()
    | st.datetimes(timezones=st.just(datetime.UTC)) | st.decimals(allow_nan=False) | st.uuids(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
))  # fmt: skip
def test_plain_values_survive(value: Any) -> None:
    assert read_again(value) == value


def test_wide_calls_are_laid_out() -> None:
    operation = migrations.RemoveField("Book", "title")
    assert lay_out(
        serialize(operation, set())
    ) == "migrations.RemoveField(\n    'Book',\n    'title',\n)".replace("'", '"')
