"""The wire of the test client: what the engine's socket is for a browser, without a socket.

One ``Link`` is one exchange. It is the ``Connection`` that the request sees and the ``Carrier`` of the answer. Both
bodies pass through a bounded buffer, so a handler that streams waits for a test that reads slowly, and an upload waits
for a handler that reads slowly, as they would over a network.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable

from vivace.engine.exchange import Exchange
from vivace.engine.http1.reader import BodyReader
from vivace.errors import ClientDisconnected
from vivace.errors.testing import CutOff
from vivace.http.headers import RawHeaders
from vivace.http.request import Connection, Request
from vivace.http.types import Handle

from .addresses import Address


class Link(Connection):
    """One exchange between the test client and the app; ``hints`` are the early hints that came."""

    def __init__(
        self, address: Address, client: tuple[str, int] | None, content: bytes | AsyncIterable[bytes]
    ) -> None:
        super().__init__(address.scheme, client, (address.hostname, address.port))
        loop = asyncio.get_running_loop()
        self._content = content
        self._upload: asyncio.Task[None] | None = None
        self._uploaded = asyncio.Event()
        self._room = asyncio.Event()
        self._answer = BodyReader(_nothing, self._room.set)
        self._exchange: Exchange | None = None
        self.task: asyncio.Task[None] | None = None
        self.body = content if isinstance(content, bytes) else BodyReader(self._wanted, self._uploaded.set)
        self.head: asyncio.Future[tuple[int, RawHeaders]] = loop.create_future()
        self.hints: list[tuple[str, str]] = []
        self.reported: Exception | None = None
        self.failure: BaseException | None = None
        self.upload_failed = False
        self._gone = False

    @property
    def disconnected(self) -> bool:
        """True once the test has closed the answer."""
        return self._gone

    def early_hints(self, headers: RawHeaders) -> None:
        """Keep the fields of a 103, unless the head has left."""
        if not self.head.done():
            self.hints += [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]

    def report(self, error: Exception) -> None:
        """Keep the error that the app made a 500 of."""
        self.reported = error

    # what the test does

    def begin(self, handle: Handle, request: Request) -> asyncio.Task[None]:
        """Start the exchange."""
        self._exchange = Exchange(handle, request, self)
        self.task = self._exchange.start()
        self.task.add_done_callback(self._ended)
        return self.task

    async def open(self) -> tuple[int, RawHeaders]:
        """Return status and fields; raises what the handler raised before them."""
        try:
            return await asyncio.shield(self.head)
        except asyncio.CancelledError:
            self.disconnect()
            raise

    async def read(self) -> bytes:
        """Return the next piece of the answer, ``b""`` at its end; raises what cut it off."""
        try:
            return await self._answer.read()
        except ClientDisconnected:
            if self.failure is None:
                raise
            raise self.failure  # noqa: B904 - `from` would replace what its cause is

    async def wait_sent(self) -> None:
        """Wait until the exchange has ended on the server's side."""
        if self.task is not None:
            await asyncio.wait({self.task})

    def check(self) -> None:
        """Raise what went wrong after the answer was complete."""
        if self.failure is not None:
            raise self.failure

    async def close(self) -> None:
        """Go away, and wait for the end of what that cancels; an unsafe method goes on without us."""
        self.disconnect()
        if self._exchange is not None and self._exchange.cancellable:
            await self.wait_sent()

    def disconnect(self) -> None:
        """Go away, as a browser that is closed does: see ``Exchange`` for what that means to the handler."""
        if self.task is None or self.task.done() or self._gone:
            return
        self._gone = True
        self._stop_upload()
        self._room.set()
        if isinstance(self.body, BodyReader):
            self.body.fail(_gone())
        if self._exchange is not None:
            self._exchange.disconnect()

    # what the app's side does

    async def start(self, status: int, fields: RawHeaders) -> None:
        """Take the head."""
        if self._gone:
            raise _gone()
        if not self.head.done():
            self.head.set_result((status, fields))

    async def write(self, data: bytes) -> None:
        """Take a piece of the body; waits while the test has not read what came before."""
        if self._gone:
            raise _gone()
        self._answer.feed(data)
        while self._answer.full:
            self._room.clear()
            await self._room.wait()
            if self._gone:
                raise _gone()

    async def finish(self, data: bytes = b"") -> None:
        """Take the last piece."""
        if self._gone:
            raise _gone()
        if data:
            self._answer.feed(data)
        self._answer.finish([])

    # inside

    def _wanted(self) -> None:
        """The handler waits for the body: begin to send it, or go on."""
        self._uploaded.set()
        if self._upload is None and not isinstance(self._content, bytes):
            self._upload = asyncio.get_running_loop().create_task(
                self._send_body(self._content), name="test upload"
            )

    async def _send_body(self, content: AsyncIterable[bytes]) -> None:
        reader = self.body
        if not isinstance(reader, BodyReader):
            return
        try:
            async for piece in content:
                reader.feed(piece)
                while reader.full:
                    self._uploaded.clear()
                    await self._uploaded.wait()
        except Exception as error:  # the test's own iterator failed: that is what the test must see
            self.failure, self.upload_failed = error, True
            self._fail_head(error)
            self.disconnect()
        else:
            reader.finish([])

    def _stop_upload(self) -> None:
        if self._upload is not None and self._upload is not asyncio.current_task():
            self._upload.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """The handler is done: what it raised is raised where the test waits."""
        self._stop_upload()
        self._exchange = self.task = None  # they know us; what a page leaves behind can be counted
        error = None if task.cancelled() else task.exception()
        if error is None and self._answer.complete:
            return
        cut = self.failure or _cut_off(error)
        self.failure = cut
        self._fail_head(error or cut)
        self._answer.fail(_gone())

    def _fail_head(self, error: BaseException) -> None:
        if not self.head.done():
            self.head.set_exception(error)
            self.head.exception()  # the test may have gone away: then nobody looks at it


def _cut_off(error: BaseException | None) -> CutOff:
    cut = CutOff("The answer broke off before its end.", got=repr(error) if error else "the handler ended")
    cut.__cause__ = error
    return cut


def _gone() -> ClientDisconnected:
    return ClientDisconnected("The client went away.")


def _nothing() -> None:
    """The answer needs nobody to be told that it is awaited."""
