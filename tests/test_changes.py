"""What was written and what was read: when one may change the other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vivace.changes import (
    EVERYTHING,
    NOTHING,
    Change,
    ReadSet,
    WriteLog,
    WriteSet,
    conditions,
    current_reads,
    recording,
)


def changed(table: str = "book", **parts: object) -> WriteSet:
    parts = {"operation": "update", "key": (1,), **parts}
    return WriteSet(changes=(Change(table=table, **parts),))  # type: ignore[arg-type]


def read(table: str = "book", *pairs: tuple[str, list[object]]) -> ReadSet:
    return ReadSet({table: conditions(pairs) if pairs else None})


def test_a_table_read_whole_meets_any_row_of_it() -> None:
    assert read("book").meets(changed("book", old={"author_id": 1}, new={"author_id": 2}))
    assert not read("book").meets(changed("author"))


def test_a_narrowed_read_meets_rows_that_had_or_have_the_value() -> None:
    narrowed = read("book", ("author_id", [1, 2]))
    assert narrowed.meets(changed(old={"author_id": 1}, new={"author_id": 9}))
    assert narrowed.meets(changed(old={"author_id": 9}, new={"author_id": 2}))
    assert not narrowed.meets(changed(old={"author_id": 9}, new={"author_id": 8}))


def test_an_insert_has_no_old_row_and_a_delete_no_new_one() -> None:
    narrowed = read("book", ("author_id", [1]))
    assert narrowed.meets(changed(operation="insert", old={}, new={"author_id": 1}))
    assert not narrowed.meets(changed(operation="insert", old={}, new={"author_id": 2}))
    assert not narrowed.meets(changed(operation="delete", old={"author_id": 2}, new={}))


def test_what_is_not_known_matches() -> None:
    narrowed = read("book", ("author_id", [1]))
    assert narrowed.meets(changed(old=None, new={"author_id": 9}))
    assert narrowed.meets(changed(old={"title": "x"}, new={"title": "y"}))
    assert narrowed.meets(WriteSet(tables=frozenset({"book"})))
    assert narrowed.meets(EVERYTHING)
    assert not narrowed.meets(NOTHING)
    assert not ReadSet().meets(EVERYTHING)


def test_reads_of_one_table_add_up() -> None:
    reads = read("book", ("author_id", [1]))
    reads.add("book", conditions([("id", [7])]))
    assert reads.meets(changed(old={"author_id": 1, "id": 3}, new={"author_id": 1, "id": 3}))
    assert reads.meets(changed(old={"author_id": 5, "id": 7}, new={"author_id": 5, "id": 7}))
    assert not reads.meets(changed(old={"author_id": 5, "id": 3}, new={"author_id": 5, "id": 3}))
    reads.add("book")
    assert reads.meets(changed(old={"author_id": 5, "id": 3}, new={"author_id": 5, "id": 3}))


def test_what_is_read_in_an_inner_recording_is_read_in_the_outer_one() -> None:
    page, fragment = ReadSet(), ReadSet()
    assert current_reads() is None
    with recording(page):
        page.add("author")
        with recording(fragment):
            assert current_reads() is fragment
            fragment.add("book")
    assert set(fragment.tables) == {"book"}
    assert set(page.tables) == {"author", "book"}


values = st.integers(0, 3)
sides = st.dictionaries(st.sampled_from("ab"), values)
scopes = st.one_of(
    st.none(), st.lists(st.tuples(st.sampled_from("ab"), st.lists(values, min_size=1)), min_size=1)
)


@given(st.none() | sides, st.none() | sides, scopes, scopes)
def test_adding_a_read_never_makes_it_meet_less(
    old: dict[str, int] | None, new: dict[str, int] | None, first: object, second: object
) -> None:
    write = WriteSet(changes=(Change(table="t", operation="update", key=(1,), old=old, new=new),))
    reads = ReadSet()
    reads.add("t", None if first is None else conditions(first))  # type: ignore[arg-type]
    before = reads.meets(write)
    reads.add("t", None if second is None else conditions(second))  # type: ignore[arg-type]
    assert reads.meets(write) >= before


def test_a_log_forgets_what_a_savepoint_undid() -> None:
    log = WriteLog()
    log.touch("a")
    mark = log.mark()
    log.add(Change(table="b", operation="delete", key=(1,)))
    log.touch("c")
    log.touch_everything()
    log.undo(mark)
    assert log.finish() == WriteSet(tables=frozenset({"a"}))
    assert log.finish().touched() == {"a"}
    assert WriteLog().finish() is NOTHING
