"""The access log (LO1): one line for each response, as text or JSON, at about 1.5 µs a request.

- Lines are collected and written together, in a thread: every ``FLUSH`` seconds, at ``BATCH`` lines, and at the end. A
  pipe that nobody empties never stops the loop; beyond ``KEPT`` lines they are counted instead, and the count is told.
- What a client sends cannot forge or garble a line: quotes, backslashes, control and non-ASCII characters are escaped.
- Values of query parameters that are named like secrets are masked. Headers and bodies are never logged.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import gmtime, monotonic, strftime, time
from typing import IO, TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec

from vivace.http.request import Request
from vivace.http.response import Response

if TYPE_CHECKING:
    from .server import Server

FLUSH: Final = 0.5  # seconds
BATCH: Final = 1_000  # lines
KEPT: Final = 50_000  # lines that wait for a slow disk or pipe
SHOWN: Final = 1_024  # targets kept as they are logged
SHOWN_LENGTH: Final = 256  # characters of them
MASKED: Final = (
    "access_token api_key apikey auth authorization client_secret code id_token key password passwd pwd refresh_token "
    "secret session sig signature state ticket token"
).split()
_UNSAFE: Final = re.compile(r'[^\x20-\x7e]|["\\]')
_CUT: Final = 499  # nginx's status for a client that went away before its answer; no answer of ours has it

Format: TypeAlias = Literal["text", "json"]


@dataclass(frozen=True, slots=True)
class AccessLogOptions:
    """``masked`` are names of query parameters; ``user_agent`` adds what the client calls itself."""

    format: Format = "text"
    masked: Sequence[str] = tuple(MASKED)
    user_agent: bool = False


class _Line(msgspec.Struct, omit_defaults=True):
    time: str
    method: str
    target: str
    status: int
    ms: float
    bytes: int | None = None
    client: str | None = None
    request_id: str | None = None
    user_agent: str | None = None


class AccessLog:
    """Writes a line for each response of a server: ``AccessLog().attach(server)``; ``close`` writes what is left.

    ``stream`` is binary, standard output by default. Text is ``time client "METHOD target" status bytes ms [id]
    ["user agent"]`` with ``-`` for what is not known. A response that was cut off has the status 499.
    """

    def __init__(
        self,
        options: AccessLogOptions | None = None,
        stream: IO[bytes] | None = None,
        *,
        clock: Callable[[], float] | None = None,
        wall_clock: Callable[[], float] = time,
    ) -> None:
        self.options = options or AccessLogOptions()
        self._stream = stream or sys.stdout.buffer
        self._clock = clock or monotonic
        self._wall_clock = wall_clock
        self._lines: list[str] = []
        self._writing: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._second, self._stamp = -1, ""
        self.dropped = 0
        self._secrets = _mask(self.options.masked)
        self._shown: dict[str, str] = {}
        self._line = self._json if self.options.format == "json" else self._text
        self._encode = msgspec.json.Encoder().encode

    def attach(self, server: Server) -> None:
        """Log the responses of ``server`` from now on, beside whoever is told of them already."""
        self._clock = server.clock
        first = server.on_finished
        server.on_finished = self if first is None else _both(first, self)

    def __call__(self, request: Request, response: Response | None, started: float) -> None:
        """Take a finished response; ``None`` is one that was cut off."""
        now = int(self._wall_clock())
        if now != self._second:
            self._second, self._stamp = now, strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(now))
        lines = self._lines
        size = len(lines)
        if size >= KEPT:
            self.dropped += 1
            return
        target = self._shown.get(request.target) or self._show(request.target)
        lines.append(self._line(request, response, target, (self._clock() - started) * 1000))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH, self.flush)
        elif size + 1 == BATCH:
            self.flush()

    def _show(self, target: str) -> str:
        """Return a target as it is logged, and keep it: most requests ask for what others asked for."""
        shown = self._secrets.sub(r"\1***", target) if self._secrets is not None and "?" in target else target
        if self.options.format == "text" and _UNSAFE.search(shown) is not None:
            shown = escape(shown)
        if len(self._shown) >= SHOWN:
            self._shown.clear()
        if len(target) <= SHOWN_LENGTH:
            self._shown[target] = shown
        return shown

    def _text(self, request: Request, response: Response | None, target: str, elapsed: float) -> str:
        client = request.connection.client
        status, size = (_CUT, None) if response is None else (response.status, sent(request, response))
        line = (
            f'{self._stamp} {"-" if client is None else client[0]} "{request.method} {target}" '
            f"{status} {'-' if size is None else size} {elapsed:.2f}ms"
        )
        if request.named:
            line += f" {request.id}"
        if self.options.user_agent:
            line += f' "{escape(request.headers.get("user-agent") or "-")}"'
        return line

    def _json(self, request: Request, response: Response | None, target: str, elapsed: float) -> str:
        client = request.connection.client
        line = _Line(
            self._stamp,
            request.method,
            target,
            _CUT if response is None else response.status,
            round(elapsed, 3),
            None if response is None else sent(request, response),
            None if client is None else client[0],
            request.id if request.named else None,
            request.headers.get("user-agent") if self.options.user_agent else None,
        )
        return self._encode(line).decode()

    def flush(self) -> None:
        """Write what was collected, in a thread; waits for its turn when one is writing already."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is None and (self._lines or self.dropped):
            loop = asyncio.get_running_loop()
            self._writing = loop.run_in_executor(None, self._write, self._take())
            self._writing.add_done_callback(self._written)

    def _written(self, writing: asyncio.Future[None]) -> None:
        self._writing = None
        if not writing.cancelled():
            writing.exception()  # a stream that was closed; there is nobody to tell
        if len(self._lines) >= BATCH:
            self.flush()

    async def close(self) -> None:
        """Write what is left."""
        self.flush()
        while self._writing is not None:
            await asyncio.wait({self._writing})
            await asyncio.sleep(0)  # for its callback, which may begin to write what came meanwhile
            self.flush()

    def _take(self) -> bytes:
        lines, self._lines = self._lines, []
        dropped, self.dropped = self.dropped, 0
        if dropped:
            lines.append(self._dropped_line(dropped))
        return ("\n".join(lines) + "\n").encode()

    def _dropped_line(self, dropped: int) -> str:
        said = f"{dropped} lines were dropped: the log is not written fast enough"
        return f'{{"message":"{said}"}}' if self.options.format == "json" else f"- {said}"

    def _write(self, data: bytes) -> None:
        self._stream.write(data)
        self._stream.flush()


def sent(request: Request, response: Response) -> int | None:
    """Return the bytes of the body that went out, ``None`` when nobody counted them."""
    if request.method == "HEAD" or response.status in (204, 304):
        return 0
    return len(response.body) if response.buffered else response.sent


def escape(text: str) -> str:
    """Return text that is safe between quotes on a line: printable ASCII, the rest as ``\\xNN`` or ``\\uNNNN``."""
    return _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    if character in '"\\':
        return f"\\{character}"
    return (
        character.encode("ascii", "backslashreplace").decode()
        if character > "\x7f"
        else f"\\x{ord(character):02x}"
    )


def _mask(names: Sequence[str]) -> re.Pattern[str] | None:
    if not names:
        return None
    return re.compile(rf"([?&;](?:{'|'.join(map(re.escape, names))})=)[^&;]*", re.IGNORECASE)


def _both(
    first: Callable[..., Any], second: Callable[..., Any]
) -> Callable[[Request, Response | None, float], None]:
    def finished(request: Request, response: Response | None, started: float) -> None:
        first(request, response, started)
        second(request, response, started)

    return finished


__all__ = ["AccessLog", "AccessLogOptions", "escape", "sent"]
