"""The hood of an app: what it adds to pages, its two files and its page, and what it tells over the pages' connections.

Over a connection, both ways:

=====================================  ==============================================================================
``["hood", true]``                     tell what goes on, from now on
``["hood", false]``                    that is enough
``["hood", {"process": …, …}]``        from here: what goes on, whenever it has changed; ``null``: not to you
=====================================  ==============================================================================
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vivace.app.lifespan import LifespanContext
from vivace.app.pages import before_end, is_open_html, is_whole
from vivace.errors import NotFound
from vivace.http.csp import SELF, ContentSecurityPolicy, as_policies
from vivace.http.request import SAFE_METHODS, Request
from vivace.http.response import HTML, Response, copied
from vivace.http.types import CallNext, Middleware
from vivace.realtime.manager import fresh_request
from vivace.security import Security

from .door import Door, is_local
from .labels import Labels
from .noting import note_in
from .process import AboutProcess, AboutRoom, about_process, rooms_of
from .record import About, Record, current_record
from .regions import AboutRegion, Regions, Stories

if TYPE_CHECKING:
    from vivace.app import App
    from vivace.realtime.connection import Connection

logger: Final = logging.getLogger("vivace.app")
PATH: Final = "/_vivace/hood"
FILES: Final = {
    "hood.js": "text/javascript",
    "panel.js": "text/javascript",
    "outline.js": "text/javascript",
    "hood.css": "text/css",
}
PERIOD: Final = 0.25  # seconds between two looks at what goes on, while a panel is open
MOST_BEFORE: Final = 3  # writes that are told of in the page that follows them
MOST_CLIENTS: Final = 100  # of whom such writes are kept
RECHECK: Final = 30.0  # seconds until the door is asked again
_FOLDER: Final = Path(__file__).parent
_NAME: Final = "vivace:hood"
_HIDDEN: Final[dict[str, Any]] = {"hidden": True, "extra": {"public": True}}
_FOR_SCRIPT: Final = str.maketrans({"<": "\\u003C", ">": "\\u003E", "&": "\\u0026"})
_PAGE: Final = """<!doctype html>
<html lang="en" data-vivace-hood="page">
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Under the hood</title>
<noscript>What is under the hood is shown by a script.</noscript>
"""
_SOCKET: Final = "vivace/socket.js"
_VERB: Final = "hood"
_STATE: Final = "hood"  # of a connection: what tells it


class Told(msgspec.Struct, frozen=True):
    """What goes on, for one page."""

    process: AboutProcess
    regions: list[AboutRegion]
    rooms: list[AboutRoom]


class InPage(msgspec.Struct, frozen=True):
    """What stands in a page: what happened for it, the process, and the script by which it is connected, if it is.

    ``before`` are the writes that led to it: a form that was sent, and answered with this page's address. ``regions`` are
    those of all pages, on the page of the hood itself.
    """

    process: AboutProcess
    about: About | None = None
    before: list[About] = []
    socket: str = ""
    regions: list[AboutRegion] = []


class Telling:
    """What tells one connection, while its panel is open."""

    __slots__ = ("task",)

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None

    def end(self) -> None:
        """Tell it no more."""
        if self.task is not None:
            self.task.cancel()
            self.task = None


class Hood:
    """What an app shows of itself; made at the freeze of one that does."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.door = Door(app.given_hood)
        self.labels = Labels(app)
        self.regions: Regions | None = None
        self.connected = False
        self._before: OrderedDict[tuple[str, int], list[About]] = OrderedDict()  # by TCP connection

    # -- joining the app ------------------------------------------------------------------------------------------

    def route(self) -> None:
        """Add the routes; they are answered to whom the door lets in, and are not there for others."""
        app = self.app
        if any(route.name == _NAME for route in app.collect()):
            return

        async def show(request: Request) -> Response:
            await self._require(request)
            regions = self.regions.all() if self.regions is not None else []
            markup = _markup(InPage(about_process(app), regions=regions))
            return HTML(_PAGE.encode() + markup, headers={"cache-control": "no-store"})

        async def file(request: Request, name: str) -> Response:
            await self._require(request)
            if name not in FILES:
                raise NotFound("The hood has no such file.")
            headers = {"cache-control": "no-cache"}
            return Response((_FOLDER / name).read_bytes(), 200, headers, f"{FILES[name]}; charset=utf-8")

        app.get(PATH, name=_NAME, **_HIDDEN)(show)
        app.get(f"{PATH}/{{name}}", name=f"{_NAME}-file", **_HIDDEN)(file)

    def connect(self) -> None:
        """Answer what pages ask over their connections, in an app that has any."""
        app = self.app
        if app.is_live or ("sockets" in vars(app) and app.sockets.wanted):
            self.connected = True
            app.realtime.verbs[_VERB] = self.asked

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Take note of what happens while the app runs."""
        app = self.app
        note_in(app)
        self.connected = self.connected and app.has_static and app.site.has_static(_SOCKET)
        if not app.is_live:
            yield
            return
        stories = Stories(app.live)
        self.regions = Regions(app.live, self.labels, stories)
        end = app.changes.subscribe(stories.changed)
        try:
            yield
        finally:
            end()

    async def _require(self, request: Request) -> None:
        if not await self.door.opens(request):
            raise NotFound("There is nothing here.")

    # -- pages ----------------------------------------------------------------------------------------------------

    async def middleware(self, request: Request, call_next: CallNext) -> Response:
        """Watch a request whose sender may see, and put what was seen into its page; the innermost middleware."""
        if not _may_be_page(request) or not await self.door.opens(request):
            return await call_next(request)
        record = Record(request)
        token = current_record.set(record)
        try:
            response = await call_next(request)
        finally:
            current_record.reset(token)
        try:
            return self._told_of(request, response, record)
        except Exception:  # an answer is worth more than what is told of it
            logger.exception("what happened for %s could not be told", request.path)
            return response

    def _told_of(self, request: Request, response: Response, record: Record) -> Response:
        if is_open_html(request, response) and is_whole(response.body) and _lets_scripts_in(response):
            return self._with_panel(request, response, record)
        if request.method not in SAFE_METHODS and is_local(request) and request.client is not None:
            before = self._before.setdefault(request.client, [])
            before.append(record.about(response))
            del before[:-MOST_BEFORE]
            self._before.move_to_end(request.client)
            if len(self._before) > MOST_CLIENTS:
                self._before.popitem(last=False)
        return response

    def _with_panel(self, request: Request, response: Response, record: Record) -> Response:
        before = self._before.pop(request.client, []) if request.client is not None else []
        addition = self._markup(request, record.about(response), before)
        page = copied(response)  # a handler may answer with one value for all
        page.body = before_end(response.body, addition)
        for name in ("etag", "last-modified", "content-length"):  # of the page without it
            page.headers.remove(name)
        page.headers.keep_private()
        return page

    def _markup(self, request: Request, about: About, before: list[About]) -> bytes:
        socket = self.app.site.static_url(_SOCKET) if self.connected else ""
        own = request.route.options.csp if request.route is not None else None
        policies = as_policies((self.app.security or Security()).csp if own is None else own)
        # A nonce that nobody needs would have the page's policy made anew.
        needs_nonce = request.has_csp_nonce or not all(map(_is_for_this_site, policies))
        nonce = f' nonce="{request.csp_nonce}"' if needs_nonce else ""
        return _markup(InPage(about_process(self.app), about, before, socket), nonce)

    # -- connections ----------------------------------------------------------------------------------------------

    async def asked(self, connection: Connection, message: list[Any]) -> None:
        """Take ``["hood", true]`` and ``["hood", false]``."""
        telling: Telling | None = connection.state.get(_STATE)
        if telling is None:
            telling = connection.state[_STATE] = Telling()
            connection.on_close(telling.end)
        telling.end()
        if message[1:] == [True]:
            telling.task = self.app.sockets.spawn(self._tell(connection))

    async def _tell(self, connection: Connection) -> None:
        """Tell a page what goes on, as long as the door is open for it."""
        loop = asyncio.get_running_loop()
        asked, last = float("-inf"), b""
        while not connection.closed:
            if loop.time() - asked >= RECHECK:
                if not await self._opens(connection):
                    connection.send(_VERB, None)
                    return
                asked = loop.time()
            if connection.flowing:
                told = msgspec.json.encode(self.told(connection))
                if told != last:
                    connection.send(_VERB, msgspec.Raw(told))
                    last = told
            await asyncio.sleep(PERIOD)

    async def _opens(self, connection: Connection) -> bool:
        """Ask the door with a request that remembers nothing: rights are those of now."""
        handshake = connection.request
        return await self.door.opens(fresh_request(handshake, handshake.route, dict(handshake.path_params)))

    def told(self, connection: Connection) -> Told:
        """Return what goes on, for the page at the other end of a connection."""
        regions = self.regions.of(connection) if self.regions is not None else []
        return Told(about_process(self.app), regions, rooms_of(self.app, connection))


def _markup(told: InPage, nonce: str = "") -> bytes:
    """Return what a page tells, and the script that shows it."""
    text = msgspec.json.encode(told).decode().translate(_FOR_SCRIPT)
    data = f'<script type="application/json" id="vivace-hood-record">{text}</script>'
    return f'{data}<script type="module" src="{PATH}/hood.js"{nonce}></script>'.encode()


def _is_for_this_site(policy: ContentSecurityPolicy) -> bool:
    """Return whether a policy lets the scripts of this site run."""
    sources = policy.script_src_elem or policy.script_src or policy.default_src
    return not sources or SELF in sources


def _lets_scripts_in(response: Response) -> bool:
    """Return whether an answer with a policy of its own lets the scripts of this site run, as the debug page in ``dev`` does."""
    said = None if response.plain else response.headers.get("content-security-policy")
    return said is None or SELF in said


def _may_be_page(request: Request) -> bool:
    """Return whether a browser shows the answer as a page of its own, or its live client takes it for one."""
    wanted = request.headers.get("sec-fetch-dest", "document")
    asks = wanted == "empty" and (request.headers.get("accept") or "").startswith("text/html")
    return (wanted == "document" or asks) and not request.raw_path.startswith("/_vivace/")


def join(app: App, lifespans: list[tuple[str, LifespanContext]]) -> Middleware:
    """Give an app its hood; returns the middleware that stands around its routes."""
    hood = app.hood
    hood.route()
    hood.connect()
    lifespans.append(("under the hood", hood.running))
    return hood.middleware


__all__ = ["PATH", "Hood", "InPage", "Told", "join"]
