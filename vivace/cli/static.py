"""``vivace static``: the static files of an app, and their collection for production."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import target as targets
from .group import EXIT_ERROR
from .terminal import say, show_findings, table

if TYPE_CHECKING:
    from vivace.app.assets import Assets


@click.command()
@targets.argument
@click.option(
    "--collect",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write hashed and compressed copies of all files there, with their manifest.",
)
@click.option("--find", "name", help="Say which file a name means, and which it hides.")
def static(target: str, folder: Path | None, name: str | None) -> None:
    """List the static files of an app under the names that pages use, find one, or collect all."""
    assets = targets.load(target).site.assets
    if name is not None:
        _find(assets, name)
    elif folder is not None:
        _collect(assets, folder)
    else:
        rows = [(one.name, one.hashed, str(one.path)) for one in assets.built.assets.values()]
        click.echo(table(rows, ("NAME", "SERVED AS", "FILE")))


def _find(assets: Assets, name: str) -> None:
    found = [folder / name for folder in assets.folders() if (folder / name).is_file()]
    if not found:
        raise assets.unknown(name)
    for path in found:
        click.echo(path)


def _collect(assets: Assets, folder: Path) -> None:
    """Collect the files; a reference that leads nowhere stops it before anything is written."""
    from vivace.app.assets.collecting import collect  # compressors

    built = assets.built
    show_findings(built.findings)
    if any(finding.level == "error" for finding in built.findings):
        say("Nothing was written.")
        sys.exit(EXIT_ERROR)
    done = collect(built, folder)
    click.echo(
        f"{len(built.assets)} static files in {folder}: {done.written} new, {done.unchanged} unchanged, "
        f"{done.compressed} compressed copies. Serve them with VIVACE_STATIC_ROOT={folder.resolve()}"
    )


__all__ = ["static"]
