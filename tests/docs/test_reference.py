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
from vivace.models import constraints, indexes
from vivace.models.fields import generated, numbers, options, others, text, times
from vivace.models.options import META_DEFAULTS
from vivace.models.relations import base as relations
from vivace.models.relations import many

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted((ROOT / "docs" / "reference").glob("*.md"))
REFERENCE: Final = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
ERRORS: Final = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
ROOMS: Final = (
    *("app", "routing", "security", "crypto", "errors", "engine.asgi"),
    *("models", "models.functions", "models.postgresql", "models.pagination", "db", "migrations"),
    *("brokers", "brokers.postgresql", "brokers.valkey", "cache", "realtime", "live"),
    *("auth", "views", "forms", "storage", "mail", "testing", "testing.databases", "testing.factories"),
)
OPTIONS: Final = (
    *(options.FieldOptions, text.TextOptions, text.SlugOptions, text.FilePathOptions, numbers.DecimalOptions),
    *(times.ClockOptions, others.JSONOptions, others.AddressOptions, generated.GeneratedOptions),
    *(relations.RelationOptions, relations.ForeignOptions, many.ManyOptions),
    *(constraints.ConstraintOptions, constraints.UniqueOptions, indexes.IndexOptions),
)
DIRECTIVE: Final = re.compile(r"^\.\. auto(\w+):: ([\w.]+)$", re.MULTILINE)


def exported(source: str) -> list[str]:
    """Return what a room exports: names imported ``as`` themselves, and those in its ``__all__``."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            names |= {alias.name for alias in node.names if alias.asname == alias.name}
        elif isinstance(node, ast.Assign) and any(ast.unparse(each) == "__all__" for each in node.targets):
            names |= set(ast.literal_eval(node.value))
    return sorted(names)


def source_of(room: str) -> str:
    """Return the source of a room: a package's ``__init__``, or a module."""
    path = Path(vivace.__file__).parent.joinpath(*room.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return file.read_text(encoding="utf-8")


def public() -> Iterator[str]:
    """Yield every public name, with the room that it is imported from."""
    top = set(exported((Path(vivace.__file__).parent / "__init__.py").read_text(encoding="utf-8")))
    yield from (f"vivace.{name}" for name in sorted(top))
    for room in ROOMS:
        yield from (f"vivace.{room}.{name}" for name in exported(source_of(room)) if name not in top)


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
    assert is_documented(path, REFERENCE, ERRORS), f"Fix: add {path} to a page of docs/reference."


@pytest.mark.parametrize("path", [path for _, path in DIRECTIVE.findall(REFERENCE)])
def test_reference_names_what_is_there(path: str) -> None:
    target(path)


def option_names() -> Iterator[str]:
    """Yield what may be said about a field, a relation, a constraint, an index and in ``class Meta``."""
    yield from META_DEFAULTS
    for each in OPTIONS:
        yield from each.__annotations__


@pytest.mark.parametrize("name", sorted(set(option_names())))
def test_option_of_models_is_documented(name: str) -> None:
    page = (ROOT / "docs" / "reference" / "models.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert any(f"`{name}`" in row for row in rows)


def test_missing_name_is_found() -> None:
    assert exported("from .a import B as B\nfrom .a import c\nimport d as d\n__all__ = ['e']") == ["B", "e"]
    assert is_documented("vivace.App", ".. autoclass:: vivace.App\n", "")
    assert not is_documented("vivace.App", ".. autoclass:: vivace.Application\n", "")
    assert not is_documented("vivace.errors.NotFound", "", "")
