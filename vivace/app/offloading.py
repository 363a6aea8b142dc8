"""``await offload(function, …)``: work away from the event loop, in the pools of the current app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from vivace.engine.offload import Kind

from .current import current_app

T = TypeVar("T")


async def offload(
    function: Callable[..., T], *args: Any, kind: Kind = "thread", timeout: float | None = None
) -> T:
    """Run ``function(*args)`` off the event loop and return its result.

    ``kind="thread"`` for calls that wait, ``"process"`` for what needs the CPU: function, arguments and result are then
    pickled. ``timeout`` is in seconds. Raises what the function raises, ``TimeoutError``, ``PoolFull`` (503),
    ``NestedOffload`` or ``OffloadFailed``. When the time is over or the caller is cancelled a process is killed; a
    thread cannot be stopped, so it runs on to its end and keeps its place in the pool until then.
    """
    return await current_app().offload(function, *args, kind=kind, timeout=timeout)


__all__ = ["offload"]
