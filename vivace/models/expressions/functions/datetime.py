"""Parts of dates and times, and their beginnings.

Datetimes are stored as moments; a part is taken as a clock in ``tzinfo`` shows it, UTC unless said otherwise.
"""

from __future__ import annotations

import datetime as _datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

from vivace.errors import FieldError
from vivace.errors.nearest import nearest
from vivace.models.expressions.func import Func, Transform

if TYPE_CHECKING:
    from vivace.models.sql.outputs import Outputs
    from vivace.models.sql.render import Renderer

_DATE_PARTS: Final = ("year", "iso_year", "quarter", "month", "week", "week_day", "iso_week_day", "day")
_TIME_PARTS: Final = ("hour", "minute", "second")
_POSTGRESQL: Final = {
    "week_day": ("EXTRACT(dow FROM ", ") + 1"),
    "iso_week_day": ("EXTRACT(isodow FROM ", ")"),
    "iso_year": ("EXTRACT(isoyear FROM ", ")"),
    "second": ("TRUNC(EXTRACT(second FROM ", "))"),
}
_CUTS: Final = ("year", "quarter", "month", "week", "day", "hour", "minute", "second")


def zone_name(tzinfo: Any) -> str:
    """Return the name of a time zone as both databases know it."""
    if tzinfo is None or tzinfo is _datetime.UTC:
        return "UTC"
    key = getattr(tzinfo, "key", None)
    if key:
        return str(key)
    offset = tzinfo.utcoffset(None)
    seconds = int(offset.total_seconds())
    sign = "-" if seconds < 0 else "+"
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"UTC{sign}{hours:02d}:{minutes:02d}"


def _postgresql_zone(name: str) -> str:
    """POSIX counts offsets to the west: UTC+02:00 is written UTC-02:00."""
    if name.startswith("UTC") and len(name) > 3:
        return "UTC" + ("-" if name[3] == "+" else "+") + name[4:]
    return name


def local(r: Renderer, node: Any, zone: str) -> Any:
    """Return a datetime as a clock in a zone shows it (PostgreSQL)."""
    if r.kind(node) != "DateTimeField":
        return node
    return r.sql("(", node, " AT TIME ZONE ", r.constant(_postgresql_zone(zone), "TextField"), ")")


class Extract(Transform):
    """A part of a date or time as a number: ``Extract("published", "year")``."""

    lookup_name: str = ""
    output_kind = "IntegerField"
    arity: ClassVar[int | None] = None

    def __init__(
        self, expression: Any, lookup_name: str | None = None, tzinfo: Any = None, **extra: Any
    ) -> None:
        if lookup_name is not None:
            self.lookup_name = lookup_name
        known = (*_DATE_PARTS, *_TIME_PARTS)
        if self.lookup_name not in known:
            raise FieldError(
                f"No part of a date is called {self.lookup_name!r}.",
                expected=", ".join(known),
                fix=nearest(self.lookup_name, known),
            )
        super().__init__(expression, **extra)
        self.zone = zone_name(tzinfo)

    def infer(self, outputs: Outputs) -> Any:
        kind = outputs.name(outputs.of(self.source[0]))
        if kind not in ("DateField", "DateTimeField", "TimeField", "DurationField"):
            raise FieldError(
                "Extract input expression must be DateField, DateTimeField, TimeField, or DurationField."
            )
        if kind == "DateField" and self.lookup_name in _TIME_PARTS:
            raise FieldError(f"Cannot extract time component {self.lookup_name!r} from DateField.")
        if kind == "TimeField" and self.lookup_name in _DATE_PARTS:
            raise FieldError(f"Cannot extract date component {self.lookup_name!r} from TimeField.")
        return outputs.kind("IntegerField")

    def render(self, r: Renderer) -> Any:
        (node,) = self.source
        kind = r.kind(node)
        if r.dialect == "sqlite":
            part = r.sql(f"'{self.lookup_name}'")
            if kind == "TimeField":
                return r.call("vivace_time_extract", part, node)
            zone = r.constant(self.zone, "TextField") if kind == "DateTimeField" else "NULL"
            return r.call("vivace_datetime_extract", part, node, zone)
        before, after = _POSTGRESQL.get(self.lookup_name, (f"EXTRACT({self.lookup_name} FROM ", ")"))
        return r.sql("CAST(", before, local(r, node, self.zone), after, " AS integer)")


class ExtractYear(Extract):
    """The year."""

    lookup_name = "year"


class ExtractIsoYear(Extract):
    """The year that the ISO week belongs to."""

    lookup_name = "iso_year"


class ExtractMonth(Extract):
    """The month, from 1."""

    lookup_name = "month"


class ExtractDay(Extract):
    """The day of the month."""

    lookup_name = "day"


class ExtractWeek(Extract):
    """The ISO week, 1 to 53."""

    lookup_name = "week"


class ExtractWeekDay(Extract):
    """The day of the week: Sunday is 1, Saturday 7."""

    lookup_name = "week_day"


class ExtractIsoWeekDay(Extract):
    """The day of the week: Monday is 1, Sunday 7."""

    lookup_name = "iso_week_day"


class ExtractQuarter(Extract):
    """The quarter of the year, 1 to 4."""

    lookup_name = "quarter"


class ExtractHour(Extract):
    """The hour."""

    lookup_name = "hour"


class ExtractMinute(Extract):
    """The minute."""

    lookup_name = "minute"


class ExtractSecond(Extract):
    """The whole second."""

    lookup_name = "second"


class Now(Func):
    """The moment at which the statement began."""

    arity = 0
    output_kind = "DateTimeField"

    def render(self, r: Renderer) -> Any:
        if r.dialect == "sqlite":
            return r.sql("STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')")
        return r.sql("STATEMENT_TIMESTAMP()")


class Trunc(Transform):
    """The beginning of the year, month, week, day, hour … that a date or time lies in."""

    kind: str = ""
    arity: ClassVar[int | None] = None

    def __init__(
        self,
        expression: Any,
        kind: str | None = None,
        output_field: Any = None,
        tzinfo: Any = None,
        **extra: Any,
    ) -> None:
        if kind is not None:
            self.kind = kind
        if self.kind not in _CUTS:
            raise FieldError(
                f"Nothing is cut to {self.kind!r}.", expected=", ".join(_CUTS), fix=nearest(self.kind, _CUTS)
            )
        super().__init__(expression, output_field=output_field, **extra)
        self.zone = zone_name(tzinfo)

    def infer(self, outputs: Outputs) -> Any:
        return outputs.of(self.source[0])

    def _target(self, r: Renderer) -> str:
        given = getattr(self, "output_field", None)
        return str(given.get_internal_type()) if given is not None else r.kind(self.source[0])

    def render(self, r: Renderer) -> Any:
        (node,) = self.source
        target = self._target(r)
        self._check(r.kind(node), target)
        return self._sqlite(r, node, target) if r.dialect == "sqlite" else self._postgresql(r, node, target)

    def _check(self, source: str, target: str) -> None:
        if target not in ("DateField", "DateTimeField", "TimeField"):
            raise FieldError(
                "output_field of Trunc must be DateField, TimeField, or DateTimeField.", got=target
            )
        cuts_time = self.kind in ("hour", "minute", "second")
        if source == "DateField" and (target == "DateTimeField" or cuts_time):
            raise FieldError(
                f"Cannot truncate DateField to {'time' if cuts_time else target}.", got=self.kind
            )
        if source == "TimeField" and (target != "TimeField" or not cuts_time):
            raise FieldError(f"Cannot truncate TimeField to {self.kind}.", got=target)

    def _sqlite(self, r: Renderer, node: Any, target: str) -> Any:
        kind = r.sql(f"'{self.kind}'")
        moment = r.kind(node) == "DateTimeField"
        zone = r.constant(self.zone, "TextField") if moment else "NULL"
        if target == "DateField":
            return r.call("vivace_date_trunc", kind, node, zone)
        if target == "TimeField":
            return r.call("vivace_time_trunc", kind, node, zone)
        cut = r.call("vivace_datetime_trunc", kind, node, zone)
        return cut if self.zone == "UTC" else r.call("vivace_local_utc", cut, zone)

    def _postgresql(self, r: Renderer, node: Any, target: str) -> Any:
        moment = r.kind(node) == "DateTimeField"
        value = local(r, node, self.zone)
        if r.kind(node) == "TimeField":
            value = r.sql("(date '2000-01-01' + ", node, ")")
        cut = r.sql(f"DATE_TRUNC('{self.kind}', ", value, ")")
        if target == "DateField":
            return r.sql(cut, "::date")
        if target == "TimeField":
            return r.sql(cut, "::time")
        if not moment:
            return cut
        return r.sql("(", cut, " AT TIME ZONE ", r.constant(_postgresql_zone(self.zone), "TextField"), ")")


class _Cut(Trunc):
    def __init__(self, expression: Any, output_field: Any = None, tzinfo: Any = None, **extra: Any) -> None:
        super().__init__(expression, None, output_field, tzinfo, **extra)


class TruncYear(_Cut):
    """The first of January."""

    kind = "year"


class TruncQuarter(_Cut):
    """The first day of the quarter."""

    kind = "quarter"


class TruncMonth(_Cut):
    """The first day of the month."""

    kind = "month"


class TruncWeek(_Cut):
    """The Monday of the week."""

    kind = "week"


class TruncDay(_Cut):
    """Midnight."""

    kind = "day"


class TruncHour(_Cut):
    """The beginning of the hour."""

    kind = "hour"


class TruncMinute(_Cut):
    """The beginning of the minute."""

    kind = "minute"


class TruncSecond(_Cut):
    """The beginning of the second."""

    kind = "second"


class TruncDate(Transform):
    """The date of a datetime."""

    lookup_name = "date"
    arity: ClassVar[int | None] = None
    output_kind = "DateField"

    def __init__(self, expression: Any, tzinfo: Any = None, **extra: Any) -> None:
        super().__init__(expression, **extra)
        self.zone = zone_name(tzinfo)

    def render(self, r: Renderer) -> Any:
        (node,) = self.source
        if r.dialect == "sqlite":
            zone = r.constant(self.zone, "TextField") if r.kind(node) == "DateTimeField" else "NULL"
            return r.call("vivace_datetime_date", node, zone)
        return r.sql(local(r, node, self.zone), "::date")


class TruncTime(TruncDate):
    """The time of day of a datetime."""

    lookup_name = "time"
    output_kind = "TimeField"

    def render(self, r: Renderer) -> Any:
        (node,) = self.source
        if r.dialect == "sqlite":
            return r.call("vivace_datetime_time", node, r.constant(self.zone, "TextField"))
        return r.sql(local(r, node, self.zone), "::time")


__all__ = [
    "Extract",
    "ExtractDay",
    "ExtractHour",
    "ExtractIsoWeekDay",
    "ExtractIsoYear",
    "ExtractMinute",
    "ExtractMonth",
    "ExtractQuarter",
    "ExtractSecond",
    "ExtractWeek",
    "ExtractWeekDay",
    "ExtractYear",
    "Now",
    "Trunc",
    "TruncDate",
    "TruncDay",
    "TruncHour",
    "TruncMinute",
    "TruncMonth",
    "TruncQuarter",
    "TruncSecond",
    "TruncTime",
    "TruncWeek",
    "TruncYear",
    "local",
    "zone_name",
]
