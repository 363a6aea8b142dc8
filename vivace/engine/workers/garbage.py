"""How a worker collects garbage: not what was there when it began to serve, and less often; and how it gives memory back.

CPython looks for cycles after every 700 objects (2,000 since 3.14) that were made and not freed; a page with a session makes
about a hundred, which live until it is sent, so the collector ran with every few requests. Measured on such a page, in
instructions a request: 660,000 as Python comes, 647,000 with what was loaded frozen, 624,000 with that and ``OBJECTS``; in time
it is more, since a collection leaves little of the processor's cache to the others. What waits for a collection is at most so
many objects: a few hundred kilobytes.

``gc.freeze`` without a collection before it: that would take 20 ms of a start of 200, and what it found was made while modules
were imported, where the collector ran often enough.

What was freed stays with the process: glibc's heap only shrinks at its end, and pages, messages and rows of all sizes come and
go in its middle. So a busy process keeps the most that it ever needed at once, and as sizes differ it grows slowly beyond that
(measured: 10 MB of 37 were free). ``malloc_trim`` gives whole free pages back; it takes a millisecond.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from typing import Final

OBJECTS: Final = 5_000
PYTHONS_OWN: Final = frozenset({700, 2_000})
MINUTE: Final = 60.0


def settle() -> None:
    """Leave alone what exists now, and collect less often, unless the program has chosen its own threshold.

    For a process that serves: in one that tests or scripts run in, what exists now is not what stays.
    """
    gc.freeze()
    first, *others = gc.get_threshold()
    if first in PYTHONS_OWN:
        gc.set_threshold(OBJECTS, *others)


def give_back() -> bool:
    """Give free memory back to the system; returns whether that can be asked for here: of glibc it can."""
    if sys.platform != "linux":
        return False
    import ctypes  # a program that runs for less than a minute needs none of it

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None:
        return False
    trim(0)
    return True


async def keep_giving_back(every: float = MINUTE) -> None:
    """Give free memory back every so many seconds until the task is cancelled, in a thread: the loop turns meanwhile."""
    while True:
        await asyncio.sleep(every)
        threading.Thread(target=give_back, name="vivace gives memory back", daemon=True).start()


__all__ = ["OBJECTS", "give_back", "keep_giving_back", "settle"]
