"""Who is present in a room, in all processes, as far as this one knows.

Each process keeps a lease at the broker for each member of its own; it goes with the process. A member is known by its
key, which is that of its page: after a reconnect to another process there are two leases of one key for a while, and nobody
came or went. So a key *joins* with its first lease and *leaves* with its last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from vivace.brokers import Lease

_decode: Final = msgspec.json.Decoder().decode


class Shift(NamedTuple):
    """What changed: who joined (or shows something else), by key, and the keys of those who left."""

    joined: dict[str, Any]
    left: list[str]

    def __bool__(self) -> bool:
        return bool(self.joined or self.left)


class Presence:
    """The members by key, each with what its processes show."""

    __slots__ = ("_shown",)

    def __init__(self) -> None:
        self._shown: dict[str, dict[str, bytes]] = {}  # key → process → info as JSON

    def members(self) -> dict[str, Any]:
        """Return what each member shows."""
        return {key: _latest(infos) for key, infos in self._shown.items()}

    def take(self, lease: Lease) -> Shift:
        """Note the change of one lease; returns what that means."""
        infos = self._shown.get(lease.key, {})
        before = _raw(infos)
        infos.pop(lease.process, None)
        if lease.value is not None:
            infos[lease.process] = lease.value  # at the end: the latest
        if infos:
            self._shown[lease.key] = infos
        else:
            self._shown.pop(lease.key, None)
        return _shift({lease.key: before}, {lease.key: _raw(infos)})

    def replace(self, entries: Mapping[tuple[str, str], bytes]) -> Shift:
        """Take what the broker knows in place of what was known; returns the difference."""
        before = {key: _raw(infos) for key, infos in self._shown.items()}
        self._shown = {}
        for (process, key), value in entries.items():
            self._shown.setdefault(key, {})[process] = value
        return _shift(before, {key: _raw(infos) for key, infos in self._shown.items()})


def _raw(infos: dict[str, bytes]) -> bytes | None:
    return next(reversed(infos.values())) if infos else None


def _latest(infos: dict[str, bytes]) -> Any:
    raw = _raw(infos)
    return None if raw is None else _decode(raw)


def _shift(before: Mapping[str, bytes | None], after: Mapping[str, bytes | None]) -> Shift:
    joined = {key: _decode(raw) for key, raw in after.items() if raw is not None and before.get(key) != raw}
    left = [key for key, raw in before.items() if raw is not None and after.get(key) is None]
    return Shift(joined, left)


__all__ = ["Presence", "Shift"]
