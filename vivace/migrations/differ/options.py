"""Phases 2 and 5: options of models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.migrations.operations.options import (
    AlterModelManagers,
    AlterModelOptions,
    AlterModelTable,
    AlterModelTableComment,
    AlterOrderWithRespectTo,
    AlterUniqueTogether,
)
from vivace.migrations.references import Key

from .same import same

if TYPE_CHECKING:
    from .differ import Differ


def loosen(differ: Differ) -> None:
    """Take away what names fields and is not wanted, before the fields go."""
    for key in differ.kept():
        old, new = differ.current.models[key], differ.wanted.models[key]
        before, after = _together(old.options), _together(new.options)
        if before - after:
            differ.decide(key[0], AlterUniqueTogether(new.name, before & after))
        ordered, wanted = _ordered(old.options), _ordered(new.options)
        if ordered and ordered != wanted:
            differ.decide(key[0], AlterOrderWithRespectTo(new.name, None))


def free_tables(differ: Differ) -> None:
    """Move models out of tables whose names others are to have: to their own new ones, else aside."""
    owners = {model.table: key for key, model in differ.wanted.models.items() if model.has_table}
    for key in sorted(differ.current.models):
        model = differ.current.models[key]
        if not model.has_table or owners.get(model.table, key) == key:
            continue
        taken = {each.table for each in differ.current.models.values()}
        wanted = differ.wanted.models.get(key)
        if wanted is not None and wanted.table not in taken:
            differ.decide(key[0], AlterModelTable(model.name, wanted.options.get("db_table") or None))
        else:
            differ.decide(key[0], AlterModelTable(model.name, f"old_{model.table}"))


def alter(differ: Differ) -> None:
    """Set the options that differ."""
    for key in differ.kept():
        _tables(differ, key)
        _plain(differ, key)
        old, new = differ.current.models[key], differ.wanted.models[key]
        if _together(old.options) != _together(new.options):
            differ.decide(key[0], AlterUniqueTogether(new.name, _together(new.options)))
        if _ordered(old.options) != _ordered(new.options):
            differ.decide(key[0], AlterOrderWithRespectTo(new.name, _ordered(new.options)))
        if not same(old.managers, new.managers):
            differ.decide(key[0], AlterModelManagers(new.name, new.managers))


def _tables(differ: Differ, key: Key) -> None:
    old, new = differ.current.models[key], differ.wanted.models[key]
    if not new.options.get("proxy"):
        if (old.options.get("db_table") or "") != (new.options.get("db_table") or ""):
            differ.decide(key[0], AlterModelTable(new.name, new.options.get("db_table") or None))
        if (old.options.get("db_table_comment") or "") != (new.options.get("db_table_comment") or ""):
            comment = new.options.get("db_table_comment") or None
            differ.decide(key[0], AlterModelTableComment(new.name, comment))


def _plain(differ: Differ, key: Key) -> None:
    old, new = differ.current.models[key], differ.wanted.models[key]
    known = AlterModelOptions.ALTER_OPTION_KEYS
    before = {name: value for name, value in old.options.items() if name in known}
    after = {name: value for name, value in new.options.items() if name in known}
    if not same(_sorted(before), _sorted(after)):
        differ.decide(key[0], AlterModelOptions(new.name, after))


def _sorted(options: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(options.items()))


def _together(options: dict[str, Any]) -> set[tuple[str, ...]]:
    return {tuple(names) for names in options.get("unique_together") or ()}


def _ordered(options: dict[str, Any]) -> str | None:
    name: str | None = options.get("order_with_respect_to")
    return name or None


__all__ = ["alter", "free_tables", "loosen"]
