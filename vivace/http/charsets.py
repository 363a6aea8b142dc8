"""Media types and text in bodies: which charsets are read, and what bytes that do not fit are answered with.

Python knows codecs that no body should choose: some are slow on hostile input (punycode, idna), some are not
charsets (rot13, unicode_escape). So the names are a table: those of the WHATWG Encoding Standard that still occur.
"""

from __future__ import annotations

from typing import Final

from vivace.errors import BadRequest, UnsupportedMediaType

from .lists import split_elements, split_pair

UTF_8: Final = "utf-8"

CODECS: Final = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",  # a subset
    "ascii": "utf-8",
    "iso-8859-1": "cp1252",  # what everybody means by it, and what WHATWG says
    "latin1": "cp1252",
    "windows-1252": "cp1252",
    "iso-8859-2": "iso8859-2",
    "iso-8859-15": "iso8859-15",
    "windows-1250": "cp1250",
    "windows-1251": "cp1251",
    "koi8-r": "koi8-r",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "shift_jis": "cp932",
    "euc-jp": "euc-jp",
    "euc-kr": "cp949",
    "gbk": "gbk",
    "gb18030": "gb18030",
    "big5": "big5",
}


def media_type(content_type: str) -> str:
    """Return the media type of a Content-Type value, in lower case and without parameters."""
    return content_type.partition(";")[0].strip().lower()


def charset_of(content_type: str) -> str:
    """Return the codec for the charset parameter, ``"utf-8"`` without one; raises ``UnsupportedMediaType``."""
    if ";" not in content_type:
        return UTF_8
    for name, value in map(split_pair, split_elements(content_type, ";")[1:]):
        if name == "charset" and value is not None:
            codec = CODECS.get(value.lower())
            if codec is None:
                raise UnsupportedMediaType(
                    "The charset of the body is not one that is read here.",
                    expected=UTF_8,
                    got=ascii(value[:40]),
                )
            return codec
    return UTF_8


def require_utf8(content_type: str, what: str) -> None:
    """Raise ``UnsupportedMediaType`` when the charset parameter names anything but UTF-8 or ASCII."""
    if charset_of(content_type) != UTF_8:
        raise UnsupportedMediaType(
            f"A {what} is always in UTF-8.", expected="charset=utf-8", got=ascii(content_type[:80])
        )


def decode_text(raw: bytes, content_type: str, what: str) -> str:
    """Return ``raw`` as text in the charset of ``content_type``; raises ``BadRequest`` where it does not fit."""
    codec = charset_of(content_type)
    try:
        return raw.decode(codec)
    except UnicodeDecodeError as error:
        raise bad_text(what, codec, raw, error) from None


def bad_text(what: str, codec: str, raw: bytes, error: UnicodeDecodeError) -> BadRequest:
    """Return the error for bytes that are not text in ``codec``, naming the first of them."""
    return BadRequest(
        f"The {what} is not {codec.upper()} text.",
        expected=f"{codec.upper()} text",
        got=f"byte 0x{raw[error.start]:02x} at position {error.start}"
        if error.start < len(raw)
        else "its end",
    )
