"""Compressors of response bodies: gzip, br, zstd with one face, and a sink that compresses what passes through.

A compressor holds back what it may still shorten. A sink must not: each write is flushed, so that an event or a piece of
a page is there when it was sent. Work on more than ``INLINE`` bytes is done in a thread (the three release the lock).
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from vivace.http.response import Response, Sink
from vivace.http.threads import in_thread

from .http1.sendfile import PIECE, read_exactly

INLINE: Final = 16_384  # bytes compressed on the loop: 0.3 ms with gzip 5, a thread's hop is 0.08 ms
LEVELS: Final[Mapping[str, int]] = {
    "zstd": 3,
    "br": 4,
    "gzip": 5,
}  # per coding: fast enough to do it per request
_ZSTD_WINDOW_LOG: Final = 21  # 2 MB of memory a stream; browsers refuse more than 8 (RFC 9659)


@dataclass(frozen=True, slots=True)
class Compressor:
    """One stream being compressed.

    ``push`` takes data and returns what is ready; ``flush`` returns all that was taken, so that the other side can read
    it; ``finish`` returns the rest.
    """

    push: Callable[[bytes], bytes]
    flush: Callable[[], bytes]
    finish: Callable[[], bytes]


def _gzip(level: int) -> Compressor:
    made = zlib.compressobj(level, zlib.DEFLATED, 31)
    return Compressor(made.compress, lambda: made.flush(zlib.Z_SYNC_FLUSH), made.flush)


def _brotli(level: int) -> Compressor:
    made: Any = import_module("brotli").Compressor(quality=level)  # an extra, without types
    return Compressor(made.process, made.flush, made.finish)


def _standard_zstd(level: int) -> Compressor:
    module: Any = import_module("compression.zstd")  # Python 3.14 and later
    parameter = module.CompressionParameter
    options = {parameter.compression_level: level, parameter.window_log: _ZSTD_WINDOW_LOG}
    made = module.ZstdCompressor(options=options)
    return Compressor(made.compress, lambda: made.flush(made.FLUSH_BLOCK), made.flush)


def _zstandard(level: int) -> Compressor:
    module: Any = import_module("zstandard")
    parameters = module.ZstdCompressionParameters.from_level(level, window_log=_ZSTD_WINDOW_LOG)
    made = module.ZstdCompressor(compression_params=parameters).compressobj()
    return Compressor(made.compress, lambda: made.flush(module.COMPRESSOBJ_FLUSH_BLOCK), made.flush)


_STANDARD: Final = sys.version_info >= (3, 14)
_MAKERS: Final[Mapping[str, tuple[str, Callable[[int], Compressor]]]] = {
    "zstd": ("compression.zstd", _standard_zstd) if _STANDARD else ("zstandard", _zstandard),
    "br": ("brotli", _brotli),
    "gzip": ("zlib", _gzip),
}


def available() -> tuple[str, ...]:
    """Return the codings that can be made here, the one that costs least for its size first."""
    return tuple(coding for coding, (module, _) in _MAKERS.items() if find_spec(module) is not None)


def make_compressor(coding: str, level: int | None = None) -> Compressor:
    """Return a compressor for one of ``available``; ``level`` is the coding's own scale."""
    return _MAKERS[coding][1](LEVELS[coding] if level is None else level)


async def compress(data: bytes, coding: str, level: int | None = None) -> bytes:
    """Return data compressed, in a thread when it is much."""

    def work() -> bytes:
        compressor = make_compressor(coding, level)
        return compressor.push(data) + compressor.finish()

    return work() if len(data) <= INLINE else await in_thread(work)


class CompressingSink:
    """Compresses what a response writes, for another sink."""

    __slots__ = ("_compressor", "_sink")

    def __init__(self, sink: Sink, compressor: Compressor) -> None:
        self._sink = sink
        self._compressor = compressor

    async def write(self, data: bytes) -> None:
        """Send ``data`` so that the client can read all of it now."""
        if data:
            await self._send(lambda: self._compressor.push(data) + self._compressor.flush(), len(data))
        else:
            await self._sink.write(data)

    async def send_file(self, descriptor: int, offset: int, count: int) -> None:
        """Send part of a file, compressed piece by piece."""
        while count:
            size = min(count, PIECE)
            data = await read_exactly(descriptor, offset, size)
            await self._send(lambda data=data: self._compressor.push(data), size)  # type: ignore[misc]
            offset, count = offset + size, count - size

    async def finish(self) -> None:
        """Send the end."""
        await self._sink.write(self._compressor.finish())

    async def _send(self, work: Callable[[], bytes], size: int) -> None:
        compressed = work() if size <= INLINE else await in_thread(work)
        if compressed:
            await self._sink.write(compressed)


class Compressed(Response):
    """A response that writes itself, compressed on its way."""

    buffered = False

    def __init__(self, inner: Response, coding: str, level: int | None = None) -> None:
        super().__init__(b"", inner.status)
        self.content_type = inner.content_type
        self.on_sent = inner.on_sent
        self._headers = inner.headers
        self._inner = inner
        self._coding = coding
        self._level = level

    async def write_to(self, sink: Sink) -> None:
        """Write the body of the inner response through a compressor."""
        compressing = CompressingSink(sink, make_compressor(self._coding, self._level))
        await self._inner.write_to(compressing)
        await compressing.finish()

    def encoded_trailers(self) -> bytes:
        """Return those of the inner response."""
        return self._inner.encoded_trailers()

    async def close(self) -> None:
        """Close the inner response."""
        await self._inner.close()


def codings_of(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the codings to offer: those named that can be made here, or all."""
    here = available()
    return here if names is None else tuple(name for name in names if name in here)


__all__ = [
    "LEVELS",
    "Compressed",
    "CompressingSink",
    "Compressor",
    "available",
    "codings_of",
    "compress",
    "make_compressor",
]
