"""To which app a model belongs, and how its name reads.

A label is part of the names of tables and of what a database has noted of migrations, so it must not change. Names of packages
and files do not, since programs import them; that of a folder does: a clone, a release or a container gives it another. So the
first ``makemigrations`` writes the label of such an app beside its files (``migrations/label.txt``), which is taken from then on.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

LABEL_FILE = "migrations/label.txt"  # beside app.py
_PLAIN = ("app", "main", "models", "__main__", "__init__")
_ANOTHER = "__app"  # what the loader of apps appends to a name that another module has


def label_of(module: str) -> str:
    """Return the label of models in a module: its package, or for a lone file its stem, or for app.py its folder.

    ``blog.models`` and ``blog.models.post`` are ``blog``, ``shop.orders.models`` is ``orders``, ``library`` (a file
    library.py) is ``library``, and app.py, main.py or models.py in the folder site is ``site``, or what ``LABEL_FILE`` says.
    """
    parts = module.split(".")
    if "models" in parts[1:]:
        return _identifier(parts[parts.index("models", 1) - 1])
    if len(parts) > 1:
        return _identifier(parts[-1] if _is_package(module) else parts[-2])
    return _identifier(_of_file(module))


def words(name: str) -> str:
    """Return ``"book store"`` for ``"BookStore"``."""
    return re.sub(r"(((?<=[a-z])[A-Z])|([A-Z](?![A-Z]|$)))", r" \1", name).strip().lower()


def _is_package(module: str) -> bool:
    return hasattr(sys.modules.get(module), "__path__")


def _of_file(module: str) -> str:
    if _is_package(module):
        return module
    file = _unnamed_file(module)
    if file is None:
        return module.removesuffix(_ANOTHER).strip("_")
    return (_noted(file.parent) or file.parent.name) if file.stem in _PLAIN else file.stem


def labelling_folder(module: str) -> Path | None:
    """Return the folder that a module has its label from; ``None``: it has it from a name that programs import."""
    file = None if _is_package(module) else _unnamed_file(module)
    return file.parent if file is not None and file.stem in _PLAIN else None


def _unnamed_file(module: str) -> Path | None:
    """Return the file of a module whose name says nothing of what is in it."""
    path = getattr(sys.modules.get(module), "__file__", None)
    if path is None or module.removesuffix(_ANOTHER) not in _PLAIN:
        return None
    return Path(path).resolve()


def _noted(folder: Path) -> str:
    try:
        return (folder / LABEL_FILE).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _identifier(name: str) -> str:
    label = re.sub(r"\W", "_", name).lower() or "main"
    return f"_{label}" if label[0].isdigit() else label
