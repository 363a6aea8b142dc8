"""One open copy of a page: what it shows, and how it is told what to show.

A viewer's ``shown`` maps the ids of its regions to the hashes of what the browser has. A message is made for the step from
that hash to the next; whoever has another one, or has not been sent the source, gets the whole source. So whatever went
wrong in between, the next message repairs it.

A viewer is *held* while it must not or cannot be sent anything: its guards are being asked again, or it reads too slowly.
When it is let go it is sent what it missed, in one step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

import msgspec

from vivace.http.request import Request
from vivace.realtime.frames import text_frame

from .collecting import Region
from .diff import splices

_WHOLE: Final = 0.9  # of the size of the source: splices that are longer are no gain


class Peer(Protocol):
    """What a viewer needs of a connection."""

    request: Request

    @property
    def flowing(self) -> bool: ...
    def send(self, *message: Any) -> None: ...
    def send_frame(self, frame: bytes) -> None: ...
    async def drained(self) -> None: ...
    def abort(self, code: int, reason: str) -> None: ...


class Step(msgspec.Struct):
    """A region's way from one version to the next; its frames are made once for all viewers."""

    region: Region
    before: Region | None = None
    _frames: dict[tuple[int, bool], bytes] = {}

    def frame(self, page: int, *, whole: bool) -> bytes:
        """Return the frame for a page of that number."""
        key = (page, whole)
        known = self._frames.get(key)
        if known is None:
            known = self._frames[key] = text_frame(self._message(page, whole))
        return known

    def _message(self, page: int, whole: bool) -> tuple[Any, ...]:
        now, before = self.region, self.before
        if not whole and before is not None:
            changes = splices(before.source, now.source)
            if sum(len(text) + 8 for _, _, text in changes) < _WHOLE * len(now.source) + 32:
                return ("live", page, now.id, before.hash, now.hash, changes)
        return ("live", page, now.id, "", now.hash, (now.source,))


class Viewer:
    """A page that is open somewhere."""

    __slots__ = (
        "address",
        "asking",
        "behind",
        "connection",
        "gone",
        "has",
        "page",
        "shown",
        "unsettled",
    )

    def __init__(self, connection: Peer, page: int, address: Any) -> None:
        self.connection = connection
        self.page = page
        self.address = address
        self.shown: dict[str, str] = {}
        self.has: set[str] = set()  # regions of which it has the source
        self.unsettled = 0  # audiences that have not answered its ``watch`` yet
        self.asking = False  # its guards are being asked
        self.behind = False  # something was not sent
        self.gone = False

    @property
    def held(self) -> bool:
        """Whether nothing may be sent now."""
        return self.asking or self.gone or not self.connection.flowing

    def send(self, step: Step) -> None:
        """Bring one region up to date."""
        now, before = step.region, step.before
        shown = self.shown.get(now.id)
        if shown == now.hash:
            return
        steps = before is not None and shown == before.hash and now.id in self.has
        self.connection.send_frame(step.frame(self.page, whole=not steps))
        self.shown[now.id] = now.hash
        self.has.add(now.id)

    def distrust(self, before: Viewer) -> None:
        """Have regions sent whole of which the page says something else than what it was sent over this connection.

        It may not have read all of that yet, so what it says may be the past.
        """
        for region in self.shown:
            if before.shown.get(region) != self.shown[region]:
                self.shown[region] = ""
                self.has.discard(region)

    def forget(self, regions: Iterable[str]) -> None:
        """Let go of regions that are not on the page any more."""
        for region in regions:
            self.shown.pop(region, None)
            self.has.discard(region)

    def settled(self) -> None:
        """One audience has answered."""
        self.unsettled -= 1
        if not self.unsettled and not self.gone:
            self.connection.send("watching", self.page)


class Guarded(msgspec.Struct, frozen=True, eq=False):
    """Stands in the index for the guards of a viewer."""

    viewer: Viewer
    touch: Callable[[Viewer], None]

    def touched(self) -> None:
        """Ask them again."""
        self.touch(self.viewer)


__all__ = ["Guarded", "Peer", "Step", "Viewer"]
