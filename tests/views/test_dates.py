"""Archives by date: what is in which period, what comes before and after, the future, wrong dates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from vivace import App, models
from vivace.errors import BadView
from vivace.templates import TemplateOptions
from vivace.testing import Client
from vivace.views import (
    ArchiveIndexView,
    DateDetailView,
    DayArchiveView,
    MonthArchiveView,
    TodayArchiveView,
    View,
    WeekArchiveView,
    YearArchiveView,
)

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


class Article(models.Model):
    title = models.CharField(max_length=20)
    day = models.DateField()
    moment = models.DateTimeField()

    class Meta:
        app_label = "press"


class Fixed:
    """A mixin that stops the clock."""

    def now(self) -> datetime:
        return NOW.astimezone(self.tzinfo)  # type: ignore[attr-defined]


_ROWS = "{{ object_list|map(attribute='title')|join(',') }}"
_DATES = "[{% for d in date_list or () %}{{ d.strftime('%Y-%m-%d') }} {% endfor %}]"
TEXTS = {
    "press/article_archive.html": "{{ latest|map(attribute='title')|join(',') }} " + _DATES,
    "press/article_archive_year.html": _ROWS
    + " "
    + _DATES
    + " {{ previous_year }} {{ year }} {{ next_year }}",
    "press/article_archive_month.html": _ROWS
    + " "
    + _DATES
    + " {{ previous_month }} {{ month }} {{ next_month }}",
    "press/article_archive_week.html": _ROWS + " {{ previous_week }} {{ week }} {{ next_week }}",
    "press/article_archive_day.html": _ROWS
    + " {{ previous_day }} {{ day }} {{ next_day }} {{ previous_month }} {{ next_month }}",
    "press/article_detail.html": "{{ article.title }}",
}


def press(*routes: tuple[str, type[View], Mapping[str, Any]], **options: Any) -> App:
    app = App(models=[Article], templates=TemplateOptions(sources=[TEXTS]), **options)
    for path, view, given in routes:
        stopped: Any = type(view.__name__, (Fixed, view), {})
        app.add_route(path, stopped.as_view(model=Article, **given))
    return app


async def fill() -> None:
    moments = {
        "old": datetime(2024, 2, 29, 23, 30, tzinfo=UTC),
        "may": datetime(2026, 5, 31, 23, 30, tzinfo=UTC),
        "june": datetime(2026, 6, 1, tzinfo=UTC),
        "today": datetime(2026, 6, 15, 8, tzinfo=UTC),
        "later": datetime(2026, 6, 15, 20, tzinfo=UTC),
        "next": datetime(2027, 1, 1, tzinfo=UTC),
    }
    await Article.objects.bulk_create(
        [Article(title=title, day=moment.date(), moment=moment) for title, moment in moments.items()]
    )


@pytest.mark.parametrize("field", ["day", "moment"])
async def test_ro9_archives_on_each_database(database: str, field: str) -> None:
    given = {"date_field": field}
    app = press(
        ("/", ArchiveIndexView, given),
        ("/y/{year}", YearArchiveView, {**given, "make_object_list": True}),
        ("/m/{year}/{month}", MonthArchiveView, {**given, "month_format": "%m"}),
        ("/w/{year}/{week}", WeekArchiveView, {**given, "week_format": "%W"}),
        ("/d/{year}/{month}/{day}", DayArchiveView, {**given, "month_format": "%m"}),
        ("/today", TodayArchiveView, given),
        ("/o/{year}/{month}/{day}/{pk}", DateDetailView, {**given, "month_format": "%m"}),
        databases={"default": database},
    )
    today = "today" if field == "moment" else "later,today"  # a day that has begun is not the future
    async with Client(app) as client:
        assert (await client.get("/")).status == 404  # nothing is there
        await fill()
        index = (await client.get("/")).text
        assert index.endswith("[2026-01-01 2024-01-01 ]")
        assert "next" not in index
        year = (await client.get("/y/2026")).text
        assert "next" not in year
        assert year.endswith("[2026-05-01 2026-06-01 ] 2024-01-01 2026-01-01 None")
        month = (await client.get("/m/2026/06")).text
        assert month.endswith("[2026-06-01 2026-06-15 ] 2026-05-01 2026-06-01 None")
        assert sorted(month.split(" ")[0].split(",")) == sorted(["june", *today.split(",")])
        assert (await client.get("/w/2026/24")).text.endswith("2026-06-01 2026-06-15 None")
        day = (await client.get("/d/2026/06/15")).text
        assert day.endswith("2026-06-01 2026-06-15 None 2026-05-01 None")
        assert (await client.get("/today")).text == day
        article = await Article.objects.get(title="june")
        assert (await client.get(f"/o/2026/06/01/{article.pk}")).text == "june"
        assert (await client.get(f"/o/2026/06/02/{article.pk}")).status == 404


async def test_ro9_the_future_and_empty_periods_only_where_they_are_allowed() -> None:
    given = {"date_field": "moment", "month_format": "%m"}
    app = press(
        ("/a/{year}/{month}", MonthArchiveView, given),
        ("/b/{year}/{month}", MonthArchiveView, {**given, "allow_future": True}),
        ("/c/{year}/{month}", MonthArchiveView, {**given, "allow_empty": True}),
        ("/d/{year}/{month}", MonthArchiveView, {**given, "allow_empty": True, "allow_future": True}),
        ("/o/{year}/{month}/{day}/{pk}", DateDetailView, given),
    )
    async with Client(app) as client:
        await fill()
        assert (await client.get("/a/2027/01")).status == 404
        assert (await client.get("/b/2027/01")).text == "next [2027-01-01 ] 2026-06-01 2027-01-01 None"
        assert (await client.get("/b/2026/06")).text.endswith("2027-01-01")
        assert (await client.get("/a/2026/04")).status == 404
        assert (await client.get("/c/2026/04")).text == " [] 2026-03-01 2026-04-01 2026-05-01"
        assert (await client.get("/c/2026/06")).text.endswith("2026-05-01 2026-06-01 None")
        assert (await client.get("/d/2026/12")).text.endswith("2026-11-01 2026-12-01 2027-01-01")
        article = await Article.objects.get(title="next")
        assert (await client.get(f"/o/2027/01/01/{article.pk}")).status == 404


async def test_ro9_days_are_those_of_the_views_time_zone() -> None:
    zone = timezone(timedelta(hours=2))
    app = press(
        (
            "/d/{year}/{month}/{day}",
            DayArchiveView,
            {"date_field": "moment", "month_format": "%m", "tzinfo": zone},
        )
    )
    async with Client(app) as client:
        await fill()
        first = (await client.get("/d/2026/06/01")).text
        assert sorted(first.split(" ")[0].split(",")) == ["june", "may"]
        assert first.split(" ")[1] == "2024-03-01"


@pytest.mark.parametrize(
    ("week_format", "week", "start"),
    [("%U", "24", "2026-06-14"), ("%W", "24", "2026-06-15"), ("%V", "25", "2026-06-15")],
)
async def test_ro9_weeks_begin_where_their_format_says(week_format: str, week: str, start: str) -> None:
    year_format = "%G" if week_format == "%V" else "%Y"
    given = {"date_field": "day", "week_format": week_format, "year_format": year_format}
    async with Client(press(("/{year}/{week}", WeekArchiveView, given))) as client:
        await fill()
        assert f" {date.fromisoformat(start)} " in (await client.get(f"/2026/{week}")).text


@pytest.mark.parametrize("path", ["/2026/13", "/2026/00", "/x/01", "/0/01", "/9999/12", "/10000/01"])
async def test_ro9_dates_that_are_none_are_404(path: str) -> None:
    given = {"date_field": "day", "month_format": "%m", "allow_empty": True, "allow_future": True}
    async with Client(press(("/{year}/{month}", MonthArchiveView, given))) as client:
        assert (await client.get(path)).status == 404


async def test_ro9_a_date_may_come_in_the_query() -> None:
    async with Client(press(("/", YearArchiveView, {"date_field": "day"}))) as client:
        await fill()
        assert (await client.get("/?year=2024")).text == " [2024-02-01 ] None 2024-01-01 2026-01-01"
        assert (await client.get("/")).status == 404


@pytest.mark.parametrize(
    ("given", "match"), [({}, "date_field"), ({"date_field": "day", "week_format": "%j"}, "week_format")]
)
def test_ro9_archives_that_cannot_work_are_refused(given: dict[str, Any], match: str) -> None:
    with pytest.raises(BadView, match=match):
        WeekArchiveView.as_view(model=Article, **given)
