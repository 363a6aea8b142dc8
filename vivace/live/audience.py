"""Everybody for whom one rendering is right: an address, and for what is personal one connection.

Theory
------
An audience keeps the present version of each root (``collecting``) and who shows it. It is rendered again when a change
touches what a root read, when a root is out of date by itself, and when a viewer comes who shows something else. However
many of these come while one render is under way, they make one more.

1. One render at a time, so versions follow each other; each reads the database later than the one before.
2. A viewer who comes with another hash than the kept one is answered from a render that began after it came. It may
   have seen a newer state on another worker; a render that begins now cannot be older than that.
3. A root's reads stand in the index as soon as they are known. What was written between the first query and then is found
   by ``feed.met_since``, and makes the root dirty again.
4. A root that fails keeps its version, and its reads are those of before and those of the failed attempt: the next change of
   either tries again, and so does time. Nobody is sent that version any more: it is of before the change, so it may show
   what the change took away. When it succeeds again, everybody is sent what differs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vivace.changes import ReadSet

from .collecting import Pass, Region, Rendered, root_of
from .rerender import Address, is_gone
from .viewers import Step, Viewer

if TYPE_CHECKING:
    from vivace.http.request import Request

    from .server import Live

logger: Final = logging.getLogger("vivace.live")
_AT_ONCE: Final = (
    250  # viewers that are sent something before others get a turn on the loop: some milliseconds
)


class Root:
    """What is rendered together, in its present version."""

    __slots__ = (
        "_timer",
        "audience",
        "error",
        "failures",
        "name",
        "reads",
        "renders",
        "steps",
        "viewers",
        "why",
    )

    def __init__(self, audience: Audience, name: str) -> None:
        self.audience = audience
        self.name = name
        self.steps: dict[str, Step] = {}  # by region: its version and the way from the one before
        self.reads = ReadSet()
        self.viewers = 0
        self.renders = 0
        self.why = ""
        self.error = ""
        self.failures = 0  # one after the other, up to now
        self._timer: asyncio.TimerHandle | None = None

    def touched(self) -> None:
        """Render it again: what it read has changed."""
        self.audience.touch(self, "a change")

    def expire_in(self, seconds: float | None) -> None:
        """Render it again after so long; ``None``: only when something changes."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if seconds is not None:
            self._timer = self.audience.live.later(seconds, lambda: self.audience.touch(self, "every"))

    def replace(self, regions: dict[str, Region]) -> tuple[list[Step], list[str]]:
        """Take a new version; return the steps to it and the regions that are gone."""
        before = {region: step.region for region, step in self.steps.items()}
        self.steps = {
            region: self.steps[region] if before.get(region) == now else Step(now, before.get(region))
            for region, now in regions.items()
        }
        changed = [step for region, step in self.steps.items() if before.get(region) != step.region]
        return changed, [region for region in before if region not in regions]

    def is_shown_by(self, viewer: Viewer) -> bool:
        """Return whether a viewer shows this version. What it shows besides is in a loop of the page, which stays as it is."""
        shown = viewer.shown
        return bool(self.renders) and all(
            shown.get(id) == step.region.hash for id, step in self.steps.items()
        )

    def doubt(self, viewer: Viewer) -> None:
        """Send whole what a viewer shows in another version: what it was sent before it said so may be under way."""
        for region, shown in viewer.shown.items():
            step = self.steps.get(region)
            if root_of(region) == self.name and (step is None or step.region.hash != shown):
                viewer.has.discard(region)


class Audience:
    """See above. ``handshake`` is ``None`` for what everybody shares."""

    __slots__ = (
        "_joined",
        "_queued",
        "_rendering",
        "_session",
        "_wanted",
        "address",
        "dirty",
        "handshake",
        "live",
        "roots",
        "running",
        "viewers",
        "waiting",
    )

    def __init__(self, live: Live, address: Address, handshake: Request | None = None) -> None:
        self.live = live
        self.address = address
        self.handshake = handshake
        self.roots: dict[str, Root] = {}
        self.viewers: dict[Viewer, frozenset[str]] = {}  # the roots that each shows
        self.waiting: dict[Viewer, None] = {}  # to be answered from a render that has not begun yet
        self.dirty: set[str] = set()
        self.running = False
        self._joined: dict[Viewer, None] = {}  # came while a render is under way, and show what is kept
        self._rendering = frozenset[str]()
        self._session: str | None = None
        self._queued = False
        self._wanted: dict[frozenset[str], frozenset[str]] = {}  # equal sets are one: there are thousands

    # -- who shows it ---------------------------------------------------------------------------------------------

    def add(self, viewer: Viewer, roots: Iterable[str]) -> None:
        """Keep these roots of a viewer's page true, and bring them up to date."""
        known = self.viewers.get(viewer, frozenset[str]())
        wanted = known.union(roots)
        for name in wanted - known:
            self._root(name).viewers += 1
        self.viewers[viewer] = self._wanted.setdefault(wanted, wanted)
        missing = [name for name in roots if not self.roots[name].is_shown_by(viewer)]
        if missing or not self.dirty.isdisjoint(wanted):
            self._wait(viewer, self.waiting)
        elif not self._rendering.isdisjoint(wanted):
            self._wait(viewer, self._joined)
        for name in missing:
            self.roots[name].doubt(viewer)
            self.touch(self.roots[name], "a viewer came")

    def _wait(self, viewer: Viewer, among: dict[Viewer, None]) -> None:
        if viewer not in among:
            viewer.unsettled += 1
            among[viewer] = None

    def _root(self, name: str) -> Root:
        root = self.roots.get(name)
        if root is None:
            root = self.roots[name] = Root(self, name)
        return root

    def remove(self, viewer: Viewer, roots: frozenset[str] | None = None) -> None:
        """Let go of a viewer, or of some roots of it; of a root that nobody shows any more nothing stays."""
        had = self.viewers.pop(viewer, frozenset[str]())
        left = had - roots if roots is not None else frozenset[str]()
        if left:
            self.viewers[viewer] = self._wanted.setdefault(left, left)
        elif viewer in self.waiting:
            del self.waiting[viewer]
            viewer.unsettled -= 1
        for name in had - left:
            root = self.roots[name]
            root.viewers -= 1
            if not root.viewers:
                self._drop(root)
        if not self.viewers:
            self._wanted.clear()

    def _drop(self, root: Root) -> None:
        del self.roots[root.name]
        root.expire_in(None)
        self.dirty.discard(root.name)
        self.live.index.remove(root)

    # -- when it is rendered --------------------------------------------------------------------------------------

    def touch(self, root: Root, why: str) -> None:
        """Render a root again, soon."""
        if self.roots.get(root.name) is root:
            self.dirty.add(root.name)
            root.why = why
            self._enqueue()

    def _enqueue(self) -> None:
        if not self._queued and not self.running:
            self._queued = True
            self.live.work(self)

    async def run(self) -> None:
        """Render what is dirty, once, and tell the viewers."""
        self._queued = False
        if not self.dirty:
            return
        self.running = True
        self._rendering, self.dirty = frozenset(self.dirty), set()
        batch, self.waiting = self.waiting, {}
        try:
            await self._render(self._rendering)
        finally:
            joined, self._joined = self._joined, {}
            self.running, self._rendering = False, frozenset()
            for viewer in batch:
                self._answer(viewer)
            if self.dirty:  # perhaps by what those who came meanwhile know of already
                self.waiting.update(joined)
                self._enqueue()
            else:
                for viewer in joined:
                    self._answer(viewer)

    async def _render(self, wanted: frozenset[str]) -> None:
        live = self.live
        sequence = live.feed.sequence
        done = live.renderer.pass_for(self.address, wanted)
        try:
            async with asyncio.timeout(live.options.patience):
                await live.renderer.run(done, self.handshake)
        except Exception as error:
            if is_gone(error):
                live.dismiss(self.viewers, "refused")
                return
            self._failed(done, wanted, error)
        else:
            await self._finish(done, wanted)
        for name in wanted:
            root = self.roots.get(name)
            if root is not None and live.feed.met_since(sequence, root.reads):
                self.touch(root, "a change while it was rendered")

    def _failed(self, done: Pass, wanted: Iterable[str], error: Exception) -> None:
        """The handler failed, or took too long: everything stays as it is, and what it read until then may change that."""
        for name in wanted:
            if name in self.roots:
                self._keep(self.roots[name], Rendered(done.reads, error=error))
        logger.error("rendering %s again for its live regions failed", self.address.target, exc_info=error)

    async def _finish(self, done: Pass, wanted: frozenset[str]) -> None:
        if done.personal:
            self.live.make_all_personal(self, done.personal)
        elif not done.answered or not self._is_same(done.session):
            self.live.dismiss(self.viewers, "refused")  # a redirect, something that is no page, somebody else
        else:
            if self.viewers:
                self.live.endings.expect(self, done.lasts, self.touch_all)
            await self._take(done)

    def touch_all(self) -> None:
        """Render all its roots again: the session of its viewer is over."""
        for root in tuple(self.roots.values()):
            self.touch(root, "the end of a session")

    def _is_same(self, session: str | None) -> bool:
        """Return whether the session of the connection still lasts, if it had any: else the browser knows a newer one."""
        if session is None:
            return True
        if self._session is None:
            self._session = session
        return self._session == session

    async def _take(self, done: Pass) -> None:
        personal = frozenset(name for name, each in done.rendered.items() if each.personal)
        if personal and self.handshake is None:
            self.live.make_personal(self, personal, done.rendered[min(personal)].personal)
        for name, rendered in done.rendered.items():
            root = self.roots.get(name)
            if root is None:
                continue
            root.renders += rendered.regions is not None
            recovered = bool(root.failures)
            if rendered.gone:
                self.live.dismiss(self._showing(name), "changed")
            else:
                self._keep(root, rendered)
            if rendered.error is not None and not rendered.gone:
                logger.error("a live region of %s failed", self.address.target, exc_info=rendered.error)
            if rendered.regions is not None:
                await self._tell(root, rendered.regions, recovered=recovered)

    def _keep(self, root: Root, rendered: Rendered) -> None:
        reads = rendered.reads
        if rendered.error is not None:
            reads = ReadSet(reads.tables)
            reads.update(root.reads)
        root.reads, root.error = reads, "" if rendered.error is None else str(rendered.error) or "an error"
        root.failures = 0 if rendered.error is None else root.failures + 1
        self.live.index.add(root, reads)
        root.expire_in(rendered.every if rendered.error is None else self._pause(root.failures))

    def _pause(self, failures: int) -> float:
        """Return the seconds until what failed is tried again: the reason may end without a change of what was read."""
        options = self.live.options
        return min(options.retry * 2.0 ** min(failures - 1, 30), options.retry_most)

    def _showing(self, name: str) -> list[Viewer]:
        return [viewer for viewer, roots in self.viewers.items() if name in roots]

    # -- what they are told ---------------------------------------------------------------------------------------

    async def _tell(self, root: Root, regions: dict[str, Region], *, recovered: bool = False) -> None:
        steps, gone = root.replace(regions)
        if recovered:  # some were sent nothing meanwhile
            steps = list(root.steps.values())
        if not steps and not gone:
            return
        for count, viewer in enumerate(self._showing(root.name), 1):
            if viewer in self.viewers:
                self._send(viewer, steps, gone)
            if count % _AT_ONCE == 0:
                await asyncio.sleep(0)

    def _send(self, viewer: Viewer, steps: Sequence[Step], gone: Sequence[str]) -> None:
        if viewer.held:
            self.live.catch_up_later(viewer)
            return
        for step in steps:
            viewer.send(step)
        if gone:
            viewer.forget(gone)

    def _answer(self, viewer: Viewer) -> None:
        """Answer a viewer's ``watch``."""
        if viewer in self.viewers:
            self.catch_up(viewer)
        viewer.settled()

    def catch_up(self, viewer: Viewer) -> None:
        """Send a viewer everything that it does not show yet."""
        for name in self.viewers.get(viewer, ()):
            root = self.roots.get(name)
            if root is not None and root.renders and not root.failures:
                stale = [id for id in viewer.shown if root_of(id) == name and id not in root.steps]
                self._send(viewer, list(root.steps.values()), stale)


class Described(msgspec.Struct, frozen=True):
    """What is rendered together, for a person who wonders.

    ``personal``: what it read of one person, ``""`` where it is rendered for all. ``why`` it was rendered last. ``regions``:
    their ids, and how many characters each has. ``reads``: tables, and which of their rows.
    """

    page: str
    root: str
    personal: str
    viewers: int
    renders: int
    why: str
    error: str
    regions: dict[str, int]  # characters
    reads: dict[str, str]


def describe(audience: Audience, personal: Mapping[str, str] | str = "") -> list[Described]:
    """Return what is known of an audience's roots; ``personal``: what they read of a person, by root or all of them."""
    known = personal if isinstance(personal, str) else ""
    by_root: Mapping[str, str] = {} if isinstance(personal, str) else personal
    return [
        Described(
            page=audience.address.target,
            root=root.name,
            personal=by_root.get(root.name, known),
            viewers=root.viewers,
            renders=root.renders,
            why=root.why,
            error=root.error,
            regions={id: len(step.region.source) for id, step in root.steps.items()},
            reads={table: _scope_text(scope) for table, scope in root.reads},
        )
        for root in audience.roots.values()
    ]


def _scope_text(scope: Any) -> str:
    if scope is None:
        return "any row"
    return " or ".join(f"{each.column} in {sorted(map(str, each.values))}" for each in scope)


__all__ = ["Audience", "Described", "Root", "describe"]
