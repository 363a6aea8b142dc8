"""Archives by date: an index, a year, a month, a week, a day, today, and one object with its date in the path.

A period is a half-open interval of days, ``start <= day < next start``; the table ``_PERIODS`` says where one begins. The
days are those of ``tzinfo`` (UTC unless the view says otherwise), so for a ``DateTimeField`` the interval's ends are
midnights there. Without ``allow_future`` what is still to come does not exist: neither rows nor links to it. With
``allow_empty`` the neighbouring period is linked whether it has rows or not; without, the nearest that has some.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from datetime import tzinfo as TimeZone  # noqa: N812
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from vivace.errors import NotFound
from vivace.errors.views import BadView
from vivace.http.request import Request
from vivace.models import DateTimeField

from .base import View, has_own, resolved
from .detail import BaseDetailView, M, ModelMixin, SingleObjectTemplateResponseMixin
from .lists import MultipleObjectMixin, MultipleObjectTemplateResponseMixin

if TYPE_CHECKING:
    from vivace.models import QuerySet

Period: TypeAlias = Literal["year", "month", "week", "day"]
Dated: TypeAlias = "tuple[Any, Any, dict[str, Any]]"

_FIRST_DAYS: Final = {"%U": 6, "%W": 0, "%V": 0}
"""On which weekday (0: Monday) a week of each format begins."""

_PERIODS: Final[Mapping[str, tuple[Callable[[date, int], date], Callable[[date], date]]]] = {
    "year": (lambda day, _: day.replace(month=1, day=1), lambda start: start.replace(year=start.year + 1)),
    "month": (
        lambda day, _: day.replace(day=1),
        lambda start: (start + timedelta(days=31)).replace(day=1),
    ),
    "week": (
        lambda day, first: day - timedelta(days=(day.weekday() - first) % 7),
        lambda start: start + timedelta(days=7),
    ),
    "day": (lambda day, _: day, lambda start: start + timedelta(days=1)),
}


class DateMixin(ModelMixin[M]):
    """What all archives know: which field is the date, whose days are meant, and whether the future is shown."""

    date_field: str | None = None
    allow_future: bool = False
    tzinfo: TimeZone = UTC
    week_format: str = "%U"

    @classmethod
    def check_options(cls, given: Mapping[str, Any]) -> None:
        """Refuse an archive that does not know its date, or has weeks that begin on no day."""
        super().check_options(given)
        if not has_own(cls, "get_date_field") and given.get("date_field", cls.date_field) is None:
            raise _no_date_field(cls)
        week = given.get("week_format", cls.week_format)
        if week not in _FIRST_DAYS:
            raise BadView(
                f"{cls.__name__}.week_format is unknown.", expected=", ".join(_FIRST_DAYS), got=repr(week)
            )

    def get_date_field(self) -> str:
        """Return the name of the field with the date."""
        if self.date_field is None:
            raise _no_date_field(type(self))
        return self.date_field

    def get_allow_future(self) -> bool:
        """Say whether what is still to come is shown."""
        return self.allow_future

    def get_allow_empty(self) -> bool:
        """Say whether a period without rows is a page; else it is 404."""
        return False

    def now(self) -> datetime:
        """Return the current moment in the view's time zone."""
        return datetime.now(self.tzinfo)

    @property
    def uses_datetime_field(self) -> bool:
        """Whether the field has a time of day too."""
        model: Any = self.model if self.model is not None else self.get_queryset().model
        return isinstance(model._meta.get_field(self.get_date_field()), DateTimeField)

    def part(self, name: str) -> str:
        """Return the year, month, week or day that is asked for: of the view, the path, or the query."""
        value = getattr(self, name, None)
        if value is None:
            value = self.kwargs.get(name, self.request.query.get(name))
        if value is None:
            raise NotFound(f"No {name} is given.")
        return str(value)

    def parsed(self, *parts: tuple[str, str]) -> date:
        """Return the day that texts and their formats mean. Raises ``NotFound`` for texts that mean none."""
        try:
            return datetime.strptime(
                " ".join(text for text, _ in parts), " ".join(form for _, form in parts)
            ).date()
        except ValueError as error:
            raise NotFound(f"There is no such date: {' '.join(text for text, _ in parts)[:40]!r}.") from error

    def moment(self, day: date) -> date | datetime:
        """Return what the field is compared with for the beginning of a day."""
        return datetime.combine(day, time.min, self.tzinfo) if self.uses_datetime_field else day

    def within(self, day: date, period: Period) -> dict[str, Any]:
        """Return the condition for rows in the period that a day is in."""
        start, after = self.bounds(day, period)
        field = self.get_date_field()
        return {f"{field}__gte": self.moment(start), f"{field}__lt": self.moment(after)}

    def past(self) -> dict[str, Any]:
        """Return the condition for rows that are not in the future; none where these are shown."""
        if self.get_allow_future():
            return {}
        now = self.now()
        return {f"{self.get_date_field()}__lte": now if self.uses_datetime_field else now.date()}

    def bounds(self, day: date, period: Period) -> tuple[date, date]:
        """Return the first day of the period that a day is in, and that of the next one."""
        start_of, next_of = _PERIODS[period]
        try:
            start = start_of(day, _FIRST_DAYS[self.week_format])
            return start, next_of(start)
        except (ValueError, OverflowError) as error:
            raise NotFound("The calendar ends here.") from error

    async def neighbour(self, day: date, period: Period, *, back: bool) -> date | None:
        """Return the first day of the period before or after, ``None`` where there is nothing to link to."""
        start, after = self.bounds(day, period)
        if self.get_allow_empty():
            found = self.bounds(start - timedelta(days=1), period)[0] if back else after
            return found if self.get_allow_future() or found <= self.now().date() else None
        field = self.get_date_field()
        beyond = {f"{field}__lt": self.moment(start)} if back else {f"{field}__gte": self.moment(after)}
        rows: QuerySet[Any, Any] = await resolved(self.get_queryset())
        nearest = (
            await rows.filter(**beyond)
            .filter(**self.past())
            .order_by(f"{'-' if back else ''}{field}")
            .first()
        )
        if nearest is None:
            return None
        value: Any = getattr(nearest, field)
        return self.bounds(
            value.astimezone(self.tzinfo).date() if isinstance(value, datetime) else value, period
        )[0]


class YearMixin(DateMixin[M]):
    """Takes the ``year`` from the path, by ``year_format``."""

    year_format: str = "%Y"
    year: str | None = None

    def get_year_format(self) -> str:
        """Return how the year is written (as ``strptime`` reads it)."""
        return self.year_format

    def get_year(self) -> str:
        """Return the year as it is written in the path."""
        return self.part("year")

    async def get_next_year(self, date: date) -> date | None:
        """Return the first day of the next year to link to."""
        return await self.neighbour(date, "year", back=False)

    async def get_previous_year(self, date: date) -> date | None:
        """Return the first day of the year before to link to."""
        return await self.neighbour(date, "year", back=True)


class MonthMixin(DateMixin[M]):
    """Takes the ``month`` from the path, by ``month_format`` (``jan``; ``%m`` for ``01``)."""

    month_format: str = "%b"
    month: str | None = None

    def get_month_format(self) -> str:
        """Return how the month is written."""
        return self.month_format

    def get_month(self) -> str:
        """Return the month as it is written in the path."""
        return self.part("month")

    async def get_next_month(self, date: date) -> date | None:
        """Return the first day of the next month to link to."""
        return await self.neighbour(date, "month", back=False)

    async def get_previous_month(self, date: date) -> date | None:
        """Return the first day of the month before to link to."""
        return await self.neighbour(date, "month", back=True)


class WeekMixin(DateMixin[M]):
    """Takes the ``week`` from the path: ``%U`` weeks begin on Sunday, ``%W`` on Monday, ``%V`` are ISO's (year ``%G``)."""

    week: str | None = None

    def get_week_format(self) -> str:
        """Return how weeks are counted."""
        return self.week_format

    def get_week(self) -> str:
        """Return the week as it is written in the path."""
        return self.part("week")

    async def get_next_week(self, date: date) -> date | None:
        """Return the first day of the next week to link to."""
        return await self.neighbour(date, "week", back=False)

    async def get_previous_week(self, date: date) -> date | None:
        """Return the first day of the week before to link to."""
        return await self.neighbour(date, "week", back=True)


class DayMixin(DateMixin[M]):
    """Takes the ``day`` from the path, by ``day_format``."""

    day_format: str = "%d"
    day: str | None = None

    def get_day_format(self) -> str:
        """Return how the day is written."""
        return self.day_format

    def get_day(self) -> str:
        """Return the day as it is written in the path."""
        return self.part("day")

    async def get_next_day(self, date: date) -> date | None:
        """Return the next day to link to."""
        return await self.neighbour(date, "day", back=False)

    async def get_previous_day(self, date: date) -> date | None:
        """Return the day before to link to."""
        return await self.neighbour(date, "day", back=True)


class _CalendarDay(YearMixin[M], MonthMixin[M], DayMixin[M]):
    """A day whose year, month and day are in the path."""

    def the_day(self) -> date:
        """Return the day that the path names. Raises ``NotFound``."""
        year, month = (self.get_year(), self.get_year_format()), (self.get_month(), self.get_month_format())
        return self.parsed(year, month, (self.get_day(), self.get_day_format()))


class BaseDateListView(MultipleObjectMixin[M], DateMixin[M], View):
    """Objects of a period, the newest first; ``get_dated_items`` says which."""

    allow_empty = False
    date_list_period: Period = "year"

    async def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Show the archive."""
        self.date_list, self.object_list, extra = await resolved(self.get_dated_items())
        context = await resolved(
            self.get_context_data(object_list=self.object_list, date_list=self.date_list, **extra)
        )
        return await resolved(self.render_to_response(context))

    async def get_dated_items(self) -> Dated:
        """Return the dates to list, the rows, and what else the template knows; by each archive."""
        raise BadView(
            f"{type(self).__name__} has no get_dated_items().", expected="async def get_dated_items(self)"
        )

    def get_ordering(self) -> str | Sequence[str]:
        """Return by what rows are ordered: ``ordering``, else the newest first."""
        return f"-{self.get_date_field()}" if self.ordering is None else self.ordering

    def get_date_list_period(self) -> Period:
        """Return to what the dates of ``date_list`` are cut."""
        return self.date_list_period

    async def get_dated_queryset(self, **lookup: Any) -> QuerySet[M, M]:
        """Return the rows of a period, without the future. Raises ``NotFound`` for none, unless empty pages are allowed."""
        rows: QuerySet[M, M] = await resolved(self.get_queryset())
        rows = rows.filter(**lookup).filter(**self.past())
        if not self.get_allow_empty() and not await rows.exists():
            raise NotFound(f"There are no {rows.model._meta.verbose_name_plural} here.")
        return rows

    async def get_date_list(
        self, queryset: QuerySet[M, M], date_type: Period | None = None, ordering: str = "ASC"
    ) -> list[Any]:
        """Return the distinct dates of rows, cut to a period."""
        field, period = self.get_date_field(), date_type or self.get_date_list_period()
        if self.uses_datetime_field:
            return list(await queryset.datetimes(field, period, ordering, tzinfo=self.tzinfo))
        return list(await queryset.dates(field, period, ordering))


class BaseArchiveIndexView(BaseDateListView[M]):
    """The latest objects and the years that have some."""

    context_object_name = "latest"

    async def get_dated_items(self) -> Dated:
        """Return the years, newest first, and all rows."""
        rows = await resolved(self.get_dated_queryset())
        return await resolved(self.get_date_list(rows, ordering="DESC")), rows, {}


class BaseYearArchiveView(YearMixin[M], BaseDateListView[M]):
    """The months of a year that have objects; with ``make_object_list`` the objects too."""

    date_list_period: Period = "month"
    make_object_list: bool = False

    def get_make_object_list(self) -> bool:
        """Say whether the template gets the objects of the year too."""
        return self.make_object_list

    async def get_dated_items(self) -> Dated:
        """Return the months, and the rows where they are wanted."""
        day = self.parsed((self.get_year(), self.get_year_format()))
        rows = await resolved(self.get_dated_queryset(**self.within(day, "year")))
        dates = await resolved(self.get_date_list(rows))
        around = {
            "next_year": await self.get_next_year(day),
            "previous_year": await self.get_previous_year(day),
        }
        return dates, rows if self.get_make_object_list() else rows.none(), {"year": day, **around}


class BaseMonthArchiveView(YearMixin[M], MonthMixin[M], BaseDateListView[M]):
    """The objects of a month, and the days that have some."""

    date_list_period: Period = "day"

    async def get_dated_items(self) -> Dated:
        """Return the days and the rows."""
        day = self.parsed(
            (self.get_year(), self.get_year_format()), (self.get_month(), self.get_month_format())
        )
        rows = await resolved(self.get_dated_queryset(**self.within(day, "month")))
        dates = await resolved(self.get_date_list(rows))
        around = {
            "next_month": await self.get_next_month(day),
            "previous_month": await self.get_previous_month(day),
        }
        return dates, rows, {"month": day, **around}


class BaseWeekArchiveView(YearMixin[M], WeekMixin[M], BaseDateListView[M]):
    """The objects of a week."""

    async def get_dated_items(self) -> Dated:
        """Return the rows."""
        weeks, years = self.get_week_format(), self.get_year_format()
        if weeks == "%V" and years != "%G":
            raise BadView(
                f"{type(self).__name__} counts ISO weeks in years of another calendar.",
                expected='year_format = "%G" with week_format = "%V"',
                got=repr(years),
            )
        first = "0" if weeks == "%U" else "1"
        day = self.parsed((self.get_year(), years), (first, "%w"), (self.get_week(), weeks))
        rows = await resolved(self.get_dated_queryset(**self.within(day, "week")))
        around = {
            "next_week": await self.get_next_week(day),
            "previous_week": await self.get_previous_week(day),
        }
        return None, rows, {"week": day, **around}


class BaseDayArchiveView(_CalendarDay[M], BaseDateListView[M]):
    """The objects of a day."""

    async def get_dated_items(self) -> Dated:
        """Return the rows of the day that the path names."""
        return await self.items_of(self.the_day())

    async def items_of(self, day: date) -> Dated:
        """Return the rows of a day."""
        rows = await resolved(self.get_dated_queryset(**self.within(day, "day")))
        around = {
            "previous_day": await self.get_previous_day(day),
            "next_day": await self.get_next_day(day),
            "previous_month": await self.get_previous_month(day),
            "next_month": await self.get_next_month(day),
        }
        return None, rows, {"day": day, **around}


class BaseTodayArchiveView(BaseDayArchiveView[M]):
    """The objects of today."""

    async def get_dated_items(self) -> Dated:
        """Return today's rows."""
        return await self.items_of(self.now().date())


class BaseDateDetailView(_CalendarDay[M], BaseDetailView[M]):
    """One object, with its date in the path."""

    async def get_object(self, queryset: QuerySet[M, M] | None = None) -> M:
        """Return the object that path and date name. Raises ``NotFound``, also for what is still to come."""
        day = self.the_day()
        rows: QuerySet[M, M] = queryset if queryset is not None else await resolved(self.get_queryset())
        return await super().get_object(rows.filter(**self.within(day, "day")).filter(**self.past()))


class ArchiveIndexView(MultipleObjectTemplateResponseMixin, BaseArchiveIndexView[M]):
    """The latest objects: ``latest`` and ``date_list`` in ``<app_label>/<model>_archive.html``."""

    template_name_suffix = "_archive"


class YearArchiveView(MultipleObjectTemplateResponseMixin, BaseYearArchiveView[M]):
    """A year: ``year``, ``next_year``, ``previous_year``, ``date_list`` in ``…_archive_year.html``."""

    template_name_suffix = "_archive_year"


class MonthArchiveView(MultipleObjectTemplateResponseMixin, BaseMonthArchiveView[M]):
    """A month: ``month``, ``next_month``, ``previous_month``, ``date_list`` in ``…_archive_month.html``."""

    template_name_suffix = "_archive_month"


class WeekArchiveView(MultipleObjectTemplateResponseMixin, BaseWeekArchiveView[M]):
    """A week: ``week``, ``next_week``, ``previous_week`` in ``…_archive_week.html``."""

    template_name_suffix = "_archive_week"


class DayArchiveView(MultipleObjectTemplateResponseMixin, BaseDayArchiveView[M]):
    """A day: ``day``, ``next_day``, ``previous_day`` and months in ``…_archive_day.html``."""

    template_name_suffix = "_archive_day"


class TodayArchiveView(MultipleObjectTemplateResponseMixin, BaseTodayArchiveView[M]):
    """Today, as a ``DayArchiveView``."""

    template_name_suffix = "_archive_day"


class DateDetailView(SingleObjectTemplateResponseMixin, BaseDateDetailView[M]):
    """One object with year, month and day in its path: ``…_detail.html``."""


def _no_date_field(cls: type[Any]) -> BadView:
    return BadView(
        f"{cls.__name__} does not say which field is the date.",
        expected="date_field",
        got="nothing",
        fix='date_field = "published".',
    )


__all__ = [
    "ArchiveIndexView",
    "DateDetailView",
    "DateMixin",
    "DayArchiveView",
    "DayMixin",
    "MonthArchiveView",
    "MonthMixin",
    "TodayArchiveView",
    "WeekArchiveView",
    "WeekMixin",
    "YearArchiveView",
    "YearMixin",
]
