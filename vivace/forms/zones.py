"""Moments between a person's clock and the program's. A moment without a zone is taken for UTC, as in models."""

from __future__ import annotations

import datetime as dt

from vivace.errors.models import ValidationError


def from_current_timezone(moment: dt.datetime) -> dt.datetime:
    """Return an aware moment. Raises ``ValidationError`` for one that has no equal in UTC (year 1 east of Greenwich)."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=dt.UTC)
    try:
        moment.astimezone(dt.UTC)
    except OverflowError:
        raise ValidationError("This moment lies outside of the calendar.", code="invalid") from None
    return moment


def to_current_timezone(moment: dt.datetime) -> dt.datetime:
    """Return a moment as it is shown: in UTC, without a zone."""
    return moment if moment.tzinfo is None else moment.astimezone(dt.UTC).replace(tzinfo=None)
