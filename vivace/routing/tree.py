"""The tree of routes with parameters: one level per path segment, and the walk along a path.

Theory. A node has children by text (a dictionary), *edges* (parameters that take one segment, the most specific first),
*rests* (parameters that take the rest of the path) and at last a mount. A path is followed in that order and the first
route that also has the method wins, so a node is left again when nothing below it answers.

Cost. A node has one parent and one depth, so one look-up visits it at most once: it is bounded by the nodes whose
texts fit, never by how the path is made. Children are a dictionary, so 10 and 10,000 routes cost the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from vivace.http.request import Request

from .patterns import Mixed, Param
from .routes import Where

T = TypeVar("T")


class Entry(Generic[T]):
    """What a method leads to at one place: conditional targets in their order, then the unconditional one."""

    __slots__ = ("conditions", "mounted", "names", "target")

    def __init__(self, target: T | None, names: tuple[str, ...], *, mounted: bool = False) -> None:
        self.target = target
        self.names = names
        self.mounted = mounted
        self.conditions: tuple[tuple[Where, Entry[T]], ...] | None = None

    def choose(self, request: Request | None) -> Entry[T] | None:
        """Return the first entry whose condition holds; without a request only the unconditional one can."""
        for where, entry in self.conditions or ():
            if request is not None and where(request):
                return entry
        return self if self.target is not None else None


class Node(Generic[T]):
    """One place of the tree."""

    __slots__ = ("children", "edges", "entries", "forks", "mount", "only", "rests")

    def __init__(self) -> None:
        self.children: dict[str, Node[T]] = {}
        self.edges: tuple[Edge[T], ...] = ()
        self.rests: tuple[Edge[T], ...] = ()
        self.entries: dict[str, Entry[T]] = {}
        self.mount: Entry[T] | None = None
        self.forks = False
        self.only: Edge[T] | None = None

    def settle(self) -> None:
        """Note what the look-up asks most: is there more than children here, is it one plain parameter alone."""
        self.forks = bool(self.edges or self.rests or self.mount)
        alone = len(self.edges) == 1 and not self.rests and self.mount is None
        self.only = self.edges[0] if alone and not self.edges[0].many else None
        for inner in (*self.children.values(), *(edge.node for edge in (*self.edges, *self.rests))):
            inner.settle()


class Edge(Generic[T]):
    """A parameter on the way to a node. ``parse`` is ``None`` for text; ``many`` gives a list of values."""

    __slots__ = ("key", "many", "node", "parse", "rank")

    def __init__(self, segment: Param | Mixed) -> None:
        self.many = isinstance(segment, Mixed)
        self.parse: Callable[[str], Any] | None = (
            segment.parse if isinstance(segment, Mixed) else segment.converter.parse
        )
        self.key = segment.shape
        self.rank = segment.rank
        self.node: Node[T] = Node()


def walk(
    node: Node[T],
    index: int,
    keys: list[str],
    parts: list[str],
    values: list[Any],
    method: str,
    request: Request | None,
    missed: list[Mapping[str, Any]],
) -> Entry[T] | None:
    """Follow ``parts`` from ``node`` on; fill ``values``, and ``missed`` with places that lack the method.

    The loop takes the steps that have no alternative, which is nearly all of them; a fork is left to ``_fork``.
    """
    end = len(keys)
    while index < end:
        child = node.children.get(keys[index])
        if child is not None:
            if node.forks:
                return _fork(node, index, keys, parts, values, method, request, missed)
            node = child
        elif (edge := node.only) is not None and (part := parts[index]):
            if edge.parse is None:
                values.append(part)
            else:
                try:
                    values.append(edge.parse(part))
                except ValueError:
                    return None
            node = edge.node
        else:
            return _fork(node, index, keys, parts, values, method, request, missed) if node.forks else None
        index += 1
    entry = node.entries.get(method)
    if entry is not None and entry.conditions is not None:
        entry = entry.choose(request)
    if entry is None:
        if node.entries:
            missed.append(node.entries)
        if node.mount is not None:
            return _mount(node, index, values, request)
    return entry


def _fork(
    node: Node[T],
    index: int,
    keys: list[str],
    parts: list[str],
    values: list[Any],
    method: str,
    request: Request | None,
    missed: list[Mapping[str, Any]],
) -> Entry[T] | None:
    """Try all ways from ``node`` on, in their order, until one is answered."""
    size, part = len(values), parts[index]
    child = node.children.get(keys[index])
    if child is not None:
        entry = walk(child, index + 1, keys, parts, values, method, request, missed)
        if entry is not None:
            return entry
        del values[size:]
    for edge in node.edges if part else ():
        try:
            value = part if edge.parse is None else edge.parse(part)
        except ValueError:
            continue
        values.extend(value if edge.many else (value,))
        entry = walk(edge.node, index + 1, keys, parts, values, method, request, missed)
        if entry is not None:
            return entry
        del values[size:]
    if node.rests and (entry := _rest(node, index, parts, values, method, request, missed)) is not None:
        return entry
    return _mount(node, index, values, request)


def _mount(node: Node[T], index: int, values: list[Any], request: Request | None) -> Entry[T] | None:
    mount = node.mount.choose(request) if node.mount is not None else None
    if mount is not None:
        values.append(index)
    return mount


def _rest(
    node: Node[T],
    index: int,
    parts: list[str],
    values: list[Any],
    method: str,
    request: Request | None,
    missed: list[Mapping[str, Any]],
) -> Entry[T] | None:
    """Try the parameters that take the rest of the path."""
    text = "/".join(parts[index:])
    for edge in node.rests if text else ():
        try:
            value = text if edge.parse is None else edge.parse(text)
        except ValueError:
            continue
        entry = edge.node.entries.get(method)
        if entry is not None and (entry := entry.choose(request)) is not None:
            values.append(value)
            return entry
        missed.append(edge.node.entries)
    return None
