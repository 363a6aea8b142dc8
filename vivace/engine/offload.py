"""Work away from the event loop: a bounded pool of threads, and processes for what needs the CPU (WK2).

Threads
    A thread cannot be stopped. When the caller is cancelled or its time is over, waiting ends at once; the work runs
    to its end and only then frees its slot. Context variables are those of the caller.
Processes
    A process can be stopped: when the caller is cancelled or its time is over, the process is killed and a new one
    takes its place. Function, arguments and result are pickled; the function is one of a module, not of a call.

The loop's default executor is never used: libraries share it (``getaddrinfo`` runs there), so a few slow handlers would
stop DNS look-ups, too. Work in the pool must not wait for work of the same pool: with all threads waiting nothing would
move any more. That raises ``NestedOffload`` the first time, not only on the day the pool is full.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any, Final, Literal, ParamSpec, TypeAlias, TypeVar

from vivace.errors import NestedOffload, OffloadFailed, PoolFull

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

T = TypeVar("T")
P = ParamSpec("P")
Kind: TypeAlias = Literal["thread", "process"]

DEFAULT_THREADS: Final = 40  # as many as AnyIO's limiter; a plain handler mostly waits for a database
DEFAULT_QUEUE: Final = 1_000  # calls that wait for a thread; more are answered 503
_inside: ContextVar[frozenset[int]] = ContextVar("vivace.inside_pools", default=frozenset())


class Pool:
    """At most ``threads`` threads, made when they are first needed; ``queue`` calls may wait for one.

    ``running``, ``waiting`` and ``refused`` are the metrics.
    """

    __slots__ = ("_executor", "_held", "queue", "refused", "threads")

    def __init__(self, threads: int = DEFAULT_THREADS, queue: int = DEFAULT_QUEUE) -> None:
        self.threads = threads
        self.queue = queue
        self.refused = 0
        self._held = (
            0  # calls that run or wait; a call whose caller left still counts until its thread is free
        )
        self._executor: ThreadPoolExecutor | None = None

    @property
    def running(self) -> int:
        """How many threads work."""
        return min(self._held, self.threads)

    @property
    def waiting(self) -> int:
        """How many calls wait for a thread."""
        return max(0, self._held - self.threads)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what ``function`` returns; raises what it raises, ``PoolFull`` (503) or ``NestedOffload``."""
        self._admit(function)
        executor = self._executor
        if executor is None:
            from concurrent.futures import ThreadPoolExecutor  # apps whose handlers are all async need none

            executor = self._executor = ThreadPoolExecutor(self.threads, thread_name_prefix="vivace-blocking")
        context = copy_context()
        context.run(_inside.set, _inside.get() | {id(self)})
        loop = asyncio.get_running_loop()
        future = executor.submit(_call, context, function, args, kwargs)
        self._held += 1
        future.add_done_callback(lambda _: _tell(loop, self._release))
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Let running calls end, drop waiting ones and release the threads."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)

    def _admit(self, function: Callable[..., Any]) -> None:
        if id(self) in _inside.get():
            raise NestedOffload(
                f"{_name(function)} was handed to the thread pool by code that a thread of the pool waits for.",
                expected="one hop: async code hands sync code to a thread",
                fix="Call it directly: this code is off the event loop already.",
            )
        if self._held >= self.threads + self.queue:
            self.refused += 1
            raise PoolFull(
                "All threads are busy and too many calls wait for one.",
                headers={"retry-after": "1"},
                expected=f"at most {self.threads} running and {self.queue} waiting",
                fix="Make slow handlers async, or give the pool more threads.",
            )

    def _release(self) -> None:
        self._held -= 1


def _tell(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(function)


def _call(context: Context, function: Callable[..., T], args: Any, kwargs: Any) -> T:
    # asyncio.Future refuses StopIteration and its waiter would hang for ever (before Python 3.12)
    try:
        return context.run(function, *args, **kwargs)
    except StopIteration as error:
        raise RuntimeError("an offloaded function raised StopIteration") from error


class ProcessPool:
    """At most ``processes`` fresh interpreters (spawned, so no lock or socket is inherited), made when needed."""

    __slots__ = ("_idle", "_live", "_slots", "processes")

    def __init__(self, processes: int = 0) -> None:
        self.processes = processes or os.cpu_count() or 1
        self._slots = asyncio.Semaphore(self.processes)
        self._idle: list[Helper] = []
        self._live: set[Helper] = set()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what ``function`` returns in another process; cancelling kills it.

        Raises what the function raises, or ``OffloadFailed`` when it cannot be sent or its process dies.
        """
        async with self._slots:
            helper = self._idle.pop() if self._idle else Helper()
            self._live.add(helper)
            try:
                result = await helper.call(function, args, kwargs)
            except BaseException:
                if not helper.alive:
                    self._live.discard(helper)
                else:
                    self._idle.append(helper)
                raise
            self._idle.append(helper)
            return result

    def close(self) -> None:
        """Kill all processes."""
        for helper in self._live:
            helper.kill()
            helper.reap()
        self._live.clear()
        self._idle.clear()


class Helper:
    """One process that does one call at a time; a thread of its own carries calls and results."""

    __slots__ = ("_executor", "_pipe", "_process", "alive")

    def __init__(self) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self._executor = ThreadPoolExecutor(1, thread_name_prefix="vivace-process")
        self._pipe: Connection | None = None
        self._process: BaseProcess | None = None
        self.alive = True

    async def call(self, function: Callable[..., T], args: Any, kwargs: Any) -> T:
        """Do one call; when the caller is cancelled the process is killed."""
        future: Future[tuple[bool, Any]] = self._executor.submit(self._exchange, function, args, kwargs)
        try:
            well, value = await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            self.kill()
            raise
        except (EOFError, OSError) as error:
            self.kill()
            raise OffloadFailed(
                f"The process that ran {_name(function)} died.",
                fix="Look for a crash of native code, or for the kernel killing it for its memory.",
            ) from error
        if not well:
            raise value
        return value  # type: ignore[no-any-return]

    def kill(self) -> None:
        """End the process; it is not used again."""
        self.alive = False
        if self._process is not None:
            self._process.kill()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def reap(self) -> None:
        """Wait for the end of a process that was killed or died, so that no zombie stays."""
        if self._process is not None:
            self._process.join(1.0)

    def _exchange(self, function: Callable[..., Any], args: Any, kwargs: Any) -> tuple[bool, Any]:
        from pickle import PicklingError

        pipe = self._pipe or self._start()
        try:
            pipe.send((function, args, kwargs))
        except (PicklingError, AttributeError, TypeError) as error:
            raise OffloadFailed(
                f"{_name(function)} cannot be sent to another process: {error}",
                expected="a function of a module, with arguments that can be pickled",
                fix='Move it to the top level of a module, or use kind="thread".',
            ) from error
        try:
            return pipe.recv()  # type: ignore[no-any-return]
        except (EOFError, OSError):
            self.reap()
            raise

    def _start(self) -> Connection:
        from multiprocessing import get_context

        spawn = get_context("spawn")
        ours, theirs = spawn.Pipe()
        self._pipe = ours
        self._process = process = spawn.Process(target=_serve_calls, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        if not self.alive:  # cancelled while it started
            process.kill()
        return ours


def _serve_calls(pipe: Connection) -> None:
    """Run in the helper process: take calls until the pipe is closed."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    while True:
        try:
            function, args, kwargs = pipe.recv()
        except EOFError:
            return
        except Exception as error:  # what came cannot be unpickled here: the caller must know why
            _answer(pipe, False, error)
            continue
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            _answer(pipe, False, error)
        else:
            _answer(pipe, True, result)


def _answer(pipe: Connection, well: bool, value: object) -> None:
    try:
        pipe.send((well, value))
    except Exception as error:
        pipe.send(
            (False, OffloadFailed(f"The result cannot be sent back: {error!r} ({type(value).__name__})"))
        )


class Offload:
    """The pools of one app: ``await offload(function, …)``."""

    __slots__ = ("_processes", "threads")

    def __init__(self, threads: Pool | None = None) -> None:
        self.threads = threads or Pool()
        self._processes: ProcessPool | None = None

    async def __call__(
        self, function: Callable[..., T], *args: Any, kind: Kind = "thread", timeout: float | None = None
    ) -> T:
        """Run ``function(*args)`` off the event loop and return its result; ``timeout`` is in seconds.

        Raises ``TimeoutError`` when the time is over: a process is killed then, a thread runs on to its end.
        """
        if kind == "process" and self._processes is None:
            self._processes = ProcessPool()
        pool = self._processes if kind == "process" and self._processes is not None else self.threads
        async with asyncio.timeout(timeout):
            return await pool.run(function, *args)

    def close(self) -> None:
        """Release threads and processes."""
        self.threads.close()
        if self._processes is not None:
            self._processes.close()
            self._processes = None


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", repr(function))


__all__ = ["DEFAULT_QUEUE", "DEFAULT_THREADS", "Kind", "Offload", "Pool", "ProcessPool"]
