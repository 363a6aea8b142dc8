"""``vivace version``: what to say in a bug report."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from typing import Final

import click

import vivace

_PARTS: Final = (
    "uvloop",
    "winloop",
    "httptools",
    "msgspec",
    "websockets",
    "multipart",
    "watchfiles",
    "click",
)


@click.command()
def version() -> None:
    """Say which versions of Vivace, Python and the parts below are installed."""
    click.echo(f"vivace {vivace.__version__}")
    click.echo(
        f"{platform.python_implementation().lower()} {platform.python_version()} on {platform.platform()}"
    )
    for name in _PARTS:
        try:
            click.echo(f"{name} {installed(name)}")
        except PackageNotFoundError:
            continue
