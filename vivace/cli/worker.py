"""The entry point of a worker process: ``python -m vivace.cli.worker '{…}'``, started by the supervisor only."""

from __future__ import annotations

import sys
import traceback
from typing import Any

from vivace.app.loading import load_app
from vivace.engine.workers.options import EXIT_STARTUP, WorkerOptions
from vivace.engine.workers.worker import decode_options, run_worker
from vivace.errors import VivaceError

from .logs import set_up_logging


def main(arguments: list[str]) -> int:
    """Serve as the options say, which are the only argument."""
    set_up_logging()
    try:
        options = decode_options(arguments[0])
    except Exception as error:
        tell(error)
        return EXIT_STARTUP
    return work(options)


def work(options: WorkerOptions) -> int:
    """Load the app and serve it; a failure is told on stderr and is the exit status."""
    try:
        app = load_app(options.target)
        if options.number == 0:  # once for all workers
            warn_of_migrations(app)
        return run_worker(app, options)
    except Exception as error:
        tell(error)
        return EXIT_STARTUP


def warn_of_migrations(app: Any) -> None:
    """Have the start of an app of ours tell of migrations that its database has not seen."""
    ours = sys.modules.get("vivace.app.application")
    if ours is not None and isinstance(app, ours.App):
        app.data.tells = "files"


def tell(error: BaseException) -> None:
    """Write an error for the person who started the server: ours in words, others with their trace."""
    from .terminal import paint, say, show_error  # click: only an error needs it

    if not isinstance(error, VivaceError):
        say(paint("error:", fg="red", bold=True))
        traceback.print_exception(error)
        return
    if error.__cause__ is not None and not isinstance(error.__cause__, (VivaceError, OSError, ImportError)):
        traceback.print_exception(error.__cause__)
    show_error(error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
