"""What can be wrong with routes, found before the start, all at once; and the list for ``vivace routes``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Final, TypedDict

from vivace.errors.findings import Finding

from .patterns import Segment
from .routes import Route, lost_guards, qualified_name

# <int:id> and <id> of Django and Flask, :id of Express and Rails, as a whole segment.
_FOREIGN: Final = re.compile(r"<(?:[a-z]\w*(?:\([^()]*\))?:)?(?P<name>[a-zA-Z_]\w*)>|:(?P<word>[a-zA-Z_]\w*)")


def check_routes(routes: Sequence[Route]) -> list[Finding]:
    """Return every problem of bound routes: duplicates, names given twice, siblings that hide one another, parameters that are none, lost guards."""
    checks = (_duplicates, _duplicate_names, _rivals, _host_params, _foreign_params, _guards_lost)
    return [finding for check in checks for finding in check(routes)]


def _duplicates(routes: Sequence[Route]) -> Iterator[Finding]:
    """Two routes for the same method, path shape, host shape and constraint: the second can never answer."""
    seen: dict[Hashable, Route] = {}
    for route in routes:
        for variant in route.pattern.variants():
            shape = tuple(map(_shape, variant))
            for method in route.methods or ("*",):
                first = seen.setdefault((method, shape, _host_shape(route), route.options.where), route)
                if first is not route:
                    yield Finding(
                        "route-duplicate",
                        f"{method} {route.host or ''}{route.path} is answered by {_who(first)} already; "
                        f"{_who(route)} is never reached.",
                        "Remove one, or change its path, method, host or where=.",
                        route.place,
                    )


def _shape(segment: Segment) -> Hashable:
    return segment if isinstance(segment, str) else segment.shape


def _host_shape(route: Route) -> Hashable:
    return route.host.shape if route.host else None


def _who(route: Route) -> str:
    return f"{qualified_name(route.handler)} ({route.place})"


def _duplicate_names(routes: Sequence[Route]) -> Iterator[Finding]:
    """One name given to different paths of different handlers: ``url()`` would have to guess."""
    by_name: dict[str, Route] = {}
    for route in routes:
        if not route.named:
            continue
        first = by_name.setdefault(route.name, route)
        if first.path != route.path and first.handler is not route.handler:
            yield Finding(
                "route-name-duplicate",
                f"The name {route.name!r} is given to {first.path} ({first.place}) and to {route.path}.",
                "Rename one, or include one of the routers under another name.",
                route.place,
            )


def _rivals(routes: Sequence[Route]) -> Iterator[Finding]:
    """Parameters at the same place, equally specific, read differently: the order of registration decides."""
    places: dict[Hashable, dict[Hashable, Route]] = defaultdict(dict)
    for route in routes:
        shape = tuple(map(_shape, route.pattern.segments))
        ranks = tuple(s if isinstance(s, str) else s.rank for s in route.pattern.segments)
        for method in route.methods or ("*",):
            rivals = places[(method, ranks, _host_shape(route), route.options.where)]
            first = next(iter(rivals.values()), None)
            if shape not in rivals and first is not None:
                yield Finding(
                    "route-ambiguous",
                    f"{route.path} and {first.path} ({first.place}) may match the same path; "
                    "which one answers depends on the order of registration.",
                    "Tell them apart by text in the path, or by a more specific converter.",
                    route.place,
                    "warning",
                )
            rivals.setdefault(shape, route)


def _host_params(routes: Iterable[Route]) -> Iterator[Finding]:
    for route in routes:
        both = sorted(set(route.host.names) & set(route.pattern.names)) if route.host else []
        if both:
            yield Finding(
                "route-parameter-twice",
                f"{route.host}{route.path} has the parameter {both[0]!r} in its host and in its path.",
                "Rename one of them.",
                route.place,
            )


def _foreign_params(routes: Iterable[Route]) -> Iterator[Finding]:
    """A parameter as Django, Flask or Express write it is plain text here, and answers nobody."""
    for route in routes:
        texts = (segment for segment in route.pattern.segments if isinstance(segment, str))
        foreign = [(text, match) for text in texts if (match := _FOREIGN.fullmatch(text))]
        if foreign:
            text, match = foreign[0]
            name = match["name"] or match["word"]
            yield Finding(
                "route-parameter-foreign",
                f"{route.path} has the text {text!r}, which is no parameter: only {text!r} itself answers to it.",
                f"Write {{{name}}}; its type is that of the annotation in the handler.",
                route.place,
                "warning",
            )


def _guards_lost(routes: Iterable[Route]) -> Iterator[Finding]:
    """Guards are marks on a function: a decorator above that returns another function without them opens the route."""
    for route in routes:
        lost = lost_guards(route)
        if lost:
            names = ", ".join(getattr(guard, "__name__", repr(guard)) for guard in lost)
            yield Finding(
                "route-guard-lost",
                f"{qualified_name(route.handler)} calls a handler that is guarded by {names}, and is not guarded itself.",
                "Use functools.wraps in the decorator, put the guard above it, or give the route guards=[…].",
                route.place,
                "warning" if route.options.guards else "error",
            )


class RouteRow(TypedDict):
    """One line of ``vivace routes --json``."""

    method: str
    path: str
    name: str
    handler: str
    place: str
    middleware: list[str]
    host: str


def describe(routes: Iterable[Route]) -> list[RouteRow]:
    """Return a row per route and method, in the order of registration; a mount's method is ``*``."""
    return [
        RouteRow(
            method=method,
            path=route.path,
            name=route.name,
            handler=qualified_name(route.handler),
            place=route.place,
            middleware=[qualified_name(middleware) for middleware in route.options.middleware],
            host=str(route.host or ""),
        )
        for route in routes
        for method in (route.methods or ("*",))
    ]
