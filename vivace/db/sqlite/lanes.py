"""Threads that run SQL, and how their answers come back to the event loop.

A ``Lane`` is one thread with one connection. Jobs come from a queue, which lanes may share (then whoever is free takes
the next). A hop to a thread and back costs about 80 µs alone; what makes it 10 µs under load is that answers are
delivered together: the ``Mailbox`` wakes the loop once for all answers that are there when it runs.

Cancelling a job: one that no lane has taken is dropped; one that runs is interrupted, and its lane lives on. A job is
taken and cancelled through the same one-shot lock, so never both. ``interrupt`` is called while the lane's own lock is
held and the lane still runs that job, so that it never hits the next one.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, Generic, TypeAlias, TypeVar

import apsw

from .connection import Home, Link, Role
from .errors import translate
from .heap import share_heap

T = TypeVar("T")
Work: TypeAlias = Callable[[Link], T]

_BUSY_PAUSE: Final = 0.001


class Mailbox:
    """Delivers settled jobs to the loop, many at a wake-up."""

    __slots__ = ("_armed", "_done", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._done: deque[Job[Any]] = deque()
        self._armed = False

    def post(self, job: Job[Any]) -> None:
        """Called in a thread when a job has its outcome."""
        self._done.append(job)
        if not self._armed:  # two threads may both see False: an extra wake-up, never a lost one
            self._armed = True
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:  # the loop is closed: nobody waits any more
                pass

    def _deliver(self) -> None:
        self._armed = False  # before the first look: what comes later wakes us again
        while self._done:
            self._done.popleft().settle()


class Job(Generic[T]):
    """Work for a lane and the future of its outcome. ``then`` is called on the loop before the future is resolved."""

    __slots__ = ("_claim", "_error", "_result", "_then", "_work", "counted_by", "future", "lane", "sql")

    def __init__(
        self,
        work: Work[T],
        loop: asyncio.AbstractEventLoop,
        *,
        sql: str = "",
        then: Callable[[Job[T]], object] | None = None,
    ) -> None:
        self._work = work
        self.sql = sql
        self._then = then
        self._claim: Final = threading.Lock()
        self.future: asyncio.Future[T] = loop.create_future()
        self.lane: Lane | None = None
        self.counted_by: Lane | None = None
        self._result: T | None = None
        self._error: BaseException | None = None

    def claim(self) -> bool:
        """Take the job, to run it or to drop it; true for the first who asks."""
        return self._claim.acquire(blocking=False)

    @property
    def taken(self) -> bool:
        """Whether a lane has it, or nobody needs it any more."""
        return self._claim.locked()

    def perform(self, link: Link) -> None:
        """Run in a lane's thread."""
        try:
            self._result = self._work(link)
        except BaseException as error:  # to be raised where the job is awaited
            link.failed(error)
            self._error = translate(error, self.sql)

    def fail(self, error: BaseException) -> None:
        """Give up a job that was claimed but will not be run."""
        self._error = error
        self.settle()

    def settle(self) -> None:
        """Hand over the outcome, on the loop."""
        if self.counted_by is not None:
            self.counted_by.settled()
        if self._then is not None:
            self._then(self)
        if self.future.done():
            return
        if self._error is not None:
            self.future.set_exception(self._error)
            self.future.exception()  # the caller may be gone: no complaint about an error nobody fetched
        else:
            self.future.set_result(self._result)  # type: ignore[arg-type]  # None only where T is

    @property
    def error(self) -> BaseException | None:
        """What the work raised."""
        return self._error

    @property
    def result(self) -> T | None:
        """What the work returned, if it did."""
        return self._result

    def cancel(self, error: BaseException | None = None) -> None:
        """Drop the job when it has not begun, or interrupt its statement; ``error`` tells one who still waits.

        A job that somebody else counts on (``then``) is never dropped.
        """
        if self._then is None and self.claim():
            if error is not None:
                self.fail(error)
            elif self.counted_by is not None:
                self.counted_by.settled()
        elif self.lane is not None:
            self.lane.interrupt(self)


Jobs: TypeAlias = "SimpleQueue[Job[Any] | None]"


class Lane:
    """One thread and its connection."""

    def __init__(self, home: Home, role: Role, jobs: Jobs, mailbox: Mailbox, name: str) -> None:
        self.link = Link(home, role, self._wait_for_others if role == "write" else None)
        self.jobs = jobs
        self.lock = threading.Lock()
        self.give_up = False  # set while a job waits for another process and nobody waits for the job
        self._busy_timeout = home.options.busy_timeout
        self._mailbox = mailbox
        self._current: Job[Any] | None = None
        self._outstanding = 0
        share_heap()
        self.thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self.thread.start()

    def put(self, job: Job[T]) -> Job[T]:
        """Queue a job for this lane; on the loop."""
        self._outstanding += 1
        job.counted_by = self
        self.jobs.put(job)
        return job

    @property
    def idle(self) -> bool:
        """Whether its thread has nothing to do, so that the loop's thread may use the connection for a moment."""
        return not self._outstanding

    def settled(self) -> None:
        """Count a job as done; on the loop."""
        self._outstanding -= 1

    def _serve(self) -> None:
        while (job := self.jobs.get()) is not None:
            if not job.claim():
                continue
            with self.lock:
                self.give_up = False
                job.lane = self
                self._current = job
            job.perform(self.link)
            with self.lock:
                self._current = None
            self._mailbox.post(job)
            del job  # its rows must not live until the next one comes
        self.link.drop()

    def interrupt(self, job: Job[Any]) -> None:
        """Stop the statement that runs now, if it is the job's."""
        with self.lock:
            if self._current is job:
                self.give_up = True
                self.stop_statement()

    def stop_statement(self) -> None:
        """Stop what runs; the caller holds the lock."""
        connection = self.link.current
        if connection is not None:
            try:
                connection.interrupt()
            except apsw.ConnectionClosedError:
                pass

    def _wait_for_others(self, attempt: int) -> bool:
        """SQLite's busy handler: look again soon, for its own pauses grow to 100 ms. Sleeps in the lane's thread."""
        if self.give_up or attempt * _BUSY_PAUSE > self._busy_timeout:
            return False
        time.sleep(_BUSY_PAUSE)
        return True


async def finish(job: Job[T]) -> T:
    """Wait for a job; when the caller is cancelled, so is the job."""
    try:
        return await job.future
    except asyncio.CancelledError:
        job.cancel()
        raise
    finally:
        del job  # whose future knows the error, whose traceback knows this frame: a circle


__all__ = ["Job", "Jobs", "Lane", "Mailbox", "finish"]
