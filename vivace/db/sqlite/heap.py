"""One heap for the threads that run SQL, where the system would give each its own.

Theory. glibc gives each thread that asks for memory an *arena*, so that threads need not wait for each other. What a thread
frees stays in its arena, and no other thread can have it. Our lanes take turns at work that is alike: sooner or later each
has had the largest answer, and its arena stays as large (measured on the demo with 200 visitors: 18 MB in ten arenas after
twenty minutes, of which 8.6 were free; in one 4 were).
Waiting for each other costs little here: Python's lock lets one thread at a time make objects.

The limit is the process's, and must be set before the threads are there. Who sets ``MALLOC_ARENA_MAX`` has chosen.
Source: mallopt(3), ``M_ARENA_MAX``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import cache
from typing import Final

_M_ARENA_MAX: Final = -8


@cache  # once for each process
def share_heap() -> None:
    """Let the threads that start from now on use one heap, where the system has such a thing to set."""
    if not sys.platform.startswith("linux") or is_chosen(os.environ):
        return
    import ctypes

    set_option = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has one heap anyway, and no option for it
    if set_option is not None:
        set_option(_M_ARENA_MAX, 1)


def is_chosen(environment: Mapping[str, str]) -> bool:
    """Say whether who started the process has chosen how many heaps it has."""
    return "MALLOC_ARENA_MAX" in environment or "arena_max" in environment.get("GLIBC_TUNABLES", "")


__all__ = ["is_chosen", "share_heap"]
