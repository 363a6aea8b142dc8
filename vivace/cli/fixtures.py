"""``vivace dumpdata`` and ``vivace loaddata``: objects of the database as JSON, and back."""

from __future__ import annotations

import asyncio
import bz2
import gzip
import lzma
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from vivace.errors import UnknownModel, nearest

from . import target as targets
from .terminal import say

if TYPE_CHECKING:
    from vivace.app import App

_PACKERS: Final[Mapping[str, Callable[..., Any]]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


@click.command()
@targets.option
@click.argument("names", nargs=-1, metavar="[LABEL | LABEL.MODEL]...")
@click.option("--exclude", "-e", multiple=True, metavar="LABEL[.MODEL]", help="Leave these out.")
@click.option("--format", "form", type=click.Choice(["json", "jsonl"]), default="json", show_default=True)
@click.option("--indent", type=click.IntRange(0, 8), default=None, help="Spaces of indentation.")
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="A file; .gz, .bz2, .xz pack it."
)
@click.option("--database", default="default", show_default=True, help="The alias to read from.")
@click.option("--natural-foreign", is_flag=True, help="Write natural keys for what objects point to.")
@click.option("--natural-primary", is_flag=True, help="Leave out keys of objects that have a natural key.")
def dumpdata(
    target: str, names: Sequence[str], exclude: Sequence[str], output: Path | None, **options: Any
) -> None:
    """Write the objects of all models, or of those named, in one consistent snapshot."""
    app = targets.load(target)
    models = [model for model in _named(app, names) if not exclude or model not in _named(app, exclude)]
    asyncio.run(_dump(app, models, output, options))


async def _dump(app: App, models: list[Any], output: Path | None, given: Mapping[str, Any]) -> None:
    from vivace.db import atomic
    from vivace.models.fixtures import DumpOptions, dump

    options = DumpOptions(
        natural_foreign=given["natural_foreign"],
        natural_primary=given["natural_primary"],
        indent=given["indent"],
        format=given["form"],
        using=given["database"],
    )
    opener: Any = _PACKERS.get(output.suffix, open) if output is not None else None
    file: Any = opener(output, "wt", encoding="utf-8") if opener is not None else sys.stdout
    try:
        async with (
            app,
            atomic(given["database"], read_only=True, isolation=_snapshot(app, given["database"])),
        ):
            async for piece in dump(models, options):
                file.write(piece)
    finally:
        if file is not sys.stdout:
            file.close()


def _snapshot(app: App, alias: str) -> Any:
    return "repeatable read" if app.databases[alias].dialect == "postgresql" else None


@click.command()
@targets.option
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--database", default="default", show_default=True, help="The alias to write to.")
@click.option("--ignore-unknown", is_flag=True, help="Leave out models and fields that are gone.")
def loaddata(target: str, files: Sequence[Path], database: str, ignore_unknown: bool) -> None:
    """Save the objects of fixtures, each file all or none; `-` is standard input."""
    asyncio.run(_load(targets.load(target), files, database, ignore_unknown))


async def _load(app: App, files: Sequence[Path], alias: str, ignore_unknown: bool) -> None:
    from vivace.models.fixtures import load, read_file

    async with app:
        for path in files:
            data = sys.stdin.buffer.read() if str(path) == "-" else read_file(path)
            report = await load(
                data, app.models, app.databases[alias], name=str(path), ignore_unknown=ignore_unknown
            )
            parts = ", ".join(f"{count} {name}" for name, count in report.models.items())
            say(f"{path}: {report.count} objects{f' ({parts})' if parts else ''}")


def _named(app: App, names: Sequence[str]) -> list[Any]:
    """Return the app's models that labels or ``label.model`` name; all without names."""
    if not names:
        return list(app.models)
    found: list[Any] = []
    for name in names:
        matching = [m for m in app.models if name.lower() in (m._meta.app_label.lower(), m._meta.label_lower)]
        if not matching:
            known = {m._meta.app_label for m in app.models} | {m._meta.label for m in app.models}
            raise UnknownModel(
                f"{app!r} has no model {name!r}.",
                expected=", ".join(sorted(known)) or "models: it has adopted none",
                fix=nearest(name, known),
            )
        found += matching
    return found


__all__ = ["dumpdata", "loaddata"]
