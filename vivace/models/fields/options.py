"""The options that every field takes, under Django's names, with their defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, TypeAlias, TypedDict

from vivace.errors import nearest
from vivace.errors.models import ModelError


class _Missing(Enum):
    NOT_PROVIDED = "no default"

    def __repr__(self) -> str:
        return "NOT_PROVIDED"


NOT_PROVIDED: Final = _Missing.NOT_PROVIDED
"""Stands for "no default": ``None`` is a value."""

Validator: TypeAlias = Callable[[Any], Any]


class FieldOptions(TypedDict, total=False):
    """What may be said about any field beside ``verbose_name`` and ``null``."""

    name: str | None
    primary_key: bool
    max_length: int | None
    unique: bool
    blank: bool
    db_index: bool
    default: Any
    editable: bool
    serialize: bool
    unique_for_date: str | None
    unique_for_month: str | None
    unique_for_year: str | None
    choices: Any
    help_text: str
    db_column: str | None
    db_comment: str | None
    db_tablespace: str | None
    auto_created: bool
    validators: Iterable[Validator]
    error_messages: Mapping[str, str] | None
    db_default: Any


DEFAULTS: Final[Mapping[str, Any]] = {
    "name": None,
    "primary_key": False,
    "max_length": None,
    "unique": False,
    "blank": False,
    "db_index": False,
    "default": NOT_PROVIDED,
    "editable": True,
    "serialize": True,
    "unique_for_date": None,
    "unique_for_month": None,
    "unique_for_year": None,
    "choices": None,
    "help_text": "",
    "db_column": None,
    "db_comment": None,
    "db_tablespace": None,
    "auto_created": False,
    "validators": (),
    "error_messages": None,
    "db_default": NOT_PROVIDED,
}

DECONSTRUCTED: Final[Sequence[tuple[str, str, Any]]] = (
    ("verbose_name", "_verbose_name", None),
    ("primary_key", "primary_key", False),
    ("max_length", "max_length", None),
    ("unique", "_unique", False),
    ("blank", "blank", False),
    ("null", "null", False),
    ("db_index", "db_index", False),
    ("default", "default", NOT_PROVIDED),
    ("db_default", "db_default", NOT_PROVIDED),
    ("editable", "editable", True),
    ("serialize", "serialize", True),
    ("unique_for_date", "unique_for_date", None),
    ("unique_for_month", "unique_for_month", None),
    ("unique_for_year", "unique_for_year", None),
    ("choices", "choices", None),
    ("help_text", "help_text", ""),
    ("db_column", "db_column", None),
    ("db_comment", "db_comment", None),
    ("db_tablespace", "_db_tablespace", None),
    ("auto_created", "auto_created", False),
    ("validators", "_validators", []),
    ("error_messages", "_error_messages", None),
)
"""Option, the attribute that keeps it as given, and the value that need not be written down."""


def complete(kind: str, options: Mapping[str, Any], own: Sequence[str] = ()) -> dict[str, Any]:
    """Return all options with defaults filled in. Raises ``ModelError`` with the nearest match for an unknown one."""
    unknown = sorted(options.keys() - DEFAULTS.keys())
    if unknown:
        raise unknown_option(kind, unknown[0], own)
    return {**DEFAULTS, **options}


def unknown_option(kind: str, name: str, own: Sequence[str] = ()) -> ModelError:
    known = [*own, *DEFAULTS, "verbose_name", "null"]
    return ModelError(
        f"{kind} has no option {name!r}.",
        expected=f"one of {', '.join(sorted(known))}",
        fix=nearest(name, known),
    )
