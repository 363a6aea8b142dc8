"""Files onto the wire: from the page cache to the socket without passing through Python where that can be.

======================================  ==============================================================
up to ``SMALL`` bytes                   read from the page cache on the loop (``RWF_NOWAIT``: it fails
                                        where it would wait for the disk), else in a thread; then an
                                        ordinary write
more, plain TCP or Unix socket, Linux   ``os.sendfile`` in a thread: a cold disk never stops the loop
more, TLS or another system             read in a thread piece by piece, written with back-pressure
======================================  ==============================================================

Rules:

1. The kernel may have bytes only after the transport has handed over all it buffered (the head): its high-water mark
   is set to 0, so that ``drain`` means empty.
2. The loop must not watch a file descriptor that belongs to a transport (uvloop refuses it): the socket is duplicated,
   and the duplicate is watched. It shares the file description, so it is non-blocking too.
3. A thread cannot be stopped. Whoever is cancelled waits for it first, else the descriptors would be closed, and given
   to another file, under its hands. It waits for the disk only: the socket is non-blocking.
4. A stalled client is a paused writer as any other: ``pause_writing`` starts the clock of ``timeouts.write``.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from vivace.errors import ClientDisconnected
from vivace.http.threads import in_thread

if TYPE_CHECKING:
    from .outlet import Outlet

SMALL: Final = 65_536  # bytes; up to here copying is cheaper than a thread and waiting for an empty transport
PIECE: Final = 131_072  # bytes in memory for each stalled client that is sent a file over TLS
AT_ONCE: Final = 1_048_576  # bytes that a thread sends before others get their turn
_NOWAIT: Final[int] = getattr(os, "RWF_NOWAIT", 0)


async def send_file(protocol: Outlet, descriptor: int, offset: int, count: int) -> None:
    """Send ``count`` bytes of an open file from ``offset``, after all that was written before; waits for slow clients.

    Raises ``ClientDisconnected``, and ``ValueError`` when the file is shorter than was announced. The descriptor stays
    open, and is not in use any more when this returns or raises.
    """
    if count <= SMALL:
        data = _warm(descriptor, offset, count)
        await _send_data(protocol, data or await read_exactly(descriptor, offset, count))
    elif sys.platform == "linux" and protocol.transport.get_extra_info("sslcontext") is None:
        await _send_by_kernel(protocol, descriptor, offset, count)
    else:
        await _send_pieces(protocol, descriptor, offset, count)


async def _send_data(protocol: Outlet, data: bytes) -> None:
    protocol.write(data)
    if protocol.write_paused:
        await protocol.drain()


async def _send_pieces(protocol: Outlet, descriptor: int, offset: int, count: int) -> None:
    while count:
        size = min(count, PIECE)
        await _send_data(protocol, await read_exactly(descriptor, offset, size))
        offset, count = offset + size, count - size


async def _send_by_kernel(protocol: Outlet, descriptor: int, offset: int, count: int) -> None:
    transport = protocol.transport
    transport.set_write_buffer_limits(high=0)  # pauses now, unless the buffer is empty
    try:
        await protocol.drain()
        socket = os.dup(transport.get_extra_info("socket").fileno())
        try:
            await _pump(protocol, socket, descriptor, offset, count)
        finally:
            os.close(socket)
    finally:
        if not protocol.gone:
            transport.set_write_buffer_limits(protocol.server.limits.write_buffer_bytes)


async def _pump(protocol: Outlet, socket: int, descriptor: int, offset: int, count: int) -> None:
    while count:
        sent = await in_thread(_push, socket, descriptor, offset, count)
        if sent is None:
            await _writable(protocol, socket)
        else:
            offset, count = offset + sent, count - sent
        if protocol.gone:
            raise ClientDisconnected("The client went away while a file was sent.")


def _push(socket: int, descriptor: int, offset: int, count: int) -> int | None:
    """Give bytes to the kernel; return how many it took, ``None`` when the client must read first."""
    try:
        sent = os.sendfile(socket, descriptor, offset, min(count, AT_ONCE))
    except BlockingIOError:
        return None
    except ConnectionError as error:
        raise ClientDisconnected("The client went away while a file was sent.") from error
    return sent or _truncated()


async def _writable(protocol: Outlet, socket: int) -> None:
    """Wait until the kernel takes more for the client, as if its transport had paused."""
    loop = asyncio.get_running_loop()
    protocol.pause_writing()
    loop.add_writer(socket, protocol.resume_writing)
    try:
        await protocol.drain()
    finally:
        loop.remove_writer(socket)


def _warm(descriptor: int, offset: int, count: int) -> bytes | None:
    """Return the bytes if all of them are in the page cache."""
    if not _NOWAIT:
        return None
    buffer = bytearray(count)
    try:
        size = os.preadv(descriptor, [buffer], offset, _NOWAIT)
    except OSError:  # EAGAIN: on the disk; EOPNOTSUPP: the file system cannot tell
        return None
    return bytes(buffer) if size == count else None


async def read_exactly(descriptor: int, offset: int, count: int) -> bytes:
    """Return ``count`` bytes of an open file, read in a thread; raises ``ValueError`` when it is shorter."""
    return await in_thread(_read_all, descriptor, offset, count)


def _read_all(descriptor: int, offset: int, count: int) -> bytes:
    parts: list[bytes] = []
    while count:
        data = read_at(descriptor, count, offset)
        if not data:
            _truncated()
        parts.append(data)
        offset, count = offset + len(data), count - len(data)
    return b"".join(parts)


def read_at(descriptor: int, count: int, offset: int) -> bytes:
    """Return up to ``count`` bytes at ``offset`` of an open file; for threads. Windows has no ``pread``."""
    pread: Callable[[int, int, int], bytes] | None = getattr(os, "pread", None)
    if pread is not None:
        return pread(descriptor, count, offset)
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.read(descriptor, count)


def _truncated() -> int:
    raise ValueError("the file is shorter than what was to be sent of it")


__all__ = ["AT_ONCE", "PIECE", "SMALL", "read_at", "read_exactly", "send_file"]
