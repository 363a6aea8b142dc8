"""What is behind what: migration files behind the models, a database behind the files; and the command that settles it.

``vivace check`` tells the first (it opens no database), ``vivace dev`` both whenever it starts or reloads, ``vivace run``
the second, once; and the error for a table or column that is not there names the one right command. An app that keeps
no migrations, a single file in ``dev``, is told what its tables lack instead (``Data.left``).
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vivace.errors import Finding, ProgrammingError, VivaceError
from vivace.errors.database import BEHIND
from vivace.http.request import Request

from .evidence import is_own, short_path

if TYPE_CHECKING:
    from vivace.db.database import Database

    from .application import App
    from .data import Data

logger: Final = logging.getLogger("vivace.app")

DEFAULT: Final = "default"  # the database that is looked at when nothing else is said
PAUSE: Final = 10.0  # seconds in which a server compares again for nobody: errors may come by the thousand
SHOWN: Final = 3  # names of migrations in a sentence
_AGREES: Final = "Correct the name: models, migration files and database agree (`vivace drift` looks closer)."
_AS_MODELS: Final = "Correct the name: the tables are as the models say."
_NO_TABLES: Final = (
    "`vivace dev` makes the tables of a single file; for a server begin migrations: `vivace makemigrations`, "
    "then `vivace migrate`."
)
OUTGROWN: Final = (  # a first migration cannot be faked over tables that differ
    "Make the tables anew (remove the SQLite file), or begin migrations: undo the change, run "
    "`vivace makemigrations` and `vivace migrate --fake-initial`, and make it again."
)


class Behind(msgspec.Struct, frozen=True):
    """Apps whose models differ from their migration files, and migrations that the database has not seen."""

    models: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def findings(self) -> list[Finding]:
        """Return each as a warning with the command that settles it."""
        found: list[Finding] = []
        if self.models:
            message = f"The models of {_and(self.models)} differ from the migration files."
            hint = "Run `vivace makemigrations`, then `vivace migrate`."
            found.append(Finding("migrations-missing", message, hint, level="warning"))
        if self.files:
            count = len(self.files)
            many = f"{count} migrations are" if count > 1 else "1 migration is"
            rest = ", …" if count > SHOWN else ""
            message = f"{many} not applied ({', '.join(self.files[:SHOWN])}{rest})."
            found.append(Finding("migrations-unapplied", message, "Run `vivace migrate`.", level="warning"))
        return found

    def advice(self) -> str:
        """Return what is behind, with the one command that settles all of it."""
        found = self.findings()
        return f"{found[0].message} {found[0].hint}" if found else ""


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


# -- looking


def files_behind(models: Sequence[Any], *, begun: bool = True) -> Behind:
    """Return the apps whose models differ from their files; with ``begun`` none as long as nobody has written a file."""
    from vivace.migrations.noted import folders_of
    from vivace.migrations.project import make, no_answers, project_of

    if not models or (begun and not _has_own_files(folders_of(models))):
        return Behind()
    missing = make(project_of(models), no_answers())
    return Behind(models=tuple(dict.fromkeys(migration.app_label for migration in missing)))


async def database_behind(models: Sequence[Any], database: Database) -> Behind:
    """Return the migrations that a database has not seen: one query, and the files are only read if names differ."""
    from vivace.migrations.noted import files_in, folders_of, noted_in

    folders = folders_of(models)
    written = {(label, path.stem) for label, folder in folders.items() for path in files_in(folder)}
    if not written:
        return Behind()
    noted = await noted_in(database)
    if written <= noted:
        return Behind()
    from vivace.migrations.loader import Loader

    loader = Loader(folders, noted)  # knows what a squashed migration stands for
    seen = loader.applied or set()
    return Behind(files=tuple(".".join(node) for node in loader.graph.full_plan() if node not in seen))


def keeps_migrations(models: Sequence[Any]) -> bool:
    """Say whether the project of these models keeps migrations, be it in a package beside its app."""
    from vivace.migrations.noted import folders_of

    return _has_own_files(folders_of(models))


def _has_own_files(folders: Mapping[str, Path]) -> bool:
    """Say whether the project keeps migrations: those that the framework and installed packages bring do not tell."""
    from vivace.migrations.noted import files_in

    return any(files_in(folder) for folder in folders.values() if is_own(str(folder)))


# -- telling


def check_files(data: Data) -> list[Finding]:
    """Return what is wrong between models and migration files; no database is asked."""
    if not data.migrates:
        return []
    try:
        return files_behind(data.models).findings()
    except Exception as error:
        return [_unreadable(error)]


async def check_database(data: Data, alias: str) -> list[Finding]:
    """Return which migrations a database has not seen, as a finding."""
    if not data.migrates:
        return []
    try:
        return (await database_behind(data.models, data.databases[alias])).findings()
    except Exception as error:
        return [_unreadable(error)]


def _unreadable(error: Exception) -> Finding:
    if isinstance(error, VivaceError):
        return Finding.from_error(error)
    message = f"A migration file cannot be loaded: {type(error).__name__}: {error}."
    return Finding("migration-file", message, "`vivace showmigrations` shows where it fails.")


async def tell(data: Data) -> None:
    """Log what is behind when an app has started, as far as ``data.tells`` says; never a reason not to start."""
    if data.tells == "models":
        _log(check_files(data))
    _log(await check_database(data, DEFAULT))


def _log(findings: Sequence[Finding]) -> None:
    for finding in findings:
        logger.warning("%s %s [%s]", finding.message, finding.hint, finding.id)


# -- the error for a table or column that is not there


async def explain(request: Request, error: VivaceError) -> None:
    """Put the one right command into an error for a missing table or column, and the user's code that led to it."""
    if not isinstance(error, ProgrammingError) or BEHIND not in error.fix:
        return
    with suppress(Exception):  # the error itself matters more than what is said of it
        error.fix = error.fix.replace(BEHIND, await _remedy(request.app))
    if not any(is_own(frame.f_code.co_filename) for frame, _ in walk_tb(error.__traceback__)):
        _name_handler(request, error)


async def _remedy(app: App) -> str:
    while app.outer is not None and not app.data.own:
        app = app.outer
    data = app.data
    if not data.migrates:
        if data.left:
            return f"{' '.join(data.left)} {OUTGROWN}"
        return _AS_MODELS if data.makes_tables else _NO_TABLES
    now = asyncio.get_running_loop().time()
    if not app.debug and data.compared is not None and now < data.compared[0] + PAUSE:
        return data.compared[1]
    data.compared = now, BEHIND  # for those who ask meanwhile
    behind = await asyncio.to_thread(files_behind, data.models, begun=False)
    if not behind.models:
        behind = await database_behind(data.models, data.databases.default)
    data.compared = now, behind.advice() or _AGREES
    return data.compared[1]


def _name_handler(request: Request, error: ProgrammingError) -> None:
    """Name the user's handler where a query ran after it had returned, so that the traceback has nothing of it."""
    route: Any = request.route
    if route is None:
        return
    owner: Any = getattr(route.handler, "view_class", route.handler)
    name: str = getattr(owner, "__qualname__", type(owner).__name__)
    found = _own_place(route.place, owner)
    if found is not None:
        error.filename, error.lineno = found
        error.asked_by = name
    place = f" ({short_path(error.filename)}:{error.lineno})" if error.filename else ""
    error.add_note(f"The query was made for {request.method} {route.path} → {name}{place}.")


def _own_place(place: str, owner: Any) -> tuple[str, int] | None:
    """Return file and line of a handler; of a view whose methods are all the framework's, those of its class."""
    file, _, line = place.rpartition(":")
    if file and line.isdigit() and is_own(str(Path(file).resolve())):
        return str(Path(file).resolve()), int(line)
    with suppress(OSError, TypeError):  # no class, or no source
        source = inspect.getsourcefile(owner) or ""
        if is_own(source):
            return source, inspect.getsourcelines(owner)[1]
    return None


__all__ = [
    "OUTGROWN",
    "Behind",
    "check_database",
    "check_files",
    "database_behind",
    "explain",
    "files_behind",
    "tell",
]
