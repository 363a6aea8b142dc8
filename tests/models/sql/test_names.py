"""Wrong names and values: an error with the nearest match, at the line that wrote them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models import oracle
from vivace.errors import FieldError, InvalidValue, QueryError, VivaceError
from vivace.models.sql.compile import plan_for
from vivace.models.sql.verbs import ROWS

WORLD = oracle.vivace_world()
Book: Any = WORLD.model("Book")
Author: Any = WORLD.model("Author")
F, Q, Count, Sum, Value = (WORLD.names[name] for name in ("F", "Q", "Count", "Sum", "Value"))

WRONG_NAMES: list[tuple[Any, str]] = [
    (lambda: Book.objects.filter(titel="x"), "title"),
    (lambda: Book.objects.filter(author__nmae="x"), "name"),
    (lambda: Book.objects.filter(title__icontain="x"), "icontains"),
    (lambda: Book.objects.exclude(athor=1), "author"),
    (lambda: Book.objects.order_by("yaer"), "year"),
    (lambda: Book.objects.values("pags"), "pages"),
    (lambda: Book.objects.values_list("author__agee"), "age"),
    (lambda: Book.objects.only("titel"), "title"),
    (lambda: Book.objects.defer("titel"), "title"),
    (lambda: Book.objects.select_related("authr"), "author"),
    (lambda: Book.objects.annotate(n=Count("tgs")), "tags"),
    (lambda: Book.objects.annotate(total=Sum("pages")).filter(totl=1), "total"),
    (lambda: Author.objects.filter(boks__title="x"), "books"),
    (lambda: Book.objects.filter(published__yaer=1), "year"),
]


@pytest.mark.parametrize(("build", "match"), WRONG_NAMES)
def test_or3_unknown_names_tell_the_nearest_match(build: Any, match: str) -> None:
    with pytest.raises(FieldError) as caught:
        build()
    assert match in caught.value.fix


WRONG_VALUES: list[Any] = [
    lambda: Book.objects.filter(pages="abc"),
    lambda: Book.objects.filter(pages__in=[1, "x"]),
    lambda: Book.objects.filter(published="yesterday"),
    lambda: Book.objects.filter(code="not a uuid"),
    lambda: Book.objects.filter(pages__in=5),
    lambda: Book.objects.filter(pages__range=(1,)),
    lambda: Book.objects.filter(pages__isnull="no"),
    lambda: Book.objects.filter(pages__gt=None),
    lambda: WORLD.model("Loan").objects.filter(pk=1),
]


@pytest.mark.parametrize("build", WRONG_VALUES)
def test_or2_wrong_values_are_refused_before_any_sql(build: Any) -> None:
    with pytest.raises(InvalidValue):
        build()


def test_or2_an_invalid_value_names_the_field() -> None:
    with pytest.raises(InvalidValue) as caught:
        Book.objects.filter(pages="abc")
    assert "pages" in caught.value.what
    assert "abc" in caught.value.got


WRONG_CALLS: list[Any] = [
    lambda: Book.objects.all()[:3].filter(pages=1),
    lambda: Book.objects.all()[:3].order_by("pk"),
    lambda: Book.objects.annotate(title=F("pages")),
    lambda: Book.objects.annotate(Value(3)),
    lambda: Book.objects.annotate(x=3),
    lambda: Book.objects.filter(author=WORLD.model("Tag")(pk=1)),
    lambda: Book.objects.filter(author__icontains="x"),
    lambda: Book.objects.filter(year=Book.objects.values("year")),
    lambda: Book.objects.filter(pk__in=Book.objects.values("pk", "title")),
    lambda: Book.objects.filter(F("pages")),
    lambda: Book.objects.filter(("a", 1, 2)),
    lambda: Book.objects.values("title").union(Book.objects.values("title", "pages")),
]


@pytest.mark.parametrize("build", WRONG_CALLS)
def test_or1_calls_without_meaning_are_refused(build: Any) -> None:
    with pytest.raises((FieldError, QueryError)):
        build()


NASTY = st.one_of(
    st.text(min_size=1, max_size=30),
    st.sampled_from(
        [
            'x" FROM secrets; --',
            "x'; DROP TABLE a",
            "a b",
            'a"b',
            "a;b",
            "a--b",
            "a/*b*/",
            "a)b",
            "a.b",
            "%s",
            "a\x00b",
            "$1",
        ]
    ),
)


def _statement(build: Any, dialect: Any) -> str:
    """Return the SQL of a query, "" when it was refused."""
    try:
        state = build().query_state
        return plan_for(state, ROWS, dialect).statement.sql
    except (VivaceError, TypeError):
        return ""


MARK = "zq7x"
QUOTED = re.compile(r'"(?:[^"]|"")*"')


@settings(deadline=None)  # a shape's first compilation takes its time
@given(NASTY, st.sampled_from(["sqlite", "postgresql"]))
def test_or1_names_from_outside_never_become_sql(text: str, dialect: str) -> None:
    """Whatever stands in a name is refused, quoted or bound: its mark is never in the statement's own text."""
    name = text + MARK
    builds: list[Any] = [
        lambda: Book.objects.filter(**{name: 1}),
        lambda: Book.objects.filter(**{f"title__{name}": "x"}),
        lambda: Book.objects.order_by(name),
        lambda: Book.objects.values(name),
        lambda: Book.objects.annotate(**{name: F("pages")}).filter(**{name: 1}).order_by(name),
        lambda: Book.objects.annotate(n=Count("tags")).values("n", **{name: F("pages")}),
        lambda: Book.objects.filter(**{f"data__{name}": 1}),
        lambda: Book.objects.filter(**{f"data__{name}__0__isnull": True}),
        lambda: Book.objects.annotate(x=F(f"data__{name}")).order_by("x"),
        lambda: Book.objects.filter(data__has_key=name),
        lambda: Book.objects.filter(title=name),
        lambda: Book.objects.filter(title__contains=name),
        lambda: Book.objects.filter(title__in=[name]),
    ]
    for build in builds:
        assert MARK not in QUOTED.sub("", _statement(build, dialect))
