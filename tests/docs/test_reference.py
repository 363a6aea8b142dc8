"""Every public name is in the reference, and the reference names nothing that is not there."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import vivace
from vivace.errors import VivaceError

ROOT: Final = Path(__file__).parents[2]
REFERENCE: Final = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
ERRORS: Final = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
ROOMS: Final = ("app", "routing", "security", "crypto", "testing", "errors", "engine.asgi")
DIRECTIVE: Final = re.compile(r"^\.\. auto(\w+):: ([\w.]+)$", re.MULTILINE)


def exported(source: str) -> list[str]:
    """Return what a room's ``__init__`` exports: names imported ``as`` themselves."""
    aliases = [
        alias
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    return sorted({alias.name for alias in aliases if alias.asname == alias.name})


def public() -> Iterator[str]:
    """Yield every public name, with the room that it is imported from."""
    package = Path(vivace.__file__).parent
    top = set(exported((package / "__init__.py").read_text(encoding="utf-8")))
    yield from (f"vivace.{name}" for name in sorted(top))
    for room in ROOMS:
        source = (package.joinpath(*room.split(".")) / "__init__.py").read_text(encoding="utf-8")
        yield from (f"vivace.{room}.{name}" for name in exported(source) if name not in top)


def target(path: str) -> object:
    """Return the module or object that a dotted path names."""
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        return getattr(importlib.import_module(module), name)


def is_documented(path: str, reference: str, errors: str) -> bool:
    """Return whether a name has its entry: an error on the page of errors, all others in the reference."""
    found = target(path)
    if isinstance(found, type) and issubclass(found, VivaceError) and f"{found.__name__}`" in errors:
        return True
    return re.search(rf"^\.\. auto\w+:: {re.escape(path)}$", reference, re.MULTILINE) is not None


@pytest.mark.parametrize("path", list(public()))
def test_public_name_is_documented(path: str) -> None:
    assert is_documented(path, REFERENCE, ERRORS), f"Fix: add {path} to docs/reference/python.md."


@pytest.mark.parametrize("path", [path for _, path in DIRECTIVE.findall(REFERENCE)])
def test_reference_names_what_is_there(path: str) -> None:
    target(path)


def test_missing_name_is_found() -> None:
    assert exported("from .a import B as B\nfrom .a import c\nimport d as d") == ["B"]
    assert is_documented("vivace.App", ".. autoclass:: vivace.App\n", "")
    assert not is_documented("vivace.App", ".. autoclass:: vivace.Application\n", "")
    assert not is_documented("vivace.errors.NotFound", "", "")
