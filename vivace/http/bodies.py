"""How request bodies are read: a parser for each media type, the limits, the content codings that are accepted.

``Bodies`` is one frozen value, made when the app is frozen (a route with limits of its own has its own) and set as
``request.bodies``. ``await request.data()`` looks the parser up; ``json()``, ``form()`` and ``text()`` say what they
want and answer 415 to anything else. Forms, multipart and content codings are imported when one arrives: together they
are a third of the start-up time of this room.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec
from msgspec.structs import replace

from vivace.config.settings import Limits
from vivace.errors import UnsupportedMediaType

from .charsets import decode_text, require_utf8
from .jsonbodies import decode_json

if TYPE_CHECKING:
    from .forms import FormData
    from .multipart import MultipartReader, Progress
    from .request import Request

    BodyParser: TypeAlias = Callable[[Request], Awaitable[Any]]
    """Reads the body of a request (``body()`` or ``stream()``) and returns what it says."""
else:  # whoever evaluates the annotation of a field must not need the request
    BodyParser = Callable[[Any], Awaitable[Any]]

JSON: Final = "application/json"
URLENCODED: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"
# The hidden field of our forms; handlers' parameters do not see it.
TOKEN_FIELD: Final = "csrfmiddlewaretoken"  # noqa: S105 - a name


async def read_json(request: Request) -> Any:
    """Return the JSON body; 415 unless the media type is JSON, 400 where it is malformed."""
    media_type = request.content_type
    if media_type != JSON and not media_type.endswith("+json"):
        raise unsupported(media_type, JSON)
    require_utf8(request.headers.get("content-type", "") or "", "JSON body")
    return decode_json(await request.body(), request.bodies.limits.json_depth)


async def read_form(request: Request, progress: Progress | None = None) -> FormData:
    """Return the form in the body; 415 unless the media type is a form's. No body at all is an empty form."""
    from .forms import FormData, parse_urlencoded

    media_type = request.content_type
    if media_type == MULTIPART:
        from .multipart import read_form as read_multipart

        return await read_multipart(read_parts(request, progress), request.body_limit)
    if media_type == URLENCODED:
        require_utf8(request.headers.get("content-type", "") or "", "url-encoded form")
        return FormData(parse_urlencoded(await request.body(), request.bodies.limits.form_fields))
    if not media_type and not await request.body():
        return FormData()
    raise unsupported(media_type, f"{URLENCODED} or {MULTIPART}")


async def read_text(request: Request) -> str:
    """Return the body as text in its charset, or UTF-8; 415 for a charset that is not known, 400 where it does not fit."""
    return decode_text(await request.body(), request.headers.get("content-type", "") or "", "body")


def read_parts(request: Request, progress: Progress | None = None) -> MultipartReader:
    """Return the parts of a multipart body, not read yet; 415 for any other media type."""
    if request.content_type != MULTIPART:
        raise unsupported(request.content_type, MULTIPART)
    from .multipart import MultipartReader

    limits = request.bodies.limits
    return MultipartReader(
        request.chunks(limits.upload_bytes), request.headers.get("content-type", "") or "", limits, progress
    )


def unsupported(media_type: str, expected: str) -> UnsupportedMediaType:
    """Return the error for a body of another media type than the ones that are read."""
    return UnsupportedMediaType(
        "The body has a media type that is not read here.",
        expected=f"Content-Type: {expected}",
        got=ascii(media_type[:80]) if media_type else "no Content-Type",
    )


DEFAULT_PARSERS: Final[Mapping[str, BodyParser]] = MappingProxyType(
    {JSON: read_json, "*+json": read_json, URLENCODED: read_form, MULTIPART: read_form, "text/*": read_text}
)


class Bodies(msgspec.Struct, frozen=True):
    """Parsers by media type, limits, and accepted content codings (of ``gzip``, ``deflate``, ``br``, ``zstd``).

    A parser's name is a media type (``text/csv``), a suffix (``*+xml``), a family (``image/*``) or ``*/*`` for
    everything else; the most specific one is used.
    """

    limits: Limits = msgspec.field(default_factory=Limits)
    codings: frozenset[str] = frozenset()
    parsers: Mapping[str, BodyParser] = msgspec.field(default_factory=lambda: DEFAULT_PARSERS)

    def with_parsers(self, parsers: Mapping[str, BodyParser]) -> Bodies:
        """Return a copy that also has ``parsers``, which win over those that are there."""
        added = {name.lower(): parser for name, parser in parsers.items()}
        return replace(self, parsers=MappingProxyType({**self.parsers, **added}))

    def parser_for(self, media_type: str) -> BodyParser:
        """Return the parser for a media type; raises ``UnsupportedMediaType`` when there is none."""
        family, _, subtype = media_type.partition("/")
        suffix = subtype.rpartition("+")[2]
        for name in (media_type, f"*+{suffix}", f"{family}/*", "*/*"):
            parser = self.parsers.get(name)
            if parser is not None:
                return parser
        raise unsupported(media_type, ", ".join(sorted(self.parsers)))


DEFAULT_BODIES: Final = Bodies()
