"""Work that outlives a request: tasks and timers that the app owns (RT6, RT9, RS8).

A task that nobody holds can vanish (CPython issue 91887) and its error with it. Here each one is held, named, counted;
its error is logged with the request it came from; and at the stop of the app it is waited for, then cancelled.
Timers are not waited for: a tick that has not begun is no work.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextvars import copy_context
from typing import Any, TypeVar

from vivace.errors import AppNotRunning

from .current import app_variable, current_request, request_variable

logger = logging.getLogger("vivace.app")
T = TypeVar("T")


class Background:
    """The tasks and timers of one app on one loop. ``failed`` counts the tasks that ended with an error."""

    __slots__ = ("_app", "_tasks", "_timers", "failed", "open")

    def __init__(self, app: Any) -> None:
        self._app = app
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timers: set[asyncio.Task[Any]] = set()
        self.failed = 0
        self.open = True

    def spawn(self, work: Coroutine[Any, Any, T], *, name: str | None = None) -> asyncio.Task[T]:
        """Start ``work`` now; the app holds it, reports its error and waits for it at the stop."""
        return self._start(work, self._tasks, name)

    def run(self, functions: Iterable[Callable[[], Any]]) -> None:
        """Call functions one after another in one task: the work after a response; too late, they are logged as lost."""
        work = list(functions)
        if self.open:
            self.spawn(self._in_turn(work), name="after response")
            return
        names = ", ".join(_name(function) for function in work)
        logger.error("the app has stopped: %s will not run after the response", names)
        self.failed += 1

    def after(self, delay: float, function: Callable[[], Any]) -> asyncio.Task[None]:
        """Call ``function`` once in ``delay`` seconds, unless the app stops before; cancel the task to call it off."""
        return self._start(self._later(delay, function), self._timers, f"after {delay} s: {_name(function)}")

    def every(self, interval: float, function: Callable[[], Any]) -> asyncio.Task[None]:
        """Call ``function`` every ``interval`` seconds, never twice at once; an error is logged, the next tick comes."""
        return self._start(
            self._repeat(interval, function), self._timers, f"every {interval} s: {_name(function)}"
        )

    async def drain(self, timeout: float) -> None:
        """Cancel timers, give tasks ``timeout`` seconds to finish, cancel the rest and wait for that."""
        self.open = False
        timers = list(self._timers)
        for timer in timers:
            timer.cancel()
        waited = self._tasks - {asyncio.current_task()}  # a task may be what stops the app
        if waited:
            await asyncio.wait(waited, timeout=timeout)
        late = [task for task in waited if not task.done()]
        for task in late:
            task.cancel()
            logger.warning("%s was cancelled at the stop of the app", task.get_name())
        await asyncio.gather(*late, *timers, return_exceptions=True)

    def _start(
        self, work: Coroutine[Any, Any, T], held: set[asyncio.Task[Any]], name: str | None
    ) -> asyncio.Task[T]:
        if not self.open:
            work.close()
            raise AppNotRunning("The app is stopping and starts no more work.", got=name or repr(work))
        request = current_request() if held is self._tasks else None
        context = copy_context()
        context.run(app_variable.set, self._app)
        self._app.data.bind(context)
        if request is None:  # a timer belongs to the app: it would hold the request that set it for ever
            context.run(request_variable.set, None)
        task = asyncio.get_running_loop().create_task(work, name=name, context=context)
        held.add(task)

        def done(ended: asyncio.Task[Any]) -> None:
            held.discard(ended)
            if not ended.cancelled() and ended.exception() is not None:
                self._report(ended.get_name(), ended.exception(), request)

        task.add_done_callback(done)
        return task

    def _report(self, name: str, error: BaseException | None, request: Any) -> None:
        self.failed += 1
        origin = (
            f" (from request {request.id}: {request.method} {request.path})" if request is not None else ""
        )
        logger.error("%s failed%s", name, origin, exc_info=error)

    async def _in_turn(self, functions: list[Callable[[], Any]]) -> None:
        request = current_request()
        for function in functions:
            try:
                await _call(function)
            except Exception as error:
                self._report(f"after response: {_name(function)}", error, request)

    async def _later(self, delay: float, function: Callable[[], Any]) -> None:
        await asyncio.sleep(delay)
        await self._tick(function, f"after {delay} s")

    async def _tick(self, function: Callable[[], Any], label: str) -> None:
        """Run a tick as a task of its own: it is work that has begun, so the stop waits for it."""
        await asyncio.wait({self.spawn(_call(function), name=f"{label}: {_name(function)}")})

    async def _repeat(self, interval: float, function: Callable[[], Any]) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + interval
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            due = max(due + interval, loop.time())  # a slow tick delays the next one and skips what it missed
            await self._tick(function, f"every {interval} s")


async def _call(function: Callable[[], Any]) -> None:
    result: Awaitable[Any] | Any = function()
    if inspect.isawaitable(result):
        await result


def _name(function: Any) -> str:
    return getattr(function, "__qualname__", repr(function))
