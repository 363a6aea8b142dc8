"""WSGI in: a foreign WSGI app (Django, Flask, anything of PEP 3333) mounted inside ours.

A WSGI app blocks, so each request occupies one thread of a bounded pool from its call to the end of its body; further
requests wait for a thread, not for the loop. Between thread and loop there are two narrow doors:

- ``BodyFile`` (``wsgi.input``) asks the loop for the next chunk and blocks until it is there: the body is never
  buffered whole, and the limits of the request hold;
- ``WSGICall._emit`` gives the loop one piece of the answer and blocks until the sink took it: a slow client slows the
  app's iterator, not our memory.

A thread cannot be cancelled. When our side ends early both doors raise ``OSError`` in the thread, the iterator is
closed, as PEP 3333 demands in every case, and the thread goes back to the pool.
"""

from __future__ import annotations

import asyncio
import contextvars
import io
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from concurrent.futures import Future as ThreadFuture
from types import TracebackType
from typing import Any, Final, TypeAlias, TypeVar

from vivace.errors import ClientDisconnected, HTTPError
from vivace.errors.foreign import MountedAppFailed
from vivace.http.headers import RawHeaders, encode_name, encode_value
from vivace.http.request import Request
from vivace.http.response import Response, Sink

from .foreign import ForeignResponse, whole_response
from .scope import split_prefix

T = TypeVar("T")
Environ: TypeAlias = dict[str, Any]
WSGIApp: TypeAlias = Callable[[Environ, Any], Iterable[bytes]]
ExcInfo: TypeAlias = (
    "tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None] | None"
)

THREADS: Final = 8  # as many requests inside the foreign app at once
_PLAIN_NAMES: Final = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}
_JOINERS: Final = {"HTTP_COOKIE": "; "}  # RFC 6265 section 5.4; all other lists join with a comma
_HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)  # PEP 3333: an app may not send them


class WSGIMount:
    """A foreign WSGI app as something to mount: ``app.mount("/old", WSGIMount(django_app, threads=16))``.

    Call it with a request and the rest of the path below the mount. At most ``threads`` requests are inside it at once.
    """

    def __init__(self, app: WSGIApp, *, threads: int = THREADS) -> None:
        self._app = app
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None

    async def startup(self) -> None:
        """Nothing to start: threads are made when they are needed."""

    async def shutdown(self) -> None:
        """Wait for the requests inside the app, and end the threads."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(pool.shutdown)

    async def __call__(self, request: Request, path: str) -> Response:
        """Answer ``request``, whose path below the mount is ``path``."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="wsgi")
        call = WSGICall(request)
        environ = await call.environ(path, multithread=self._threads > 1)
        context, app = contextvars.copy_context(), self._app
        worker = asyncio.get_running_loop().run_in_executor(
            self._pool, lambda: context.run(lambda: call.run(app, environ))
        )
        try:
            return await call.response(worker)
        except BaseException:
            call.abandon()
            raise


class WSGICall:
    """One request inside a WSGI app. ``run`` and what it calls live in the thread, the rest on the loop."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self._loop = asyncio.get_running_loop()
        self._door = Door(self._loop)
        self._body = BodyFile(request.stream(raw=True), self._door)
        self._first: asyncio.Future[Response] = self._loop.create_future()
        self._sink: asyncio.Future[Sink] = self._loop.create_future()
        self._failure: Exception | None = None
        self._worker: asyncio.Future[None] | None = None
        self._head: tuple[int, RawHeaders] | None = None
        self._head_sent = False

    async def environ(self, path: str, *, multithread: bool) -> Environ:
        """Return the environment of PEP 3333.

        A body of unknown length is read whole first (within ``body_limit``): most WSGI apps, Django among them, take a
        missing CONTENT_LENGTH for an empty body.
        """
        request = self.request
        length, stream = request.content_length, io.BufferedReader(self._body, 65_536)
        environ: Environ = {
            **_request_variables(request, path),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": request.scheme,
            "wsgi.input": stream,
            "wsgi.errors": sys.stderr,
            "wsgi.input_terminated": True,
            "wsgi.multithread": multithread,
            "wsgi.multiprocess": True,  # other workers may run the same app
            "wsgi.run_once": False,
        }
        if length is None:
            data = await request.body()
            environ |= {"wsgi.input": io.BytesIO(data), "CONTENT_LENGTH": str(len(data))}
        return environ

    async def response(self, worker: asyncio.Future[None]) -> Response:
        """Wait for the beginning of the answer; raises what the app raised before it."""
        self._worker = worker
        worker.add_done_callback(_retrieve)
        either: set[asyncio.Future[Any]] = {worker, self._first}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._body.error is not None:
            raise self._body.error  # the app may have made a 500 or an empty form of it
        if self._first.done():
            return self._first.result()
        worker.result()
        raise MountedAppFailed(
            "The mounted app ended without an answer.",
            expected="a call of start_response",
            got=f"none for {self.request.method} {self.request.path}",
        )

    async def stream_to(self, sink: Sink) -> None:
        """Let the app's pieces go to ``sink`` until there are no more; raises what cut them off."""
        if self._worker is None or self._sink.done():
            return
        self._sink.set_result(sink)
        await asyncio.wait({self._worker})
        if self._failure is not None:
            raise self._failure
        self._worker.result()

    def abandon(self) -> None:
        """Let both doors raise in the thread; a call that has no thread yet does not get one."""
        self._door.close()
        if self._worker is not None:
            self._worker.cancel()

    # in the thread

    def run(self, app: WSGIApp, environ: Environ) -> None:
        """Run the app to the end of its body; ``close()`` of its iterator is always called."""
        result = app(environ, self.start_response)
        try:
            self._iterate(result)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()

    def _iterate(self, result: Iterable[bytes]) -> None:
        alone = hasattr(result, "__len__") and len(result) == 1  # type: ignore[arg-type]
        for piece in result:
            if piece:  # PEP 3333: the head leaves with the first non-empty piece
                self._emit(piece, alone)
        if not self._head_sent:
            self._emit(b"", alone=True)

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo = None
    ) -> Callable[[bytes], None]:
        """``start_response`` of PEP 3333; raises ``MountedAppFailed`` when it is used the wrong way round."""
        if exc_info is not None and self._head_sent and exc_info[1] is not None:
            raise exc_info[1].with_traceback(exc_info[2])
        if exc_info is None and self._head is not None:
            raise MountedAppFailed(
                "The mounted app called start_response twice.",
                expected="one call, or exc_info with the second",
                got=repr(status),
            )
        self._head = (_status(status), _fields(headers))
        return self.write

    def write(self, data: bytes) -> None:
        """The imperative ``write`` of PEP 3333."""
        self._emit(data, alone=False)

    def _emit(self, piece: bytes, alone: bool) -> None:
        if self._head is None:
            raise MountedAppFailed(
                "The mounted app sent a body before its head.", expected="a call of start_response first"
            )
        if not self._head_sent:
            self._head_sent = True
            if self._answer(self._head, piece, alone):
                return
        self._door.call(self._write(piece))

    def _answer(self, head: tuple[int, RawHeaders], piece: bytes, alone: bool) -> bool:
        """Give the loop the response; return True when ``piece`` is all of it."""
        status, fields = head
        length = next((value for name, value in fields if name == b"content-length"), None)
        bodiless = self.request.method == "HEAD"  # the app's Content-Length must stay
        whole = not bodiless and (alone or length == b"%d" % len(piece))
        response = whole_response(status, fields, piece) if whole else ForeignResponse(self, status, fields)
        self._loop.call_soon_threadsafe(_set_once, self._first, response)
        return whole

    async def _write(self, piece: bytes) -> None:
        sink = await self._sink
        try:
            await sink.write(piece)
        except Exception as error:
            self._failure = error
            raise OSError("the client went away") from error


class Door:
    """From a thread into the loop: one coroutine at a time, until it is closed."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._closed = False
        self._pending: ThreadFuture[Any] | None = None

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` on the loop and wait for it; raises ``OSError`` once the door is closed."""
        pending = asyncio.run_coroutine_threadsafe(work, self._loop)
        self._pending = pending
        if self._closed:  # looked at after ``_pending`` is set: a close in between ends the wait, too
            pending.cancel()
        try:
            return pending.result()
        except CancelledError as error:
            raise OSError("the client went away") from error
        finally:
            self._pending = None

    def close(self) -> None:
        """Raise in the thread, now if it waits here, otherwise when it comes."""
        self._closed = True
        pending = self._pending
        if pending is not None:
            pending.cancel()


class BodyFile(io.RawIOBase):
    """The request body as a blocking file; ``error`` is why it ended early."""

    def __init__(self, chunks: AsyncIterator[bytes], door: Door) -> None:
        self._chunks = chunks
        self._door = door
        self._rest = memoryview(b"")
        self.error: HTTPError | None = None

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` with what is there, waiting for at least one byte; 0 at the end."""
        if not self._rest:
            self._rest = memoryview(self._next())
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def _next(self) -> bytes:
        try:
            return self._door.call(self._read())
        except HTTPError as error:  # too large or too slow; WSGI apps know OSError
            self.error = error
            raise OSError(str(error)) from error
        except ClientDisconnected as error:
            raise OSError(str(error)) from error

    async def _read(self) -> bytes:
        return await anext(self._chunks, b"")


def _request_variables(request: Request, path: str) -> Environ:
    prefix, rest = split_prefix(request, path)
    client, server = request.connection.client, request.connection.server
    environ: Environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": _native(prefix),
        "PATH_INFO": _native(rest),
        "QUERY_STRING": request.query_string,
        "CONTENT_TYPE": "",
        "CONTENT_LENGTH": "",
        "SERVER_PROTOCOL": f"HTTP/{request.connection.http_version}",
        "SERVER_NAME": server[0] if server else "localhost",
        "SERVER_PORT": str(server[1]) if server else "443" if request.scheme == "https" else "80",
        "REMOTE_ADDR": client[0] if client else "",
        "REMOTE_PORT": str(client[1]) if client else "",
    }
    for name, value in request.headers.raw:
        if b"_" not in name:  # X_User would pass for X-User, which a proxy in front may vouch for
            _add_header(environ, name.lower(), value.decode("latin-1"))
    return environ


def _add_header(environ: Environ, name: bytes, value: str) -> None:
    key = _PLAIN_NAMES.get(name) or "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
    earlier = environ.get(key)
    environ[key] = f"{earlier}{_JOINERS.get(key, ',')}{value}" if earlier else value


def _native(text: str) -> str:
    """Return UTF-8 bytes as the latin-1 text that PEP 3333 calls a native string."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _status(status: str) -> int:
    code, _, _ = status.partition(" ")
    if len(code) == 3 and code.isdigit():
        return int(code)
    raise MountedAppFailed(
        "The mounted app gave a status that is none.", expected="'200 OK'", got=repr(status)
    )


def _fields(headers: list[tuple[str, str]]) -> RawHeaders:
    fields = [(encode_name(name), encode_value(name, value)) for name, value in headers]
    forbidden = sorted(name.decode() for name, _ in fields if name in _HOP_BY_HOP)
    if forbidden:
        raise MountedAppFailed(
            "The mounted app set headers that belong to the server.",
            expected="no hop-by-hop headers (PEP 3333)",
            got=", ".join(forbidden),
        )
    return fields


def _set_once(future: asyncio.Future[Response], response: Response) -> None:
    if not future.done():
        future.set_result(response)


def _retrieve(worker: asyncio.Future[None]) -> None:
    """Errors were raised by ``response`` or ``stream_to``; what comes after an abandoned call is of no use."""
    if not worker.cancelled():
        worker.exception()
