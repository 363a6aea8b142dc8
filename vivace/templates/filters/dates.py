"""Filters of dates and times: how they are written, and how long ago they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, tzinfo
from datetime import date as date_of
from datetime import time as time_of
from typing import Any, Final

from vivace.errors import ConfigurationError, nearest
from vivace.templates.formats import Moment, format_date

_UNITS: Final = ("year", "month", "week", "day", "hour", "minute")
_SECONDS: Final = (604_800, 86_400, 3_600, 60)  # of the last four
_MONTH_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_NO_BREAK: Final = "\N{NO-BREAK SPACE}"


def date(value: Any, style: str | None = None, *, zone: tzinfo | None = None) -> str:
    """Write a date by format characters, ``N j, Y`` without a style; ``""`` for what is no date."""
    if isinstance(value, (date_of, time_of)):
        return format_date(_in_zone(value, zone), style or "DATE_FORMAT")
    return ""


def time(value: Any, style: str | None = None, *, zone: tzinfo | None = None) -> str:
    """Write a time by format characters, ``P`` without a style; ``""`` for what is no time."""
    if isinstance(value, (datetime, time_of)):
        return format_date(_in_zone(value, zone), style or "TIME_FORMAT")
    return ""


def _in_zone(value: Moment, zone: tzinfo | None) -> Moment:
    """Return a moment as clocks in ``zone`` show it; what says of no zone when it is stays as it is."""
    if zone is None or not isinstance(value, datetime) or value.tzinfo is None:
        return value
    try:
        return value.astimezone(zone)
    except OverflowError:  # the first or the last day that there is
        return value


def zone_called(name: str) -> tzinfo | None:
    """Return a time zone by its name (``Europe/Berlin``), ``None`` for ``""``; raises ``ConfigurationError``."""
    if not name:
        return None
    from zoneinfo import ZoneInfo, available_timezones  # few apps have a zone

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ConfigurationError(
            f"There is no time zone {name!r}.",
            expected="a name such as Europe/Berlin (setting time_zone)",
            got=name,
            fix=nearest(name, available_timezones()) or "Install tzdata where the system has no time zones.",
        ) from None


def timesince(value: Any, other: Any, now: Callable[[], datetime]) -> str:
    """Say how long it is from the value until ``other`` (else now), in at most two units: ``4 days, 6 hours``."""
    return _between(_moment(value), _moment(other), now) if isinstance(value, date_of) else ""


def timeuntil(value: Any, other: Any, now: Callable[[], datetime]) -> str:
    """Say how long it is from ``other`` (else now) until the value."""
    if not isinstance(value, date_of):
        return ""
    moment, base = _moment(value), _moment(other)
    return _between(base or _now(moment, now), moment, now)


def _moment(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    return datetime(value.year, value.month, value.day) if isinstance(value, date_of) else None


def _now(like: Moment | None, now: Callable[[], datetime]) -> datetime:
    """Return the time by the clock; naive (in UTC, as the models keep it) for what is naive."""
    current = now()
    aware = getattr(like, "tzinfo", None) is not None
    return current if aware else current.astimezone(UTC).replace(tzinfo=None)


def _between(start: datetime | None, end: datetime | None, now: Callable[[], datetime]) -> str:
    if start is None:
        return ""
    end = end or _now(start, now)
    if start.tzinfo is not None and end.tzinfo is not None:
        end = end.astimezone(start.tzinfo)
    return ", ".join(_told(start, end)) or _amount(0, "minute")


def _told(start: datetime, end: datetime) -> Iterator[str]:
    """Yield the largest unit that is not zero, and the next one if it is not zero either."""
    if end <= start:
        return
    counts = _counts(start, end)
    first = next((index for index, count in enumerate(counts) if count), None)
    if first is None:
        return
    yield _amount(counts[first], _UNITS[first])
    if first + 1 < len(counts) and counts[first + 1]:
        yield _amount(counts[first + 1], _UNITS[first + 1])


def _counts(start: datetime, end: datetime) -> list[int]:
    """Return whole years and months by the calendar, and of the rest weeks, days, hours and minutes."""
    months = (end.year - start.year) * 12 + end.month - start.month
    months -= (start.day, start.time()) > (end.day, end.time())
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    day = min(start.day, _MONTH_DAYS[month]) if months else start.day
    rest = int((end - start.replace(year=year, month=month + 1, day=day, microsecond=0)).total_seconds())
    counts = [months // 12, months % 12]
    for seconds in _SECONDS:
        count, rest = divmod(rest, seconds)
        counts.append(count)
    return counts


def _amount(count: int, unit: str) -> str:
    return f"{count}{_NO_BREAK}{unit}{'' if count == 1 else 's'}"
