"""Does a file contain what its name says? The extension's type compared with what the first bytes show.

==========================  ===========================  ====================================================
extension                   first bytes                  answer
==========================  ===========================  ====================================================
no known one                anything                     yes: nothing was said
of a type in ``CERTAIN``    show another type, or none   no: a real one always shows
any                         show its type, or another    yes
                            of the same family
text (not HTML)             show markup, or nothing      yes: a text may begin as it likes
any                         show nothing that we know    yes
any                         show something else          no
==========================  ===========================  ====================================================
"""

from __future__ import annotations

from typing import Final

from .media_types import OCTET_STREAM, TYPES

_ZIPPED: Final = {kind for kind in TYPES.values() if "openxmlformats" in kind or "oasis.opendocument" in kind}
_MARKUP: Final = frozenset({"text/html", "text/xml", "image/svg+xml"})

# Types of extensions under which contents of a sniffed type may stand, beside that type itself.
FAMILIES: Final[dict[str, frozenset[str]]] = {
    "application/ogg": frozenset({"audio/ogg", "video/ogg"}),
    "application/zip": frozenset({*_ZIPPED, "application/epub+zip"}),
    "audio/mp4": frozenset({"video/mp4"}),
    "audio/mpeg": frozenset({"audio/aac"}),  # 0xFFFB begins frames of both
    "image/heic": frozenset({"image/avif"}),
    "image/heif": frozenset({"image/avif", "image/heic"}),
    "image/png": frozenset({"image/apng"}),
    "image/svg+xml": frozenset({"application/xml"}),
    "image/x-icon": frozenset({"image/vnd.microsoft.icon"}),
    "text/html": frozenset({"application/xhtml+xml", "application/xml"}),
    "text/xml": frozenset(
        {
            "application/xml",
            "application/xhtml+xml",
            "application/atom+xml",
            "application/rss+xml",
            "image/svg+xml",
        }
    ),
    "video/mp4": frozenset({"audio/mp4", "video/quicktime"}),
    "video/quicktime": frozenset({"video/mp4"}),
    "video/webm": frozenset({"audio/webm", "video/x-matroska"}),
}

# Types whose files always begin with their magic bytes.
CERTAIN: Final = frozenset(
    {
        "application/gzip",
        "application/pdf",
        "application/zip",
        "application/epub+zip",
        *_ZIPPED,
        "application/x-7z-compressed",
        "application/x-xz",
        "application/zstd",
        "application/wasm",
        "audio/flac",
        "font/woff",
        "font/woff2",
        "image/apng",
        "image/avif",
        "image/gif",
        "image/heic",
        "image/jpeg",
        "image/png",
        "image/tiff",
        "image/webp",
        "video/webm",
    }
)


def agrees(filename: str, sniffed: str | None) -> bool:
    """Say whether contents that show the type ``sniffed`` (``None``: none that is known) may have this name."""
    said = TYPES.get(filename.rpartition(".")[2].lower(), OCTET_STREAM) if "." in filename else OCTET_STREAM
    if said == OCTET_STREAM:
        return True
    if sniffed is None:
        return said not in CERTAIN
    if sniffed == said or said in FAMILIES.get(sniffed, frozenset()):
        return True
    textual = said.startswith("text/") or said.endswith(("json", "yaml", "toml", "jsonl"))
    return textual and sniffed in _MARKUP


__all__ = ["CERTAIN", "FAMILIES", "agrees"]
