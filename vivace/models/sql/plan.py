"""A compiled query: all that is left to do for the next one of its shape.

``plan_for`` (in ``sql/compile.py``) finds or makes one. A plan sees no value until ``bind``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec

from vivace.changes import Scope
from vivace.db.types import Statement
from vivace.models.sql.reaching import Reached

Converter: TypeAlias = "Callable[[Any], Any] | None"
Bind: TypeAlias = Callable[[Sequence[Any]], Sequence[Any]]


class Output(msgspec.Struct, frozen=True):
    """One column of the result. ``field`` is the output field, ``None`` when it is not known (raw pieces)."""

    name: str
    converter: Converter = None
    field: Any = None


class Selection(msgspec.Struct, frozen=True):
    """How part of a row becomes an instance: ``attnames[i]`` is the value at ``positions[i]``.

    ``converters`` has the (index into attnames, converter) pairs of the columns that need one. ``key`` are the positions
    of the primary key: all ``None`` there means that an outer join found nothing. ``deferred`` says that some concrete
    fields are absent.
    """

    model: Any
    attnames: tuple[str, ...]
    positions: tuple[int, ...]
    converters: tuple[tuple[int, Callable[[Any], Any]], ...]
    key: tuple[int, ...]
    deferred: bool
    related: tuple[Related, ...] = ()


class Related(msgspec.Struct, frozen=True):
    """An instance that ``select_related`` fetched along.

    ``cache_name`` is where the owner keeps it (the relation's ``get_cache_name()``); ``remote_cache_name`` where it keeps
    the owner ("" when it does not: the other side holds many). ``None`` is stored when nothing was found.
    """

    cache_name: str
    remote_cache_name: str
    selection: Selection
    relation: Any  # the field (forward) or the Rel object (reverse one-to-one)


class Plan:
    """What ``plan_for`` returns.

    statement    SQL and what is known of it
    short        the same statement marked short when every list parameter has at most 100 values, else ``None``
    bind         values (``QueryState.arguments``) → driver parameters in the driver's order
    outputs      every column of the result, in order (``as_values``: exactly what values() named)
    selection    for instances: how the columns become objects; ``None`` for values and verbs
    annotations  (attribute name, position) of annotations to set on instances
    reached      tables of which only the rows matter that the result names; ``reads`` has them as a whole
    empty        provably no row can match: send nothing
    hydrator     what turns its rows into objects or values: made by ``query/hydrate.py`` at the first run
    """

    __slots__ = (
        "annotations",
        "bind",
        "empty",
        "hydrator",
        "lists",
        "narrow",
        "outputs",
        "reached",
        "selection",
        "short",
        "statement",
        "whole",
    )

    statement: Statement
    short: Statement | None
    lists: tuple[int, ...]
    bind: Bind
    outputs: tuple[Output, ...]
    selection: Selection | None
    annotations: tuple[tuple[str, int], ...]
    empty: bool
    hydrator: Any
    whole: tuple[tuple[str, Scope], ...]
    narrow: tuple[Callable[[Sequence[Any]], tuple[str, Scope]], ...]
    reached: tuple[Reached, ...]

    def __init__(self, **parts: Any) -> None:
        self.hydrator = None
        self.reached = ()
        for name, part in parts.items():
            setattr(self, name, part)

    def statement_for(self, values: Sequence[Any]) -> Statement:
        """Return the statement to run with these values: short where a long list does not forbid it."""
        if not self.lists:
            return self.statement
        few = all(len(values[index]) <= 100 for index in self.lists)
        return self.short if few and self.short is not None else self.statement

    def reads(self, values: Sequence[Any]) -> list[tuple[str, Scope]]:
        """Return what running it reads, table by table, narrowed where DESIGN allows."""
        return [*self.whole, *(narrow(values) for narrow in self.narrow)]

    def reads_but_reached(self, values: Sequence[Any]) -> list[tuple[str, Scope]]:
        """As ``reads``, without the tables in ``reached``: for who adds them when the rows are there."""
        later = {each.table for each in self.reached}
        return [each for each in self.reads(values) if each[0] not in later]
