"""Where the migration files of each app are, and which of them a database has noted.

This is all that the start of a server asks, so it loads nothing of what makes and runs migrations.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vivace.db.types import Statement
from vivace.errors import ProgrammingError

if TYPE_CHECKING:
    from vivace.db.database import Database

FOLDER: Final = "migrations"
APPLIED: Final = "vivace_migrations"
_NO_TABLE: Final = ("", "42P01")  # SQLite tells no code; undefined_table of PostgreSQL


def folders_of(models: Iterable[Any]) -> dict[str, Path]:
    """Return the folder of migrations of each app, by label: in its package, or beside its file."""
    folders: dict[str, Path] = {}
    for model in models:
        label = model._meta.app_label
        if label not in folders:
            folder = _folder(model)
            taken = folder in folders.values()
            folders[label] = folder.with_name(f"{FOLDER}_{label}") if taken else folder
    return folders


def _folder(model: Any) -> Path:
    """Return where an app's migrations are: in the package of the app's name that holds the model, else beside its file."""
    module = sys.modules[model.__module__]
    path = Path(getattr(module, "__file__", None) or "models.py").resolve()
    label = model._meta.app_label
    for folder in path.parents:
        if not (folder / "__init__.py").is_file():
            break
        if folder.name == label:
            return folder / FOLDER
    return path.parent / FOLDER


def files_in(folder: Path) -> list[Path]:
    """Return the migration files in a folder, in the order of their names; none where it is not there."""
    return sorted(
        path
        for path in folder.glob("*.py")
        if (path.stem[0] not in "_~." and path.stem.isidentifier()) or path.stem[0].isdigit()
    )


async def noted_in(database: Database) -> set[tuple[str, str]]:
    """Return app and name of each migration that a database has noted as applied: one query."""
    try:
        rows = await database.fetch(Statement(sql=f"SELECT app, name FROM {APPLIED}"), ())
    except ProgrammingError as error:
        if error.sqlstate not in _NO_TABLE:
            raise
        return set()  # nothing was ever migrated
    return {(str(app), str(name)) for app, name in rows}


__all__ = ["APPLIED", "FOLDER", "files_in", "folders_of", "noted_in"]
