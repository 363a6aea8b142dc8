"""The live regions of one process: who watches what, which of it a commit touches, and whose turn it is.

Theory
------
A page that is sent tracks nothing and is kept nowhere. When its socket opens, the browser says which page it has and what
it shows (``watch``); from then on its regions belong to an *audience* (``audience.py``). A commit is looked up in an index
from (table, column, value) to roots and guards, so it costs as much as it touches.

1. What a viewer is sent was rendered for everybody, without anything personal, or with that viewer's own cookies.
   Which of it, a render finds out: the first personal read makes a root personal, and nothing of it was sent.
2. Guards are asked when a viewer comes and again when what they read changes. Until they have answered, the viewer is sent
   nothing: a commit marks guards before any render that it causes can begin.
3. Work is done in turn, a few pieces at a time: whoever is touched again while it waits is waiting already, and whoever is
   touched while it works goes to the end of the line. So a region that changes without end does not starve others.
4. What ends by itself is no write. When a session ends is known, and guards and personal regions are asked again then; and
   all of them every ``recheck``.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextvars import Context, copy_context
from typing import Any, Final, Protocol

import msgspec

from vivace.cache.index import ReadIndex
from vivace.changes import ReadSet, WriteSet
from vivace.errors import BadMessage, BadSignature, HTTPError
from vivace.realtime.connection import belongings
from vivace.realtime.messages import parse_as
from vivace.realtime.sessions import Endings

from .audience import Audience, Described, Root, describe
from .collecting import WHOLE, group
from .rerender import Address, Renderer, Signing, address_of
from .viewers import Guarded, Peer, Viewer

logger: Final = logging.getLogger("vivace.live")
COME_AGAIN: Final = 1012  # the close code that means: connect again
_STATE: Final = "live"  # of a connection: its viewers by page


class LiveOptions(msgspec.Struct, frozen=True):
    """Bounds of what one browser may ask for. Times in seconds."""

    pages: int = 16  # watched over one connection
    regions: int = 5_000  # of one page
    unsettled: int = 4  # pages of one connection that wait for their first answer; more wait to be heard
    at_once: int = 4  # renders of all connections
    recheck: float = 600.0
    patience: float = 30.0  # for one render, or for the guards of one page
    retry: float = 1.0  # until a region that failed is rendered again; doubles, up to …
    retry_most: float = 60.0


class Feed(Protocol):
    """What tells of commits: ``app.changes``."""

    sequence: int

    def met_since(self, sequence: int, reads: ReadSet) -> bool: ...
    def subscribe(self, callback: Callable[[WriteSet], None]) -> Callable[[], None]: ...
    def on_reset(self, callback: Callable[[int], None]) -> Callable[[], None]: ...


class Watched(msgspec.Struct, frozen=True, array_like=True):
    """What a client says of a region: its id, the hash of what it shows, whether it has the source of that."""

    id: str
    hash: str
    has_source: bool = False


class Watch(msgspec.Struct, frozen=True, array_like=True, tag="watch"):
    """``["watch", page, token, [[region, hash], …]]``"""

    page: int
    token: str
    regions: list[Watched]


class Unwatch(msgspec.Struct, frozen=True, array_like=True, tag="unwatch"):
    """``["unwatch", page]``"""

    page: int


class Page:
    """An address and what of it is personal."""

    __slots__ = ("all_personal", "personal", "shared", "viewers")

    def __init__(self, shared: Audience) -> None:
        self.shared = shared
        self.viewers: set[Viewer] = set()
        self.personal: dict[str, str] = {}  # roots, and what they read
        self.all_personal = ""


class Job(Protocol):
    """A piece of work."""

    async def run(self) -> None: ...


class GuardCheck:
    """Asks the guards of a viewer, until the answer is newer than everything that touched it."""

    __slots__ = ("_live", "_viewer", "again", "then")

    def __init__(self, live: Live, viewer: Viewer, then: Callable[[Viewer], None]) -> None:
        self._live = live
        self._viewer = viewer
        self.again = False
        self.then = then

    async def run(self) -> None:
        """Ask; a viewer who may not pass is dismissed."""
        live, viewer = self._live, self._viewer
        if not live.has(viewer):
            return
        self.again = False
        sequence, reads = live.feed.sequence, ReadSet()
        try:
            async with asyncio.timeout(live.options.patience):
                lasts = await live.renderer.allowed(viewer.address, viewer.connection.request, reads)
        except Exception as error:
            logger.error("the guards of %s failed", viewer.address.target, exc_info=error)
            live.dismiss([viewer], "refused")
            return
        if not live.has(viewer):
            return
        live.guard(viewer, reads)
        if self.again or live.feed.met_since(sequence, reads):
            live.work(self)
        elif lasts is not None:
            live.checks.pop(viewer, None)
            live.endings.expect(viewer, lasts, lambda: live.ask_again(viewer))
            viewer.asking = False
            self.then(viewer)
        else:
            live.dismiss([viewer], "refused")


class Live:
    """The live regions of one app in one process; ``app.live``."""

    def __init__(
        self,
        renderer: Renderer,
        tokens: Signing,
        feed: Feed,
        bind: Callable[[Context], None],
        options: LiveOptions | None = None,
    ) -> None:
        self.renderer = renderer
        self._tokens = tokens
        self.feed = feed
        self.options = options or LiveOptions()
        self.pages: dict[Address, Page] = {}
        self.index: ReadIndex[Root | Guarded] = ReadIndex()
        self.checks: dict[Viewer, GuardCheck] = {}
        self._bind = bind
        self._personal: dict[Viewer, Audience] = {}
        self._guards: dict[Viewer, Guarded] = {}
        self._queue: deque[Job] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._workers = 0
        self._context: Context | None = None
        self._unsubscribe: list[Callable[[], None]] = []
        self._rechecking: asyncio.TimerHandle | None = None
        self.endings: Endings[Viewer | Audience] = Endings(lambda: self.options.recheck)  # of sessions

    # -- life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Listen to changes. What is rendered runs in a copy of the present context: of nobody's request."""
        self._context = copy_context()
        self._unsubscribe = [self.feed.subscribe(self.changed), self.feed.on_reset(self.reset)]

    async def stop(self) -> None:
        """End all work."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe = []
        self.dismiss(list(self.viewers), "")
        self._queue.clear()
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._context = None

    @property
    def viewers(self) -> Iterable[Viewer]:
        """Everybody who watches."""
        return {*self.checks, *(viewer for page in self.pages.values() for viewer in page.viewers)}

    def has(self, viewer: Viewer) -> bool:
        """Return whether a page is still open, and this is what watches it."""
        return not viewer.gone

    # -- what clients say -----------------------------------------------------------------------------------------

    async def watch(self, connection: Peer, message: list[Any]) -> None:
        """Take ``["watch", …]``; raises ``BadMessage`` for what is none, or asks for too much."""
        asked = self._parsed(message)
        known = self._of(connection)
        old = known.pop(asked.page, None)
        if len(known) >= self.options.pages:
            raise BadMessage("Too many pages are watched.", expected=f"at most {self.options.pages}")
        try:
            self._begin(connection, asked, old)
        finally:
            if old is not None:  # afterwards: what both show need not be rendered again for the second
                self._forget(old)
        await self._patience(known)

    def _begin(self, connection: Peer, asked: Watch, old: Viewer | None) -> None:
        try:
            target = self._tokens().target(asked.token)
            address = address_of(target, connection.request)
            guarded = self.renderer.has_guards(address)
        except BadSignature:  # or SignatureExpired, which is one
            connection.send("reload", asked.page, "expired")
            return
        except HTTPError:
            connection.send("reload", asked.page, "refused")
            return
        if not all(self._is_of(target, id) for id in {each.id for each in asked.regions}):
            connection.send("reload", asked.page, "changed")
            return
        viewer = self._of(connection)[asked.page] = Viewer(connection, asked.page, address)
        viewer.shown = {each.id: each.hash for each in asked.regions}
        viewer.has = {each.id for each in asked.regions if each.has_source and each.hash}
        if old is not None:
            viewer.distrust(old)
        if guarded:
            self._check(viewer, self._attach)
        else:
            self._attach(viewer)

    async def unwatch(self, connection: Peer, message: list[Any]) -> None:
        """Take ``["unwatch", page]``."""
        viewer = self._of(connection).pop(parse_as(message, Unwatch).page, None)
        if viewer is not None:
            self._forget(viewer)

    def _parsed(self, message: list[Any]) -> Watch:
        asked = parse_as(message, Watch)
        if len(asked.regions) > self.options.regions:
            raise BadMessage("Too many regions are watched.", expected=f"at most {self.options.regions}")
        return asked

    def _is_of(self, target: str, region: str) -> bool:
        """Return whether a page shows a region, as far as that must be proven; see ``tokens``."""
        name, dot, _ = region.partition(".")
        return not dot or "~" in name or self._tokens().is_of(target, region)

    def _of(self, connection: Any) -> dict[int, Viewer]:
        """Return the viewers of a connection by page; they are let go of when it closes."""
        return belongings(connection, _STATE, self._forget)

    async def _patience(self, known: dict[int, Viewer]) -> None:
        """Hold up a client that asks for much at once."""
        while (
            sum(viewer.unsettled > 0 or viewer.asking for viewer in known.values()) >= self.options.unsettled
        ):
            waiting = [task for task in self._tasks if not task.done()]
            if not waiting:
                return
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)

    # -- who watches ----------------------------------------------------------------------------------------------

    def _attach(self, viewer: Viewer) -> None:
        """Have a viewer's regions kept true. A region in another is kept with the one that stands alone around it."""
        by_root = group(viewer.shown)
        alone = {name for name, ids in by_root.items() if name == WHOLE or any(map(_is_alone, ids))}
        viewer.forget([id for name, ids in by_root.items() if name not in alone for id in ids])
        page = self.pages.get(viewer.address)
        if page is None:
            page = self.pages[viewer.address] = Page(Audience(self, viewer.address))
        page.viewers.add(viewer)
        personal = alone if page.all_personal else alone & page.personal.keys()
        viewer.unsettled += 1
        if alone - personal:
            page.shared.add(viewer, alone - personal)
        if personal:
            self._attach_personal(viewer, personal)
        viewer.settled()
        self._recheck_later()

    def _attach_personal(self, viewer: Viewer, roots: Iterable[str]) -> None:
        audience = self._personal.get(viewer)
        if audience is None:
            request = viewer.connection.request
            audience = self._personal[viewer] = Audience(self, viewer.address, request)
        audience.add(viewer, roots)

    def make_all_personal(self, audience: Audience, what: str) -> None:
        """Render everything on a page for each viewer from now on: its handler read something personal."""
        page = self.pages.get(audience.address)
        if page is not None and audience is page.shared:
            page.all_personal = what
            self.make_personal(audience, frozenset(audience.roots), what)

    def make_personal(self, audience: Audience, roots: frozenset[str], what: str) -> None:
        """Render roots for each viewer from now on: they read something personal."""
        page = self.pages.get(audience.address)
        if page is None or audience is not page.shared:
            return
        page.personal.update(dict.fromkeys(roots, what))
        for viewer, shown in tuple(audience.viewers.items()):
            moved = shown & roots
            if moved:
                viewer.unsettled += 1
                audience.remove(viewer, moved)
                self._attach_personal(viewer, moved)
                viewer.settled()

    def dismiss(self, viewers: Iterable[Viewer], reason: str) -> None:
        """Stop keeping pages true, and say why.

        Who is refused comes again with another connection: the cookies of this one may be those of a session that is over.
        """
        for viewer in tuple(viewers):
            known = self._of(viewer.connection)
            if known.get(viewer.page) is viewer:
                del known[viewer.page]
            self._forget(viewer)
            if reason:
                viewer.connection.send("reload", viewer.page, reason)
            if reason == "refused":
                viewer.connection.abort(COME_AGAIN, "come again")

    def _forget(self, viewer: Viewer) -> None:
        viewer.gone = True
        self.checks.pop(viewer, None)
        guarded = self._guards.pop(viewer, None)
        if guarded is not None:
            self.index.remove(guarded)
        personal = self._personal.pop(viewer, None)
        for item in (viewer, personal):
            if item is not None:
                self.endings.forget(item)
        if personal is not None:
            personal.remove(viewer)
        page = self.pages.get(viewer.address)
        if page is not None:
            page.shared.remove(viewer)
            page.viewers.discard(viewer)
            if not page.viewers:
                del self.pages[viewer.address]
        if not self.pages and self._rechecking is not None:
            self._rechecking.cancel()
            self._rechecking = None

    # -- guards ---------------------------------------------------------------------------------------------------

    def guard(self, viewer: Viewer, reads: ReadSet) -> None:
        """Know what the guards of a viewer read."""
        known = self._guards.get(viewer)
        if known is None:
            known = self._guards[viewer] = Guarded(viewer, self.ask_again)
        self.index.add(known, reads)

    def ask_again(self, viewer: Viewer) -> None:
        """Ask the guards of a viewer again; until then it is sent nothing."""
        self._check(viewer, self.catch_up)

    def _check(self, viewer: Viewer, then: Callable[[Viewer], None]) -> None:
        viewer.asking = True
        check = self.checks.get(viewer)
        if check is not None:
            check.again = True
            return
        check = self.checks[viewer] = GuardCheck(self, viewer, then)
        self.work(check)

    # -- viewers that were held -----------------------------------------------------------------------------------

    def catch_up_later(self, viewer: Viewer) -> None:
        """Send a viewer what it misses now as soon as it may be sent something."""
        if viewer.behind:
            return
        viewer.behind = True
        if not viewer.asking and not viewer.gone:
            self._spawn(self._drained(viewer))

    async def _drained(self, viewer: Viewer) -> None:
        await viewer.connection.drained()
        self.catch_up(viewer)

    def catch_up(self, viewer: Viewer) -> None:
        """Send a viewer what it missed."""
        if viewer.gone or not viewer.behind or viewer.asking:
            return
        viewer.behind = False
        page = self.pages.get(viewer.address)
        audiences = (page.shared if page is not None else None, self._personal.get(viewer))
        for audience in audiences:
            if audience is not None:
                audience.catch_up(viewer)

    # -- changes --------------------------------------------------------------------------------------------------

    def changed(self, write: WriteSet) -> None:
        """Take a commit: mark what it touches."""
        for item in self.index.touched(write):
            item.touched()

    def reset(self, epoch: int) -> None:
        """Changes may have been missed: everything is rendered again."""
        for item in tuple(self.index):
            item.touched()

    def _recheck_later(self) -> None:
        if self._rechecking is None:
            self._rechecking = self.later(self.options.recheck, self.recheck)

    def recheck(self) -> None:
        """Ask all guards again, and render what is personal: a session may have run out."""
        self._rechecking = None
        for guarded in tuple(self._guards.values()):
            guarded.touched()
        for audience in tuple(self._personal.values()):
            for root in audience.roots.values():
                audience.touch(root, "a recheck")
        if self._guards or self._personal:
            self._recheck_later()

    # -- work -----------------------------------------------------------------------------------------------------

    def later(self, seconds: float, function: Callable[[], None]) -> asyncio.TimerHandle:
        """Call a function after so many seconds."""
        return asyncio.get_running_loop().call_later(seconds, function)

    def work(self, job: Job) -> None:
        """Do a piece of work when it is its turn."""
        self._queue.append(job)
        if self._workers < self.options.at_once:
            self._workers += 1
            self._spawn(self._work())

    async def _work(self) -> None:
        try:
            while self._queue:
                await asyncio.wait({self._spawn(self._queue.popleft().run())})
        finally:
            self._workers -= 1

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task in a context of nobody's request and nobody's transaction."""
        context = (self._context or Context()).copy()
        self._bind(context)
        task = asyncio.get_running_loop().create_task(work, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("work for live regions failed", exc_info=task.exception())

    # -- looking --------------------------------------------------------------------------------------------------

    def audiences_of(self, connection: Peer) -> Iterator[tuple[Page, Audience]]:
        """Yield what keeps the pages of a connection true: the audience that it shares with others, and its own."""
        for viewer in self._of(connection).values():
            page = self.pages.get(viewer.address)
            if page is not None and viewer in page.viewers:
                yield page, page.shared
                own = self._personal.get(viewer)
                if own is not None:
                    yield page, own

    def describe(self) -> list[Described]:
        """Return everything that is watched: for who develops and for tests."""
        found = [each for page in self.pages.values() for each in describe(page.shared)]
        for audience in self._personal.values():
            page = self.pages[audience.address]
            found += describe(audience, page.all_personal or page.personal)
        return found


def _is_alone(region: str) -> bool:
    return "." in region and "~" not in region.partition(".")[0]


__all__ = ["Live", "LiveOptions"]
