"""Header fields as values: a read-only view for requests, a mutable one for responses.

Names are kept lower-case (RFC 9110 section 5.1: names are case-insensitive), values as they came,
decoded as latin-1 (RFC 9110 section 5.5), in order, repeats included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias, overload

from vivace.errors import InvalidHeader

RawHeaders: TypeAlias = "list[tuple[bytes, bytes]]"

PERSONAL: Final = (
    (b"vary", b"Cookie"),
    (b"cache-control", b"private, no-store"),
)  # of an answer for one reader
_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 section 5.6.2
_LF: Final = 10  # as numbers: to look for one byte as bytes makes an exception and drops it
_CR: Final = 13
_KEPT_MISSING: Final = 256  # sets of names that a block remembers what it adds to


def encode_name(name: str) -> bytes:
    """Return the lower-case bytes of a header name; raises ``InvalidHeader`` unless it is a token."""
    try:
        raw = name.encode("ascii")
    except UnicodeEncodeError:
        raw = b""
    if not _TOKEN.fullmatch(raw):
        raise InvalidHeader(
            f"{name!r} is not a header name.", expected="letters, digits, hyphens", got=repr(name)
        )
    return raw.lower()


def encode_value(name: str, value: str) -> bytes:
    """Return the bytes of a header value; raises ``InvalidHeader`` on CR, LF, NUL or text beyond latin-1."""
    try:
        raw = value.encode("latin-1")
    except UnicodeEncodeError:
        raw = b"\n"
    if _LF in raw or _CR in raw or 0 in raw:  # RFC 9110 section 5.5
        raise InvalidHeader(
            f"The value of header {name!r} cannot be sent.",
            expected="one line of latin-1 text",
            got=repr(value[:80]),
            fix="Percent-encode or quote the text first; never pass user input into a header as it came.",
        )
    return raw.strip(b" \t")


def checked_fields(fields: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
    """Return fields that came as bytes, names in lower case; raises ``InvalidHeader`` as the two above do."""
    texts = ((bytes(name).decode("latin-1"), bytes(value).decode("latin-1")) for name, value in fields)
    return [(encode_name(name), encode_value(name, value)) for name, value in texts]


def encode_fields(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return header fields as they go on the wire, each ended by CRLF."""
    return b"".join([b"%b: %b\r\n" % pair for pair in fields])


class Headers:
    """A read-only, case-insensitive view of header fields; built from raw pairs, indexed when first asked."""

    __slots__ = ("index", "raw")

    def __init__(self, raw: RawHeaders, index: dict[bytes, bytes] | None = None) -> None:
        self.raw = raw
        self.index = index

    def indexed(self) -> dict[bytes, bytes]:
        """Return the first value of each lower-case name; made once."""
        if self.index is None:
            self.index = {key.lower(): value for key, value in reversed(self.raw)}
        return self.index

    def first(self, name: bytes) -> bytes | None:
        """Return the first value of a lower-case name as bytes, or ``None``."""
        index = self.index
        return index.get(name) if index is not None else self.indexed().get(name)

    @overload
    def get(self, name: str, default: None = None) -> str | None: ...
    @overload
    def get(self, name: str, default: str) -> str: ...
    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the first value of ``name``, or ``default``."""
        value = self.first(name.lower().encode("latin-1", "replace"))
        return default if value is None else value.decode("latin-1")

    def getlist(self, name: str) -> list[str]:
        """Return all values of ``name`` in the order they came."""
        wanted = name.lower().encode("latin-1", "replace")
        return [value.decode("latin-1") for key, value in self.raw if key.lower() == wanted]

    def joined(self, name: str) -> str | None:
        """Return all values of a list header as one, joined by commas (RFC 9110 section 5.3); ``None`` without any."""
        values = self.getlist(name)
        return ", ".join(values) if values else None

    def items(self) -> Iterator[tuple[str, str]]:
        """Iterate over all fields, repeats included."""
        for key, value in self.raw:
            yield key.lower().decode("latin-1"), value.decode("latin-1")

    def keys(self) -> list[str]:
        """Return the distinct names, lower-case, in the order they first came."""
        return list(dict.fromkeys(name for name, _ in self.items()))

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.raw)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and sorted(self.items()) == sorted(other.items())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self.items())!r})"


class MutableHeaders(Headers):
    """Header fields of a response; names and values are checked when they are set, not when they are sent."""

    __slots__ = ()

    def __init__(self, raw: RawHeaders | None = None) -> None:
        self.raw = [] if raw is None else raw
        self.index = None

    def set(self, name: str, value: str) -> None:
        """Set ``name`` to one value, replacing any it had."""
        key, encoded = encode_name(name), encode_value(name, value)
        self.raw[:] = [pair for pair in self.raw if pair[0] != key]
        self._append(key, encoded)

    def add(self, name: str, value: str) -> None:
        """Add a value and keep those that are there (``Set-Cookie``, ``Link``)."""
        self._append(encode_name(name), encode_value(name, value))

    def setdefault(self, name: str, value: str) -> str:
        """Set ``name`` unless it is there; return the value that holds."""
        current = self.get(name)
        if current is None:
            self.set(name, value)
            return value
        return current

    def remove(self, name: str) -> None:
        """Remove all values of ``name``; nothing happens when there is none."""
        key = encode_name(name)
        self.raw[:] = [pair for pair in self.raw if pair[0] != key]
        self.index = None

    def update(self, fields: Mapping[str, str] | Iterable[tuple[str, str]]) -> None:
        """Set every field of ``fields``."""
        for name, value in dict(fields).items():
            self.set(name, value)

    def vary(self, *names: str) -> None:
        """Add request header names to ``Vary`` without repeats; ``*`` stays alone (RFC 9110 section 12.5.5)."""
        held = self.getlist("vary")
        if held == [", ".join(names)]:  # of one mind, as what a page knows of its reader mostly is
            return
        present = [part.strip() for value in held for part in value.split(",") if part.strip()]
        known = {part.lower() for part in present}
        merged = [*present, *(name for name in names if name.lower() not in known)]
        self.set("vary", "*" if "*" in merged else ", ".join(merged))

    def keep_private(self) -> None:
        """Let no cache but the reader's own keep the response, and that one ask first; ``no-store`` stays."""
        if "no-store" not in (self.get("cache-control") or ""):
            self.set("cache-control", "private, no-cache")

    def _append(self, key: bytes, value: bytes) -> None:
        self.raw.append((key, value))
        self.index = None

    __setitem__ = set
    __delitem__ = remove


class HeaderBlock:
    """Default header fields, encoded once and sent with every response that does not set them itself.

    ``of_types`` maps media types to fields that only their responses have: what concerns pages is not sent with JSON.
    """

    __slots__ = ("_missing", "_of_types", "encoded", "fields")

    def __init__(
        self, fields: Mapping[str, str], of_types: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        self.fields = _encoded_pairs(fields)
        self.encoded = encode_fields(self.fields)
        self._missing: dict[tuple[bytes | None, ...], bytes] = {}  # by content type and names that are there
        self._of_types = {
            name.encode("ascii"): (*self.fields, *_encoded_pairs(own))
            for name, own in (of_types or {}).items()
        }

    def fields_for(self, content_type: bytes | None) -> tuple[tuple[bytes, bytes], ...]:
        """Return the fields of a response with this ``Content-Type``."""
        if content_type is None or not self._of_types:
            return self.fields
        return self._of_types.get(content_type.partition(b";")[0].strip().lower(), self.fields)

    def encoded_for(self, content_type: str | None) -> bytes:
        """Return all fields of a response with this ``Content-Type``, encoded."""
        fields = self.fields_for(None if content_type is None else content_type.encode("latin-1", "replace"))
        return self.encoded if fields is self.fields else encode_fields(fields)

    def fields_missing_from(self, raw: RawHeaders) -> RawHeaders:
        """Return the defaults that a response with these fields does not have."""
        present = dict(raw)
        return [pair for pair in self.fields_for(present.get(b"content-type")) if pair[0] not in present]

    def missing_from(self, raw: RawHeaders) -> bytes:
        """Return the encoded defaults that ``raw`` does not have."""
        key = (dict(raw).get(b"content-type"), *[name for name, _ in raw])
        missing = self._missing.get(key)
        if missing is None:
            if len(self._missing) >= _KEPT_MISSING:
                self._missing.clear()
            missing = self._missing[key] = encode_fields(self.fields_missing_from(raw))
        return missing


def _encoded_pairs(fields: Mapping[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((encode_name(name), encode_value(name, value)) for name, value in fields.items())


NO_DEFAULTS: Final = HeaderBlock({})
