"""What an app keeps of what it computed: fragments, results of ``cached()`` functions, pages of ``cache_page``.

Nothing is kept from one run of an app to the next. An app in which nobody imports any of that has none of it, and no change feed. One with fragments or kept pages connects
its feed at the start; for functions it is connected when the first of them is called.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from vivace.cache.dependent import DependentCache, current_dependents
from vivace.errors import Finding
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.routing import Route

from .current import current_request

if TYPE_CHECKING:
    from .application import App

Serve = Callable[[Request], Awaitable[Response]]


def make_dependents(app: App) -> DependentCache:
    """Return the cache of an app."""
    return DependentCache(lambda: app.changes, request=current_request)


def expect_dependents(app: App, routes: tuple[Route, ...]) -> None:
    """Let the code of an app find its cache; connect the feed where it is known to be used."""
    app.variables.append((current_dependents, app.dependents))
    app.add_lifespan(partial(_from_nothing, app.dependents), "what is kept until it changes")
    pages = sys.modules.get("vivace.cache.pages")
    keeps_pages = pages is not None and any(pages.page_mark(route.handler) for route in routes)
    if keeps_pages or (app.has_templates and app.templates.environment.has_fragments):
        _ = app.dependents.feed


@asynccontextmanager
async def _from_nothing(cache: DependentCache) -> AsyncGenerator[None]:
    """Keep nothing from one run of the app to the next: nobody tells of changes in between."""
    cache.reset()
    yield
    cache.reset()


def kept_pages(route: Route, serve: Serve, findings: list[Finding]) -> Serve:
    """Return ``serve`` with its answers kept, where ``cache_page`` says so."""
    from vivace.cache.pages import CachedPages, page_mark

    mark = page_mark(route.handler)
    if mark is None:
        return serve
    if mark.handler is not route.handler:
        findings.append(
            Finding(
                "cache-page-inside",
                f"cache_page stands inside another decorator of {route.path}, which would run for the first reader alone.",
                "Put @cache_page() next to the route, outside of all others; guards belong to the route: guards=[…].",
                route.place,
            )
        )
    return CachedPages(route.name or route.path, mark.timeout, serve)


__all__ = ["expect_dependents", "kept_pages", "make_dependents"]
