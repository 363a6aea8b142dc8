"""ASGI in: a foreign ASGI app (Starlette, FastAPI, Django) mounted inside ours.

The foreign app runs in one task per request, because its coroutine goes on after its head: while it streams, and after
its last byte (background work). Our handler waits for the head, so hooks and middleware see the true status.

- An answer that comes in one piece becomes an ordinary buffered response.
- Any other is handed over piece by piece: ``send`` of the foreign app waits until its piece was taken.
- When our side ends early (client gone, deadline), the foreign app is told (``http.disconnect``, ``OSError`` from
  ``send``) and cancelled. What it does after its last byte is left alone, and drained at shutdown.
- A WebSocket runs inside ``Upgrade.run``, without a further task.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from vivace.engine.socket import Event
from vivace.errors import ClientDisconnected, HTTPError
from vivace.errors.foreign import MountedAppFailed
from vivace.http.headers import RawHeaders
from vivace.http.request import Request
from vivace.http.response import Response, Sink

from .bridge import ASGIUpgrade
from .foreign import ForeignApp, ForeignResponse, fields_of, whole_response
from .lifespan import Lifespan
from .scope import is_handshake, scope_of


class ASGIMount:
    """A foreign ASGI 3 app as something to mount: ``app.mount("/old", ASGIMount(django_app))``.

    Call it with a request and the rest of the path below the mount. ``startup`` and ``shutdown`` run the foreign app's
    lifespan, if it has one; ``drain`` is how many seconds its background work gets at shutdown.
    """

    def __init__(self, app: ForeignApp, *, drain: float = 10.0) -> None:
        self._app = app
        self._drain = drain
        self._lifespan: Lifespan | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def startup(self) -> None:
        """Start the foreign app; raises ``MountedAppFailed`` when it says that it failed."""
        lifespan = Lifespan(self._app)
        await lifespan.startup()
        self._lifespan = lifespan

    async def shutdown(self) -> None:
        """Let background work end, then stop the foreign app."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self._drain)
            for task in late:
                task.cancel()
        if self._lifespan is not None:
            await self._lifespan.shutdown()
            self._lifespan = None

    async def __call__(self, request: Request, path: str) -> Response:
        """Answer ``request``, whose path below the mount is ``path``."""
        scope = scope_of(request, path, {} if self._lifespan is None else self._lifespan.state)
        if is_handshake(request):
            return ASGIUpgrade(self._app, scope)
        call = ForeignCall(request)
        task = call.start(self._app, scope)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await call.response(task)
        except BaseException:
            call.abandon()
            raise


class ForeignCall:
    """One HTTP request inside a foreign app: its ``receive``, its ``send`` and the hand-over of its body.

    The foreign app writes into our sink itself, as soon as there is one: no queue, no copy, the sink's back-pressure.
    """

    __slots__ = ("_body", "_complete", "_failure", "_first", "_gone", "_head", "_sink", "_task", "request")

    def __init__(self, request: Request) -> None:
        loop = asyncio.get_running_loop()
        self.request = request
        self._body: AsyncIterator[bytes] | None = request.stream(raw=True)
        self._head: tuple[int, RawHeaders] | None = None
        self._first: asyncio.Future[Response] = loop.create_future()
        self._sink: asyncio.Future[Sink] = loop.create_future()
        self._complete: asyncio.Future[None] = loop.create_future()
        self._failure: Exception | None = None
        self._task: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()

    def start(self, app: ForeignApp, scope: dict[str, Any]) -> asyncio.Task[None]:
        """Start the foreign app."""
        name = f"mounted {self.request.method} {self.request.path}"
        task = self._task = asyncio.get_running_loop().create_task(self._run(app, scope), name=name)
        task.add_done_callback(self._ended)
        return task

    async def _run(self, app: ForeignApp, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self.receive, self.send)
        except OSError:
            if not self._gone.is_set():
                raise

    async def response(self, task: asyncio.Task[None]) -> Response:
        """Wait for the beginning of the answer; raises what the foreign app raised before it."""
        either: set[asyncio.Future[Any]] = {task, self._first}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._first.done():
            return self._first.result()
        task.result()
        raise MountedAppFailed(
            "The mounted app ended without an answer.",
            expected="http.response.start and http.response.body",
            got=f"nothing for {self.request.method} {self.request.path}",
        )

    async def receive(self) -> Event:
        """Give the foreign app its next event: body, then the end of the exchange."""
        if self._body is not None and not self._gone.is_set():
            try:
                chunk = await anext(self._body, b"")
            except (HTTPError, ClientDisconnected) as error:
                self._refuse(error)
            else:
                if not chunk:
                    self._body = None
                return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    def _refuse(self, error: Exception) -> None:
        """The body is too large, too slow or broken: that is the answer, whatever the foreign app makes of it."""
        self._gone.set()
        if not self._first.done():
            self._first.set_exception(error)

    async def send(self, event: Event) -> None:
        """Take an event of the foreign app; waits until a piece of a streamed body has been written."""
        if self._complete.done():
            return
        if self._gone.is_set():
            raise OSError("the client went away")
        if event["type"] == "http.response.start":
            self._head = (event["status"], fields_of(event.get("headers", ())))
        elif event["type"] == "http.response.body":
            await self._send_body(bytes(event.get("body", b"")), event.get("more_body", False))

    async def _send_body(self, data: bytes, more: bool) -> None:
        if self._head is None:
            raise MountedAppFailed(
                "The mounted app sent a body before its head.",
                expected="http.response.start",
                got="http.response.body",
            )
        if not self._first.done():
            whole = not more and self.request.method != "HEAD"  # HEAD: the app's Content-Length must stay
            response = whole_response(*self._head, data) if whole else ForeignResponse(self, *self._head)
            self._first.set_result(response)
            data = b"" if whole else data
        if data:
            await self._write(data)
        if not more:
            self._complete.set_result(None)
            self._gone.set()

    async def _write(self, data: bytes) -> None:
        sink = await self._sink
        try:
            await sink.write(data)
        except Exception as error:
            self._failure = error
            self._gone.set()
            raise OSError("the client went away") from error

    async def stream_to(self, sink: Sink) -> None:
        """Let the foreign app write to ``sink`` until its answer is complete; raises what cut it off."""
        task = self._task
        if task is None or self._sink.done():
            return
        self._sink.set_result(sink)
        await asyncio.wait({task, self._complete}, return_when=asyncio.FIRST_COMPLETED)
        if self._failure is not None:
            raise self._failure
        if not self._complete.done():
            raise _cut_off(task)

    def abandon(self) -> None:
        """Tell the foreign app that nobody waits any more, and cancel it unless its answer was complete."""
        self._gone.set()
        if not self._complete.done() and self._task is not None:
            self._task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Report what went wrong after the answer; before its end it cuts the answer off instead."""
        error = None if task.cancelled() else task.exception()
        if error is not None and self._complete.done():
            context = {"message": "error in a mounted app after its answer", "exception": error, "task": task}
            task.get_loop().call_exception_handler(context)


def _cut_off(task: asyncio.Task[None]) -> BaseException:
    error = None if task.cancelled() else task.exception()
    return error or MountedAppFailed("The mounted app ended before its answer was complete.")
