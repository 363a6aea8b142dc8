"""Python source as a tree that is laid out by width: what a formatter would make of it, without one.

A ``Group`` is written on one line if it fits, else one item a line with a comma behind each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

WIDTH: Final = 110
INDENT: Final = "    "


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Items between brackets. ``expand``: never on one line (unless empty); ``comma``: one item keeps its comma."""

    before: str = ""
    opening: str
    closing: str
    items: Sequence[Item] = ()
    expand: bool = False
    comma: bool = False


class Item(msgspec.Struct, frozen=True):
    """A part of a group: ``label`` is ``name=`` or ``'key': ``, or empty."""

    node: Node
    label: str = ""


Node: TypeAlias = "str | Group"


def call(
    function: str, args: Sequence[Node] = (), kwargs: Sequence[tuple[str, Node]] = (), *, expand: bool = False
) -> Group:
    """Return a call."""
    items = [Item(node) for node in args] + [Item(node, f"{name}=") for name, node in kwargs]
    return Group(before=function, opening="(", closing=")", items=items, expand=expand)


def sequence(opening: str, nodes: Sequence[Node], closing: str, *, expand: bool = False) -> Group:
    """Return a list, tuple or set; a tuple of one keeps its comma."""
    single = opening == "(" and len(nodes) == 1
    return Group(
        opening=opening, closing=closing, items=[Item(node) for node in nodes], expand=expand, comma=single
    )


def flat(node: Node) -> str:
    """Return a node on one line."""
    if isinstance(node, str):
        return node
    inner = ", ".join(item.label + flat(item.node) for item in node.items)
    return f"{node.before}{node.opening}{inner}{',' if node.comma else ''}{node.closing}"


def _must_expand(node: Node) -> bool:
    return isinstance(node, Group) and (
        (node.expand and bool(node.items)) or any(_must_expand(item.node) for item in node.items)
    )


def lay_out(node: Node, indent: int = 0, room: int = 0) -> str:
    """Return a node as source. ``room``: characters on its line that are taken, besides the indentation."""
    text = flat(node)
    if isinstance(node, str):
        return text
    if not _must_expand(node) and len(INDENT) * indent + room + len(text) <= WIDTH and "\n" not in text:
        return text
    lines = [f"{node.before}{node.opening}"]
    for item in node.items:
        inner = lay_out(item.node, indent + 1, len(item.label) + 1)
        lines.append(f"{INDENT * (indent + 1)}{item.label}{inner},")
    lines.append(f"{INDENT * indent}{node.closing}")
    return "\n".join(lines)


__all__ = ["INDENT", "Group", "Item", "Node", "call", "flat", "lay_out", "sequence"]
