"""Compile a router the way an app does, with the target's name as target."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any, get_type_hints

from vivace.http.headers import RawHeaders
from vivace.http.request import Connection, Request
from vivace.routing import Matcher, Route, Router, RoutingOptions, bind_routes, compile_routes


def types_of(route: Route) -> dict[str, Any]:
    """Return the annotations of a handler's parameters."""
    if route.is_mount:
        return {}
    hints = get_type_hints(route.handler, include_extras=True)
    return {name: hints[name] for name in signature(route.handler).parameters if name in hints}


def bound(router: Router) -> list[Route]:
    """Return the router's routes, bound; none may fail."""
    routes, findings = bind_routes(router.collect(), types_of)
    assert findings == []
    return routes


def handler_name(route: Route) -> str:
    """Return what tells a target in these tests: the handler's name, or the mount's target."""
    return str(route.mount) if route.is_mount else str(getattr(route.handler, "__name__", route.handler))


def compiled(
    router: Router,
    routing: RoutingOptions | None = None,
    options: Callable[[tuple[str, ...]], str] | None = None,
) -> Matcher[str]:
    """Compile a router; a target is its handler's name."""
    routes = bound(router)
    return compile_routes(routes, target=handler_name, options=options, routing=routing or RoutingOptions())


def paths(*texts: str, **options: Any) -> Matcher[str]:
    """Compile GET routes whose targets are their paths."""
    router = Router()
    for text in texts:
        router.get(text)(_named(text))
    return compiled(router, RoutingOptions(**options))


def _named(name: str) -> Callable[[], None]:
    def handler() -> None: ...

    handler.__name__ = name
    return handler


def noop(**params: object) -> None:
    """Take any parameters, as text."""


def request(target: str = "/", **headers: str) -> Request:
    """Return a GET request with headers (``accept_version`` is ``accept-version``)."""
    raw: RawHeaders = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request("GET", target, raw, Connection())
