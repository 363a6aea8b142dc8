"""A 404 of the routing as a developer sees it: what is wrong with the address, and the routes that there are, nearest first.

In debug mode only: which routes there are is nobody else's business. Everything asked for is an attacker's text, so the
page is put together with ``Markup.format`` and sent with the policy of the debug page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher, get_close_matches
from typing import Any, Final

from markupsafe import Markup

from vivace.errors import BadRequest, HTTPError
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.routing import Route
from vivace.routing.patterns import Param, Segment, decode_segments, segment_params
from vivace.routing.routes import qualified_name

from .debugpage import Told, answer_with, as_code, asked_for, known_secrets, place_link
from .evidence import short_path
from .hiding import Hider

SHOWN: Final = 60  # routes on the page
_HEAD: Final = Markup('<h1>{title}</h1><p class="message">{detail}</p>')
_ROUTES: Final = Markup('<section class="routes"><h2>{title}</h2><table>{rows}</table>{rest}</section>')
_ROW: Final = Markup("<tr><th>{methods}</th><td>{path}</td><td>{handler} {place}</td></tr>")
_LINK: Final = Markup('<a class="place" href="{href}">{text}</a>')


def hint(request: Request) -> str:
    """Return what is wrong with the path of a request that no route answered, or the route that comes nearest to it."""
    for route, param, text in _misread(request):
        told = param.converter.explains or f"what the converter {param.converter.name!r} reads"
        return f"`{param.name}` must be {told}, got {text!r}. There is {_called(route)}."
    path = _path(request)
    filled: dict[str, Route] = {}
    for route in request.app.compile().routes:
        filled.setdefault(_filled(route, path), route)
    filled.pop(path, None)  # it has another host, or a condition that did not hold
    near = get_close_matches(path, list(filled), n=1)
    return f"Did you mean {near[0]!r}? There is {_called(filled[near[0]])}." if near else ""


def page(request: Request, error: HTTPError) -> Response:
    """Return the page: the error, and the routes of the app."""
    routes = _nearest_first(request)
    rest = f"… {len(routes) - SHOWN:,} more: `vivace routes` lists them all" if len(routes) > SHOWN else ""
    title = f"{error.status} {error.title}"
    main = _ROUTES.format(
        title="The routes, nearest first" if routes else "This app has no routes",
        rows=Markup("").join(_row(request, route) for route in routes[:SHOWN]),
        rest=as_code(rest),
    )
    head = _HEAD.format(title=title, detail=as_code(error.detail))
    told = Told(asked_for(request, Hider(known_secrets(request))), title, head, main)
    # scripts: those that `dev` adds to pages
    return answer_with(told, error.status, scripts=True, headers=error.headers)


def _row(request: Request, route: Route) -> Markup:
    path: str | Markup = route.path
    if "GET" in route.methods and route.pattern.is_static and route.host is None:
        path = _LINK.format(href=request.prefix + route.path, text=route.path)
    file, _, line = route.place.rpartition(":")
    place = Markup()
    if line.isdecimal():
        place = place_link(f"{short_path(file)}:{line}", file, int(line), request.app.settings.editor)
    return _ROW.format(
        methods=", ".join(route.methods) or "mount",
        path=path,
        handler=qualified_name(route.handler),
        place=place,
    )


def _nearest_first(request: Request) -> list[Route]:
    """Return the app's own routes: those that nearly read the path, then by how much of their text is the same."""
    path = _path(request)
    misread = {id(route) for route, _, _ in _misread(request)}
    own = [route for route in request.app.compile().routes if not route.path.startswith("/_vivace")]

    def distance(route: Route) -> tuple[bool, float]:
        return id(route) not in misread, -SequenceMatcher(None, path, _filled(route, path)).ratio()

    return sorted(own, key=distance)


def _misread(request: Request) -> Iterator[tuple[Route, Param, str]]:
    """Yield routes whose text fits the path, with the first parameter that does not read what stands in its place."""
    try:
        parts = decode_segments(_path(request))[1:]
    except BadRequest:
        return
    for route in request.app.compile().routes:
        for segments in route.pattern.variants():
            wrong = _unread(segments, parts)
            if wrong is not None:
                yield (route, *wrong)


def _unread(segments: Sequence[Segment], parts: Sequence[str]) -> tuple[Param, str] | None:
    if len(segments) != len(parts):
        return None
    found: list[tuple[Param, str]] = []
    for segment, part in zip(segments, parts, strict=True):
        if isinstance(segment, str):
            if segment != part:
                return None
            continue
        pieces = [part] if isinstance(segment, Param) else segment.cut(part)
        if not part or pieces is None:
            return None
        pairs = zip(segment_params(segment), pieces, strict=True)
        found += [(param, piece) for param, piece in pairs if not param.converter.fits(piece)]
    return found[0] if found else None


def _filled(route: Route, path: str) -> str:
    """Return the path of a route with what was asked for in place of the parameters that are whole segments."""
    asked, pieces = path.split("/"), route.path.split("/")
    given: list[Any] = [*asked, *pieces[len(asked) :]]
    return "/".join(
        one if piece.startswith("{") and piece.endswith("}") else piece
        for piece, one in zip(pieces, given[: len(pieces)], strict=True)
    )


def _called(route: Route) -> str:
    return f"{', '.join(route.methods)} {route.path}".lstrip()


def _path(request: Request) -> str:
    return request.raw_path[len(request.prefix) :] or "/"


__all__ = ["hint", "page"]
