"""``vivace shell``: a prompt inside a running app, where ``await`` works.

The loop has the main thread, as under a server; the prompt reads in a thread of its own. Each input is compiled with
top-level await allowed and runs as a task in one lasting context, so that the current app, open transactions and what the
user sets in context variables are there at the next prompt. Ctrl-C cancels the input that runs, Ctrl-D ends the shell.

Input that does not come from a terminal is run as a program, statement by statement, without prompts: the value of an
expression is printed as at the prompt, the first error ends it with its traceback.
"""

from __future__ import annotations

import ast
import asyncio
import code
import concurrent.futures
import contextlib
import contextvars
import importlib
import inspect
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, Final

import click

from . import target as targets
from .logs import set_up_logging

if TYPE_CHECKING:
    from vivace.app import App

FLAGS: Final = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


@click.command()
@targets.argument
@click.option("-c", "--command", default=None, help="Run this code and exit instead of asking.")
def shell(target: str, command: str | None) -> None:
    """Start a Python prompt inside the app: its names and models are there, and `await` works."""
    sys.exit(asyncio.run(_shell(target, command)))


async def _shell(name: str, command: str | None) -> int:
    app = targets.load(name)
    app.data.makes_tables = True
    set_up_logging()
    async with app:
        runner = Runner(asyncio.get_running_loop(), namespace_of(app))
        if command is not None:
            return await runner.run_program(command, "<command>")
        if not sys.stdin.isatty():
            return await runner.run_program(await asyncio.to_thread(sys.stdin.read), "<stdin>")
        return await _prompt(app, runner)


def namespace_of(app: App) -> dict[str, Any]:
    """Return the names of the prompt: the app's module, its models, and what queries are made with."""
    module = sys.modules.get(app.import_name)
    names: dict[str, Any] = {}
    if app.models:
        from vivace import db, models

        names |= {"models": models, "Q": models.Q, "F": models.F, "atomic": db.atomic}
        names |= {model.__name__: model for model in app.models}
    if isinstance(module, ModuleType):
        names |= {name: value for name, value in vars(module).items() if not name.startswith("__")}
    return names | {"app": app, "asyncio": asyncio, "__name__": "__console__", "__builtins__": __builtins__}


class Runner:
    """Runs inputs one after another in one context and one namespace."""

    def __init__(self, loop: asyncio.AbstractEventLoop, namespace: dict[str, Any]) -> None:
        self.loop = loop
        self.namespace = namespace
        self.context = contextvars.copy_context()
        self.running: asyncio.Task[Any] | None = None

    async def run_program(self, source: str, name: str) -> int:
        """Run statements one by one, printing the values of expressions; returns the exit status."""
        try:
            for compiled in _statements(source, name):
                await self.run(compiled)
        except Exception:
            _show_error()
            return 1
        return 0

    def run(self, compiled: CodeType) -> asyncio.Task[Any]:
        """Start an input as a task: ``await`` it, or cancel it."""
        self.running = self.loop.create_task(self._execute(compiled), context=self.context)
        return self.running

    async def _execute(self, compiled: CodeType) -> None:
        try:
            result = eval(compiled, self.namespace)  # noqa: S307 - this is a prompt
            if inspect.iscoroutine(result) and compiled.co_flags & inspect.CO_COROUTINE:
                await result
        except KeyboardInterrupt:  # of ``interrupt``; out of a task it would end the loop
            raise asyncio.CancelledError from None

    def interrupt(self) -> bool:
        """End the input that runs, from a signal handler: code that keeps the loop busy, too. False: there is none."""
        running = self.running
        if running is None or running.done():
            return False
        if asyncio.current_task(self.loop) is running:
            raise KeyboardInterrupt
        self.loop.call_soon_threadsafe(running.cancel)
        return True


def _statements(source: str, name: str) -> Iterator[CodeType]:
    for statement in ast.parse(source, name).body:
        if isinstance(statement, ast.Expr):
            tree: Any = ast.Interactive([statement])
            yield compile(tree, name, "single", flags=FLAGS)
        else:
            yield compile(ast.Module([statement], []), name, "exec", flags=FLAGS)


class Console(code.InteractiveConsole):
    """Reads inputs in its thread and has each one run on the loop's."""

    def __init__(self, runner: Runner) -> None:
        super().__init__(runner.namespace)
        self.runner = runner
        self.compile.compiler.flags |= FLAGS

    def runcode(self, code: CodeType) -> None:
        """Run an input and wait for it; Ctrl-C cancels it."""
        done: concurrent.futures.Future[None] = concurrent.futures.Future()
        self.runner.loop.call_soon_threadsafe(self._start, code, done)
        try:
            done.result()
        except (KeyboardInterrupt, concurrent.futures.CancelledError):
            self.write("\nKeyboardInterrupt\n")
        except SystemExit:
            raise
        except BaseException:
            _show_error()

    def _start(self, code: CodeType, done: concurrent.futures.Future[None]) -> None:
        def finish(task: asyncio.Task[Any]) -> None:
            if task.cancelled():
                done.cancel()
            elif (error := task.exception()) is not None:
                done.set_exception(error)
            else:
                done.set_result(None)

        self.runner.run(code).add_done_callback(finish)


async def _prompt(app: App, runner: Runner) -> int:
    """Ask until the input ends; Ctrl-C reaches the running input."""
    ended = asyncio.Event()
    status = 0

    def ask() -> None:
        nonlocal status
        try:
            with contextlib.suppress(ImportError):
                importlib.import_module("readline")  # arrows and history at the prompt
            Console(runner).interact(banner=_banner(app), exitmsg="")
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else 0
        finally:
            runner.loop.call_soon_threadsafe(ended.set)

    def interrupted(signum: int, frame: object) -> None:
        if not runner.interrupt():
            sys.stderr.write("\nKeyboardInterrupt (Ctrl-D ends)\n")  # what is typed cannot be taken back

    thread = threading.Thread(target=ask, name="prompt", daemon=True)
    # asyncio.run's own handler ends the shell at the second Ctrl-C
    before = signal.signal(signal.SIGINT, interrupted)
    try:
        thread.start()
        await ended.wait()
    finally:
        signal.signal(signal.SIGINT, before)
    return status


def _banner(app: App) -> str:
    models = ", ".join(model.__name__ for model in app.models)
    lines = [f"Vivace shell, Python {sys.version.split()[0]}. `await` works; Ctrl-D ends."]
    return "\n".join([*lines, *([f"Models: {models}"] if models else [])])


def _show_error() -> None:
    kind, error, trace = sys.exc_info()
    while trace is not None and trace.tb_frame.f_globals.get("__name__") in (
        __name__,
        "concurrent.futures._base",
    ):
        trace = trace.tb_next
    traceback.print_exception(kind, error, trace)


__all__ = ["shell"]
