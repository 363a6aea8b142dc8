"""What a client is told of an error: the problem document that HTTP would answer with."""

from __future__ import annotations

from typing import Any

from vivace.errors import UnknownRoom, VivaceError
from vivace.errors.http import HTTPError
from vivace.http.problems import problem_document


def problem_of(error: BaseException) -> dict[str, Any]:
    """Return an error as a problem (RFC 9457) that is safe to show to anybody."""
    if isinstance(error, HTTPError):
        return problem_document(error)
    if isinstance(error, UnknownRoom):  # which rooms there can be is nobody's business
        return {"type": f"urn:vivace:error:{error.code}", "title": error.what, "status": error.status}
    if isinstance(error, VivaceError) and error.status < 500:
        problem = {"type": f"urn:vivace:error:{error.code}", "title": error.what, "status": error.status}
        parts = {"detail": error.what, "expected": error.expected, "hint": error.fix}
        return {**problem, **{name: text for name, text in parts.items() if text}}
    status = error.status if isinstance(error, VivaceError) else 500
    return {"type": "about:blank", "title": "Something went wrong", "status": status}


__all__ = ["problem_of"]
