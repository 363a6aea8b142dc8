"""Conditions after lifting: what a filter step holds.

A leaf compares what a path names with a slot, an expression or a query; ``Truth`` is a conditional expression; a
``Branch`` joins trees. ``Scope`` is one side of ``qs | qs``: joins to many rows are shared within it only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from vivace.models.expressions.base import Expression

Connector: TypeAlias = Literal["AND", "OR", "XOR"]


class Compare(msgspec.Struct, frozen=True, cache_hash=True):
    """``left lookup right``. ``path`` is what ``left`` reads, ``None`` for an annotation or another expression.

    ``right`` is an expression (a ``Slot`` where a value was) or a tuple of them (``range``; ``in`` with expressions); a
    plain ``bool`` for ``isnull``, which is part of the shape.
    """

    path: Any  # names.Path
    left: Expression
    lookup: Any  # a Lookup class
    right: Any


class Truth(msgspec.Struct, frozen=True, cache_hash=True):
    """A conditional expression used as a condition."""

    expression: Expression


class Fixed(msgspec.Struct, frozen=True, cache_hash=True):
    """A condition known before any row is seen: ``in`` an empty list, a number beyond the column's range."""

    value: bool


class Scope(msgspec.Struct, frozen=True, cache_hash=True):
    """A tree with joins of its own; ``shares``: it may use those made before (the right side of ``qs | qs``)."""

    tree: Tree
    shares: bool = False


class Branch(msgspec.Struct, frozen=True, cache_hash=True):
    """Several trees under one connector; without children it is true."""

    connector: Connector
    children: tuple[Tree, ...]
    negated: bool = False


Tree: TypeAlias = Compare | Truth | Fixed | Scope | Branch

NOTHING: Final = Branch("AND", ())
ALWAYS: Final = Fixed(value=True)
NEVER: Final = Fixed(value=False)
