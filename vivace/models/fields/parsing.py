"""Dates, times and durations from text. Each returns ``None`` for another format and raises ``ValueError`` for a value
that cannot be (a 30th of February).
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

_DATE: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})\Z")
_TIME_PART: Final = r"(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d{1,6})\d{0,6})?)?"
_TIME: Final = re.compile(_TIME_PART + r"\Z")
_MOMENT: Final = re.compile(r"(\d{4}-\d{1,2}-\d{1,2})[T ]" + _TIME_PART + r"\s*(Z|[+-]\d{2}(?::?\d{2})?)?\Z")
_SPAN: Final = re.compile(
    r"(?:(?P<days>-?\d+) (?:days?, ?)?)?(?P<sign>-?)((?:(?P<hours>\d+):)(?=\d+:\d+))?(?:(?P<minutes>\d+):)?"
    r"(?P<seconds>\d+)(?:[.,](?P<micro>\d{1,6})\d{0,6})?\Z"
)
_ISO_SPAN: Final = re.compile(
    r"(?P<sign>[-+]?)P(?:(?P<days>\d+(?:[.,]\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:[.,]\d+)?)H)?(?:(?P<minutes>\d+(?:[.,]\d+)?)M)?(?:(?P<seconds>\d+(?:[.,]\d+)?)S)?)?\Z"
)
_POSTGRES_SPAN: Final = re.compile(
    r"(?:(?P<days>-?\d+) (?:days? ?))?(?:(?P<sign>[-+])?(?P<hours>\d+):(?P<minutes>\d\d):(?P<seconds>\d\d)"
    r"(?:\.(?P<micro>\d{1,6}))?)?\Z"
)


def parse_date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        match = _DATE.match(text)
    return dt.date(*map(int, match.groups())) if match else None


def parse_time(text: str) -> dt.time | None:
    try:
        return dt.time.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        match = _TIME.match(text)
    return _time(*match.groups()) if match else None


def parse_datetime(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        match = _MOMENT.match(text)
    if match is None:
        return None
    day = parse_date(match[1])
    if day is None:
        return None
    return dt.datetime.combine(day, _time(*match.groups()[1:5]), _zone(match[6]))


def parse_duration(text: str) -> dt.timedelta | None:
    match = _SPAN.match(text) or _ISO_SPAN.match(text) or _POSTGRES_SPAN.match(text)
    if match is None:
        return None
    parts = {name: value.replace(",", ".") for name, value in match.groupdict().items() if value}
    sign = -1 if parts.pop("sign", "") == "-" else 1
    days = dt.timedelta(float(parts.pop("days", "0")))
    micro = int(parts.pop("micro", "0").ljust(6, "0"))
    span = dt.timedelta(microseconds=micro, **{name: float(value) for name, value in parts.items()})
    if match.re is _ISO_SPAN:
        return sign * (days + span)
    return days + sign * span


def duration_text(span: dt.timedelta) -> str:
    """Return ``[D ]HH:MM:SS[.ffffff]``."""
    minutes, seconds = divmod(span.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days = f"{span.days} " if span.days else ""
    micro = f".{span.microseconds:06d}" if span.microseconds else ""
    return f"{days}{hours:02d}:{minutes:02d}:{seconds:02d}{micro}"


def _time(hour: str, minute: str, second: str | None, micro: str | None) -> dt.time:
    return dt.time(int(hour), int(minute), int(second or 0), int((micro or "").ljust(6, "0")))


def _zone(text: str | None) -> dt.timezone | None:
    if text is None:
        return None
    if text == "Z":
        return dt.UTC
    offset = dt.timedelta(hours=int(text[1:3]), minutes=int(text[3:].lstrip(":") or 0))
    return dt.timezone(-offset if text[0] == "-" else offset)
