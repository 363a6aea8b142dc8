"""``vivace routes``: what an app answers, and with what."""

from __future__ import annotations

import click
import msgspec

from vivace.app.freeze import freeze
from vivace.errors import AppInvalid
from vivace.routing.checks import RouteRow, describe

from . import target
from .terminal import table


@click.command()
@target.argument
@click.option("--json", "as_json", is_flag=True, help="One JSON array for programs.")
@click.option("--method", help="Only routes of this method.")
@click.option("--path", "path", help="Only routes whose path begins like this.")
def routes(target: str, as_json: bool, method: str | None, path: str | None) -> None:
    """List the routes of an app: method, path, name, handler with file and line, middleware."""
    rows = [row for row in _rows(target) if _wanted(row, method, path)]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows)))
    elif rows:
        cells = [
            (row["method"], row["host"] + row["path"], row["name"], f"{row['handler']}  {row['place']}")
            for row in rows
        ]
        click.echo(table(cells, ("METHOD", "PATH", "NAME", "HANDLER")))


def _rows(name: str) -> list[RouteRow]:
    frozen = freeze(target.load(name))
    errors = [finding for finding in frozen.findings if finding.level == "error"]
    if errors and not frozen.routes:
        raise AppInvalid(errors)
    return describe(frozen.routes)


def _wanted(row: RouteRow, method: str | None, path: str | None) -> bool:
    return (method is None or row["method"] == method.upper()) and row["path"].startswith(path or "")
