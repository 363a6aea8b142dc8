"""Request bodies from Python values: JSON, forms, files, bytes, streams."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypedDict, cast

import msgspec

from vivace.errors.testing import ClientMisuse

from .addresses import Query, encode_query

Fields: TypeAlias = "Mapping[str, Any] | Iterable[tuple[str, Any]]"
FileValue: TypeAlias = "bytes | str | tuple[str, bytes | str] | tuple[str, bytes | str, str]"
Files: TypeAlias = "Mapping[str, FileValue | list[FileValue]] | Iterable[tuple[str, FileValue]]"
HeaderFields: TypeAlias = "Mapping[str, str] | Iterable[tuple[str, str]]"


class RequestOptions(TypedDict, total=False):
    """What may go with a request. At most one of ``json``, ``content`` and ``form``/``files``."""

    query: Query  # added to the URL's own; lists repeat the name
    headers: HeaderFields  # over the client's own
    json: Any  # whatever msgspec encodes
    form: Fields  # url-encoded, or multipart when there are files
    files: Files  # content, (file name, content) or (file name, content, content type); a list for several
    content: (
        bytes | str | AsyncIterable[bytes]
    )  # as it is; an async iterable is sent chunked, with back-pressure
    cookies: Mapping[str, str]  # for this request, besides the jar's
    follow: bool  # follow redirects; the client's default otherwise
    https: bool  # over https, whatever the base URL says


@dataclass(frozen=True, slots=True)
class Payload:
    """A body and its content type, ``""`` when there is none."""

    content: bytes | AsyncIterable[bytes] = b""
    content_type: str = ""


def header_pairs(fields: HeaderFields) -> list[tuple[str, str]]:
    """Return header fields as pairs."""
    pairs: Any = cast("Any", fields).items() if isinstance(fields, Mapping) else fields
    return list(pairs)


def make_payload(options: RequestOptions) -> Payload:
    """Return the body that ``options`` ask for; raises ``ClientMisuse`` when they ask for two."""
    given: list[str] = [name for name in ("json", "content", "form") if name in options]
    if "files" in options and "form" not in options:
        given.append("files")
    if len(given) > 1:
        raise ClientMisuse("A request has one body.", expected="one of them", got=", ".join(given))
    if "json" in options:
        return Payload(msgspec.json.encode(options["json"]), "application/json")
    if "content" in options:
        content = options["content"]
        return Payload(content.encode() if isinstance(content, str) else content)
    if "files" in options:
        return _multipart(_pairs(options.get("form", ())), _pairs(options["files"]))
    if "form" in options:
        text = encode_query(options["form"])
        return Payload(text.encode(), "application/x-www-form-urlencoded")
    return Payload()


def _pairs(fields: Any) -> list[tuple[str, Any]]:
    pairs: Any = cast("Any", fields).items() if isinstance(fields, Mapping) else fields
    return [(name, item) for name, value in pairs for item in _items(value)]


def _items(value: Any) -> Sequence[Any]:
    return cast("Sequence[Any]", value) if isinstance(value, list) else [value]


def _multipart(form: list[tuple[str, Any]], files: list[tuple[str, Any]]) -> Payload:
    """Encode ``multipart/form-data`` (RFC 7578); the boundary follows from the content, so runs are repeatable."""
    parts = [(_disposition(name), str(value).encode()) for name, value in form if value is not None]
    parts += [_file_part(name, value) for name, value in files]
    digest = hashlib.sha256(b"".join([head + body for head, body in parts])).hexdigest()[:32]
    boundary = f"vivace-{digest}".encode()
    pieces = [b"--%b\r\n%b\r\n\r\n%b\r\n" % (boundary, head, body) for head, body in parts]
    content = b"".join([*pieces, b"--%b--\r\n" % boundary])
    return Payload(content, f"multipart/form-data; boundary={boundary.decode()}")


def _file_part(name: str, value: Any) -> tuple[bytes, bytes]:
    parts: Sequence[Any] = (name, value)
    if isinstance(value, tuple):
        parts = cast("Sequence[Any]", value)
    filename, content = str(parts[0]), parts[1]
    kind = str(parts[2]) if len(parts) > 2 else "application/octet-stream"
    head = b"%b; filename=%b\r\nContent-Type: %b" % (_disposition(name), _quoted(filename), kind.encode())
    return head, content.encode() if isinstance(content, str) else content


def _disposition(name: str) -> bytes:
    return b"Content-Disposition: form-data; name=%b" % _quoted(name)


def _quoted(text: str) -> bytes:
    """Escape as browsers do (HTML standard, multipart/form-data encoding algorithm)."""
    return b'"%b"' % text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A").encode()
