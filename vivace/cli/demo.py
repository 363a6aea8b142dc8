"""``vivace demo``: the tour, served from the installed package."""

from __future__ import annotations

import sys
from typing import Any, Final

import click

from vivace.engine.workers.options import ServeOptions

from .firstrun import start_key
from .run import Listen, listen_options
from .terminal import say

TARGET: Final = "vivace.demo.app:app"


@click.command()
@listen_options
def demo(**options: Any) -> None:
    """Serve a tour of what works, on one page: every card shows a handler and what it does, live."""
    from .serve import serve

    listen = Listen.take(options)
    if not listen.has_free_port:
        scheme = "https" if listen.tls else "http"
        say(f"The tour is on {', '.join(f'{scheme}://{address}/' for address in listen.addresses)}")
    say("Ctrl-C stops it.")
    serving = ServeOptions(
        target=TARGET,
        listeners=listen.addresses,
        tls=listen.tls,
        workers=0,
        report=listen.report or listen.has_free_port,
        environment=start_key(),
    )
    sys.exit(serve(serving))
