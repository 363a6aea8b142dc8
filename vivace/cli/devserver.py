"""The process of ``vivace dev`` that stays: holds the listening sockets, watches the files, replaces the child.

Theory
------
::

    parent   sockets, watcher, third-party modules      never runs the user's code
    child    the user's modules, the server             one at a time, replaced at each change

The sockets stay open all the time, so a connection that comes while there is no child waits in the kernel's queue and
is never refused. A child is a fork of the parent: what the app imports from elsewhere (the parent imports it too, once
the first child has said what that was) costs nothing at the next change; the user's own modules are never in the
parent, so each child loads them as they are. A parent with threads must not fork (the child could inherit a lock that
nobody will release): when an import starts one, and on Windows, children are fresh interpreters.

=====================  ==========================================================================================
a file changes         the new child is started first, then the old one is told to stop: it has ``GRACE`` seconds
there is no such app   at the first start: the command line is wrong, ``dev`` ends with status 3
the app does not load  the child serves the error as a page, and the next change starts another child
the child dies         another one serves a page that says so
the parent dies        the child sees the end of its control socket and stops
=====================  ==========================================================================================
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import msgspec

from vivace.engine.listening.listeners import Listener
from vivace.engine.workers.options import EXIT_STARTUP

from .devchild import GRACE, ChildOptions, Loaded, run_child
from .terminal import paint, say
from .watching import Watcher

MARGIN: Final = 1.5  # seconds beyond the grace for shutdown hooks, until a child is killed
CAN_FORK: Final = hasattr(os, "fork")
_ENTRY: Final = "vivace.cli.devchild"


@dataclass(frozen=True, slots=True)
class DevOptions:
    """What to serve, and how children are started. ``fresh``: as new interpreters, not as forks."""

    target: str
    folder: Path
    home: Path
    patterns: Sequence[str] = ()
    fresh: bool = not CAN_FORK
    ready: Callable[[], None] | None = None  # called when the first child serves
    child: ChildOptions | None = None


class ChildProcess:
    """One child as the parent sees it."""

    def __init__(
        self, pid: int, control: socket.socket, popen: subprocess.Popen[bytes] | None = None
    ) -> None:
        self.pid = pid
        self.deadline = float("inf")
        self._control = control
        self._popen = popen
        self._received = b""
        control.setblocking(False)

    def read(self) -> Loaded | None:
        """Return what the child said, if it has said it."""
        with suppress(OSError):
            self._received += self._control.recv(1 << 20)
        line, newline, self._received = self._received.partition(b"\n")
        if newline:
            return msgspec.json.decode(line, type=Loaded)
        self._received = line
        return None

    def status(self) -> int | None:
        """Return the exit status, negative for a signal; ``None`` while it runs."""
        if self._popen is not None:
            return self._popen.poll()
        try:
            pid, code = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            return 0
        return os.waitstatus_to_exitcode(code) if pid else None

    def stop(self, now: float) -> None:
        """Tell it to stop; see ``press``."""
        self.deadline = now + GRACE + MARGIN
        self._signal(signal.SIGTERM)

    def press(self, now: float) -> None:
        """Kill it when it was told to stop and had its time."""
        if now >= self.deadline:
            self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))

    def close(self) -> None:
        """Let go of the control socket."""
        self._control.close()

    def _signal(self, number: int) -> None:
        with suppress(OSError):
            if self._popen is not None:
                self._popen.send_signal(number)
            else:
                os.kill(self.pid, number)


class DevServer:
    """Serves ``options`` on ``listeners`` until a signal says stop."""

    def __init__(self, options: DevOptions, listeners: Sequence[Listener]) -> None:
        self.options = options
        self.watcher = Watcher([options.home], options.patterns)
        self.child: ChildProcess | None = None
        self.stopping = False
        self.fresh = options.fresh
        self._listeners = listeners
        self._retired: list[ChildProcess] = []
        self._changed: tuple[str, float] | None = None  # the file, and when it was saved
        self._ready = options.ready
        self._first = True  # nothing was served yet
        self._code = 0

    def run(self) -> int:
        """Serve; returns the exit status when everything has ended."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        self._start()
        while not self.stopping:
            changed = self.watcher.wait()
            if changed:
                self._reload(changed)
            self._look()
        self._end()
        return self._code

    def _stop(self, *_: Any) -> None:
        self.stopping = True

    # -- children -------------------------------------------------------------------------------------------------

    def _start(self, crash: str = "") -> None:
        ours, theirs = socket.socketpair()
        options = ChildOptions(
            target=self.options.target,
            folder=str(self.options.folder),
            process=token_hex(8),
            sockets=tuple((listener.sock.fileno(), listener.tls) for listener in self._listeners),
            control=theirs.fileno(),
            crash=crash,
            first=self._first,
        )
        if self.options.child is not None:
            given = self.options.child
            options = replace(options, tls=given.tls, forbid_blocking=given.forbid_blocking)
        with theirs:
            self.child = self._spawn(options, ours) if self.fresh else self._fork(options, ours)

    def _fork(self, options: ChildOptions, ours: socket.socket) -> ChildProcess:
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            # From 3.12 on Python warns of threads at a fork. The only one is the watcher's, which holds no lock of ours.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid:
            return ChildProcess(pid, ours)
        code = 1
        try:
            ours.close()
            for child in self._retired:
                child.close()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            code = run_child(options)
        except KeyboardInterrupt:
            code = 130
        except BaseException as error:
            from .terminal import show_error

            show_error(error)
        finally:
            with suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _spawn(self, options: ChildOptions, ours: socket.socket) -> ChildProcess:
        command = [sys.executable, "-m", _ENTRY, msgspec.json.encode(options).decode()]
        inherited = [options.control, *(descriptor for descriptor, _ in options.sockets)]
        if sys.platform == "win32":  # handles are inherited all together
            for descriptor in inherited:
                os.set_handle_inheritable(descriptor, True)
            popen = subprocess.Popen(command, close_fds=False)  # noqa: S603 - our own module
        else:
            popen = subprocess.Popen(command, pass_fds=inherited)  # noqa: S603 - our own module
        return ChildProcess(popen.pid, ours, popen)

    def _reload(self, changed: Sequence[str]) -> None:
        self._first = False
        old = self.child
        forget_bytecode(changed)
        self._changed = (_short(changed[0], self.options.home), _saved(changed))
        self._start()
        if old is not None:
            old.stop(time.monotonic())
            self._retired.append(old)

    def _look(self) -> None:
        """Hear what children say, and see which have ended."""
        now = time.monotonic()
        for child in list(self._retired):
            child.press(now)
            if child.status() is not None:
                child.close()
                self._retired.remove(child)
        if self.child is None:
            return
        loaded = self.child.read()
        if loaded is not None:
            self._loaded(loaded)
        code = self.child.status()
        if code == EXIT_STARTUP and self._first:
            self.child.close()
            self.child, self._code, self.stopping = None, code, True
        elif code is not None and not self.stopping:
            self._first = False
            self.child.close()
            say(paint(f"The process ended by itself with {_how(code)}.", fg="red"))
            self._start(crash=f"The process of the app ended by itself with {_how(code)}.")

    def _loaded(self, loaded: Loaded) -> None:
        self._first = False
        if self._changed is not None:
            name, saved = self._changed
            took = (loaded.at - saved) * 1000
            state = paint("an error is shown", fg="red") if loaded.failed else "reloaded"
            say(f"{name} → {state}, {took:.0f} ms after the save")
            self._changed = None
        if self._ready is not None:
            self._ready()
            self._ready = None
        self.watcher.add(Path(folder) for folder in loaded.folders)
        if not self.fresh:
            self._preload(loaded.modules)

    def _preload(self, modules: Iterable[str]) -> None:
        """Import what the app imports from elsewhere, for the children to come."""
        for name in modules:
            if name in sys.modules:
                continue
            with suppress(Exception, SystemExit), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                importlib.import_module(name)
            if threading.active_count() > 1:
                say(
                    f"{name} starts a thread when it is imported: from now on each reload is a new interpreter."
                )
                self.fresh = True
                return

    def _end(self) -> None:
        """Stop all children and wait for their end."""
        self.watcher.close()
        now = time.monotonic()
        children = [*self._retired, *([self.child] if self.child is not None else [])]
        if self.child is not None:
            self.child.stop(now)
        while children:
            children = [child for child in children if child.status() is None]
            for child in children:
                child.press(time.monotonic())
            time.sleep(0.01)


def forget_bytecode(changed: Iterable[str]) -> None:
    """Remove what Python kept of these modules: it tells them by size and whole seconds, and people save faster."""
    for path in changed:
        if path.endswith(".py"):
            with suppress(OSError):
                os.unlink(importlib.util.cache_from_source(path))


def _saved(changed: Sequence[str]) -> float:
    """Return when the last of these files was written; now, for those that were removed."""
    times = [os.stat(path).st_mtime for path in changed if os.path.exists(path)]
    return max(times, default=time.time())


def _short(path: str, home: Path) -> str:
    file = Path(path)
    return str(file.relative_to(home)) if file.is_relative_to(home) else path


def _how(code: int) -> str:
    return f"status {code}" if code >= 0 else f"signal {-code}"


__all__ = ["DevOptions", "DevServer"]
