"""``vivace dbshell``: the database's own command line, connected as the app is.

SQLite needs nothing beside Vivace: the shell of its driver is the one of sqlite.org. PostgreSQL's is ``psql``, which must be
installed; the password reaches it by its environment, never by its arguments, which other users of the machine can read.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Any, Final

import click

from vivace.errors import MissingExtra

from . import target as targets

_VARIABLES: Final = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "database": "PGDATABASE",
}


@click.command()
@targets.argument
@click.option("--database", "alias", default="default", show_default=True, help="The alias to connect to.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def dbshell(target: str, alias: str, arguments: tuple[str, ...]) -> None:
    """Open the database's own command line; ARGUMENTS after `--` are handed to it."""
    driver: Any = targets.load(target).databases[alias].driver
    if driver.dialect == "sqlite":
        _sqlite(driver.options.path, arguments)
    else:
        _psql(driver.options, arguments)


def _sqlite(path: str, arguments: tuple[str, ...]) -> None:
    import apsw.shell

    prompt: Any = apsw.shell.Shell()
    _, _, commands = prompt.process_args([path, *arguments])
    if not commands:
        prompt.cmdloop()


def _psql(options: Any, arguments: tuple[str, ...]) -> None:
    program = shutil.which("psql")
    if program is None:
        raise MissingExtra(
            "psql is not installed.",
            expected="PostgreSQL's command line client on PATH",
            fix="Install the postgresql-client package of your system.",
        )
    os.execve(program, [program, *arguments], {**os.environ, **environment(options)})  # noqa: S606 - no shell


def environment(options: Any) -> Mapping[str, str]:
    """Return how psql is told where to connect."""
    values = {name: getattr(options, name, None) for name in _VARIABLES}
    return {_VARIABLES[name]: str(value) for name, value in values.items() if value not in (None, "")}


__all__ = ["dbshell"]
