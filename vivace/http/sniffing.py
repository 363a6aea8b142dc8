"""What a file is by its first bytes, whatever its name and its sender say.

A small table of the types that people upload, not a port of the WHATWG algorithm. It answers two questions: is this
the image that it claims to be, and is this something that a browser would run (HTML, SVG)?
"""

from __future__ import annotations

import re
from typing import Final

SNIFF_BYTES: Final = 512  # what ``sniff`` looks at; longer input is cut

_MAGIC: Final = (  # (offset, bytes, media type); the first match wins
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBPVP8", "image/webp"),
    (8, b"WAVEfmt", "audio/wav"),
    (8, b"AVI LIST", "video/x-msvideo"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypavis", "image/avif"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypheix", "image/heic"),
    (4, b"ftypmif1", "image/heif"),
    (4, b"ftypM4A ", "audio/mp4"),
    (4, b"ftypqt  ", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"\x00\x00\x01\x00", "image/x-icon"),
    (0, b"\xff\x0a", "image/jxl"),
    (0, b"\x00\x00\x00\x0cJXL \r\n\x87\n", "image/jxl"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"%!PS-Adobe-", "application/postscript"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\x00", "application/x-xz"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (257, b"ustar", "application/x-tar"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
    (0, b"OggS\x00", "application/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
    (0, b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (0, b"\x00asm", "application/wasm"),
    (0, b"\x7fELF", "application/x-elf"),
    (0, b"MZ", "application/vnd.microsoft.portable-executable"),
)

# Markup a browser would run, after a byte-order mark, white space, comments and an XML declaration.
_MARKUP: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:\s|<!--.*?-->|<\?xml.*?\?>|<!doctype\s+svg[^>]*>)*"
    rb"(?:(?P<svg><svg[\s>/])|(?P<html><!doctype\s+html|<(?:html|head|body|script|iframe|style|title|a|b|br|div|font|h1|"
    rb"img|p|table)[\s>/]))",
    re.IGNORECASE | re.DOTALL,
)


def sniff(first_bytes: bytes) -> str | None:
    """Return the media type that the first bytes of a file show, or ``None``; reads at most 512 bytes."""
    head = first_bytes[:SNIFF_BYTES]
    for offset, magic, media_type in _MAGIC:
        if head.startswith(magic, offset):
            return media_type
    markup = _MARKUP.match(head)
    if markup:
        return "image/svg+xml" if markup["svg"] else "text/html"
    return "text/xml" if head.lstrip().startswith(b"<?xml") else None
