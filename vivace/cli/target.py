"""The app that a command looks at, loaded in this process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vivace.errors import TargetError

if TYPE_CHECKING:
    from vivace.app import App

argument = click.argument("target", default="", metavar="[TARGET]")
option = click.option(
    "--app", "target", default="", metavar="TARGET", help="The app, where arguments are others."
)


def load(target: str, folder: str | Path = ".") -> App:
    """Return the app of a target; raises ``TargetError`` also for what can be served and is no App of ours."""
    from vivace.app import App  # not for the supervisor of `run`
    from vivace.app.loading import load_app

    app: Any = load_app(target, folder)
    if isinstance(app, App):
        return app
    raise TargetError(f"{target or 'The target'} is no App.", expected="a vivace.App", got=type(app).__name__)


__all__ = ["argument", "load", "option"]
