"""File names from strangers, made safe to store.

A client names its file as it likes: ``../../etc/passwd``, ``C:\\\\fakepath\\\\a.txt``, ``CON``, ``a\\r\\nSet-Cookie: x``,
``invoice‮fdp.exe``. What comes out is one path component that every common file system accepts, still readable.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_BYTES: Final = 255  # NAME_MAX of ext4, APFS and NTFS (there in UTF-16 units, which are never more)
FALLBACK: Final = "file"

_SEPARATORS: Final = re.compile(r"[/\\]")
# Controls, surrogates and what changes the direction of the text around it (Unicode TR36, section 2.10).
_INVISIBLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_FORBIDDEN: Final = re.compile(r'[<>:"|?*/\\]')  # NTFS; all but / are legal elsewhere and useful nowhere
# "Naming Files, Paths, and Namespaces", Microsoft Learn; reserved with any extension.
_RESERVED: Final = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])[ ]*(?:\..*)?", re.IGNORECASE
)
_EDGES: Final = ". \t\u00a0"  # Windows drops dots and spaces at the end; a dot at the start hides the file


def safe_filename(name: str) -> str:
    """Return the last path component of ``name``, in NFC, without what file systems or terminals trip over.

    At most 255 bytes of UTF-8, the extension kept; ``"file"`` when nothing is left. Safe names come out unchanged.
    """
    last = _SEPARATORS.split(unicodedata.normalize("NFC", name.rstrip("/\\")))[-1]
    clean = _INVISIBLE.sub("", last)
    clean = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", clean)).strip(_EDGES)
    if _RESERVED.fullmatch(clean):
        clean = f"_{clean}"
    return _shorten(clean) or FALLBACK


def _shorten(name: str) -> str:
    """Cut the stem, not the extension, to the length that file systems take."""
    if len(name.encode()) <= MAX_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) > 32:  # not an extension, just a long name with a dot
        stem, dot, extension = name, "", ""
    room = MAX_BYTES - len((dot + extension).encode())
    return (stem.encode()[:room].decode("utf-8", "ignore").rstrip(_EDGES) + dot + extension).rstrip(_EDGES)
