"""Dates and times inside SQLite, which has no type for them: functions over the text that ``binding`` writes.

What is stored: ``YYYY-MM-DD``, ``YYYY-MM-DD HH:MM:SS[.ffffff]`` (naive: UTC where the project uses time zones) and
``HH:MM:SS[.ffffff]``; durations are integer microseconds. A zone argument names the zone that parts are taken in, and
``NULL`` takes them as they are stored. As in other SQL functions ``NULL`` gives ``NULL``, and so does text that is no date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache, wraps
from typing import Any, Final
from zoneinfo import ZoneInfo

_OFFSET: Final = re.compile(r"(?:UTC)?([+-])(\d\d):?(\d\d)")
_MICROSECOND: Final = timedelta(microseconds=1)


@lru_cache(maxsize=64)
def zone(name: str) -> tzinfo:
    """Return a zone by its IANA name, or by a fixed offset as ``UTC+05:30`` or ``+0530``."""
    if match := _OFFSET.fullmatch(name):
        sign, hours, minutes = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(-offset if sign == "-" else offset)
    return ZoneInfo(name)


def _lenient(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give NULL for text that is no date and for results that no date can have, as SQLite's own functions do."""

    @wraps(function)
    def safe(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except (ValueError, TypeError, OverflowError):
            return None

    return safe


def _moment(value: str, zone_name: str | None = None) -> datetime:
    moment = datetime.fromisoformat(value)
    if zone_name is None:
        return moment
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(zone(zone_name)).replace(tzinfo=None)


_PARTS: Final[Mapping[str, Callable[[datetime], int]]] = {
    "year": lambda moment: moment.year,
    "iso_year": lambda moment: moment.isocalendar()[0],
    "quarter": lambda moment: (moment.month + 2) // 3,
    "month": lambda moment: moment.month,
    "week": lambda moment: moment.isocalendar()[1],
    "week_day": lambda moment: moment.isoweekday() % 7 + 1,  # Sunday is 1
    "iso_week_day": lambda moment: moment.isoweekday(),
    "day": lambda moment: moment.day,
    "year_day": lambda moment: moment.timetuple().tm_yday,
    "hour": lambda moment: moment.hour,
    "minute": lambda moment: moment.minute,
    "second": lambda moment: moment.second,
    "microsecond": lambda moment: moment.microsecond,
    "epoch": lambda moment: int(moment.replace(tzinfo=UTC).timestamp()),
}

_FLOORS: Final[Mapping[str, Callable[[datetime], datetime]]] = {
    "year": lambda moment: datetime(moment.year, 1, 1),
    "quarter": lambda moment: datetime(moment.year, (moment.month - 1) // 3 * 3 + 1, 1),
    "month": lambda moment: datetime(moment.year, moment.month, 1),
    "week": lambda moment: datetime(moment.year, moment.month, moment.day) - timedelta(days=moment.weekday()),
    "day": lambda moment: datetime(moment.year, moment.month, moment.day),
    "hour": lambda moment: moment.replace(minute=0, second=0, microsecond=0),
    "minute": lambda moment: moment.replace(second=0, microsecond=0),
    "second": lambda moment: moment.replace(microsecond=0),
}


def _part(kind: str, moment: datetime) -> int:
    try:
        return _PARTS[kind](moment)
    except KeyError:
        raise LookupError(f"no part of a date is called {kind!r}; there are {', '.join(_PARTS)}") from None


def _floor(kind: str, moment: datetime) -> datetime:
    try:
        return _FLOORS[kind](moment)
    except KeyError:
        raise LookupError(f"nothing truncates to {kind!r}; there are {', '.join(_FLOORS)}") from None


@_lenient
def datetime_extract(kind: str, value: str, zone_name: str | None) -> int:
    """Return a part of a date or datetime, as seen in a zone."""
    return _part(kind, _moment(value, zone_name))


@_lenient
def time_extract(kind: str, value: str) -> int:
    """Return a part of a time of day."""
    return _part(kind, datetime.combine(date.min, time.fromisoformat(value)))


@_lenient
def date_trunc(kind: str, value: str, zone_name: str | None) -> str:
    """Return the date at which the year, quarter, month, week or day of the value begins."""
    return _floor(kind, _moment(value, zone_name)).date().isoformat()


@_lenient
def datetime_trunc(kind: str, value: str, zone_name: str | None) -> str:
    """Return the local datetime, without zone, at which the part of the value begins."""
    return str(_floor(kind, _moment(value, zone_name)))


@_lenient
def time_trunc(kind: str, value: str, zone_name: str | None) -> str:
    """Return a time of day (of a time, or of a datetime in a zone) cut to its hour, minute or second."""
    moment = (
        _moment(value, zone_name)
        if "-" in value
        else datetime.combine(date(2000, 1, 1), time.fromisoformat(value))
    )
    return str(_floor(kind, moment).time())


@_lenient
def local_utc(value: str, zone_name: str) -> str:
    """Return as UTC what a clock in a zone shows."""
    moment = _moment(value).replace(tzinfo=zone(zone_name))
    return str(moment.astimezone(UTC).replace(tzinfo=None))


@_lenient
def datetime_date(value: str, zone_name: str | None) -> str:
    """Return the date of a datetime in a zone."""
    return _moment(value, zone_name).date().isoformat()


@_lenient
def datetime_time(value: str, zone_name: str | None) -> str:
    """Return the time of day of a datetime in a zone."""
    return str(_moment(value, zone_name).time())


@_lenient
def datetime_diff(left: str, right: str) -> int:
    """Return ``left - right`` of dates or datetimes in microseconds."""
    return (_moment(left) - _moment(right)) // _MICROSECOND


@_lenient
def time_diff(left: str, right: str) -> int:
    """Return ``left - right`` of times of day in microseconds."""
    first, second = time.fromisoformat(left), time.fromisoformat(right)
    return (datetime.combine(date.min, first) - datetime.combine(date.min, second)) // _MICROSECOND


@_lenient
def datetime_add(value: str, microseconds: int) -> str:
    """Return a date or datetime moved by a duration, as a datetime."""
    return str(_moment(value) + timedelta(microseconds=microseconds))


@_lenient
def duration_text(microseconds: int) -> str:
    """Return a duration as people read it: ``1 day, 2:03:04.5``."""
    return str(timedelta(microseconds=microseconds))


__all__ = [
    "date_trunc",
    "datetime_add",
    "datetime_date",
    "datetime_diff",
    "datetime_extract",
    "datetime_time",
    "datetime_trunc",
    "duration_text",
    "time_diff",
    "time_extract",
    "time_trunc",
    "zone",
]
