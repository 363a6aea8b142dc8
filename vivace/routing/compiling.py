"""From routes to the compiled router.

A route becomes *places*: a sequence of segments and a method each. What a route says itself comes first, then HEAD for
GET, then the other spelling of a trailing slash where it is ignored; of two places that compete the first wins
(``check_routes`` reports them). Places without parameters and constraints go into the dictionary, all others into the
tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

import msgspec

from .hosts import HostPattern
from .matcher import REST, STANDARD, Matcher, RoutingOptions, Table
from .patterns import Mixed, Param, Segment, segment_params
from .routes import Route, Where
from .tree import Edge, Entry, Node

T = TypeVar("T")


class _Place(msgspec.Struct, Generic[T], frozen=True):
    """One key of the compiled router: the segments and the method that lead to a route."""

    segments: tuple[Segment, ...]
    method: str
    route: Route
    target: T
    turn: int  # places compete in this order, then in that of registration

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(param.name for segment in self.segments for param in segment_params(segment))


def _places(route: Route, target: T, routing: RoutingOptions) -> Iterator[_Place[T]]:
    """Yield the keys of a route: what it says first, then HEAD for GET, then other spellings."""
    for segments in route.pattern.variants():
        spellings = [segments]
        if routing.trailing_slash == "ignore" and (other := _other_spelling(segments)):
            spellings.append(other)
        for spelling, variant in enumerate(spellings):
            for method in route.methods:
                yield _Place(variant, method, route, target, 2 * spelling)
            if "GET" in route.methods and "HEAD" not in route.methods:
                yield _Place(variant, "HEAD", route, target, 2 * spelling + 1)


def _other_spelling(segments: tuple[Segment, ...]) -> tuple[Segment, ...] | None:
    last = segments[-1]
    if len(segments) == 1 and last == "":
        return None
    if isinstance(last, Param) and last.converter.spans:
        return None
    return segments[:-1] if last == "" else (*segments, "")


class _Builder(Generic[T]):
    """Fills one table."""

    def __init__(self, routing: RoutingOptions) -> None:
        self.table: Table[T] = Table(fold=not routing.case_sensitive)
        self.places: list[_Place[T]] = []

    def finish(self) -> Table[T]:
        """Return the table with all places in it; the first of two that compete wins."""
        conditional = {place.segments for place in self.places if place.route.options.where}
        for place in sorted(self.places, key=lambda place: place.turn):
            if place.segments in conditional or not all(isinstance(part, str) for part in place.segments):
                self._plant(place)
            else:
                path = "/" + "/".join(map(str, place.segments))
                self.table.static.setdefault(self._folded(path), {}).setdefault(place.method, place.target)
        self.table.root.settle()
        return self.table

    def mount(self, route: Route, target: T) -> None:
        """Put a mount at its place."""
        segments = () if route.path == "/" else route.pattern.segments
        node = self._node(segments)
        entry = Entry(target, (*route.pattern.names, REST), mounted=True)
        node.mount = _merge(node.mount, entry, route.options.where)

    def _plant(self, place: _Place[T]) -> None:
        entries = self._node(place.segments).entries
        entry = Entry(place.target, place.names)
        entries[place.method] = _merge(entries.get(place.method), entry, place.route.options.where)

    def _node(self, segments: Sequence[Segment]) -> Node[T]:
        node = self.table.root
        for segment in segments:
            if isinstance(segment, str):
                node = node.children.setdefault(self._folded(segment), Node())
            else:
                node = _branch(node, segment)
        return node

    def _folded(self, text: str) -> str:
        return text.lower() if self.table.fold else text


def _branch(node: Node[T], segment: Param | Mixed) -> Node[T]:
    """Return the node behind a parameter, made when no sibling reads the same."""
    spans = isinstance(segment, Param) and segment.converter.spans
    siblings = node.rests if spans else node.edges
    for edge in siblings:
        if edge.key == segment.shape:
            return edge.node
    made: Edge[T] = Edge(segment)
    ordered = tuple(sorted((*siblings, made), key=lambda edge: edge.rank))
    if spans:
        node.rests = ordered
    else:
        node.edges = ordered
    return made.node


def _merge(known: Entry[T] | None, entry: Entry[T], where: Where | None) -> Entry[T]:
    """Return the entry of a place when one more route leads there."""
    if where is None:
        if known is not None and known.target is None:
            entry.conditions = known.conditions
        return entry if known is None or known.target is None else known
    merged: Entry[T] = known if known is not None else Entry(None, entry.names, mounted=entry.mounted)
    merged.conditions = (*(merged.conditions or ()), (where, entry))
    return merged


def compile_routes(
    routes: Iterable[Route],
    *,
    target: Callable[[Route], T],
    options: Callable[[tuple[str, ...]], T] | None = None,
    routing: RoutingOptions = STANDARD,
) -> Matcher[T]:
    """Compile bound routes. ``target`` makes what ``match`` returns for a route, once per route.

    ``options`` makes the automatic answer to OPTIONS from the methods allowed; without it OPTIONS is answered 405.
    """
    builders: dict[HostPattern | None, _Builder[T]] = {None: _Builder(routing)}
    for route in routes:
        builder = builders.setdefault(route.host, _Builder(routing))
        made = target(route)
        if route.is_mount:
            builder.mount(route, made)
        else:
            builder.places.extend(_places(route, made, routing))
    tables = {host: builder.finish() for host, builder in builders.items()}
    methods = frozenset(place.method for builder in builders.values() for place in builder.places)
    return Matcher(tables, methods, options, routing)
