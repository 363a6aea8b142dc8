"""Values as parts of keys: what has one key is shown as one thing."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from tests.cache.shelf import Novel, Writer
from vivace.cache.copies import NotKeepable, copier
from vivace.cache.keys import MOST_ROWS, Keying, NoKey, key_of
from vivace.changes import Condition, ReadSet
from vivace.models import Prefetch


class Color(enum.Enum):
    RED = 1


class Size(enum.IntEnum):
    LARGE = 1


class Point(msgspec.Struct):
    x: int
    y: Any = None


@dataclass
class Line:
    start: int
    parts: list[Any] = field(default_factory=list[Any])


plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.floats(),
    st.sampled_from(["", "a", "1", "True", "1.0", "None"]),
    st.sampled_from([Markup("a"), Markup("1"), b"a", Decimal("1"), Decimal("1.0"), Color.RED, Size.LARGE]),
    st.sampled_from([UUID(int=1), timedelta(1), datetime(2026, 1, 1, 12, tzinfo=UTC)]),
    st.sampled_from([datetime(2026, 1, 1, 13, tzinfo=timezone(timedelta(hours=1))), datetime(2026, 1, 1)]),
)
values = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from(["a", "b", 1]), inner, max_size=2),
        st.builds(Point, st.integers(0, 1), inner),
        st.builds(Line, st.integers(0, 1), st.lists(inner, max_size=2)),
    ),
    max_leaves=6,
)


@given(values, values)
def test_what_has_one_key_is_shown_as_one_thing(left: Any, right: Any) -> None:
    one, other = key_of(left), key_of(right)
    if one == other:
        assert hash(one) == hash(other)
        assert (type(left), str(left), repr(left)) == (type(right), str(right), repr(right))
    assert key_of(left) == one


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, True),
        (1, 1.0),
        ("a", Markup("a")),
        (0.0, -0.0),
        (Size.LARGE, 1),
        ([1], (1,)),
        (Point(1), Point(2)),
    ],
)
def test_equal_values_that_are_shown_differently_have_different_keys(left: object, right: object) -> None:
    assert key_of(left) != key_of(right)


@pytest.mark.parametrize("value", [object(), iter([]), [object()], {"a": object()}, Point(1, object())])
def test_other_values_have_no_key(value: object) -> None:
    with pytest.raises(NoKey):
        key_of(value)


def test_circles_end() -> None:
    parts: list[Any] = [1]
    parts.append(parts)
    assert key_of(parts) == key_of(parts)
    writer = Writer(id=1, name="Ada")
    novel = Novel(id=2, title="x", writer=writer)
    writer._state.fields_cache["favourite"] = novel
    assert key_of(novel) == key_of(novel)


def test_an_object_has_the_key_of_what_it_holds() -> None:
    def novel(**more: Any) -> Any:
        made: Any = Novel(id=1, title="x", writer_id=1)
        vars(made).update(more)
        return made

    assert key_of(novel()) == key_of(novel())
    assert key_of(novel(title="y")) != key_of(novel())
    assert key_of(novel(total=3)) != key_of(novel())
    related = novel()
    related._state.fields_cache["writer"] = Writer(id=1, name="Ada")
    assert key_of(related) != key_of(novel())
    other = novel()
    other._state.fields_cache["writer"] = Writer(id=1, name="Eve")
    assert key_of(related) != key_of(other)


def test_a_queryset_has_the_key_of_its_question() -> None:
    def asked() -> list[Any]:
        novels = Novel.objects
        return [
            novels.all(),
            novels.filter(pk=1),
            novels.filter(pk=2),
            novels.filter(pk__in=[1, 2]),
            novels.exclude(pk=1),
            novels.order_by("title"),
            novels.order_by("-title"),
            novels.all()[:3],
            novels.all()[:4],
            novels.all()[1:4],
            novels.values("title"),
            novels.values_list("title"),
            novels.values_list("title", flat=True),
            novels.using("other"),
            novels.select_related("writer"),
            novels.prefetch_related("writer"),
            novels.prefetch_related(Prefetch("writer", Writer.objects.filter(name="a"))),
            novels.prefetch_related(Prefetch("writer", Writer.objects.filter(name="b"))),
            novels.only("title"),
            novels.strict(),
            Writer(id=1, name="Ada").novels.all(),
            Writer(id=1, name="Eve").novels.all(),
            Writer.objects.all(),
            novels.raw("SELECT 1"),
            novels.raw("SELECT %s", [1]),
            novels.raw("SELECT %s", [2]),
        ]

    first, second = [key_of(each) for each in asked()], [key_of(each) for each in asked()]
    assert first == second
    assert len(set(first)) == len(first)


def test_rows_that_were_used_count_as_read_and_too_many_as_their_table() -> None:
    keying, reads = Keying(), ReadSet()
    keying.of([Novel(id=1, title="x"), Novel(id=2, title="y", writer=Writer(id=7))])
    keying.add_to(reads)
    assert reads.tables == {
        "shelf_novel": (Condition("id", frozenset({1, 2})),),
        "shelf_writer": (Condition("id", frozenset({7})),),
    }
    keying, reads = Keying(), ReadSet()
    keying.of([Novel(id=n, title="x") for n in range(MOST_ROWS + 1)])
    keying.add_to(reads)
    assert reads.tables == {"shelf_novel": None}


class Standing:
    """Stands for a list, and says so, as a lazy value does."""

    def __init__(self, *items: Any) -> None:
        self.items = items

    @property
    def __class__(self) -> Any:
        return list

    @__class__.setter
    def __class__(self, kind: Any) -> None:
        raise TypeError

    def __iter__(self) -> Any:
        return iter(self.items)


def test_what_stands_for_a_value_has_its_key() -> None:
    assert key_of(Standing(1, "a")) == key_of([1, "a"])
    assert key_of(Standing(1)) != key_of((1,))


def test_too_many_values_are_no_key() -> None:
    with pytest.raises(NoKey):
        key_of([[n] for n in range(20_000)])


@given(values)
def test_each_caller_gets_the_same_value_and_another_object(value: Any) -> None:
    give, size = copier(value)
    first, second = give(), give()
    assert repr(first) == repr(second) == repr(value)
    assert size > 0
    if isinstance(value, list):
        assert first is not second
        assert first is not value


def test_what_can_be_had_once_is_not_kept() -> None:
    for value in (iter([1]), (n for n in [1])):
        with pytest.raises(NotKeepable):
            copier(value)


def test_what_no_pickle_can_hold_is_copied() -> None:
    class Local:
        def __init__(self) -> None:
            self.parts = [1]

    give, _ = copier(Local())
    first, second = give(), give()
    first.parts.append(2)
    assert second.parts == [1]
