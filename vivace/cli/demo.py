"""``vivace demo``: a community site with content, on this machine, without a service beside it."""

from __future__ import annotations

import os
import shutil
import sys
import webbrowser
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from vivace.config.env import START_KEY
from vivace.engine.listening.listeners import Listener
from vivace.engine.workers.options import ServeOptions

from .firstrun import kept_key
from .run import Listen, listen_options
from .terminal import paint, say

TARGET: Final = "vivace.demo.served:app"
DATABASE: Final = "piazza.sqlite3"
MEDIA: Final = "media"


@click.command()
@listen_options
@click.option("--data", "folder", metavar="FOLDER", type=click.Path(file_okay=False, path_type=Path), help="Where the demo keeps its database and files; without it, in your cache folder.")  # fmt: skip
@click.option("--fresh", is_flag=True, help="Begin anew: what was written in the demo is deleted.")
@click.option("--open/--no-open", "open_browser", default=None, help="Open the page in a browser; without either, where this is a terminal.")  # fmt: skip
def demo(folder: Path | None, fresh: bool, open_browser: bool | None, **options: Any) -> None:
    """Serve a small community site: accounts, posts, votes, search, files, a dashboard and a chat, all of it live."""
    from .serve import serve

    listen = Listen.take(options)
    home = (folder or cache_folder()).resolve()
    home.mkdir(parents=True, exist_ok=True)
    if fresh:
        forget(home)
    serving = ServeOptions(
        target=TARGET,
        listeners=listen.addresses,
        tls=listen.tls,
        workers=0,
        report=listen.report or listen.has_free_port,
        environment=environment(home),
    )
    wants_browser = sys.stderr.isatty() if open_browser is None else open_browser
    sys.exit(serve(serving, ready=partial(_introduce, home, open_browser=wants_browser)))


def cache_folder() -> Path:
    """Return the folder of the demo among those that programs may lose: what is in it can be made again."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "vivace" / "demo"


def forget(home: Path) -> None:
    """Delete the database and the files of the demo; whatever else is in the folder stays."""
    for path in home.glob(f"{DATABASE}*"):
        path.unlink()
    shutil.rmtree(home / MEDIA, ignore_errors=True)


def environment(home: Path) -> dict[str, str]:
    """Return the settings that keep the demo to its folder and its mail on the terminal, whatever the environment says."""
    return {
        START_KEY: kept_key(home),
        "DATABASE_URL": f"sqlite:///{(home / DATABASE).as_posix()}",
        "VIVACE_MEDIA_ROOT": str(home / MEDIA),
        "VIVACE_MAIL_URL": "console:",
    }


def _introduce(home: Path, listeners: Sequence[Listener], *, open_browser: bool) -> None:
    url = listeners[0].url
    other = url.replace("127.0.0.1", "localhost")
    say()
    say(f"  Piazza is open:          {paint(url, bold=True)}")
    if other != url:
        say(f"  To be a second person:   {paint(other, bold=True)}  (another address, so other cookies)")
    say(f"  Its members and what they say are made up by a program; it keeps its data in {home}.")
    say("  Ctrl-C closes it, --fresh begins anew.")
    if open_browser:
        webbrowser.open(url)


__all__ = ["demo"]
