"""Errors that are HTTP answers: a handler raises one, the error mapping turns it into a response.

The table at the end of RFC 9110 section 15 gives the names; every class is one status.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import msgspec

from .base import VivaceError


class Problem(msgspec.Struct, frozen=True):
    """One thing that was wrong with the input: where (a JSON pointer), what was expected, what came.

    ``place`` says which part of the request: ``path``, ``query``, ``header``, ``cookie``, ``form`` or ``body``. ``code`` is
    a word to match: ``required``, ``null``, ``unknown``, ``min_length``, ``max_value``, ``invalid_choice``, ``invalid`` …
    """

    place: str
    pointer: str
    expected: str
    got: str = ""
    code: str = "invalid"


class HTTPError(VivaceError):
    """An error that is an HTTP answer; ``detail`` is safe to show to the client.

    ``headers`` are added to the answer. Subclasses fix the status; ``HTTPError("…", status=418)`` sets any from 400 on.
    """

    code: ClassVar[str] = "http-error"
    title: str = "Error"

    def __init__(
        self,
        detail: str = "",
        *,
        status: int = 0,
        headers: Mapping[str, str] | None = None,
        expected: str = "",
        got: str = "",
        fix: str = "",
    ) -> None:
        if status:
            self.status, self.title = status, _title_of(status)
        super().__init__(detail or self.title, expected=expected, got=got, fix=fix)
        self.detail = detail
        self.headers: Mapping[str, str] = headers or {}


def _title_of(status: int) -> str:
    from http import HTTPStatus  # most programs need none of its 62 members

    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return HTTPError.title


class BadRequest(HTTPError):
    """400: the request is malformed."""

    code, status, title = "bad-request", 400, "Bad Request"


class Unauthorized(HTTPError):
    """401: who is asking is not known."""

    code, status, title = "unauthorized", 401, "Unauthorized"


class Forbidden(HTTPError):
    """403: who is asking may not do this."""

    code, status, title = "forbidden", 403, "Forbidden"


class CrossOriginRefused(Forbidden):
    """403: another site's page started this write (CSRF), or opened this socket."""

    code = "cross-origin-refused"


class CSRFTokenRefused(CrossOriginRefused):
    """403: the browser did not say which page started this write, and the token that would have is missing or wrong."""

    code = "csrf-token-refused"


class HTTPSRequired(Forbidden):
    """403: this address takes no writes over plain http: what was sent could be read on the way."""

    code = "https-required"


class AgentRefused(Forbidden):
    """403: programs with this User-Agent are not answered (setting ``secure.disallowed_agents``)."""

    code = "agent-refused"


class NotFound(HTTPError):
    """404: there is nothing here."""

    code, status, title = "not-found", 404, "Not Found"


class MethodNotAllowed(HTTPError):
    """405: the resource does not answer this method; ``allow`` lists those it does."""

    code, status, title = "method-not-allowed", 405, "Method Not Allowed"

    def __init__(self, method: str, allow: Iterable[str]) -> None:
        self.allow = tuple(sorted(allow))
        listed = ", ".join(self.allow)
        super().__init__(
            f"This address does not answer {method}.", expected=listed, got=method, headers={"allow": listed}
        )


class NotAcceptable(HTTPError):
    """406: no representation fits the Accept headers."""

    code, status, title = "not-acceptable", 406, "Not Acceptable"


class RequestTimeout(HTTPError):
    """408: the request did not arrive in time."""

    code, status, title = "request-timeout", 408, "Request Timeout"


class Conflict(HTTPError):
    """409: the request conflicts with the state of the resource."""

    code, status, title = "conflict", 409, "Conflict"


class PreconditionFailed(HTTPError):
    """412: a condition in the request headers is false."""

    code, status, title = "precondition-failed", 412, "Precondition Failed"


class ContentTooLarge(HTTPError):
    """413: the body is larger than the limit."""

    code, status, title = "content-too-large", 413, "Content Too Large"


class URITooLong(HTTPError):
    """414: the request target is longer than the limit."""

    code, status, title = "uri-too-long", 414, "URI Too Long"


class UnsupportedMediaType(HTTPError):
    """415: the body has a media type or coding that this address does not read."""

    code, status, title = "unsupported-media-type", 415, "Unsupported Media Type"


class RangeNotSatisfiable(HTTPError):
    """416: no requested range overlaps the resource."""

    code, status, title = "range-not-satisfiable", 416, "Range Not Satisfiable"


class ExpectationFailed(HTTPError):
    """417: the Expect header asks for something the server does not do."""

    code, status, title = "expectation-failed", 417, "Expectation Failed"


class MisdirectedRequest(HTTPError):
    """421: this server does not answer for the host named in the request."""

    code, status, title = "misdirected-request", 421, "Misdirected Request"


class ValidationFailed(HTTPError):
    """422: the input was understood and is wrong; ``problems`` lists everything that is."""

    code, status, title = "validation-failed", 422, "Unprocessable Content"

    def __init__(self, problems: Sequence[Problem], detail: str = "") -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        super().__init__(detail or f"{count} problem{'' if count == 1 else 's'} in the request.")


class FormFieldMissing(ValidationFailed, KeyError):
    """422: a form was read by ``form["name"]`` and did not have that field; ``form.get("name")`` asks whether it has."""

    code = "form-field-missing"

    def __init__(self, name: str) -> None:
        problem = Problem("form", f"/{name}", "a value", "nothing", "required")
        super().__init__([problem], f"The form has no field {name!r}.")


class UpgradeRequired(HTTPError):
    """426: this address talks another protocol; the ``Upgrade`` header names it."""

    code, status, title = "upgrade-required", 426, "Upgrade Required"


class TooManyRequests(HTTPError):
    """429: the client asked too often."""

    code, status, title = "too-many-requests", 429, "Too Many Requests"


class RateLimited(TooManyRequests):
    """429: more than a rate limit allows; ``violated`` names the limits, ``Retry-After`` says when to come back."""

    code = "rate-limited"

    def __init__(
        self, detail: str, *, violated: Sequence[str], headers: Mapping[str, str], expected: str = ""
    ) -> None:
        super().__init__(detail, headers=headers, expected=expected)
        self.violated = tuple(violated)


class HeadersTooLarge(HTTPError):
    """431: the header section is larger than the limit."""

    code, status, title = "headers-too-large", 431, "Request Header Fields Too Large"


class ServerError(HTTPError):
    """500: something is broken on our side; details go to the log, never to the client."""

    code, status, title = "server-error", 500, "Internal Server Error"


class ServiceUnavailable(HTTPError):
    """503: overloaded or shutting down; ``Retry-After`` says when to come back."""

    code, status, title = "service-unavailable", 503, "Service Unavailable"


class DeadlineExceeded(ServiceUnavailable):
    """503: the handler did not answer before its deadline."""

    code = "deadline-exceeded"


class PoolFull(ServiceUnavailable):
    """503: the threads are busy and too many calls wait for one already."""

    code = "pool-full"
