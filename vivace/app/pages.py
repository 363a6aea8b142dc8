"""Whole pages of HTML that something is added to on their way out: the live reload of ``dev``, the panel of ``hood``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from vivace.http.request import Request
    from vivace.http.response import Response

_END: Final = re.compile(rb"</body\s*>(?![\s\S]*</body)|</html\s*>(?![\s\S]*</html)", re.IGNORECASE)
_BEGIN: Final = re.compile(rb"\s*(?:<!--[\s\S]*?-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE)


def is_open_html(request: Request, response: Response) -> bool:
    """Return whether an answer is HTML that can be added to: not a stream, not to HEAD, not compressed."""
    if not response.buffered or not response.body or request.method == "HEAD":
        return False
    if response.plain:
        return (response.content_type or "").startswith("text/html")
    headers: Any = response.headers
    return (headers.get("content-type") or "").startswith("text/html") and "content-encoding" not in headers


def is_whole(body: bytes) -> bool:
    """Return whether HTML is a page, and not a piece for one."""
    return _BEGIN.match(body) is not None or _END.search(body) is not None


def before_end(body: bytes, addition: bytes) -> bytes:
    """Return a page with something at the end of its body."""
    end = _END.search(body)
    at = end.start() if end else len(body)
    return body[:at] + addition + body[at:]


__all__ = ["before_end", "is_open_html", "is_whole"]
