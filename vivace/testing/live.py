"""A live page without a browser: ``async with client.live("/") as page: … await page.changed()``.

It does what the browser's module does, by the same protocol (``docs/reference/live.md``), and checks what a browser would
have to believe: that each splice fits the source it has, and gives the hash that it is said to give.
"""

from __future__ import annotations

import asyncio
import re
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from vivace.errors.testing import ClientMisuse, NothingReceived
from vivace.live.diff import apply
from vivace.templates.regions import hash_of, source_of

from .answers import ClientResponse
from .sockets import ClientSocket

if TYPE_CHECKING:
    from .client import Client

_MARKER: Final = re.compile(r"<!--live:([\w.~-]+):([\w-]*)(?::([\w.-]+))?-->(.*?)<!--/live:\1-->", re.DOTALL)
_HOLE: Final = re.compile(r"<!--live:([\w.~-]+)--><!--/live:\1-->")
_PATIENCE: Final = 30.0  # seconds


class Update(msgspec.Struct, frozen=True):
    """A region came to another version: ``size`` bytes of JSON said how. ``whole``: all of its source was sent."""

    region: str
    size: int
    whole: bool


class LivePage:
    """A page that is kept true.

    ``response`` is the page as it came. ``regions`` are the ids of its regions in the order of the page, nested ones after
    those around them. ``updates`` are all that came, ``reloaded`` why the server wants the page to be fetched again.
    """

    def __init__(self, client: Client, url: str, options: Any, *, number: int = 1) -> None:
        self.number = number
        self.updates: list[Update] = []
        self.reloaded: str | None = None
        self.token = ""
        self.sources: dict[str, str] = {}
        self.hashes: dict[str, str] = {}
        self._has: set[str] = set()  # of which the server sent the source
        self._client = client
        self._url = url
        self._options = options
        self._response: ClientResponse | None = None
        self._socket: ClientSocket | None = None

    async def __aenter__(self) -> Self:
        """Get the page and watch it; raises ``ClientMisuse`` for one without live regions."""
        self.response = await self._client.get(self._url, **self._options)
        return await self.open(self.response)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the page."""
        await self.disconnect()

    @property
    def response(self) -> ClientResponse:
        """The page as it came."""
        if self._response is None:
            raise ClientMisuse("The page has not been fetched.", fix="async with client.live(…) as page:")
        return self._response

    @response.setter
    def response(self, response: ClientResponse) -> None:
        self._response = response

    async def open(self, response: ClientResponse) -> Self:
        """Watch the regions of a page that came in another way: as the answer to a form."""
        self._response = response
        self._read(response.text)
        if not self.token:
            raise ClientMisuse(
                f"{self._url} has no live regions.",
                expected="a page with {% live %}, rendered by an answer to GET",
                got=f"status {response.status}",
            )
        await self.connect()
        return self

    async def connect(self, *, wait: bool = True) -> None:
        """Open the connection and watch, as a browser does that was away; ``wait`` until what differs has come."""
        headers = self._options.get("headers", ())
        self._socket = self._client.websocket("/_vivace/socket", headers=headers)
        await self._socket.__aenter__()
        await self.watch()
        if wait:
            await self.caught_up()

    async def disconnect(self) -> None:
        """Lose the connection; ``connect()`` opens another one."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.__aexit__(None, None, None)

    async def watch(self) -> None:
        """Say what the page shows."""
        shown = [[region, hash, region in self._has] for region, hash in self.hashes.items()]
        await self.socket.send_json(["watch", self.number, self.token, shown])

    @property
    def socket(self) -> ClientSocket:
        """The connection; raises ``ClientMisuse`` while there is none."""
        if self._socket is None:
            raise ClientMisuse("The page is not connected.", fix="await page.connect()")
        return self._socket

    # -- what it shows --------------------------------------------------------------------------------------------

    @property
    def regions(self) -> list[str]:
        """The ids of the regions, as they stand on the page."""
        return list(self.sources)

    def html(self, region: str | int = 0) -> str:
        """Return what a region shows: by its id, or its number on the page."""
        name = self.regions[region] if isinstance(region, int) else region
        return _HOLE.sub(lambda found: self.html(found[1]), self.sources[name])

    def _read(self, text: str) -> None:
        for region, hash, token, inner in _MARKER.findall(text):
            self.token = self.token or token
            self.sources[region] = source_of(inner, has_nested=True)
            self.hashes[region] = hash
            self._read(inner)

    # -- what comes -----------------------------------------------------------------------------------------------

    async def changed(self) -> Update:
        """Wait until a region changes; raises ``NothingReceived`` when it does not, or the page is to be fetched again."""
        before = len(self.updates)
        while len(self.updates) == before:
            verb = await self.receive()
            if verb == "reload":
                raise NothingReceived("The page is to be fetched again.", got=str(self.reloaded))
        return self.updates[before]

    async def shows(self, text: str, region: str | int = 0) -> str:
        """Wait until a region shows a text; return all that it shows."""
        while text not in self.html(region):
            await self.changed()
        return self.html(region)

    async def caught_up(self) -> None:
        """Wait until the server has answered ``watch``: everything that differed has come."""
        while await self.receive() not in ("watching", "reload"):
            pass

    async def settled(self) -> None:
        """Wait until the server has rendered again what had changed by now, and it has come."""
        await self.watch()
        await self.caught_up()

    async def receive(self) -> str:
        """Take one message; return its verb."""
        try:
            async with asyncio.timeout(_PATIENCE):
                raw = await self.socket.receive()
        except TimeoutError:
            raise NothingReceived(
                f"Nothing came for {_PATIENCE:.0f} s.", got=f"{len(self.updates)} updates"
            ) from None
        message: list[Any] = msgspec.json.decode(raw)
        if message[0] == "live":
            self._take(message, len(raw))
        elif message[0] == "reload":
            self.reloaded = str(message[2])
        return str(message[0])

    def _take(self, message: list[Any], size: int) -> None:
        _, _, region, before, after, changes = message
        whole = len(changes) == 1 and isinstance(changes[0], str)
        if not whole and (self.hashes.get(region) != before or region not in self._has):
            raise ClientMisuse(
                f"Changes to a version of {region} came that this page does not have.", got=before
            )
        source = changes[0] if whole else apply(self.sources[region], changes)
        if hash_of(source) != after:
            raise ClientMisuse(f"What came for {region} is not what it is said to be.", got=source)
        left = set(_HOLE.findall(self.sources.get(region, ""))) - set(_HOLE.findall(source))
        self.sources[region], self.hashes[region] = source, after
        self._has.add(region)
        self.updates.append(Update(region, size, whole))
        for gone in left:
            self._forget(gone)

    def _forget(self, region: str) -> None:
        """Let go of a region that has no place on the page any more, and of those in it."""
        source = self.sources.pop(region, "")
        self.hashes.pop(region, None)
        self._has.discard(region)
        for inner in _HOLE.findall(source):
            self._forget(inner)


__all__ = ["LivePage", "Update"]
