"""The bridge: synchronous renders that wait for the event loop.

Theory. Jinja renders by plain calls; a template that needs rows must wait in the middle of one. So each render runs in a
greenlet of its own. ``wait(awaitable)`` switches to the greenlet's parent, which is the task that renders; that awaits,
and switches back with the result or throws the error in. The loop never stands still, and no task or thread is made. A
render that waits for nothing is one switch in and one out (measured: 13,500 instructions, two microseconds).

Rules.

1. The greenlet shares the task's context (``gr_context``): transactions, the current app and request are those of the
   task, and what the template sets there the task sees.
2. Only code that runs in a render greenlet may wait. Anything else, among it code in the same context (a coroutine that
   the render waits for, a thread), asks its own greenlet, which is no render greenlet, and is told no.
3. What is thrown at the task while it waits (a cancellation, a deadline) is thrown into the render where it waits. So a
   render always runs to its end, and its greenlet goes back to the pool with an empty stack.
4. A greenlet belongs to its thread; the pool is per thread, and bounded. A parked greenlet keeps nothing alive: what a render
   returned is in a list, which who takes it empties, since the parked frame holds on to what it handed over.
5. A greenlet that the pool does not take is told to end. Dropped it would stay for ever: its frame knows it, and no collector of
   garbage looks into the frames of a greenlet.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Iterator
from types import FrameType
from typing import Any, Final, NoReturn, TypeVar, cast

from greenlet import getcurrent, greenlet

from vivace.errors import NotInRender
from vivace.models.query.rendering import Wait, rendering

T = TypeVar("T")
KEPT: Final = 32  # idle greenlets per thread


class _Failed:
    """How a render ended that raised; one that returned hands over a list with its value."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error: BaseException | None = error

    def again(self) -> NoReturn:
        """Raise the error where the render is waited for."""
        error, self.error = self.error, None  # its traceback leads here: no circle
        try:
            raise error or RuntimeError("raised before")
        finally:
            del error


class Chunk:
    """A piece of a page that a streaming render hands out."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class RenderGreenlet(greenlet):
    """Runs one render after another; between two it is parked in its thread's pool."""

    def run(self, function: Callable[..., Any] | None, args: tuple[Any, ...]) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - greenlet calls it
        """Render, hand over how it ended, and wait for the next; ``None`` ends it."""
        while function is not None:
            try:
                outcome: Any = [function(*args)]
            except BaseException as error:
                outcome = _Failed(error)
            del function, args
            parent = self.parent
            if parent is None:
                return
            handed, outcome = outcome, None
            function, args = parent.switch(handed)
            del handed


class _Idle(threading.local):
    """The parked greenlets of a thread."""

    def __init__(self) -> None:
        self.greenlets: list[RenderGreenlet] = []


_idle: Final = _Idle()


def in_render() -> bool:
    """Return whether the running code is part of a render, and may wait."""
    return type(getcurrent()) is RenderGreenlet


def wait(awaitable: Awaitable[T]) -> T:
    """Run ``awaitable`` on the loop and return its result, from the middle of a render; raises ``NotInRender`` elsewhere."""
    current = getcurrent()
    if type(current) is not RenderGreenlet or current.parent is None:
        if isinstance(awaitable, Coroutine):
            awaitable.close()
        raise NotInRender(
            "Code waits in the way templates do, and no template is being rendered here.",
            expected="code that a render calls, in the thread of the event loop",
            fix="Write `await` here; in a thread, render on the loop: `return render(request, …)` from the handler.",
        )
    return cast("T", current.parent.switch(awaitable))


def hand_out(text: str) -> None:
    """Give a piece of the page to who streams it, and go on when that has been sent."""
    parent = getcurrent().parent
    if parent is not None:
        parent.switch(Chunk(text))


def how_to_wait() -> Wait | None:
    """Return how the running code may wait, for ``rendering``; an app sets it for all its code, which costs requests less."""
    return wait if type(getcurrent()) is RenderGreenlet else None


def _enter(function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[RenderGreenlet, Any]:
    """Start a render; return its greenlet and the first thing that it says."""
    here = getcurrent()
    if rendering.get() is not how_to_wait:
        rendering.set(how_to_wait)  # for good: outside a render greenlet it says no
    idle = _idle.greenlets
    if idle:
        current = idle.pop()
        current.parent = here
    else:
        current = RenderGreenlet(parent=here)
    current.gr_context = here.gr_context
    return current, current.switch(function, args)


def _leave(current: RenderGreenlet) -> None:
    """Park a greenlet whose render has ended."""
    current.gr_context = None
    if current.dead:
        return
    idle = _idle.greenlets
    if len(idle) < KEPT:
        idle.append(current)
    else:
        current.parent = getcurrent()  # where it ends, who runs is its parent
        current.switch(None, ())


class _Resumed:
    """One answer to a render that waits: awaits what it asked for and switches back with that."""

    __slots__ = ("_current", "_said")

    def __init__(self, current: RenderGreenlet, said: Any) -> None:
        self._current = current
        self._said = said

    @property
    def render_frame(self) -> FrameType | None:
        """Where the render waits."""
        return self._current.gr_frame

    def __await__(self) -> Generator[Any, Any, Any]:
        try:
            value = cast("Any", (yield from self._said.__await__()))
        except BaseException as error:
            return self._current.throw(type(error), error, error.__traceback__)
        return self._current.switch(value)


def frames_that_wait() -> Iterator[FrameType]:
    """Yield the frames of the render that waits for the running code, the innermost first; none where none does."""
    code = _Resumed.__await__.__code__
    here: FrameType | None = sys._getframe(1)
    while here is not None and here.f_code is not code:
        here = here.f_back
    frame: FrameType | None = here.f_locals["self"].render_frame if here is not None else None
    while frame is not None:
        yield frame
        frame = frame.f_back


def begin(function: Callable[..., T], args: tuple[Any, ...]) -> list[T] | Coroutine[Any, Any, T]:
    """Run ``function(*args)`` where it may ``wait``; return a list to take its value from, or what to await for the value.

    Who is a coroutine already needs none to hear that a render waited for nothing, as most do.
    """
    current, said = _enter(function, args)
    if type(said) is list:
        _leave(current)
        return said  # pyright: ignore[reportUnknownVariableType] - not by cast(), which is a call
    return _to_the_end(current, said)


async def _to_the_end(current: RenderGreenlet, said: Any) -> Any:
    """Await what a render asks for until it has ended; return its value."""
    while type(said) is not list:
        if type(said) is _Failed:
            _leave(current)
            said.again()
        said = await _Resumed(current, said)
    _leave(current)
    return said.pop()  # pyright: ignore[reportUnknownVariableType] - as above


async def render_in_greenlet(function: Callable[..., T], *args: Any) -> T:
    """Return ``function(*args)``, run where it may ``wait``."""
    said = begin(function, args)
    return said.pop() if isinstance(said, list) else await said


async def stream_from_greenlet(function: Callable[..., Any], *args: Any) -> AsyncGenerator[str, None]:
    """Run ``function(*args)`` where it may ``wait`` and ``hand_out`` pieces, and yield these.

    Between two pieces the render stands still. Closing the generator ends it: it sees a ``GeneratorExit``.
    """
    current, said = _enter(function, args)
    try:
        while type(said) is not list:
            if type(said) is Chunk:
                yield said.text
                current.parent, current.gr_context = getcurrent(), getcurrent().gr_context
                said = current.switch()
            elif type(said) is _Failed:
                said.again()
            else:
                said = await _Resumed(current, said)
    finally:
        if not _has_ended(said):
            _abandon(current)
        _leave(current)


def _has_ended(said: Any) -> bool:
    return type(said) is list or type(said) is _Failed


def _abandon(current: RenderGreenlet) -> None:
    """Unwind a render that nobody wants to the end."""
    current.parent, current.gr_context = getcurrent(), getcurrent().gr_context
    said: Any = current.throw(GeneratorExit)
    while not _has_ended(said):  # it waits or hands out again, while it unwinds
        if isinstance(said, Coroutine):
            said.close()
        said = current.throw(GeneratorExit)


__all__ = [
    "Chunk",
    "begin",
    "frames_that_wait",
    "hand_out",
    "how_to_wait",
    "in_render",
    "render_in_greenlet",
    "stream_from_greenlet",
    "wait",
]
