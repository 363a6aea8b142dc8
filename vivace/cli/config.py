"""``vivace config``: the settings of an app as they are, and where each came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import click
import msgspec

from vivace.app import App
from vivace.config.load import Loaded, load, load_into
from vivace.errors import SettingsInvalid

from . import target
from .terminal import table


@click.group()
def config() -> None:
    """Look at the settings of an app."""


@config.command(name="print")
@target.argument
@click.option("--origin", is_flag=True, help="Say where each value came from.")
@click.option("--changed", is_flag=True, help="Leave out what has its default.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array for programs.")
def print_settings(target: str, origin: bool, changed: bool, as_json: bool) -> None:
    """Print every setting with its value; secrets are hidden."""
    rows = [row for row in _loaded(target).rows() if not changed or row[2] != "default"]
    if as_json:
        keys = ("setting", "value", "origin")
        click.echo(
            msgspec.json.format(msgspec.json.encode([dict(zip(keys, row, strict=True)) for row in rows]))
        )
        return
    width = 3 if origin else 2
    click.echo(table([row[:width] for row in rows], ("SETTING", "VALUE", "ORIGIN")[:width]))


def _loaded(name: str) -> Loaded[Any]:
    """Return the settings of an app; those that its code gave have no other origin."""
    app: App = target.load(name)
    if app._settings is None:
        return load(app.root)
    for folder in _places(app.root):
        try:
            found = load_into(type(app.settings), folder)
        except SettingsInvalid:  # the app read them in another way
            continue
        if found.settings == app.settings:
            return found
    return Loaded(app.settings, dict.fromkeys(_names(app.settings, ""), "the code of the app"))


def _places(folder: Path) -> Iterator[Path]:
    """Yield the folders where an app may have its ``.env``: its own and, of a package, that of the project."""
    yield folder
    while (folder / "__init__.py").is_file():
        folder = folder.parent
        yield folder


def _names(group: Any, prefix: str) -> Iterator[str]:
    for field in fields(group):
        value = getattr(group, field.name)
        if is_dataclass(value):
            yield from _names(value, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}"
