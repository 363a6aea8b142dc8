"""A handler that goes on where its message arrives: the socket's task is stepped inside ``data_received``.

Theory
------
``await future`` costs a message a future, a callback, a handle in the loop, and another turn of the loop: 4,500 of the
16,200 instructions that a bare echo on uvloop takes (and the flush of what was written waits for that other turn). So
``serve`` runs the handler's coroutine by hand. What it yields is passed on to the task, as ``await`` does, with one
exception: ``PARKED``, which says "I wait for a message". Then the task waits for the future ``_turn``, and

- ``data_received`` enters the task (``asyncio._enter_task``, which is there for this: "just before executing a portion of
  embedded coroutine", docs.python.org/3/library/asyncio-extending.html), sends the handler on in the task's context,
  and leaves the task again. If the handler parks again the task has noticed nothing.
- If it waits for something else, or ends, that is left in ``_left`` and the task is woken to deal with it.

The handler sees no difference: ``asyncio.current_task()``, time-outs, task groups and context variables are the task's.
Where another task calls ``data_received`` (a transport in memory), or another task receives, futures are used.
"""

from __future__ import annotations

import asyncio
import sys
import types
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context, copy_context
from typing import Any, Final, cast

from vivace.http.request import Request
from vivace.http.websocket import WebSocket, WebSocketDisconnect

from .frames import FrameParser
from .states import Failed, Run

PARKED: Final = object()
EAGER: Final = sys.version_info >= (
    3,
    12,
)  # a task may begin inside another: who asks may not be who is stepped


class SteppedSocket(WebSocket):
    """The half of a socket that runs its handler; what a message is, and an end, is known by the other half."""

    __slots__ = (
        "_alive",
        "_context",
        "_head",
        "_left",
        "_loop",
        "_owned",
        "_parser",
        "_receiver",
        "_receiving",
        "_send_on",
        "_stepping",
        "_task",
        "_turn",
    )

    _context: Context
    _loop: asyncio.AbstractEventLoop
    _parser: FrameParser
    _send_on: Callable[[None], Any]
    _task: asyncio.Task[None]

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._head: str | bytes | None = None  # the next message
        self._alive = True  # bytes came since somebody looked
        self._turn: asyncio.Future[None] | None = None  # what the task waits for while the handler is parked
        self._left: Any = PARKED  # what the handler waits for, or how it ended, when it was stepped here
        self._owned = self._stepping = self._receiving = False
        self._receiver: asyncio.Future[None] | None = None  # of a task that receives and is not stepped here

    def start(self, run: Run, failed: Failed | None = None) -> asyncio.Task[None]:
        """Run a handler in a task of its own; see ``serve``."""
        self._owned = True
        self._loop = asyncio.get_running_loop()
        self._context = copy_context()
        self._task = self._loop.create_task(self.serve(run, failed), name="websocket", context=self._context)
        return self._task

    async def serve(self, run: Run, failed: Failed | None = None) -> None:
        """Run a handler and close the socket after it; what it raises, and ``failed`` leaves, goes on to the caller."""
        thrown: BaseException | None = None
        try:
            work = _coroutine(run(self))
            del run  # 64 bytes while the socket idles
            self._send_on = work.send
            while True:
                try:
                    waited = self._step(work, thrown)
                except StopIteration:
                    break
                thrown = None
                try:
                    await (self._park() if waited is PARKED else _pass_on(waited))
                except BaseException as error:  # the task is cancelled: that is for the handler
                    thrown = error
        except WebSocketDisconnect:
            pass
        except Exception as error:
            if failed is None or not await failed(self, error):
                self.finish(error)
                raise
        except BaseException as error:
            self.finish(error)
            raise
        self.finish(None)

    def finish(self, error: BaseException | None) -> None:
        """Close the socket as it fits how the handler ended."""
        raise self._abstract("finish")

    def _step(self, work: Coroutine[Any, Any, None], thrown: BaseException | None) -> Any:
        """Return what the handler waits for next, which may be known already; raises ``StopIteration`` at its end."""
        self._turn = None
        left, self._left = self._left, PARKED
        if isinstance(left, BaseException):
            raise left
        if left is not PARKED and (thrown is None or _cancelled(left, thrown)):
            return left
        self._stepping = self._owned
        try:
            return work.send(None) if thrown is None else work.throw(thrown)
        finally:
            self._stepping = False

    def _park(self) -> asyncio.Future[None]:
        self._turn = self._loop.create_future()
        return self._turn

    def _wait(self) -> asyncio.Future[None]:
        self._receiver = asyncio.get_running_loop().create_future()
        return self._receiver

    def _wake(self) -> None:
        """Have whoever waits for a message look again, in the next turn of the loop."""
        for waiter in (self._turn, self._receiver):
            if waiter is not None and not waiter.done():
                waiter.set_result(None)
        self._turn = self._receiver = None

    def data_received(self, data: bytes) -> None:
        """Take bytes from the transport; where it can, the handler goes on with its message here and now.

        In one piece: as two functions it cost a message of 32 bytes 500 of 16,000 instructions more.
        """
        self._alive = True
        turn = self._turn
        message = None if turn is None or self._head is not None else self._parser.whole(data)
        if message is not None:  # one packet, one message, and the handler waits for it
            self._head = message
        elif not self._fed(data):
            return
        # It may have ended, or its task may be cancelled (then the future is done) and about to hear of it.
        if turn is None or self._turn is None or turn.done():
            self._wake()
            return
        loop, task = self._loop, self._task
        try:
            _enter_task(loop, task)
        except RuntimeError:  # we are inside a task
            self._wake()
            return
        self._stepping = True
        try:
            waited = self._context.run(self._send_on, None)
        except BaseException as error:
            waited = error
        self._stepping = False
        _leave_task(loop, task)
        if waited is not PARKED:
            self._left = waited
            self._wake()

    def _fed(self, data: bytes) -> bool:
        """Take bytes that are not simply one message; return whether there is a message and somebody waits for one."""
        raise self._abstract("_fed")


@types.coroutine
def _pass_on(waited: Any) -> Generator[Any, Any, None]:
    yield waited


async def _awaited(work: Awaitable[None]) -> None:
    await work


def _coroutine(work: Awaitable[None]) -> Coroutine[Any, Any, None]:
    return cast("Coroutine[Any, Any, None]", work) if isinstance(work, Coroutine) else _awaited(work)


def _cancelled(waited: Any, error: BaseException) -> bool:
    """Cancel what a handler waits for, as its task would; return whether that is how it will hear of it."""
    return isinstance(error, asyncio.CancelledError) and waited is not None and waited.cancel(*error.args)
