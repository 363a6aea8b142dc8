"""The supervisor: opens the sockets, keeps N workers running on them, replaces them without losing a request.

Theory
------
The supervisor runs none of the app's code, so nothing the app does can stop it. It holds the listening sockets for
its whole life; workers are processes that inherit them (see ``spawning``). There are *places* 0 … N-1; each place has
the worker that serves there. A worker that is being replaced leaves its place to its successor when that is ready, and
is then *retiring*: it drains and goes, and nobody takes its end for a crash.

========================  =============================================================================================
a worker ends …           then
========================  =============================================================================================
retiring                  nothing: that was wanted
before any was ready      the whole start failed: stop with its status, the worker has said why
before it was ready       its place is tried again later and later; a reload keeps the old worker and stops there
later                     it crashed: its place is filled again, at once the first time, later and later after that
========================  =============================================================================================

Signals: TERM and INT drain all (twice: quickly), HUP reloads one after another, TTIN and TTOU change N by one.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, TypeAlias

from vivace.engine.listening.listeners import Listener

from .backoff import Backoff
from .child import Child
from .health import FRESH, HealthServer, Report
from .heartbeat import BEAT, Heartbeat
from .options import ServeOptions
from .spawning import Launched, Spawn, admit_signals, launch, worker_options

logger = logging.getLogger("vivace.supervisor")

EXIT_FAILED: Final = 1
ServeHub: TypeAlias = Callable[[str], Coroutine[Any, Any, None]]


class Supervisor:
    """Keeps the workers of ``options`` on ``listeners``; ``launched`` are the first ones, where they run already.

    ``ready`` is called once, when the first worker serves. ``serve_hub`` is run once for each path at which a worker wants
    to find the hub, until the supervisor ends.
    """

    def __init__(
        self,
        spawn: Spawn,
        options: ServeOptions,
        listeners: Sequence[Listener],
        health: Sequence[Listener] = (),
        *,
        launched: Sequence[Launched] = (),
        ready: Callable[[], None] | None = None,
        serve_hub: ServeHub | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.options = options
        self.count = max(1, options.workers)
        self.places: dict[int, Child] = {}
        self._spawn = spawn
        self._launched = list(launched)
        self._listeners = listeners
        self._health_listeners = health
        self._health = HealthServer(self.report)
        self._clock = clock
        self._children: set[Child] = set()
        self._backoffs: dict[int, Backoff] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._replacing = asyncio.Lock()
        self._was_ready = False
        self._ready = ready
        self._serve_hub = serve_hub
        self._hubs: dict[str, asyncio.Task[None]] = {}
        self._reload_wanted = False
        self._code = 0
        self._stop = asyncio.Event()
        self._quick = asyncio.Event()

    async def run(self) -> int:
        """Serve until a signal says stop; returns the exit status."""
        self._listen_to_signals()
        await self._health.listen([listener.sock for listener in self._health_listeners])
        for number in range(self.count):
            self._task(self._fill(number))
        admit_signals()  # not before: a stop must find the workers that were launched in their places
        watching = asyncio.create_task(self._watch())
        try:
            await self._stop.wait()
            await self._retire_all()
        finally:
            watching.cancel()
            for task in list(self._tasks):
                task.cancel()
            for hub in self._hubs.values():
                hub.cancel()
            for child in self._children:
                child.signal(signal.SIGKILL)
            self._health.close()
        return self._code

    @property
    def stopping(self) -> bool:
        """True once a stop was asked for."""
        return self._stop.is_set()

    def report(self) -> Report:
        """Return how the workers are."""
        return Report(self.stopping, [child.health() for _, child in sorted(self.places.items())])

    # -- signals --------------------------------------------------------------------------------------------------

    def _listen_to_signals(self) -> None:
        actions = {
            "SIGTERM": self.stop,
            "SIGINT": self.stop,
            "SIGQUIT": self.stop_quickly,
            "SIGHUP": self.reload,
            "SIGTTIN": lambda: self.scale(1),
            "SIGTTOU": lambda: self.scale(-1),
        }
        loop = asyncio.get_running_loop()
        for name, action in actions.items():
            loop.add_signal_handler(getattr(signal, name), action)

    def stop(self, code: int = 0) -> None:
        """Drain all workers and end with ``code``; asked again: quickly."""
        if self.stopping:
            self._quick.set()
        self._code = self._code or code
        self._stop.set()

    def stop_quickly(self) -> None:
        """End without waiting for what is under way."""
        self._quick.set()
        self.stop()

    def reload(self) -> None:
        """Replace all workers, one after another, each when its successor is ready."""
        self._reload_wanted = True
        self._task(self._reload())

    def scale(self, change: int) -> None:
        """Have one worker more or less, at least one."""
        before, self.count = self.count, max(1, self.count + change)
        logger.info("%d workers wanted", self.count)
        for number in range(before, self.count):
            self._task(self._fill(number))
        for number in range(self.count, before):
            child = self.places.pop(number, None)
            if child is not None:
                self._task(child.retire())

    # -- workers --------------------------------------------------------------------------------------------------

    async def _fill(self, number: int) -> None:
        """Put a worker into an empty place."""
        if number < self.count and number not in self.places and not self.stopping:
            self.places[number] = child = Child(number, self._clock, self._heard)
            await self._start(child)

    async def _start(self, child: Child) -> bool:
        """Start a worker and wait until it is ready or has ended; returns whether it is ready."""
        self._children.add(child)
        try:
            await child.start(self._launch(child.number))
        except OSError as error:
            child.exited.set()
            logger.error("worker %d cannot be started: %s", child.number, error)
        self._task(self._follow(child))
        waiting = [asyncio.create_task(event.wait()) for event in (child.ready, child.exited)]
        done, pending = await asyncio.wait(
            waiting, timeout=self.options.start_timeout or None, return_when=asyncio.FIRST_COMPLETED
        )
        for task in pending:
            task.cancel()
        if not done:
            logger.error("worker %d (pid %d) did not become ready in time", child.number, child.pid)
            child.signal(signal.SIGKILL)
            await child.exited.wait()
        if child.ready.is_set() and not child.exited.is_set():
            if not self._was_ready and self._ready is not None:
                self._ready()
            self._was_ready = True
            logger.info("worker %d (pid %d) is ready", child.number, child.pid)
            return True
        return False

    def _launch(self, number: int) -> Launched:
        if self._launched:
            return self._launched.pop(0)  # they are in the order of the places
        return launch(self._spawn, worker_options(self.options, self._listeners, number))

    async def _follow(self, child: Child) -> None:
        """Wait for the end of a worker and decide what it means; see the table above."""
        await child.exited.wait()
        self._children.discard(child)
        in_place = self.places.get(child.number) is child
        if child.retiring or self.stopping or not in_place:
            return
        del self.places[child.number]
        how = f"status {child.code}" if (child.code or 0) >= 0 else f"signal {-(child.code or 0)}"
        if not self._was_ready:
            logger.error("worker %d ended with %s before it was ready: nothing is served", child.number, how)
            self.stop(child.code if child.code and child.code > 0 else EXIT_FAILED)
            return
        delay = self._backoffs.setdefault(child.number, Backoff(self._clock)).failed()
        logger.error(
            "worker %d (pid %d) ended with %s; starting another in %.1f s",
            child.number,
            child.pid,
            how,
            delay,
        )
        await asyncio.sleep(delay)
        await self._fill(child.number)

    async def _replace(self, number: int) -> bool:
        """Start a successor, and retire the worker in that place when it is ready; False when it does not start."""
        if self.stopping:
            return True
        successor = Child(number, self._clock, self._heard)
        if not await self._start(successor):
            return False
        if self._stop.is_set() or number >= self.count:
            self._task(successor.retire())
            return True
        old, self.places[number] = self.places.get(number), successor
        if old is not None and not old.exited.is_set():
            self._task(old.retire())
        return True

    async def _reload(self) -> None:
        async with self._replacing:
            if not self._reload_wanted or self.stopping:
                return
            self._reload_wanted = False
            logger.info("reloading %d workers", self.count)
            for number in range(self.count):
                if not await self._replace(number):
                    if not self._stop.is_set():
                        logger.error(
                            "the reload stopped: a new worker did not start; the old ones go on serving"
                        )
                    return
            logger.info("reloaded")

    async def _recycle(self, child: Child) -> None:
        """Replace one worker that served or holds too much, if it still is in its place."""
        async with self._replacing:
            if self.places.get(child.number) is child and not self.stopping:
                logger.info("worker %d (pid %d) is replaced", child.number, child.pid)
                await self._replace(child.number)

    async def _retire_all(self) -> None:
        if self._health_listeners:
            logger.info("stopping")
        ending = [asyncio.create_task(child.retire()) for child in list(self._children)]
        quick = asyncio.create_task(self._hurry())
        if ending:
            await asyncio.wait(ending)
        quick.cancel()

    async def _hurry(self) -> None:
        await self._quick.wait()
        for child in self._children:
            child.signal(signal.SIGQUIT)  # not a second SIGTERM: two of the same that wait become one

    # -- the hub --------------------------------------------------------------------------------------------------

    def _heard(self, heartbeat: Heartbeat) -> None:
        path = heartbeat.hub
        if path and path not in self._hubs and self._serve_hub is not None:
            self._hubs[path] = asyncio.create_task(self._serve_hub(path), name=f"hub at {path}")

    # -- watching -------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        recycling: set[Child] = set()
        while True:
            await asyncio.sleep(BEAT)
            serving = [child for child in self.places.values() if child.ready.is_set()]
            self._balance([child for child in serving if child.age < FRESH])
            for child in serving:
                self._check_stuck(child)
                if self._is_worn(child) and child not in recycling:
                    recycling.add(child)
                    self._task(self._recycle(child))
            recycling &= self._children

    def _balance(self, fresh: Sequence[Child]) -> None:
        """Tell workers the average. Blocked ones do not count: nobody may wait for them to take connections."""
        average = sum(child.last.connections for child in fresh) // max(1, len(fresh))
        for child in fresh:
            child.share(average)

    def _is_worn(self, child: Child) -> bool:
        requests, memory = self.options.max_requests, self.options.max_memory_bytes
        return bool((requests and child.last.served >= requests) or (memory and child.last.memory >= memory))

    def _check_stuck(self, child: Child) -> None:
        limit = self.options.stuck_after
        if not limit or child.age < limit:
            child.stuck = False
        elif not child.stuck:
            child.stuck = True
            logger.error(
                "worker %d (pid %d) gave no sign of life for %.0f s; its stack follows",
                child.number,
                child.pid,
                child.age,
            )
            child.ask_for_stack()
            if self.options.replace_stuck:
                self._task(self._kill_later(child))

    async def _kill_later(self, child: Child) -> None:
        await asyncio.sleep(BEAT)  # time for its stack
        if child.stuck:
            child.signal(signal.SIGKILL)

    # -- odds and ends --------------------------------------------------------------------------------------------

    def _task(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.critical("the supervisor failed", exc_info=error)
            self.stop(EXIT_FAILED)


__all__ = ["EXIT_FAILED", "Supervisor"]
