"""The bounded pool of threads in which plain ``def`` handlers run.

The loop's default executor is never used: libraries share it (``getaddrinfo`` runs there), so a few slow handlers
would stop DNS look-ups and file access too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Final, TypeAlias, TypeVar

T = TypeVar("T")

RunBlocking: TypeAlias = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs a function without arguments in a thread, with a copy of the caller's context variables."""

DEFAULT_THREADS: Final = 40  # as many as AnyIO's limiter; a plain handler mostly waits for a database


class BlockingPool:
    """At most ``threads`` threads, made when they are first needed; calls beyond that wait in order."""

    __slots__ = ("_executor", "threads")

    def __init__(self, threads: int = DEFAULT_THREADS) -> None:
        self.threads = threads
        self._executor: ThreadPoolExecutor | None = None

    async def run(self, function: Callable[[], T]) -> T:
        """Return what ``function`` returns; when the caller is cancelled the thread finishes by itself."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self.threads, thread_name_prefix="vivace-blocking")
        context = copy_context()
        return await asyncio.wrap_future(self._executor.submit(context.run, _guarded, function))

    def close(self) -> None:
        """Let running calls end, drop waiting ones and release the threads."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)


def _guarded(function: Callable[[], T]) -> T:
    # asyncio.Future refuses StopIteration and its waiter would hang for ever (before Python 3.12)
    try:
        return function()
    except StopIteration as error:
        raise RuntimeError("a blocking function raised StopIteration") from error
