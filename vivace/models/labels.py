"""To which app a model belongs, and how its name reads."""

from __future__ import annotations

import re
import sys
from pathlib import Path

_PLAIN = ("app", "main", "models", "__main__", "__init__")


def label_of(module: str) -> str:
    """Return the label of models in a module: its package, or for a lone file its stem, or for app.py its folder.

    ``blog.models`` and ``blog.models.post`` are ``blog``, ``shop.orders.models`` is ``orders``, ``library`` (a file
    library.py) is ``library``, and app.py, main.py or models.py in the folder site is ``site``.
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
    path = getattr(sys.modules.get(module), "__file__", None)
    if module not in _PLAIN or path is None:
        return module.strip("_")
    file = Path(path).resolve()
    return file.parent.name if file.stem in _PLAIN else file.stem


def _identifier(name: str) -> str:
    label = re.sub(r"\W", "_", name).lower() or "main"
    return f"_{label}" if label[0].isdigit() else label
