"""What browsers report: violations of a content security policy, in both forms in which they are sent.

Whoever can reach the address can write to it, so a report is a rumour: short, bounded, logged as literals, never acted
upon. Browser extensions cause most of them.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, TypeAlias, cast

import msgspec

from vivace.errors import BadRequest, UnsupportedMediaType
from vivace.http.request import Request
from vivace.http.response import Empty, Response
from vivace.routing import Router

from .ratelimits import RateLimit

OnReport: TypeAlias = "Callable[[Request, Violation], object | Awaitable[object]]"

logger = logging.getLogger("vivace.security")
MAX_BYTES: Final = 65_536
RATE: Final = "60/minute"
_MOST: Final = 20  # of one delivery
_SHOWN: Final = 300  # characters of a field
_KINDS: Final = ("application/csp-report", "application/reports+json")


class Violation(msgspec.Struct, frozen=True):
    """One violation as a browser tells it; everything in it may be made up."""

    document: str = ""
    directive: str = ""
    blocked: str = ""
    source: str = ""
    line: int = 0
    sample: str = ""
    disposition: str = ""


def log_violation(request: Request, violation: Violation) -> None:
    """Log a violation as a warning."""
    logger.warning(
        "%r: %r blocked %r, at %r line %d (%s)",
        violation.document,
        violation.directive,
        violation.blocked,
        violation.source,
        violation.line,
        violation.disposition or "enforce",
    )


def report_endpoint(router: Router, path: str = "/csp-reports", on_report: OnReport = log_violation) -> str:
    """Add a route that takes the reports of browsers, and return its path, for ``ContentSecurityPolicy(report_to=…)``.

    ``on_report(request, violation)`` is called for each; by default they are logged. One address may send ``RATE``.
    """
    limit = RateLimit(RATE, name="csp-reports")

    @router.post(path, csrf=False, hidden=True, body_limit=MAX_BYTES, guards=[limit])
    async def csp_reports(request: Request) -> Response:
        for violation in read_reports(request.content_type, await request.body()):
            told = on_report(request, violation)
            if inspect.isawaitable(told):
                await told
        return Empty()

    return path


def read_reports(content_type: str, body: bytes) -> list[Violation]:
    """Return the violations in a delivery: of the Reporting API, or of ``report-uri``; others in it are left out."""
    if content_type not in _KINDS:
        raise UnsupportedMediaType(
            "This is no report.", expected=" or ".join(_KINDS), got=ascii(content_type[:80])
        )
    try:
        told: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        raise BadRequest("The report is no JSON.") from None
    if content_type == _KINDS[0]:
        return [_violation(_mapping(_mapping(told).get("csp-report")))]
    entries = [_mapping(entry) for entry in _listed(told)[:_MOST]]
    return [
        _violation(_mapping(entry.get("body"))) for entry in entries if entry.get("type") == "csp-violation"
    ]


def _violation(fields: dict[str, Any]) -> Violation:
    def text(*names: str) -> str:
        found = next((fields[name] for name in names if isinstance(fields.get(name), str)), "")
        return str(found)[:_SHOWN]

    line = fields.get("line-number", fields.get("lineNumber", 0))
    return Violation(
        document=text("document-uri", "documentURL"),
        directive=text("effective-directive", "violated-directive", "effectiveDirective"),
        blocked=text("blocked-uri", "blockedURL"),
        source=text("source-file", "sourceFile"),
        line=line if isinstance(line, int) and 0 <= line < 2**31 else 0,
        sample=text("script-sample", "sample"),
        disposition=text("disposition"),
    )


def _listed(value: Any) -> list[Any]:
    return list(cast("Iterable[Any]", value)) if isinstance(value, list) else []


def _mapping(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


__all__ = ["Violation", "log_violation", "read_reports", "report_endpoint"]
