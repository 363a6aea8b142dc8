"""How long a statement took for reasons of its own: its CPU time, or the clock's where it read from a disk.

On a busy machine the scheduler, or another thread that has the interpreter's lock (up to 5 ms at a time), stands still a
thread whose statement needs microseconds. The clock on the wall cannot tell that from a slow statement.
"""

from __future__ import annotations

import time
from typing import Any

try:
    import resource  # not on Windows

    _usage: Any = resource.getrusage
    _who: Any = getattr(resource, "RUSAGE_THREAD", None)  # Linux; elsewhere the wall's clock counts
except ImportError:
    _usage = _who = None


class Effort:
    """Measures what this thread does from its making on."""

    __slots__ = ("_blocks", "_cpu", "_wall")

    def __init__(self) -> None:
        self._blocks = _blocks_read()
        self._cpu = time.thread_time()
        self._wall = time.perf_counter()

    def seconds(self) -> float:
        """Return how long it took."""
        wall = time.perf_counter() - self._wall
        if _who is None:
            return wall
        cpu = time.thread_time() - self._cpu
        return cpu if _blocks_read() == self._blocks else wall


def _blocks_read() -> int:
    if _who is None:
        return 0
    count: int = _usage(_who).ru_inblock
    return count


__all__ = ["Effort"]
