"""Conditional requests (RFC 9110 section 13): one place that decides between the answer, 304 and 412.

The order of section 13.2.2, which ``evaluate`` follows step by step:

===============================  ============================================================
If-Match, strong comparison      false: 412
else If-Unmodified-Since         false: 412
If-None-Match, weak comparison   false: 304 for GET and HEAD, 412 for every other method
else If-Modified-Since           false: 304; GET and HEAD only
If-Range                         see ``ranges.range_applies``
===============================  ============================================================

A date that cannot be read, or a resource that has none, makes a condition by date true. Who writes asks before acting::

    precondition(request, etag=book.etag)  # raises PreconditionFailed: somebody else was faster
    book.title = …

and who reads may answer without building the page::

    if unchanged := not_modified(request, etag=tag):
        return unchanged
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import Enum
from typing import Final

from vivace.errors import InvalidHeader, PreconditionFailed

from .caching import CacheControl
from .dates import format_http_date, parse_http_date, whole_seconds
from .request import Request
from .response import Empty, Response

CONDITIONS: Final = (b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since")
READING: Final = frozenset({"GET", "HEAD"})
IGNORING: Final = frozenset({"CONNECT", "OPTIONS", "TRACE"})  # RFC 9110 section 13.2.1

# Metadata of the body that a 304 does not have (RFC 9110 section 15.4.5); everything else updates what the client kept.
_OF_THE_BODY: Final = frozenset(
    f"content-{name}".encode() for name in ("type", "encoding", "language", "length", "range", "disposition")
) | {b"accept-ranges", b"transfer-encoding", b"trailer"}

_ETAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')


class Outcome(Enum):
    """What the conditions of a request ask for."""

    PROCEED = 200
    NOT_MODIFIED = 304
    FAILED = 412


class BodilessAnswer(Empty):
    """A 304 or 412 without body in place of another response, which it closes; validators and cookies stay."""

    def __init__(self, replaced: Response, status: int) -> None:
        super().__init__(status)
        self.replaced = replaced
        self.defaults = replaced.defaults
        self.on_sent = replaced.on_sent
        self.headers.raw.extend(pair for pair in replaced.headers.raw if pair[0] not in _OF_THE_BODY)

    async def close(self) -> None:
        """Close the response that is not sent."""
        await self.replaced.close()


def etag(data: bytes | str, *, weak: bool = False) -> str:
    """Return a quoted entity tag for the bytes: 128 bits of BLAKE2b, ``W/`` in front when ``weak``."""
    import hashlib  # loads OpenSSL: kept out of start-up

    raw = data.encode() if isinstance(data, str) else data
    return quote_etag(hashlib.blake2b(raw, digest_size=16).hexdigest(), weak=weak)


def quote_etag(text: str, *, weak: bool = False) -> str:
    """Return a version number or any other short text as an entity tag; raises ``InvalidHeader`` if it cannot be one."""
    quoted = f'{"W/" if weak else ""}"{text}"'
    if not _ETAG.fullmatch(quoted):
        raise InvalidHeader(
            "This text cannot be an entity tag.",
            expected="latin-1 text without white space, quotes and control characters",
            got=ascii(text[:80]),
            fix="etag(text) makes one of any text.",
        )
    return quoted


def parse_etags(text: str) -> tuple[str, ...]:
    """Return the entity tags of ``If-Match`` or ``If-None-Match``; ``*`` stays ``("*",)``; junk is left out."""
    return ("*",) if text.strip() == "*" else tuple(_ETAG.findall(text))


def strong_match(left: str, right: str) -> bool:
    """True when both tags are strong and the same: byte for byte the same content (RFC 9110 section 8.8.3.2)."""
    return left == right and not left.startswith("W/")


def weak_match(left: str, right: str) -> bool:
    """True when the tags are the same apart from ``W/``: equivalent content (RFC 9110 section 8.8.3.2)."""
    return left.removeprefix("W/") == right.removeprefix("W/")


def evaluate(
    request: Request, *, etag: str | None = None, last_modified: datetime | None = None, exists: bool = True
) -> Outcome:
    """Return what the conditions of the request ask for, given the state of the resource.

    ``exists=False`` says that there is no resource yet: ``If-None-Match: *`` then lets a PUT create it.
    """
    first = request.headers.first
    if request.method in IGNORING or all(first(name) is None for name in CONDITIONS):
        return Outcome.PROCEED
    if _writing_refused(request, etag, last_modified, exists):
        return Outcome.FAILED
    if _same_as_client_has(request, etag, last_modified, exists):
        return Outcome.NOT_MODIFIED if request.method in READING else Outcome.FAILED
    return Outcome.PROCEED


def precondition(
    request: Request, *, etag: str | None = None, last_modified: datetime | None = None, exists: bool = True
) -> None:
    """Raise ``PreconditionFailed`` (412) when the client acts on a state that is no longer; call it before writing."""
    if evaluate(request, etag=etag, last_modified=last_modified, exists=exists) is Outcome.FAILED:
        raise failed(etag)


def not_modified(
    request: Request, *, etag: str | None = None, last_modified: datetime | None = None
) -> Response | None:
    """Return a 304 when the client has this state already, else ``None``; raises ``PreconditionFailed``."""
    outcome = evaluate(request, etag=etag, last_modified=last_modified)
    if outcome is Outcome.FAILED:
        raise failed(etag)
    return validated(Empty(304), etag, last_modified) if outcome is Outcome.NOT_MODIFIED else None


def validated(response: Response, etag: str | None, last_modified: datetime | None) -> Response:
    """Set ``ETag`` and ``Last-Modified`` where they are given and the response has none; return the response."""
    if etag is not None:
        response.headers.setdefault("etag", etag)
    if last_modified is not None:
        response.headers.setdefault("last-modified", format_http_date(last_modified))
    return response


def conditional(request: Request, response: Response) -> Response:
    """Return the response, or a 304 or 412 in its place; gives a buffered answer to GET or HEAD an ETag if it has none.

    Only 200 is looked at; ``Cache-Control: no-store`` keeps a response without an ETag of ours.
    """
    if response.status != 200 or request.method not in READING:
        return response
    headers = response.headers
    tag = headers.get("etag")
    if tag is None and response.buffered and not CacheControl.parse(headers.joined("cache-control")).no_store:
        tag = headers.setdefault("etag", etag(response.body))
    outcome = evaluate(request, etag=tag, last_modified=parse_http_date(headers.get("last-modified")))
    return response if outcome is Outcome.PROCEED else BodilessAnswer(response, outcome.value)


def failed(tag: str | None) -> PreconditionFailed:
    """Return the 412 for a resource whose entity tag is ``tag``."""
    headers = {"etag": tag} if tag else None
    return PreconditionFailed("The resource is not in the state that the request expects.", headers=headers)


def _writing_refused(request: Request, etag: str | None, modified: datetime | None, exists: bool) -> bool:
    listed = request.headers.joined("if-match")
    if listed is not None:
        tags = parse_etags(listed)
        return not (
            exists if tags == ("*",) else exists and any(strong_match(tag, etag or "") for tag in tags)
        )
    since = parse_http_date(request.headers.get("if-unmodified-since"))
    return since is not None and modified is not None and whole_seconds(modified) > since


def _same_as_client_has(request: Request, etag: str | None, modified: datetime | None, exists: bool) -> bool:
    listed = request.headers.joined("if-none-match")
    if listed is not None:
        tags = parse_etags(listed)
        return exists and (tags == ("*",) or any(weak_match(tag, etag) for tag in tags if etag))
    if request.method not in READING:
        return False
    since = parse_http_date(request.headers.get("if-modified-since"))
    return since is not None and modified is not None and whole_seconds(modified) <= since
