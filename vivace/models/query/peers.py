"""Peers: the objects that one query returned together.

What one of them lacks, the others will lack too, so whatever is loaded for one is loaded for all of them at once: that
is why a loop over a result never makes one query per object. Peers know each other weakly: keeping one object of a
result does not keep the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import ref


class Peers:
    """The objects of one result (or of one relation of it), as far as they are still alive."""

    __slots__ = ("refs", "strict")

    def __init__(self, objects: Iterable[Any] = (), *, strict: bool = False) -> None:
        self.refs: list[ref[Any]] = [*map(ref, objects)]
        self.strict = strict

    def adopt(self, objects: Iterable[Any]) -> None:
        """Take over the objects of a result."""
        self.refs = [*map(ref, objects)]

    def members(self) -> list[Any]:
        """Return the objects that are alive, in the order of the result."""
        return [each for known in self.refs if (each := known()) is not None]


def peers_of(instance: Any) -> list[Any]:
    """Return the object and its peers; only itself when it came alone."""
    peers = instance._state.peers
    members: list[Any] = [] if peers is None else peers.members()
    return members if any(each is instance for each in members) else [instance]


def join(objects: Iterable[Any]) -> None:
    """Make objects that came from several queries (chunks of a prefetch) peers of each other."""
    members = list(objects)
    together = Peers(members)
    for each in members:
        each._state.peers = together


__all__ = ["Peers", "join", "peers_of"]
