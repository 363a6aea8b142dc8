"""Errors as problem documents (RFC 9457): what a client that is a program gets instead of a page.

Only what was written for the client leaves: status, title, ``detail`` and the list of what was wrong with its input.
``expected``, ``got`` and ``fix`` of an error are for the log; a 500 has no detail at all. What the client sent comes
back shortened, and not at all where it is a secret.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from vivace.errors import HTTPError, Problem, RateLimited, ValidationFailed

from .response import Response

PROBLEM_TYPE: Final = "application/problem+json"
MAX_VALUE: Final = 80  # characters of a value that are shown
HIDDEN: Final = "[hidden]"

SENSITIVE: Final = (
    r"passw|passphrase|passcode|(?<![a-z])pass(?![a-z])|secret|token|api.?key|private.?key|authori[sz]ation|cookie"
    r"|session|credential|signature|cvv|cvc|card.?number|(?<![a-z])(?:pin|otp|ssn)(?![a-z])"
)
"""Names under which values are secret; compiled by ``re`` when first used, by an error."""


def is_sensitive(name: str) -> bool:
    """Tell whether a value under this name must not be repeated in an error, nor shown on a debug page."""
    return re.search(SENSITIVE, name, re.IGNORECASE) is not None


def problem_response(error: HTTPError, *, instance: str | None = None) -> Response:
    """Return ``error`` as ``application/problem+json``, with the status and the headers of the error.

    ``instance`` is a URI for this one occurrence: ``urn:uuid:…`` or the request id.
    """
    document = problem_document(error, instance=instance)
    body = msgspec.json.encode(document)
    return Response(body, error.status, error.headers, content_type=PROBLEM_TYPE)


def problem_document(error: HTTPError, *, instance: str | None = None) -> dict[str, Any]:
    """Return the members of the problem document; safe to show to anybody."""
    document: dict[str, Any] = {
        "type": f"urn:vivace:error:{error.code}",
        "title": error.title,
        "status": error.status,
    }
    if error.detail and error.status != 500:
        document["detail"] = error.detail
    if instance:
        document["instance"] = instance
    if isinstance(error, ValidationFailed):
        document["errors"] = [_entry(problem) for problem in error.problems]
    if isinstance(error, RateLimited):  # draft-ietf-httpapi-ratelimit-headers-11 section 5.1
        document["violated-policies"] = list(error.violated)
    return document


def shorten(text: str, limit: int = MAX_VALUE) -> str:
    """Return at most ``limit`` characters, the last of them an ellipsis when something was cut off."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _entry(problem: Problem) -> dict[str, str]:
    hidden = is_sensitive(problem.pointer) or problem.place == "cookie"
    got = HIDDEN if hidden and problem.got else problem.got
    return {
        "in": problem.place,
        "pointer": problem.pointer,
        "code": problem.code,
        "expected": shorten(problem.expected, 4 * MAX_VALUE),
        "got": shorten(got),
    }
