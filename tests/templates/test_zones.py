"""In which time zone templates write moments: that of the value, or that of the setting ``time_zone`` (TP1)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest

from vivace import App
from vivace.config.settings import Settings
from vivace.errors import ConfigurationError
from vivace.templates import TemplateOptions

SUMMER = datetime(2026, 7, 14, 23, 30, tzinfo=UTC)
PAGE = "{{ at|date('Y-m-d H:i e') }} {{ at|time('H:i') }}"


def shown(zone: str, **values: object) -> str:
    app = App(settings=Settings(time_zone=zone), templates=TemplateOptions(sources=[{"page.html": PAGE}]))
    return str(app.templates.render_now("page.html", values))


def test_tp1_moments_are_written_as_clocks_of_the_zone_show_them() -> None:
    assert shown("", at=SUMMER) == "2026-07-14 23:30 UTC 23:30"
    assert shown("Europe/Berlin", at=SUMMER) == "2026-07-15 01:30 CEST 01:30"
    assert shown("America/New_York", at=SUMMER.replace(month=1)) == "2026-01-14 18:30 EST 18:30"


def test_tp1_what_has_no_zone_stays_as_it_is() -> None:
    assert shown("Europe/Berlin", at=SUMMER.replace(tzinfo=None)) == "2026-07-14 23:30  23:30"
    page = TemplateOptions(sources=[{"page.html": "{{ day|date('Y-m-d') }} {{ hour|time('H:i') }}"}])
    app = App(settings=Settings(time_zone="Asia/Tokyo"), templates=page)
    values = {"day": date(2026, 7, 14), "hour": time(23, 30)}
    assert app.templates.render_now("page.html", values) == "2026-07-14 23:30"


def test_tp1_the_ends_of_time_are_written_all_the_same() -> None:
    assert shown("Asia/Tokyo", at=datetime.max.replace(tzinfo=UTC)).startswith("9999-12-31 23:59")
    assert shown("America/New_York", at=datetime.min.replace(tzinfo=UTC)).startswith("0001-01-01 00:00")


def test_tp1_now_is_told_by_clocks_of_the_zone() -> None:
    options = TemplateOptions(sources=[{"page.html": "{% now 'e' %}"}])
    app = App(settings=Settings(time_zone="Asia/Tokyo"), templates=options)
    assert app.templates.render_now("page.html") == "JST"


@pytest.mark.parametrize("name", ["Europe/Berln", "../../etc/passwd", "x" * 300, "a\0b"])
def test_tp1_a_zone_that_there_is_not_says_so(name: str) -> None:
    with pytest.raises(ConfigurationError, match="There is no time zone"):
        shown(name, at=SUMMER)
