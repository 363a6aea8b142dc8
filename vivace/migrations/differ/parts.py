"""Phases 2 and 5: indexes and constraints. What is only called otherwise is renamed; what differs is made anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vivace.migrations.operations.indexes import (
    AddConstraint,
    AddIndex,
    AlterConstraint,
    RemoveConstraint,
    RemoveIndex,
    RenameIndex,
)
from vivace.migrations.references import Key

from .same import same, source

if TYPE_CHECKING:
    from .differ import Differ

SAID_ONLY: Final = ("violation_error_code", "violation_error_message")  # of no concern to a database


def remove(differ: Differ) -> None:
    """Remove what is not wanted, before the fields go that it names."""
    for key in differ.kept():
        _rename_indexes(differ, key)
        old, new = differ.current.models[key], differ.wanted.models[key]
        for index in old.options["indexes"]:
            if not _there(index, new.options["indexes"]):
                differ.decide(key[0], RemoveIndex(new.name, index.name))
        for constraint in old.options["constraints"]:
            twin = _named(constraint.name, new.options["constraints"])
            if twin is None or _schema(twin) != _schema(constraint):
                differ.decide(key[0], RemoveConstraint(new.name, constraint.name))


def add(differ: Differ) -> None:
    """Add what is wanted and not there, once its fields are."""
    for key in differ.kept():
        wanted = differ.wanted.models[key]
        for index in wanted.options["indexes"]:
            if not _there(index, differ.current.models[key].options["indexes"]):
                differ.decide(key[0], AddIndex(wanted.name, index))
        for constraint in wanted.options["constraints"]:
            twin = _named(constraint.name, differ.current.models[key].options["constraints"])
            if twin is None:
                differ.decide(key[0], AddConstraint(wanted.name, constraint))
            elif not same(twin, constraint):
                differ.decide(key[0], AlterConstraint(wanted.name, constraint.name, constraint))


def _rename_indexes(differ: Differ, key: Key) -> None:
    old, new = differ.current.models[key], differ.wanted.models[key]
    fresh = [each for each in new.options["indexes"] if _named(each.name, old.options["indexes"]) is None]
    for index in old.options["indexes"]:
        if _named(index.name, new.options["indexes"]) is not None:
            continue
        twin = next((each for each in fresh if _nameless(each) == _nameless(index)), None)
        if twin is not None:
            fresh.remove(twin)
            differ.decide(key[0], RenameIndex(new.name, new_name=twin.name, old_name=index.name))


def _named(name: str, among: list[Any]) -> Any:
    return next((each for each in among if each.name == name), None)


def _there(part: Any, among: list[Any]) -> bool:
    twin = _named(part.name, among)
    return twin is not None and same(part, twin)


def _nameless(index: Any) -> str:
    path, args, kwargs = index.deconstruct()
    return f"{path}({source(list(args))}, {source({k: v for k, v in kwargs.items() if k != 'name'})})"


def _schema(constraint: Any) -> str:
    path, args, kwargs = constraint.deconstruct()
    kept = {name: value for name, value in kwargs.items() if name not in SAID_ONLY}
    return f"{path}({source(list(args))}, {source(kept)})"


__all__ = ["add", "remove"]
