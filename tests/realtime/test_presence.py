"""Who is present, by what the leases of all processes say."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vivace.brokers import Lease
from vivace.realtime.presence import Presence

leases = st.builds(
    Lease, st.sampled_from("pqr"), st.sampled_from("abc"), st.none() | st.sampled_from([b"1", b"2"])
)


def test_rl10_key_joins_with_its_first_lease_and_leaves_with_its_last() -> None:
    presence = Presence()
    assert presence.take(Lease("p", "ada", b'{"n":1}')) == ({"ada": {"n": 1}}, [])
    assert presence.take(Lease("q", "ada", b'{"n":1}')) == ({}, [])
    assert presence.take(Lease("p", "ada", None)) == ({}, [])
    assert presence.members() == {"ada": {"n": 1}}
    assert presence.take(Lease("q", "ada", None)) == ({}, ["ada"])
    assert presence.members() == {}


def test_rl10_what_a_member_shows_may_change() -> None:
    presence = Presence()
    presence.take(Lease("p", "ada", b"1"))
    assert presence.take(Lease("p", "ada", b"2")) == ({"ada": 2}, [])


def test_rl10_leases_of_a_dead_process_go_when_all_are_asked_for_again() -> None:
    presence = Presence()
    presence.take(Lease("p", "ada", b"1"))
    presence.take(Lease("q", "bob", b"1"))
    assert presence.replace({("q", "bob"): b"1", ("r", "eve"): b"3"}) == ({"eve": 3}, ["ada"])


@given(st.lists(leases))
def test_who_follows_the_shifts_knows_the_members(changes: list[Lease]) -> None:
    presence, known, entries = Presence(), dict[str, Any](), dict[tuple[str, str], bytes]()
    for lease in changes:
        shift = presence.take(lease)
        for key in shift.left:
            del known[key]
        known.update(shift.joined)
        entries.pop((lease.process, lease.key), None)
        if lease.value is not None:
            entries[lease.process, lease.key] = lease.value
        assert known == presence.members()
        assert known.keys() == {key for _, key in entries}
    assert not presence.replace(entries)
