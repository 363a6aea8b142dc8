"""HTTP dates (RFC 9110 section 5.6.7): one format is written, three are read.

``strftime`` is not used because it follows the locale; ``email.utils`` is not, because importing it costs 10 ms.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_CLOCK: Final = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_MONTH: Final = rf"(?P<month>{'|'.join(_MONTHS)})"
_FORMATS: Final = (  # compiled by re when first used: compiling three at import costs 1.5 ms of start-up
    rf"[a-z]{{3}}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_CLOCK} GMT",  # IMF-fixdate
    rf"[a-z]{{6,9}}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_CLOCK} GMT",  # RFC 850
    rf"[a-z]{{3}} {_MONTH} (?P<day>[ 0-9][0-9]) {_CLOCK} (?P<year>[0-9]{{4}})",  # asctime
)


def format_http_date(moment: datetime | float) -> str:
    """Return ``Sun, 06 Nov 1994 08:49:37 GMT`` for seconds since 1970 or a datetime; a naive one is taken as UTC."""
    if isinstance(moment, datetime):
        utc = moment.astimezone(UTC) if moment.tzinfo else moment
    else:
        utc = datetime.fromtimestamp(moment, UTC)
    day, month = _DAYS[utc.weekday()], _MONTHS[utc.month - 1]
    return f"{day}, {utc.day:02} {month} {utc.year:04} {utc.hour:02}:{utc.minute:02}:{utc.second:02} GMT"


def parse_http_date(text: str | None, now: datetime | None = None) -> datetime | None:
    """Return the moment of an HTTP date in UTC; ``None`` for anything else. ``now`` settles two-digit years."""
    for pattern in _FORMATS if text else ():
        match = re.fullmatch(pattern, text or "", re.IGNORECASE)
        if match:
            return _moment(match, now or datetime.now(UTC))
    return None


def whole_seconds(moment: datetime) -> datetime:
    """Return ``moment`` in UTC without its fraction: HTTP dates have none, so comparisons must not see it."""
    return (moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)).replace(microsecond=0)


def _moment(match: re.Match[str], now: datetime) -> datetime | None:
    day, hour, minute, second, year = (
        int(match[name]) for name in ("day", "hour", "minute", "second", "year")
    )
    month = _MONTHS.index(match["month"].title()) + 1
    two_digits = len(match["year"]) == 2
    try:
        # A leap second is the second before it: datetime has no 60.
        moment = datetime(
            year + (2000 if two_digits else 0), month, day, hour, minute, min(second, 59), tzinfo=UTC
        )
        # RFC 9110: a date that appears to be more than 50 years in the future is in the past.
        if two_digits and moment > now + timedelta(days=50 * 365.25):
            moment = moment.replace(year=moment.year - 100)
    except ValueError:
        return None
    return moment
