"""The page that says how Django's templates are written here: each row shows the same text on both sides (TP1)."""

from __future__ import annotations

import html
import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import pytest

from tests.djangopeer import django_module
from vivace.http.multidict import MultiDict

from .djangoside import django_text, vivace_text

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "template-tags.md"
SECTION: Final = "## Django template → Vivace template"
SPAN: Final = re.compile(r"`([^`]*)`")


class Person:
    """An object with attributes, for both sides."""

    def __init__(self, name: str, age: int, team: str) -> None:
        self.name, self.age, self.team = name, age, team


class Request:
    """As much of a request as ``querystring`` asks for."""

    def __init__(self) -> None:
        self.query = MultiDict([("page", "1"), ("q", "a b"), ("q", "c&d")])


VALUES: Final[dict[str, Any]] = {
    "ages": {"bo": 7, "al": 9},
    "born": date(1815, 12, 10),
    "count": 3,
    "empty": "",
    "html": "<p>Joel <b>is a</b> slug &amp; more</p>",
    "items": ["a", "b", "<c>"],
    "later": datetime(2026, 11, 27, 20, 45, tzinfo=UTC),
    "lines": "one\ntwo <2>\n\nthree",
    "linked": "see https://www.example.com/a?b=1&c=2 or <b>www.example.org</b>",
    "moment": datetime(2026, 11, 22, 14, 30, 5, 123, tzinfo=UTC),
    "nested": ["a", ["b", ["c", "d"]], "<e>"],
    "nothing": None,
    "number": 1234567,
    "ok": True,
    "people": [Person("Bo", 7, "red"), Person("Al", 5, "red"), Person("Cy", 6, "blue")],
    "person": Person("Bo <o'o>", 7, "red"),
    "price": 34.23234,
    "quoted": 'it\'s "it"',
    "runs": [1, 1, 2, 2, 1],
    "text": "joel is a slug",
    "request": Request(),
}


def rows() -> list[tuple[str, str]]:
    """Return the pairs of templates in the page's table."""
    text = PAGE.read_text(encoding="utf-8").split(SECTION)[1].split("Not the same text")[0]
    lines = [line.replace("\\|", "|") for line in text.splitlines() if line.startswith("| `")]
    pairs = [tuple(SPAN.findall(line)) for line in lines]
    return [(pair[0], pair[1]) for pair in pairs if len(pair) == 2]


def normal(text: str) -> str:
    """Return text without what the two write in ways that mean the same: entities of quotes, padding of lines."""
    return re.sub(r"&#(?:x27|39);", "'", text).replace("&#34;", '"').replace("&quot;", '"').strip()


def test_tp1_the_page_has_its_table() -> None:
    assert len(rows()) > 45


@pytest.mark.parametrize(("django", "vivace"), rows())
def test_tp1_row_shows_what_django_shows(django: str, vivace: str) -> None:
    values = dict(VALUES)
    ours = vivace_text(vivace, values)
    if "querystring" in django:
        values["request"] = _django_request()
    assert normal(ours) == normal(django_text(django, values))


def _django_request() -> Any:

    request = Request()
    query: Any = django_module("django.http").QueryDict
    request.GET = query("page=1&q=a+b&q=c%26d")  # type: ignore[attr-defined]
    return request


# -- Django's own examples ----------------------------------------------------------------------------------------------

MOMENTS: Final = [
    datetime(2026, 1, 2, 0, 0, tzinfo=UTC),
    datetime(2024, 2, 29, 12, 0, 7, 42, tzinfo=UTC),
    datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=-5, minutes=-30))),
    datetime(2021, 1, 3, 13, 5, tzinfo=timezone(timedelta(hours=2))),
    datetime(476, 9, 4, 11, 1, tzinfo=UTC),
]
CHARACTERS: Final = "aAbcdDEefFgGhHIijlLmMnNoOPrsStTuUwWyYzZ"


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
@pytest.mark.parametrize("character", CHARACTERS)
def test_tp1_format_character(character: str, moment: datetime) -> None:
    values = {"m": moment}
    theirs = _django_date(moment, character)
    assert vivace_text('{{ m|date("' + character + '") }}', values) == html.escape(theirs)


def _django_date(moment: datetime, style: str) -> str:
    text: str = django_module("django.utils.dateformat").format(moment, style)
    return text


@pytest.mark.parametrize(
    "style", ["DATE_FORMAT", "DATETIME_FORMAT", "SHORT_DATE_FORMAT", r"\Y\e\a\r Y", "jS \\o\\f F"]
)
@pytest.mark.parametrize("moment", MOMENTS[:2], ids=str)
def test_tp1_named_and_escaped_format(style: str, moment: datetime) -> None:
    ours = vivace_text("{{ m|date(s) }}", {"m": moment, "s": style})
    assert ours == django_text("{{ m|date:s }}", {"m": moment, "s": style})


@pytest.mark.parametrize("value", [time(0, 0), time(12, 0), time(1, 5), time(23, 59, 1)], ids=str)
@pytest.mark.parametrize("style", ["", "P", "f", "g:i a", "H:i:s.u", "TIME_FORMAT"])
def test_tp1_time(value: time, style: str) -> None:
    assert vivace_text("{{ t|time(s) }}", {"t": value, "s": style}) == django_text(
        "{{ t|time:s }}", {"t": value, "s": style}
    )


BASE: Final = datetime(2024, 1, 31, 12, 30, 30, 500, tzinfo=UTC)


@pytest.mark.parametrize(
    "delta",
    [
        timedelta(),
        timedelta(seconds=59),
        timedelta(minutes=1),
        timedelta(minutes=61),
        timedelta(hours=23, minutes=59),
        timedelta(days=1, minutes=5),
        timedelta(days=6, hours=8),
        timedelta(days=13),
        timedelta(days=29),
        timedelta(days=30, hours=23),
        timedelta(days=31),
        timedelta(days=60),
        timedelta(days=364),
        timedelta(days=366),
        timedelta(days=400, hours=5),
        timedelta(days=3000),
        timedelta(seconds=-5),
    ],
    ids=str,
)
def test_tp1_timesince(delta: timedelta) -> None:
    values = {"a": BASE, "b": BASE + delta}
    ours = vivace_text("{{ a|timesince(b) }};{{ b|timeuntil(a) }};{{ b|timesince(a) }}", values)
    assert ours == django_text("{{ a|timesince:b }};{{ b|timeuntil:a }};{{ b|timesince:a }}", values)


@pytest.mark.parametrize(
    "value",
    [
        34.23234,
        34.0,
        34.26,
        0,
        -0.001,
        0.5,
        1.5,
        2.5,
        -2.5,
        "12.125",
        "x",
        None,
        "",
        1e20,
        13.1031,
        True,
        39.9999,
    ],
)
@pytest.mark.parametrize("places", [-1, 0, 1, 3, -3, "2", "-2", "2g", "0g", "g", "x"])
def test_tp1_floatformat(value: object, places: object) -> None:
    values = {"v": value, "p": places}
    assert vivace_text("{{ v|floatformat(p) }}", values) == django_text("{{ v|floatformat:p }}", values)


@pytest.mark.parametrize(
    "value", [0, 1, 1023, 1024, 1024**2 - 1, 1024**2, 5 * 1024**3, 1024**5, 1024**7, -2048, "x", None]
)
def test_tp1_filesizeformat(value: object) -> None:
    assert vivace_text("{{ v|filesizeformat }}", {"v": value}) == django_text(
        "{{ v|filesizeformat }}", {"v": value}
    )


@pytest.mark.parametrize("value", [0, 1, 2, 1.0, "1", "0", "x", [], ["a"], {"a": 1, "b": 2}, None])
@pytest.mark.parametrize("endings", ["s", "y,ies", "es", "a,b,c"])
def test_tp1_pluralize(value: object, endings: str) -> None:
    values = {"v": value, "e": endings}
    assert vivace_text("{{ v|pluralize(e) }}", values) == django_text("{{ v|pluralize:e }}", values)


@pytest.mark.parametrize("text", ["Joel is a slug", "a", "", "é́à b", "<b>x</b> y", "a  b\nc", "…", "ab…cd"])
@pytest.mark.parametrize("count", [-1, 0, 1, 2, 3, 7, 100])
def test_tp1_truncate(text: str, count: int) -> None:
    values = {"t": text, "n": count}
    ours = vivace_text("{{ t|truncatechars(n) }}|{{ t|truncatewords(n) }}", values)
    assert normal(ours) == normal(django_text("{{ t|truncatechars:n }}|{{ t|truncatewords:n }}", values))


@pytest.mark.parametrize("value", [0, 12, 1234, 1234567, "1234567.1234567", -4500, 1234.5, "x1234"])
def test_tp1_intcomma(value: object) -> None:
    theirs = django_text("{% load humanize %}{{ v|intcomma }}", {"v": value})
    assert vivace_text("{{ v|intcomma }}", {"v": value}) == theirs


@pytest.mark.parametrize("text", ["  Joel is a slug ", "Ünïcödé ß", "a--b__c", "-x-", "1 & 2", "日本"])
def test_tp1_slugify(text: str) -> None:
    assert vivace_text("{{ t|slugify }}", {"t": text}) == django_text("{{ t|slugify }}", {"t": text})


@pytest.mark.parametrize("value", [123, 0, "9", "x", -45])
@pytest.mark.parametrize("place", [0, 1, 2, 5, "x"])
def test_tp1_get_digit(value: object, place: object) -> None:
    values = {"v": value, "p": place}
    assert vivace_text("{{ v|get_digit(p) }}", values) == django_text("{{ v|get_digit:p }}", values)


@pytest.mark.parametrize(
    ("value", "other"), [(1, 2), ("1", "2"), ("a", "b"), ([1], [2]), (1, "x"), (None, 1), (1.5, 2)]
)
def test_tp1_add(value: object, other: object) -> None:
    values = {"v": value, "o": other}
    assert vivace_text("{{ v|add(o) }}", values) == django_text("{{ v|add:o }}", values)
