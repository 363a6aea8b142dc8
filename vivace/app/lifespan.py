"""Start and stop, in order (RT3): what starts first stops last, and what fails is named.

Three spellings, one list: ``@app.on_startup``, ``@app.on_shutdown`` and ``@app.lifespan`` (an async generator with one
``yield``: before it is start, after it is stop). Start-up runs in the order of registration; stop in reverse.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

from vivace.errors import StartupFailed

logger = logging.getLogger("vivace.app")

LifespanHook: TypeAlias = Callable[[], "Awaitable[Any] | None"]
LifespanContext: TypeAlias = Callable[[], AbstractAsyncContextManager[Any]]


class Lifespan:
    """The ordered parts of an app's life."""

    __slots__ = ("_open", "_parts", "started")

    def __init__(self) -> None:
        self._parts: list[tuple[str, LifespanContext]] = []
        self._open: list[tuple[str, AbstractAsyncContextManager[Any]]] = []
        self.started = False

    def add_startup(self, hook: LifespanHook) -> None:
        """Run ``hook`` at start."""

        @asynccontextmanager
        async def part() -> AsyncGenerator[None, None]:
            await _call(hook)
            yield

        self._parts.append((_name(hook), part))

    def add_shutdown(self, hook: LifespanHook) -> None:
        """Run ``hook`` at stop."""

        @asynccontextmanager
        async def part() -> AsyncGenerator[None, None]:
            try:
                yield
            finally:
                await _call(hook)

        self._parts.append((_name(hook), part))

    def add_context(self, context: LifespanContext, name: str = "") -> None:
        """Hold ``context()`` open from start to stop."""
        self._parts.append((name or _name(context), context))

    @property
    def names(self) -> tuple[str, ...]:
        """The parts in the order they start."""
        return tuple(name for name, _ in self._parts)

    async def start(self) -> None:
        """Start every part; raises ``StartupFailed``, naming the part, after stopping those that had started."""
        if self.started:
            return
        for name, make in self._parts:
            context = make()
            try:
                await context.__aenter__()
            except Exception as error:
                await self.stop()
                raise StartupFailed(f"The start-up hook {name} failed: {error!r}") from error
            except BaseException:  # interrupted: what has started is stopped all the same
                await self.stop()
                raise
            self._open.append((name, context))
        self.started = True

    async def stop(self) -> None:
        """Stop what is started, in reverse; an error in one part is logged and the others still stop."""
        self.started = False
        interrupted: BaseException | None = None
        while self._open:
            name, context = self._open.pop()
            try:
                await context.__aexit__(None, None, None)
            except Exception as error:
                logger.error("the shutdown of %s failed", name, exc_info=error)
            except BaseException as error:  # cancelled: the others are stopped first
                interrupted = error
        if interrupted is not None:
            raise interrupted


async def _call(hook: LifespanHook) -> None:
    result = hook()
    if result is not None:
        await result


def _name(function: Any) -> str:
    module, name = getattr(function, "__module__", ""), getattr(function, "__qualname__", repr(function))
    return f"{module}.{name}" if module else name


__all__ = ["Lifespan", "LifespanContext", "LifespanHook"]
