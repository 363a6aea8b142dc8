"""A read transaction that stays open from one short read to the next, as long as nobody commits.

Of the 5 µs that a read by key takes, 4 are its transaction: SQLite takes and gives back a lock of the file and asks for
its size, three calls of the system. Reads that follow each other within a millisecond share one transaction instead.

Theory of operation. A transaction that stays open must not show what is no longer true, not even for an instant: a
commit of another process, of our writer's thread, or of a foreign connection in the same function counts at once. In
WAL mode all connections share the *WAL-index*, a file mapped into memory. Its first 48 bytes say which frames of the log
are committed: a counter of commits, the number of frames, the sum over all of them (https://www.sqlite.org/walformat.html,
section 2.1). SQLite itself decides by comparing these bytes whether what it has cached is still true. So do we, before
each read: equal bytes mean that nobody has committed since the transaction began, and that one begun now would see
exactly the same. Unequal ones end it, and the read gets a transaction of its own.

Rules:

1. The bytes are remembered *before* BEGIN: a commit in between is then seen as a change, never missed.
2. Nobody is kept from resetting the log. It cannot begin anew while a reader stands in it, so none stands in one that is
   so long that a checkpoint is due, and none stands for longer than 10 ms.
3. The mapping belongs to SQLite's connection and is asked for by SQLite's own interface of file systems
   (``sqlite3_io_methods.xShmMap``). It is read only while that connection is open. Where any of this is not as
   expected (no WAL, another format), reads have transactions of their own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import apsw

LONGEST: Final = 0.01
"""Seconds that a transaction stands at most."""

_SOON: Final = 0.001
"""Seconds between two reads that belong together."""

_FRAMES: Final = 1000
"""Frames of a log in which nobody stands: SQLite makes a checkpoint of that many."""

_HEADER: Final = 48
_REGION: Final = 32768
_VERSION: Final = 3007000
_SHM_MAP: Final = 13
"""Where xShmMap stands in sqlite3_io_methods, counted in pointers; it is there from version 2 of that structure on."""


class Standing:
    """The transaction of one connection, which is open while it is used.

    ``before`` is called before each read, in the thread that reads; ``begun`` is called when a transaction begins, so
    that somebody calls ``end`` in time.
    """

    __slots__ = ("_begun", "_commit", "_connection", "_header", "_open", "_seen", "_until")

    def __init__(self, connection: apsw.Connection, header: Any, begun: Callable[[], object]) -> None:
        self._begun = begun
        self._commit: Callable[[], object] = partial(connection.execute, "COMMIT")
        self._connection = connection
        self._header = header
        self._open = False
        self._seen = b""
        self._until = 0.0

    def before(self, now: float) -> None:
        """Make sure that the next read sees all that is committed; ``now`` in seconds."""
        header: bytes = self._header.raw
        if header != self._seen:
            if self._open:
                self.end()
            self._seen = header
        elif not self._open and now < self._until:
            self._begin(header)
        self._until = now + _SOON

    def _begin(self, header: bytes) -> None:
        if int.from_bytes(header[16:20], sys.byteorder) < _FRAMES:
            self._open = True  # also where BEGIN is stopped at its end: the transaction has begun then
            self._connection.execute("BEGIN")
            self._begun()

    def end(self) -> None:
        """End the transaction, if one stands. Raises what SQLite raises."""
        if self._open:
            if not self._connection.get_autocommit():  # else an error has ended it
                self._commit()
            self._open = False


def standing_on(connection: apsw.Connection, begun: Callable[[], object]) -> Standing | None:
    """Return what keeps transactions of a connection; ``None`` where it cannot be known what was committed."""
    if connection.pragma("journal_mode") != "wal" or connection.pragma("locking_mode") != "normal":
        return None  # there is no WAL-index, or it is not shared
    connection.execute("SELECT 1 FROM sqlite_schema").fetchall()  # from then on it is mapped
    header = _mapped(connection)
    if header is None or int.from_bytes(header.raw[:4], sys.byteorder) != _VERSION:
        return None
    return Standing(connection, header, begun)


def _mapped(connection: apsw.Connection) -> Any:
    """Return the WAL-index's first bytes, as they are in memory."""
    import ctypes

    pointer = ctypes.c_void_p
    file = pointer()
    if not connection.file_control("main", apsw.SQLITE_FCNTL_FILE_POINTER, ctypes.addressof(file)):
        return None
    methods = pointer.from_address(file.value or 0).value if file.value else None
    if not methods or ctypes.c_int.from_address(methods).value < 2:
        return None
    signature = ctypes.CFUNCTYPE(
        ctypes.c_int, pointer, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.POINTER(pointer)
    )
    address = pointer.from_address(methods + _SHM_MAP * ctypes.sizeof(pointer)).value
    region = pointer()
    if not address or signature(address)(file, 0, _REGION, 0, ctypes.byref(region)) != apsw.SQLITE_OK:
        return None
    return (ctypes.c_char * _HEADER).from_address(region.value) if region.value else None


__all__ = ["LONGEST", "Standing", "standing_on"]
