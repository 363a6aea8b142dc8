"""The index of reads: the same answers as asking each read set, for the price of what is touched."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivace.cache import index as index_module
from vivace.cache.index import ReadIndex
from vivace.changes import ANYTHING, EVERYTHING, Change, ReadSet, Scope, WriteSet, conditions

TABLES = ("book", "author", "tag")
COLUMNS = ("id", "author_id", "title")
values = st.one_of(st.integers(0, 4), st.sampled_from(["", "1", "x"]), st.none(), st.booleans())
scopes = st.one_of(
    st.none(),
    st.lists(st.tuples(st.sampled_from(COLUMNS), st.lists(values, max_size=3)), max_size=3).map(conditions),
)
read_sets = st.builds(ReadSet, st.dictionaries(st.sampled_from((*TABLES, ANYTHING)), scopes, max_size=3))
sides = st.one_of(st.none(), st.dictionaries(st.sampled_from(COLUMNS), values, max_size=3))


def one_row(table: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> Change:
    return Change(table=table, operation="update", key=(1,), old=old, new=new)


def written(rows: list[Change], tables: frozenset[str], everything: bool) -> WriteSet:
    return WriteSet(changes=tuple(rows), tables=tables, everything=everything)


tables = st.sampled_from((*TABLES, "other"))
writes = st.builds(
    written,
    st.lists(st.builds(one_row, tables, sides, sides), max_size=3),
    st.frozensets(tables, max_size=1),
    st.sampled_from((False, False, False, True)),
)
steps = st.lists(st.tuples(st.integers(0, 4), st.one_of(read_sets, st.none())), max_size=10)


@given(steps, st.lists(writes, min_size=1, max_size=3))
@settings(max_examples=200)
def test_n1_a_write_finds_the_items_whose_reads_it_meets_and_no_others(
    steps: list[tuple[int, ReadSet | None]], writes: list[WriteSet]
) -> None:
    index: ReadIndex[int] = ReadIndex()
    known: dict[int, ReadSet] = {}
    for item, reads in steps:
        if reads is None:
            assert index.remove(item) is (known.pop(item, None) is not None)
        else:
            index.add(item, reads)
            known[item] = ReadSet(reads.tables)
    for write in writes:
        assert index.touched(write) == {item for item, reads in known.items() if reads.meets(write)}
    assert {item: index.reads(item).tables for item in index} == {i: r.tables for i, r in known.items()}
    for item in known:
        index.remove(item)
    assert not index._tables
    assert not index._anything


def update(table: str, **row: Any) -> WriteSet:
    return WriteSet(changes=(Change(table=table, operation="update", key=(1,), old=row, new=row),))


def narrowed(column: str, *values: Any) -> Scope:
    return conditions([(column, values)])


def test_reads_recorded_after_the_adding_are_not_known() -> None:
    index: ReadIndex[str] = ReadIndex()
    reads = ReadSet({"book": narrowed("id", 1)})
    index.add("a", reads)
    reads.add("author")
    assert index.touched(update("author", id=1)) == set()
    index.add("a", reads)
    assert index.touched(update("author", id=1)) == {"a"}
    assert index.tables("a") == ("book", "author")
    assert index.remove("a")
    assert not index.remove("a")
    assert index.touched(EVERYTHING) == set()


def test_a_value_that_cannot_be_looked_up_touches_all_that_narrowed_on_its_column() -> None:
    index: ReadIndex[str] = ReadIndex()
    index.add("a", ReadSet({"book": narrowed("tags", "x")}))
    index.add("b", ReadSet({"book": narrowed("id", 1)}))
    assert index.touched(update("book", tags=["y"], id=2)) == {"a"}


def test_what_was_touched_is_the_callers() -> None:
    index: ReadIndex[str] = ReadIndex()
    index.add("a", ReadSet({ANYTHING: None}))
    index.touched(update("book", id=1)).clear()
    assert index.touched(update("book", id=1)) == {"a"}
    assert index.touched(WriteSet()) == set()


class Counting(str):
    """A value that counts how often it is compared or looked up."""

    looked = 0

    def __hash__(self) -> int:
        Counting.looked += 1
        return super().__hash__()

    def __eq__(self, other: object) -> bool:
        Counting.looked += 1
        return super().__eq__(other)


@pytest.mark.parametrize("others", [100, 10_000])
def test_n1_a_commit_costs_what_it_touches_however_many_others_there_are(others: int) -> None:
    index: ReadIndex[int] = ReadIndex()
    for number in range(others):
        index.add(number, ReadSet({"book": narrowed("slug", Counting(f"slug-{number}"))}))
    Counting.looked = 0
    assert index.touched(update("book", slug=Counting("none"))) == set()
    assert Counting.looked <= 4
    assert index.touched(update("book", slug=Counting("slug-7"))) == {7}
    assert Counting.looked <= 12


def test_the_module_says_what_it_exports() -> None:
    assert index_module.__all__ == ["ReadIndex"]
