"""Write sets as bytes: what comes back says at least what went out, and values compare as they did."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
import zoneinfo
from collections.abc import Mapping
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.brokers.codec import MOST_CHANGES, decode_writes, encode_writes, merge
from vivace.changes import EVERYTHING, Change, Condition, ReadSet, WriteSet

ZONES: Final = st.sampled_from([None, datetime.UTC, zoneinfo.ZoneInfo("Europe/Berlin")])
VALUES: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(), max_size=8),  # halves of surrogate pairs, too
    st.binary(max_size=8),
    st.uuids(),
    st.decimals().filter(lambda value: not value.is_snan()),  # which has no hash
    st.datetimes(timezones=ZONES),
    st.dates(),
    st.times(timezones=ZONES),
    st.timedeltas(),
    st.tuples(st.integers()),
)
ROWS: Final = st.none() | st.dictionaries(st.sampled_from(["id", "author", "slug"]), VALUES, max_size=3)
CHANGES: Final = st.builds(
    Change,
    table=st.sampled_from(["book", "author", "tag"]),
    operation=st.sampled_from(["insert", "update", "delete"]),
    key=st.tuples(VALUES),
    old=ROWS,
    new=ROWS,
)
WRITES: Final = st.builds(
    WriteSet,
    changes=st.lists(CHANGES, max_size=6).map(tuple),
    tables=st.frozensets(st.sampled_from(["book", "author", "tag"]), max_size=2),
    everything=st.booleans(),
)
READS: Final = st.dictionaries(
    st.sampled_from(["book", "author", "tag", "*"]),
    st.none()
    | st.lists(
        st.builds(Condition, st.sampled_from(["id", "author", "slug"]), st.frozensets(VALUES, max_size=3)),
        max_size=2,
    ).map(tuple),
).map(ReadSet)


def narrowed(table: str, column: str, value: Any) -> ReadSet:
    return ReadSet({table: (Condition(column, frozenset({value})),)})


@given(WRITES, READS)
def test_what_a_write_met_is_met_by_what_comes_back(write: WriteSet, reads: ReadSet) -> None:
    if reads.meets(write):
        assert reads.meets(decode_writes(encode_writes(write)))


@given(VALUES)
def test_a_read_of_a_value_is_met_by_a_row_that_has_it(value: Any) -> None:
    write = WriteSet(
        changes=(Change(table="book", operation="insert", key=(1,), old={}, new={"slug": value}),)
    )
    assert narrowed("book", "slug", value).meets(decode_writes(encode_writes(write)))


@given(st.lists(WRITES, max_size=5), READS, st.integers(0, 4))
def test_merged_writes_meet_what_one_of_them_met(writes: list[WriteSet], reads: ReadSet, most: int) -> None:
    merged = merge(writes, most)
    assert len(merged.changes) <= most
    if any(reads.meets(write) for write in writes):
        assert reads.meets(merged)


class Level(enum.IntEnum):
    LOW = 1


class Slug(str):
    __slots__ = ()


PLAIN: Final[Mapping[str, Any]] = {
    "int": 7,
    "large": 2**70,
    "text": "é",
    "bytes": b"\x00\xff",
    "uuid": uuid.UUID(int=5),
    "decimal": decimal.Decimal("1.10"),
    "moment": datetime.datetime(2026, 3, 1, 12, 30, 15, 7, datetime.UTC),
    "naive": datetime.datetime(2026, 3, 1, 12, 30),
    "day": datetime.date(2026, 3, 1),
    "time": datetime.time(12, 30, 0, 5),
    "span": datetime.timedelta(days=-3, seconds=5, microseconds=9),
    "yes": True,
    "none": None,
}


@pytest.mark.parametrize("value", PLAIN.values(), ids=PLAIN)
def test_a_value_comes_back_as_what_it_was(value: Any) -> None:
    write = WriteSet(
        changes=(Change(table="book", operation="update", key=(value,), old={"a": value}, new=None),)
    )
    (change,) = decode_writes(encode_writes(write)).changes
    assert change.key == (value,)
    assert change.old == {"a": value}
    assert type((change.old or {})["a"]) is type(value)
    assert change.new is None


@pytest.mark.parametrize(
    "value",
    [float("nan"), Level.LOW, Slug("x"), (1,), [1], object(), datetime.time(1, tzinfo=datetime.UTC)],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_cannot_be_told_matches_any(value: Any) -> None:
    row = {"id": 1, "slug": value}
    write = WriteSet(changes=(Change(table="book", operation="insert", key=(1,), old={}, new=row),))
    (change,) = decode_writes(encode_writes(write)).changes
    assert change.new == {"id": 1}
    assert narrowed("book", "slug", "anything").meets(decode_writes(encode_writes(write)))
    assert not narrowed("book", "id", 2).meets(decode_writes(encode_writes(write)))


def test_a_row_of_which_nothing_can_be_told_is_not_taken_for_one_that_is_not_there() -> None:
    write = WriteSet(changes=(Change(table="book", operation="insert", key=(1,), old={}, new={"slug": [1]}),))
    (change,) = decode_writes(encode_writes(write)).changes
    assert change.new is None


def test_a_key_that_cannot_be_told_is_a_write_to_its_table() -> None:
    write = WriteSet(changes=(Change(table="book", operation="insert", key=([1],), old={}, new={"id": 1}),))
    assert decode_writes(encode_writes(write)) == WriteSet(tables=frozenset({"book"}))


def test_text_that_is_no_unicode_is_told_as_its_table() -> None:
    write = WriteSet(changes=(Change(table="book", operation="insert", key=("\udcff",), old={}, new={}),))
    assert decode_writes(encode_writes(write)) == WriteSet(tables=frozenset({"book"}))


def test_a_table_whose_name_cannot_be_told_is_everything() -> None:
    assert decode_writes(encode_writes(WriteSet(tables=frozenset({"\udcff"})))) == EVERYTHING


def test_more_bytes_than_a_message_may_have_are_told_as_tables_and_then_as_everything() -> None:
    row = {"text": "x" * 1_000}
    write = WriteSet(changes=(Change(table="book", operation="insert", key=(1,), old={}, new=row),))
    assert decode_writes(encode_writes(write, 500)) == WriteSet(tables=frozenset({"book"}))
    assert decode_writes(encode_writes(write, 5)) == EVERYTHING


def test_more_rows_than_a_batch_has_are_told_as_their_tables() -> None:
    rows = tuple(
        Change(table="book", operation="insert", key=(n,), old={}, new={"id": n})
        for n in range(MOST_CHANGES + 1)
    )
    assert merge([WriteSet(changes=rows)]) == WriteSet(tables=frozenset({"book"}))


@pytest.mark.parametrize("payload", [b"", b"\x00", b"\x93\x90\x90", b"\x93\x91\x91\x01\x90\xc2", b"\xff" * 9])
def test_what_another_version_wrote_may_have_been_everything(payload: bytes) -> None:
    assert decode_writes(payload) == EVERYTHING


@given(st.binary(max_size=60))
def test_bytes_of_any_kind_are_read(payload: bytes) -> None:
    assert isinstance(decode_writes(payload), WriteSet)
