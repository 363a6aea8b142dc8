"""Submitted forms as values: text fields and uploads by name, and the url-encoded syntax."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Mapping
from os import PathLike
from typing import Final, TypeAlias

from vivace.errors import BadRequest, ContentTooLarge, FormFieldMissing

from .charsets import UTF_8, bad_text, media_type
from .filenames import safe_filename
from .multidict import MultiDict, MultiValues
from .sniffing import sniff
from .spool import CHUNK, Spool

_BAD_PERCENT: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Upload:
    """A file of a form. ``filename`` is safe to store, ``raw_filename`` is what the client sent.

    ``content_type`` is what the client claims, ``sniffed`` what the first bytes show. Closed after the response.
    """

    __slots__ = ("_position", "_spool", "content_type", "filename", "headers", "name", "raw_filename")

    def __init__(self, name: str, raw_filename: str, headers: Mapping[str, str], spool: Spool) -> None:
        self.name = name
        self.raw_filename = raw_filename
        self.filename = safe_filename(raw_filename)
        self.headers = headers
        self.content_type = media_type(headers.get("content-type", "")) or "application/octet-stream"
        self._spool = spool
        self._position = 0

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self._spool.size

    @property
    def sniffed(self) -> str | None:
        """The media type that the first bytes show, or ``None`` when they show none that is known."""
        return sniff(self._spool.head)

    @property
    def in_memory(self) -> bool:
        """True when the upload was small enough to stay out of temporary files."""
        return self._spool.in_memory

    async def read(self, size: int = -1) -> bytes:
        """Return the next ``size`` bytes, or all that is left; ``b""`` at the end."""
        wanted = self.size - self._position if size < 0 else size
        chunk = await self._spool.read_at(self._position, wanted)
        self._position += len(chunk)
        return chunk

    def seek(self, position: int) -> None:
        """Set where the next ``read`` starts."""
        self._position = max(0, position)

    def chunks(self, size: int = CHUNK) -> AsyncIterator[bytes]:
        """Yield the whole content in pieces of ``size`` bytes."""
        return self._spool.chunks(size)

    async def save_to(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Write the content to ``path``, off the loop; raises ``FileExistsError`` unless ``overwrite``.

        When it fails or is cancelled no file is left behind.
        """
        await self._spool.save_to(path, overwrite)

    def close(self) -> None:
        """Free the memory or the temporary file."""
        self._spool.close()

    def __repr__(self) -> str:
        return f"<Upload {self.filename!r} {self.content_type} {self.size} bytes>"


FormValue: TypeAlias = "str | Upload"


class FormData(MultiValues[FormValue]):
    """A submitted form: names with one or more values, each text or an ``Upload``; ``[]`` gives the last one.

    ``form["name"]`` raises ``FormFieldMissing`` where there is none, a ``KeyError`` that is answered by 422.
    """

    __slots__ = ()

    def __getitem__(self, name: str) -> FormValue:
        values = self._lists.get(name)
        if values is None:  # what people send is no mistake of the program
            raise FormFieldMissing(name)
        return values[-1]

    def __contains__(self, name: object) -> bool:
        return name in self._lists

    @property
    def fields(self) -> MultiDict:
        """The text fields alone."""
        return MultiDict([(name, value) for name, value in self.pairs() if isinstance(value, str)])

    @property
    def files(self) -> MultiValues[Upload]:
        """The uploads alone."""
        return MultiValues([(name, value) for name, value in self.pairs() if isinstance(value, Upload)])

    def close(self) -> None:
        """Close every upload."""
        close_all(value for _, value in self.pairs())


def close_all(values: Iterable[FormValue]) -> None:
    """Close the uploads among ``values``."""
    for value in values:
        if isinstance(value, Upload):
            value.close()


def parse_urlencoded(body: bytes, max_fields: int) -> list[tuple[str, str]]:
    """Return the (name, value) pairs of a url-encoded form (WHATWG URL section 5.1), read strictly.

    Raises ``BadRequest`` for a ``%`` without two hexadecimal digits or for text that is not UTF-8 (browsers send
    neither), ``ContentTooLarge`` for more than ``max_fields`` fields.
    """
    pieces = [piece for piece in body.split(b"&", max_fields + 1) if piece]
    if len(pieces) > max_fields or (len(pieces) == max_fields and body.count(b"&") > max_fields):
        raise too_many("fields", max_fields)
    return [(_decode(name), _decode(value)) for name, _, value in (piece.partition(b"=") for piece in pieces)]


def too_many(what: str, limit: int) -> ContentTooLarge:
    """Return the error for a form with more parts of a kind than the limit."""
    return ContentTooLarge(f"The form has too many {what}.", expected=f"at most {limit} {what}")


def _decode(raw: bytes) -> str:
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        if _BAD_PERCENT.search(raw):
            raise BadRequest(
                "The form has a broken percent-encoding.",
                expected="% and two hexadecimal digits",
                got=ascii(raw[:80]),
            )
        raw = _unquote(raw)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise bad_text("form", UTF_8, raw, error) from None


def _unquote(raw: bytes) -> bytes:
    """Replace well-formed percent-encodings by their bytes.

    ``%41`` is read as the escape ``\\x41`` by a codec in C. ``urllib.parse.unquote_to_bytes`` takes 0.4 s for the largest
    body that is allowed, and this 20 ms.
    """
    return raw.replace(b"\\", b"\\\\").replace(b"%", b"\\x").decode("unicode_escape").encode("latin-1")
