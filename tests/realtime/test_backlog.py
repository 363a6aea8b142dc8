"""What waits for a slow connection: its order, its bound, and what is dropped and counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vivace.realtime.backlog import Backlog, Held
from vivace.realtime.options import Slow

POLICIES: tuple[Slow, ...] = ("wait", "drop", "coalesce", "close")
frames = st.builds(
    Held,
    st.binary(min_size=1, max_size=8),
    st.sampled_from("ab"),
    st.sampled_from("xy"),
    st.sampled_from(POLICIES),
)


def taken(backlog: Backlog) -> list[bytes]:
    found: list[bytes] = []
    while (frame := backlog.take()) is not None:
        found.append(frame)
    return found


def test_rl11_drop_takes_the_oldest_and_counts_it() -> None:
    backlog = Backlog(3)
    for each in (b"1", b"2", b"3", b"4", b"5"):
        backlog.add(Held(each, "room", "name", "drop"))
    assert backlog.take_lost() == {"room": 2}
    assert backlog.take_lost() == {}
    assert backlog.dropped == 2
    assert taken(backlog) == [b"3", b"4", b"5"]
    assert not backlog.over


def test_rl11_coalesce_keeps_the_latest_of_a_name() -> None:
    backlog = Backlog(100)
    for each, name in ((b"1", "x"), (b"2", "y"), (b"3", "x")):
        backlog.add(Held(each, "room", name, "coalesce"))
    assert taken(backlog) == [b"2", b"3"]
    assert backlog.dropped == 1


def test_rl11_what_must_not_be_dropped_makes_the_backlog_over() -> None:
    backlog = Backlog(2)
    for each in (b"1", b"2", b"3"):
        backlog.add(Held(each, "room", "name", "close"))
    assert backlog.over
    assert backlog.dropped == 0


def test_frames_without_a_room_are_never_dropped() -> None:
    backlog = Backlog(2)
    backlog.add(Held(b"1", "", "", "close"))
    backlog.add(Held(b"2", "room", "name", "drop"))
    backlog.add(Held(b"3", "", "", "close"))
    assert taken(backlog) == [b"1", b"3"]
    assert backlog.take_lost() == {"room": 1}


@given(st.lists(frames), st.integers(1, 30))
def test_backlog_is_bounded_ordered_and_counts_all_that_it_drops(items: list[Held], limit: int) -> None:
    backlog, added = Backlog(limit), list[Held]()
    for item in items:
        backlog.add(item)
        added.append(item)
        if backlog.over:
            break
    assert backlog.over or backlog.size <= limit
    lost = sum(backlog.take_lost().values())
    left = taken(backlog)
    assert len(left) + lost == len(added)
    rest = iter([item.frame for item in added])
    assert all(frame in rest for frame in left)  # in their order
    assert backlog.size == 0
    must = [item.frame for item in added if item.slow in ("wait", "close")]
    rest = iter(left)
    assert all(frame in rest for frame in must)
