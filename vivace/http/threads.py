"""Work in a thread on things that have an owner: files that are closed, and their descriptors given to others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(
    function: Callable[..., T], *args: object, undo: Callable[[T], object] | None = None
) -> T:
    """Run ``function`` in a thread. When cancelled, wait for it, for it uses its arguments, and ``undo`` its result."""
    return await to_its_end(asyncio.get_running_loop().run_in_executor(None, function, *args), undo)


async def to_its_end(running: asyncio.Future[T], undo: Callable[[T], object] | None = None) -> T:
    """Wait for work that cannot be stopped. When cancelled, wait all the same, and ``undo`` its result."""
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            try:
                await asyncio.wait([running])
            except asyncio.CancelledError:  # cancelled again: the work is no faster for that
                continue
        if not running.cancelled() and running.exception() is None and undo is not None:
            undo(running.result())
        raise


__all__ = ["in_thread", "to_its_end"]
