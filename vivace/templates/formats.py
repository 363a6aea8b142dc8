"""Dates and times written by Django's format characters (which are PHP's): ``N j, Y`` is ``Nov. 22, 2026``.

One character, one function, in two tables: ``_OF_DATE`` for what a day has, ``_OF_TIME`` for what a time of day has; a
``datetime`` has both. A backslash takes the next character as it is. Names like ``DATE_FORMAT`` stand for a format.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Final, TypeAlias

from vivace.errors.pages import InvalidFormat

Moment: TypeAlias = date | time | datetime
Clock: TypeAlias = time | datetime
NAMED: Final = {
    "DATE_FORMAT": "N j, Y",
    "TIME_FORMAT": "P",
    "DATETIME_FORMAT": "N j, Y, P",
    "YEAR_MONTH_FORMAT": "F Y",
    "MONTH_DAY_FORMAT": "F j",
    "SHORT_DATE_FORMAT": "m/d/Y",
    "SHORT_DATETIME_FORMAT": "m/d/Y P",
}
_MONTHS: Final = (
    "January February March April May June July August September October November December".split()
)
# as the Associated Press shortens them
_AP_MONTHS: Final = "Jan. Feb. March April May June July Aug. Sept. Oct. Nov. Dec.".split()
_DAYS: Final = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_ORDINALS: Final = {1: "st", 2: "nd", 3: "rd"}


def format_date(value: Moment, style: str) -> str:
    """Return a date, time or both as ``style`` says; raises ``InvalidFormat`` for what the value does not have."""
    pieces: list[str] = []
    characters = iter(NAMED.get(style, style))
    for character in characters:
        if character == "\\":
            pieces.append(next(characters, "\\"))
        else:
            pieces.append(_piece(value, character))
    return "".join(pieces)


def _piece(value: Moment, character: str) -> str:
    of_day, of_time = _OF_DATE.get(character), _OF_TIME.get(character)
    if of_day is not None and isinstance(value, date):
        return str(of_day(value))
    if of_time is not None and isinstance(value, (time, datetime)):
        return str(of_time(value))
    if of_day is None and of_time is None:
        return character
    raise InvalidFormat(
        f"The format has {character!r}, which a {type(value).__name__} does not have.",
        expected=f"characters of {', '.join(_OF_TIME if isinstance(value, time) else _OF_DATE)}",
        got=character,
        fix="Give it a datetime, or write a backslash before letters that are meant as they are.",
    )


# -- days -------------------------------------------------------------------------------------------------------------


def _ordinal(day: date) -> str:
    return "th" if 11 <= day.day <= 13 else _ORDINALS.get(day.day % 10, "th")


def _rfc5322(value: date) -> str:
    moment = value if isinstance(value, datetime) else datetime.combine(value, time())
    return format_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC)).replace("-0000", "+0000")


_OF_DATE: Final[dict[str, Callable[[date], object]]] = {
    "b": lambda day: _MONTHS[day.month - 1][:3].lower(),
    "c": lambda day: day.isoformat(),
    "d": lambda day: f"{day.day:02}",
    "D": lambda day: _DAYS[day.weekday()][:3],
    "E": lambda day: _MONTHS[day.month - 1],
    "F": lambda day: _MONTHS[day.month - 1],
    "I": lambda day: _summer(day),
    "j": lambda day: day.day,
    "l": lambda day: _DAYS[day.weekday()],
    "L": lambda day: calendar.isleap(day.year),
    "m": lambda day: f"{day.month:02}",
    "M": lambda day: _MONTHS[day.month - 1][:3],
    "n": lambda day: day.month,
    "N": lambda day: _AP_MONTHS[day.month - 1],
    "o": lambda day: day.isocalendar().year,
    "r": _rfc5322,
    "S": _ordinal,
    "t": lambda day: calendar.monthrange(day.year, day.month)[1],
    "U": lambda day: _seconds(day),
    "w": lambda day: day.isoweekday() % 7,  # Sunday is 0
    "W": lambda day: day.isocalendar().week,
    "y": lambda day: f"{day.year % 100:02}",
    "Y": lambda day: f"{day.year:04}",
    "z": lambda day: day.timetuple().tm_yday,
}

# -- times ------------------------------------------------------------------------------------------------------------


def _seconds(value: date) -> int:
    moment = value if isinstance(value, datetime) else datetime.combine(value, time())
    return calendar.timegm(moment.utctimetuple())


def _hour(moment: Clock) -> int:
    return moment.hour % 12 or 12


def _short(moment: Clock) -> str:
    """Return ``7`` or ``7:30``: minutes only where there are any."""
    return f"{_hour(moment)}:{moment.minute:02}" if moment.minute else str(_hour(moment))


def _half(moment: Clock) -> str:
    return "p.m." if moment.hour > 11 else "a.m."


def _spoken(moment: Clock) -> str:
    if moment.minute == 0 and moment.hour in (0, 12):
        return "noon" if moment.hour else "midnight"
    return f"{_short(moment)} {_half(moment)}"


def _offset_text(moment: Clock) -> str:
    offset = moment.utcoffset()
    if offset is None:
        return ""
    minutes = round(offset.total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"


def _offset_seconds(moment: Clock) -> str:
    offset = moment.utcoffset()
    return "" if offset is None else str(offset.days * 86_400 + offset.seconds)


def _summer(value: date) -> str:
    return str(int(bool(value.dst()))) if isinstance(value, datetime) and value.tzinfo is not None else ""


_OF_TIME: Final[dict[str, Callable[[Clock], object]]] = {
    "a": _half,
    "A": lambda moment: "PM" if moment.hour > 11 else "AM",
    "e": lambda moment: moment.tzname() or "",
    "f": _short,
    "g": _hour,
    "G": lambda moment: moment.hour,
    "h": lambda moment: f"{_hour(moment):02}",
    "H": lambda moment: f"{moment.hour:02}",
    "i": lambda moment: f"{moment.minute:02}",
    "O": _offset_text,
    "P": _spoken,
    "s": lambda moment: f"{moment.second:02}",
    "T": lambda moment: moment.tzname() or "",
    "u": lambda moment: f"{moment.microsecond:06}",
    "Z": _offset_seconds,
}

__all__ = ["NAMED", "Moment", "format_date"]
