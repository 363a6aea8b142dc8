"""Bodies as parameters: JSON decoded and validated in one pass by msgspec.

What comes back: the value, or ``UnsupportedMediaType`` (415), ``BadRequest`` (400) for what is not JSON, with its
place, or ``ValidationFailed`` (422) with every problem. An empty body is the parameter's default, or the problem that
it is missing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import inspect as mi

from vivace.errors import ValidationFailed
from vivace.http.bodies import JSON, MULTIPART, URLENCODED, unsupported
from vivace.http.charsets import require_utf8
from vivace.http.jsonbodies import decode_json
from vivace.http.request import Request

from .defaults import completer
from .describe import missing
from .known import key_count, known_fields
from .secrets import decode_secret
from .walk import problems_of

ReadBody: TypeAlias = Callable[[Request], Awaitable[Any]]

REQUIRED: Final = object()
"""Stands for "no default"."""

FORM_TYPES: Final = (URLENCODED, MULTIPART)


def json_decoder(annotation: Any, *, allow_unknown: bool = False) -> Callable[[bytes, int], Any]:
    """Return ``(bytes, depth) → value`` for a type; raises ``BadRequest`` or ``ValidationFailed``."""
    decode = msgspec.json.Decoder(annotation, dec_hook=decode_secret).decode
    info = mi.type_info(annotation)
    known = None if allow_unknown else known_fields(info)
    complete = completer(info)
    count = key_count(info)
    plain = msgspec.json.Decoder().decode

    def read(raw: bytes, depth: int) -> Any:
        failure: Exception | None = None
        try:
            value = decode_json(raw, depth, decode)
            if known is None or raw.count(b":") == count(value) or known(plain(raw)):
                return value if complete is None else complete(value)
        except (
            msgspec.ValidationError,
            TypeError,
        ) as error:  # TypeError: a set of lists, which msgspec lets pass
            failure = error
        untyped = decode_json(raw, depth)  # wrong early in the text, it may be no JSON further on
        raise ValidationFailed(problems_of(untyped, annotation, failure=failure, allow_unknown=allow_unknown))

    return read


def json_body(annotation: Any, default: Any = REQUIRED, *, allow_unknown: bool = False) -> ReadBody:
    """Return the reader of a JSON body."""
    decode = json_decoder(annotation, allow_unknown=allow_unknown)
    info = mi.type_info(annotation)

    async def read(request: Request) -> Any:
        raw = await request.body()
        if not raw:
            if default is REQUIRED:
                raise ValidationFailed([missing("body", "", info)])
            return default
        if request.headers.first(b"content-type") != b"application/json":
            check_json(request)
        return decode(raw, request.bodies.limits.json_depth)

    return read


def raw_body(default: Any = REQUIRED) -> ReadBody:
    """Return the reader of a ``bytes`` parameter: the body as it came, whatever its media type."""
    empty = b"" if default is REQUIRED else default

    async def read(request: Request) -> Any:
        return await request.body() or empty

    return read


def check_json(request: Request) -> None:
    """Raise ``UnsupportedMediaType`` unless the body says that it is JSON (``+json``: RFC 6839 section 3.1)."""
    media_type = request.content_type
    if media_type != JSON and not media_type.endswith("+json"):
        raise unsupported(media_type, JSON)
    require_utf8(request.headers.get("content-type", "") or "", "JSON body")


def form_or_json(form: ReadBody, json: ReadBody) -> ReadBody:
    """Return a reader that takes a form or JSON, as the content type says."""

    async def read(request: Request) -> Any:
        content_type = request.headers.first(b"content-type")
        if content_type != b"application/json" and request.content_type in FORM_TYPES:
            return await form(request)
        return await json(request)

    return read
