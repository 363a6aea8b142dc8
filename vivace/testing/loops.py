"""One loop, one task and one context for everything that belongs to a test, and a watch on what is left of it."""

from __future__ import annotations

import asyncio
import contextvars
import weakref
from collections.abc import Coroutine
from typing import Any, Final, TypeAlias, TypeVar, cast

from vivace.errors.testing import AsyncTestFailed

T = TypeVar("T")
Work: TypeAlias = "tuple[Coroutine[Any, Any, Any], asyncio.Future[Any]]"

SETTLE: Final = (
    50  # turns of the loop for what is about to end: counted, because waiting for a time is a flake
)


class Host:
    """Runs coroutines one after another in a task of its own; ``check`` raises ``AsyncTestFailed`` for leftovers."""

    def __init__(self, context: contextvars.Context) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_task_factory(cast("Any", self._make_task))
        self._loop.set_exception_handler(self._collect)
        self._made: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self._errors: list[str] = []
        self._known: set[asyncio.Task[Any]] = set()
        self._inbox: asyncio.Queue[Work] = asyncio.Queue()
        self._task = self._loop.create_task(self._work(), name="test", context=context)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` to its end in the host's task."""
        done: asyncio.Future[T] = self._loop.create_future()
        self._inbox.put_nowait((work, done))
        try:
            return self._loop.run_until_complete(done)
        finally:
            work.close()

    def begin(self) -> None:
        """Take what runs now as given: it belongs to fixtures of a wider scope."""
        self._known = asyncio.all_tasks(self._loop)

    def check(self) -> None:
        """Let go on what is about to end; then raise for tasks that are pending and errors that nobody saw."""
        left = self.run(self._settle())
        problems = [f"task {task.get_name()!r} is still pending: {_place(task)}" for task in left]
        for task in left:
            task.cancel()
        if left:
            self.run(self._settle())
        problems += [f"task {task.get_name()!r} failed: {error!r}" for task, error in self._unseen()]
        problems += self._errors
        self._errors = []
        if problems:
            raise AsyncTestFailed(
                "The test left something behind.",
                expected="no pending task and no exception that nobody looked at",
                got="; ".join(sorted(problems)),
                fix="Await or cancel the tasks you start, or start them in an asyncio.TaskGroup.",
            )

    def close(self) -> None:
        """Cancel what is left and close the loop."""
        loop = self._loop
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    async def _work(self) -> None:
        while True:
            work, done = await self._inbox.get()
            try:
                result = await work
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:
                while (
                    self._task.uncancel()
                ):  # a task group in a fixture may have cancelled us: the test sees it
                    pass
                _settle_with(done, error)
            else:
                if not done.done():
                    done.set_result(result)

    async def _settle(self) -> list[asyncio.Task[Any]]:
        left: list[asyncio.Task[Any]] = []
        for _ in range(SETTLE):
            running = asyncio.all_tasks() - self._known - {self._task}
            left = sorted(running, key=lambda task: task.get_name())
            if not left:
                break
            await asyncio.sleep(0)
        return left

    def _unseen(self) -> list[tuple[asyncio.Task[Any], BaseException]]:
        """Tasks that failed and whose result was never asked for; asking, here, marks them as seen."""
        unseen: list[tuple[asyncio.Task[Any], BaseException]] = []
        for task in list(self._made):
            if task.done() and not task.cancelled() and getattr(task, "_log_traceback", False):
                error = task.exception()
                if error is not None:
                    unseen.append((task, error))
        return unseen

    def _make_task(
        self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **options: Any
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(work, loop=loop, **options)
        self._made.add(task)
        return task

    def _collect(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self._errors.append(f"{context['message']}: {error!r}" if error else str(context["message"]))


def _settle_with(done: asyncio.Future[Any], error: BaseException) -> None:
    if done.done():
        return
    if isinstance(error, StopIteration):  # a future refuses it
        wrapped = RuntimeError("the coroutine raised StopIteration")
        wrapped.__cause__ = error
        done.set_exception(wrapped)
    else:
        done.set_exception(error)


def _place(task: asyncio.Task[Any]) -> str:
    """Return file and line where the task waits."""
    frames = task.get_stack(limit=1)
    return f"{frames[0].f_code.co_filename}:{frames[0].f_lineno}" if frames else "not started"
