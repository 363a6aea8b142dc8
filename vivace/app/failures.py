"""What an error becomes: the one place where exceptions turn into responses (RO8).

An error is looked up by its class, then by its bases, first in the route's own scope, then in the app's; ``HTTPError``
also by its status. What nobody handles becomes a page, a problem document (RFC 9457) or a line of text, whichever the
client prefers by ``Accept``. Details of a 5xx go to the log and, in debug mode, to the page; never to a visitor.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from typing import Any, Final, TypeAlias

from vivace.errors import (
    ClientDisconnected,
    HTTPError,
    MethodNotAllowed,
    NotFound,
    Problem,
    ServerError,
    ValidationFailed,
    VivaceError,
)
from vivace.http.negotiation import preferred_type
from vivace.http.problems import problem_document, problem_response
from vivace.http.request import Request
from vivace.http.response import HTML, Response, Text
from vivace.http.types import ErrorHandler, ErrorKey

logger = logging.getLogger("vivace.app")

DebugPage: TypeAlias = Callable[[Request, BaseException], Response]

_PAGE: Final = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title></head>
<body><main><h1>{title}</h1><p>{detail}</p>{list}</main></body>
</html>
"""
_KINDS: Final = ("text/html", "application/problem+json", "application/json", "text/plain")


def handlers_for(handlers: Mapping[ErrorKey, ErrorHandler], error: BaseException) -> Iterator[ErrorHandler]:
    """Yield the handlers for an error: by status, then by class, nearest base first."""
    if not handlers:
        return
    keys: tuple[ErrorKey, ...] = type(error).__mro__
    for key in (error.status, *keys) if isinstance(error, HTTPError) else (*keys, 500):
        if key in handlers:
            yield handlers[key]


async def call_handler(handler: ErrorHandler, request: Request, error: BaseException) -> Any:
    """Return what an error handler says, awaited where it must be."""
    result = handler(request, error)
    return await result if inspect.isawaitable(result) else result


def as_http_error(error: BaseException) -> HTTPError:
    """Return the HTTP answer that an error stands for; anything unknown is a 500 without details."""
    if isinstance(error, HTTPError):
        return error
    if not isinstance(error, VivaceError) or error.status == 500:
        return ServerError()
    problems = [Problem("body", pointer, text, "", code) for pointer, text, code in error.problems_by_field()]
    if problems:  # a model's ValidationError
        return ValidationFailed(problems)
    told = error.what if error.status < 500 and not _is_of_database(error) else ""
    again = {"retry-after": "1"} if error.status == 503 else {}
    answer = HTTPError(
        told, status=error.status, headers=again, expected=error.expected, got=error.got, fix=error.fix
    )
    answer.code = error.code  # type: ignore[misc]
    return answer


def _is_of_database(error: VivaceError) -> bool:
    """Say whether an error's text is a database's, with names of tables and values of rows in it."""
    from vivace.errors import DatabaseError  # here there was an error: a look at one more module is nothing

    return isinstance(error, DatabaseError)


def report(request: Request, error: BaseException) -> None:
    """Log an error that is ours to mend; what clients do wrong is not an error of the app."""
    if isinstance(error, ClientDisconnected):
        return
    if as_http_error(error).status >= 500 and not (isinstance(error, HTTPError) and error.status == 503):
        if getattr(request.app, "debug", False):
            from .forgotten import explain

            explain(error)
        logger.error("%s %s failed (request %s)", request.method, request.path, request.id, exc_info=error)
        if isinstance(error, Exception):
            request.connection.report(error)  # the test client raises it


def default_response(request: Request, error: BaseException, debug_page: DebugPage | None = None) -> Response:
    """Return the answer to an error that no handler took."""
    shown = as_http_error(error)
    if debug_page is not None:
        if shown.status >= 500:
            return debug_page(request, error)
        shown = _explained(request, shown)
    kind = preferred_kind(request)
    if debug_page is not None and kind == "text/html" and _is_of_routing(request, shown):
        from .missing import page

        return page(request, shown)
    response = _written(shown, kind) if kind in ("text/html", "text/plain") else problem_response(shown)
    response.headers.vary("Accept")
    return response


def _explained(request: Request, error: HTTPError) -> HTTPError:
    """Return an error of the routing with what there is instead; in debug mode only."""
    hint = ""
    if isinstance(error, MethodNotAllowed):
        hint = f"It answers {', '.join(error.allow)}."
    elif _is_of_routing(request, error):
        from .missing import hint as look  # in debug mode only

        hint = look(request)
    if not hint:
        return error
    explained = copy(error)
    explained.detail = f"{error.detail} {hint}"
    return explained


def _is_of_routing(request: Request, error: HTTPError) -> bool:
    return isinstance(error, NotFound) and request.route is None


def preferred_kind(request: Request) -> str | None:
    """Return the media type in which this client likes to be told of an error; ``None`` when it takes none of ours."""
    accept = request.headers.get("accept")
    return preferred_type(accept, _KINDS) if accept and accept != "*/*" else "application/problem+json"


def _written(error: HTTPError, kind: str) -> Response:
    problems = [
        f"{entry['in']} {entry['pointer']}: expected {entry['expected']}, got {entry['got']}"
        for entry in problem_document(error).get("errors", ())
    ]
    if kind == "text/html":
        from html import escape  # brings its table of 2,231 entities

        items = "".join(f"<li>{escape(problem)}</li>" for problem in problems)
        page = _PAGE.format(
            title=escape(f"{error.status} {error.title}"),
            detail=escape(error.detail),
            list=f"<ul>{items}</ul>" if items else "",
        )
        return HTML(page, error.status, dict(error.headers))
    lines = [f"{error.status} {error.title}", *([error.detail] if error.detail else []), *problems]
    return Text("\n".join(lines) + "\n", error.status, dict(error.headers))
