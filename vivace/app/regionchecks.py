"""Pages whose live regions cannot be kept true, found without running them: for ``vivace check``.

A region is rendered again by GET of the page's address. A page that only an unsafe method shows has none, so its regions stay
as they were sent. What a handler shows is known when it runs; that it names a template is seen in its code.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from inspect import unwrap
from types import CodeType
from typing import TYPE_CHECKING, Any

from jinja2 import meta

from vivace.errors import Finding
from vivace.http.request import SAFE_METHODS
from vivace.routing import Route
from vivace.templates.livetag import LIVE_TAG

if TYPE_CHECKING:
    from .application import App


def static_regions(app: App, known: frozenset[str]) -> list[Finding]:
    """Return a warning for each route without GET whose handler names a template with live regions, of those known."""
    routes = [route for route in app.collect() if not (route.is_mount or route.is_websocket)]
    readable = {route.path for route in routes if not SAFE_METHODS.isdisjoint(route.methods)}
    environment = app.templates.environment

    @cache
    def is_live(name: str) -> bool:
        if name not in known:
            return False
        text, _, _ = environment.loader.get_source(environment, name)
        if LIVE_TAG.search(text):
            return True
        others = meta.find_referenced_templates(environment.parse(text, name))
        return any(is_live(other) for other in others if other is not None and other != name)

    def finding(route: Route) -> Finding | None:
        shown = next((name for name in sorted(known.intersection(_names(route))) if is_live(name)), None)
        if shown is None:
            return None
        return Finding(
            "live-without-get",
            f"{' and '.join(route.methods)} {route.path} shows {shown!r}, whose live regions stay as they are sent:"
            " they are rendered again by GET, which this address does not answer.",
            "Let GET of the same address show the page, or redirect to a page that has one.",
            route.place,
            "warning",
        )

    unreadable = [route for route in routes if route.path not in readable]
    return [one for one in map(finding, unreadable) if one is not None]


def _names(route: Route) -> Iterator[str]:
    """Yield the names of templates that a handler may show, and other texts in its code."""
    handler: Any = unwrap(route.handler)
    view: Any = getattr(route.handler, "view_handler", None)
    if view is not None:
        yield from view.template_candidates()
    code = getattr(handler, "__code__", None)
    if isinstance(code, CodeType):
        yield from _texts(code)


def _texts(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant.partition("#")[0]
        elif isinstance(constant, CodeType):
            yield from _texts(constant)


__all__ = ["static_regions"]
