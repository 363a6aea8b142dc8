"""Byte ranges (RFC 9110 section 14): which bytes of a file a Range header means, and how several are framed.

Asking is cheap and answering is not, so what can be asked is bounded (section 14.2; CVE-2011-3192 made a server send
a file hundreds of times over):

- ranges that overlap or touch are sent once, as one range;
- more than ``MAX_RANGES`` after that, more than ``MAX_SPECS`` in the header, or all bytes anyway: the header is
  ignored and the whole file is the answer (200), which a client must be able to take;
- a header that is not well formed is ignored as well; a well formed one that names no byte of the file is a 416.

The framing of ``multipart/byteranges`` is computed from sizes alone: the file is read when it is sent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from vivace.errors import RangeNotSatisfiable

from .conditional import strong_match
from .dates import parse_http_date, whole_seconds

MAX_SPECS: Final = 64
MAX_RANGES: Final = 16

_SPEC: Final = re.compile(r"([0-9]*)[ \t]*-[ \t]*([0-9]*)")
_LINE: Final = "\r\n"
_DIGITS: Final = 19  # 10**19 bytes are beyond every file; int() refuses more than 4,300 digits by raising


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """``count`` bytes from ``start``."""

    start: int
    count: int

    @property
    def stop(self) -> int:
        """The position behind the last byte."""
        return self.start + self.count

    def content_range(self, size: int) -> str:
        """Return the value of ``Content-Range`` for this part of ``size`` bytes."""
        return f"bytes {self.start}-{self.stop - 1}/{size}"


@dataclass(frozen=True, slots=True)
class Multipart:
    """The framing of several spans: what is sent before each, what at the end, and how long it all is."""

    content_type: str
    heads: tuple[bytes, ...]
    tail: bytes
    length: int


def parse_ranges(text: str, size: int) -> tuple[Span, ...] | None:
    """Return the spans that a Range header means in ``size`` bytes, or ``None`` when it is to be ignored.

    Raises ``RangeNotSatisfiable`` (416, with ``Content-Range: bytes */size``) when it names no byte of them.
    """
    unit, equals, listed = text.partition("=")
    specs = [spec.strip(" \t") for spec in listed.split(",", MAX_SPECS)]
    if not equals or unit.strip(" \t").lower() != "bytes" or len(specs) > MAX_SPECS:
        return None
    matches = [_SPEC.fullmatch(spec) for spec in specs if spec]
    if not matches or not all(match and _well_formed(match[1], match[2]) for match in matches):
        return None
    spans = [span for match in matches if match and (span := _span(match[1], match[2], size))]
    if not spans:
        raise RangeNotSatisfiable(
            "No byte of the requested range exists.",
            expected=f"positions below {size}",
            got=text[:80],
            headers={"content-range": f"bytes */{size}"},
        )
    joined = _coalesce(spans)
    return None if len(joined) > MAX_RANGES or (joined == (Span(0, size),) and len(spans) > 1) else joined


def range_applies(if_range: str | None, etag: str | None, last_modified: datetime | None) -> bool:
    """True unless ``If-Range`` names another state than this one: then the whole file is the answer.

    Only a strong etag or the exact date counts (RFC 9110 section 13.1.5): the client has the other bytes already.
    """
    if if_range is None:
        return True
    if if_range.startswith(('"', "W/")):
        return etag is not None and strong_match(if_range, etag)
    date = parse_http_date(if_range)
    return date is not None and last_modified is not None and date == whole_seconds(last_modified)


def frame(spans: Sequence[Span], size: int, content_type: str, boundary: str) -> Multipart:
    """Return the framing of ``spans`` as ``multipart/byteranges`` (RFC 9110 section 14.6)."""
    heads = tuple(
        (
            f"{_LINE if index else ''}--{boundary}\r\n"
            f"content-type: {content_type}\r\ncontent-range: {span.content_range(size)}\r\n\r\n"
        ).encode("latin-1")
        for index, span in enumerate(spans)
    )
    tail = f"\r\n--{boundary}--\r\n".encode("latin-1")
    length = sum(map(len, heads)) + sum(span.count for span in spans) + len(tail)
    return Multipart(f"multipart/byteranges; boundary={boundary}", heads, tail, length)


def _well_formed(first: str, last: str) -> bool:
    if not first:
        return bool(last)
    return not last or _number(first) <= _number(last)


def _number(digits: str) -> int:
    significant = digits.lstrip("0") or "0"
    return int(significant) if len(significant) <= _DIGITS else 10**_DIGITS


def _span(first: str, last: str, size: int) -> Span | None:
    if not first:
        count = min(_number(last), size)
        return Span(size - count, count) if count else None
    start = _number(first)
    stop = min(_number(last) + 1, size) if last else size
    return Span(start, stop - start) if start < size else None


def _coalesce(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Return the spans in the order asked for (section 14.2 wants it kept) unless some overlap or touch: then sorted."""
    ordered = sorted(spans)
    if all(left.stop < right.start for left, right in pairwise(ordered)):
        return tuple(spans)
    joined = [ordered[0]]
    for span in ordered[1:]:
        last = joined[-1]
        if span.start <= last.stop:
            joined[-1] = Span(last.start, max(last.stop, span.stop) - last.start)
        else:
            joined.append(span)
    return tuple(joined)
