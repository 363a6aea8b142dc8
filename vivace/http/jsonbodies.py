"""JSON from strangers: every way in which it can be wrong is a 400 that says where.

msgspec decodes; what is added here is the position as line and column, UTF-8 errors with their real place, and a
bound on depth. msgspec stops at the interpreter's recursion limit, which is not a bound we can promise: at 1,000
nested arrays it raises RecursionError on Python 3.11 and not on 3.13, and what it lets through then breaks whoever
walks the value. So depth is counted. That costs nothing where a body has fewer brackets than the limit (two
``bytes.count``); otherwise strings are cut out and the brackets summed, about 40 ns for each. It is done after
decoding: what is malformed has been refused by then, at a price that msgspec keeps low.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import accumulate
from typing import Any, Final, TypeVar

import msgspec

from vivace.errors import BadRequest

from .charsets import UTF_8, bad_text

T = TypeVar("T")

_BOM: Final = b"\xef\xbb\xbf"
_AT_BYTE: Final = re.compile(r"^(?:JSON is malformed: )?(.*?) \(byte (\d+)\)$")
_STEP: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # +1 and -1 as signed bytes
_NO_BRACKET: Final = bytes(set(range(256)) - set(b"[]{}"))
_decode_any: Final = msgspec.json.Decoder().decode


def decode_json(body: bytes, depth: int | None, decode: Callable[[bytes], T] | None = None) -> T | Any:
    """Return the value of a JSON document; ``decode`` is that of a ``msgspec.json.Decoder``, default any type.

    Raises ``BadRequest`` with line, column and byte for malformed JSON, for text that is not UTF-8, and beyond
    ``depth`` levels; ``depth=None`` is for types that bound it themselves. ``msgspec.ValidationError`` passes through
    when ``decode`` was given: the type is its caller's.
    """
    try:
        value = (decode or _decode_any)(body)
    except msgspec.ValidationError as error:
        if decode is None:
            raise _malformed(body, str(error), None) from None
        raise
    except msgspec.DecodeError as error:
        if body.startswith(_BOM):  # RFC 8259 section 8.1 lets a parser ignore it
            return decode_json(body[len(_BOM) :], depth, decode)
        raise _located(body, str(error)) from None
    except UnicodeDecodeError:
        raise _bad_utf8(body) from None
    except RecursionError:
        raise _too_deep(depth) from None
    if depth is not None:
        require_depth(body, depth)
    return value


def require_depth(body: bytes, depth: int) -> None:
    """Raise ``BadRequest`` when a well-formed JSON document goes deeper than ``depth`` levels."""
    if body.count(b"[") + body.count(b"{") > depth and nesting(body) > depth:
        raise _too_deep(depth)


def nesting(body: bytes) -> int:
    """Return how deep the arrays and objects of a well-formed JSON document go."""
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside = b"".join(body.split(b'"')[::2])
    steps = outside.translate(_STEP, _NO_BRACKET)
    return max(accumulate(memoryview(steps).cast("b"), initial=0))


def _located(body: bytes, message: str) -> BadRequest:
    match = _AT_BYTE.match(message)
    if match:
        return _malformed(body, match[1], int(match[2]))
    return _malformed(body, "the document is not complete", len(body))  # "Input data was truncated"


def _malformed(body: bytes, reason: str, offset: int | None) -> BadRequest:
    got = reason
    if offset is not None:
        line = body.count(b"\n", 0, offset) + 1
        column = len(body[body.rfind(b"\n", 0, offset) + 1 : offset].decode(UTF_8, "replace")) + 1
        got = f"{reason} at line {line}, column {column} (byte {offset})"
    return BadRequest(f"The body is not valid JSON: {got}.", expected="a JSON document (RFC 8259)", got=got)


def _bad_utf8(body: bytes) -> BadRequest:
    """Return the error with its place in the body; msgspec knows the place in the string only."""
    try:
        body.decode(UTF_8)
    except UnicodeDecodeError as error:
        return bad_text("JSON body", UTF_8, body, error)
    return _malformed(body, "text that is not UTF-8", None)


def _too_deep(depth: int | None) -> BadRequest:
    expected = f"at most {depth} levels of arrays and objects" if depth else "what its type allows"
    return BadRequest("The JSON body is nested too deeply.", expected=expected)
