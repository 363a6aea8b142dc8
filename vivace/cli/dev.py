"""``vivace dev``: an app while it is written."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import click

import vivace
from vivace.config.env import START_KEY
from vivace.engine.listening.listeners import Listener, open_listeners
from vivace.engine.workers.options import ServeOptions

from . import target
from .firstrun import has_key, home_of, kept_key
from .run import Listen, listen_options
from .terminal import paint, say


@click.command()
@target.argument
@listen_options
@click.option("--open", "open_browser", is_flag=True, help="Open the page in a browser.")
@click.option(
    "--reload-on", multiple=True, metavar="GLOB", help="Reload also for files of such a name (*.json)."
)
@click.option("--fresh", is_flag=True, help="Start a new interpreter at each change, not a fork.")
@click.option(
    "--forbid-blocking", is_flag=True, help="Raise an error for calls that are known to block the loop."
)
def dev(target: str, **options: Any) -> None:
    """Serve an app while you write it: reload on change, errors as pages, secrets hidden, live reload in the browser."""
    from .devchild import ChildOptions
    from .devserver import DevOptions, DevServer
    from .serve import announce

    listen, folder = Listen.take(options), Path.cwd()
    home = home_of(target, folder)
    if not has_key(home):
        os.environ[START_KEY] = kept_key(home)
    with ExitStack() as stack:
        listeners = open_listeners(listen.addresses, tls=listen.tls is not None)
        for listener in listeners:
            stack.callback(listener.close)
        announce(ServeOptions(report=listen.report or listen.has_free_port), listeners)
        given = ChildOptions(target, str(folder), "", (), -1, listen.tls, options["forbid_blocking"])
        serving = DevOptions(
            target,
            folder,
            home,
            patterns=options["reload_on"],
            fresh=options["fresh"] or not hasattr(os, "fork"),
            ready=partial(_introduce, target, listeners, open_browser=options["open_browser"]),
            child=given,
        )
        sys.exit(DevServer(serving, listeners).run())


def _introduce(name: str, listeners: Sequence[Listener], *, open_browser: bool) -> None:
    urls = ", ".join(paint(listener.url, bold=True) for listener in listeners)
    say(f"vivace {vivace.__version__} serves {name or 'the app in this folder'} on {urls}")
    say(paint("Reloads when a file changes. Debug mode: not for the public. Ctrl-C stops it.", dim=True))
    if open_browser:
        webbrowser.open(listeners[0].url)
