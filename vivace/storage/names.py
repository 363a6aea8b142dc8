"""Names of stored files: made safe when they come from strangers, checked whenever a storage is asked for one.

A name is a relative path with ``/``: ``avatars/2026/11/me.png``. Two functions, for two moments:

``valid_name``
    makes one path component out of whatever a client sent (see ``vivace.http.filenames`` for what is dropped). On top of
    that: spaces become ``_`` and only letters, marks, digits, ``-``, ``_`` and ``.`` stay, so that names need no quoting in
    a URL, a shell or a spreadsheet.
``checked_name``
    refuses a path that no storage may be asked for. It changes nothing: what was stored is what is asked for.

=====================================  ==========================================================================
``..``, ``.``, an empty component      would lead elsewhere, or be a second name of the same file
``/x``, ``C:x``, ``a\\b``, ``a:b``       absolute here or on Windows; drives, separators, streams
NUL, controls, direction overrides     end names early, forge log lines, show ``fdp.exe`` as ``exe.pdf``
``con``, ``nul.txt``, ``x.``, ``x ``   devices on Windows; names that it takes for others
more than 255 bytes in a component     no file system takes them
=====================================  ==========================================================================
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from typing import Final

from vivace.errors.files import SuspiciousFileName
from vivace.http.filenames import FALLBACK, MAX_BYTES, safe_filename

ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz0123456789"  # as many file systems do not tell a from A
SUFFIX: Final = 7  # random characters that make a name free; Django's number
_DRIVE: Final = re.compile(r"[\\:]")


def valid_name(name: str) -> str:
    """Return one safe path component made of a name from a stranger; ``"file"`` when nothing is left of it."""
    clean = "".join(map(_kept, safe_filename(name)))
    stem, dot, extension = clean.rpartition(".")
    if dot and not stem.strip("._"):
        clean = f"{FALLBACK}.{extension}"
    return safe_filename(clean.strip(".") or FALLBACK)


def _kept(character: str) -> str:
    if character == " " or character.isspace():
        return "_"
    if character.isalnum() or character in "-_.":
        return character
    return character if unicodedata.category(character)[0] == "M" else ""


def checked_name(name: str) -> str:
    """Return ``name``. Raises ``SuspiciousFileName`` for one that no storage may be asked for."""
    if not name:
        raise _refused(name, "it is empty")
    if _DRIVE.search(name):
        raise _refused(name, "it has a backslash or a colon")
    for component in name.split("/"):
        problem = _problem(component)
        if problem:
            raise _refused(name, problem)
    return name


def checked_folder(name: str) -> str:
    """Return the name of a folder without slashes around it; ``""`` is the storage itself."""
    return checked_name(stripped) if (stripped := name.strip("/")) else ""


def _problem(component: str) -> str:
    """Return why there can be no file of this name; empty when there can."""
    if component in ("", ".", ".."):
        return "it leads to another folder" if component == ".." else "it has an empty part"
    if len(component.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return f"a part of it has more than {MAX_BYTES} bytes"
    bare = component.lstrip(".")  # a leading dot is a name that a program chose; what follows must be plain
    plain = unicodedata.normalize("NFC", bare)
    return (
        "" if bare and safe_filename(plain) == plain else "it has characters or a form that no file may have"
    )


def _refused(name: str, problem: str) -> SuspiciousFileName:
    return SuspiciousFileName(
        f"No file can be stored under this name: {problem}.",
        expected="a relative path such as avatars/me.png",
        got=ascii(name[:120]),
        fix="Make a name from a client safe first: storage.generate_filename(name).",
    )


def split_name(name: str) -> tuple[str, str, str]:
    """Return folder (with its slash), stem and extension (with its dots: ``.tar.gz`` is one)."""
    folder, slash, base = name.rpartition("/")
    stem, extension = base, ""
    for _ in range(2):
        head, dot, tail = stem.rpartition(".")
        if not head or not dot or len(tail) > 8 or (extension and tail.lower() != "tar"):
            break
        stem, extension = head, dot + tail + extension
    return folder + slash, stem, extension


def alternative_name(name: str, max_length: int | None = None) -> str:
    """Return a name beside ``name`` that nobody else has: ``me_x7kq2ab.png``; see ``fitted_name``."""
    random = "".join(secrets.choice(ALPHABET) for _ in range(SUFFIX))
    return fitted_name(name, max_length, f"_{random}")


def fitted_name(name: str, max_length: int | None, suffix: str = "") -> str:
    """Return ``name`` with a stem so short that no limit is passed: ``max_length`` characters, 255 bytes in the last part.

    ``suffix`` follows the stem. Raises ``SuspiciousFileName`` when the rest alone is too long.
    """
    folder, stem, extension = split_name(name)
    while stem and _too_long(folder, stem + suffix + extension, max_length):
        stem = stem[:-1]
    if not stem:
        raise SuspiciousFileName(
            f"No file name of at most {max_length} characters can be found.",
            expected="a folder and an extension that leave room for a name",
            got=ascii(name[:120]),
            fix="Give the field a larger max_length, or a shorter upload_to.",
        )
    return folder + stem + suffix + extension


def _too_long(folder: str, base: str, max_length: int | None) -> bool:
    return len(base.encode()) > MAX_BYTES or (max_length is not None and len(folder) + len(base) > max_length)


__all__ = [
    "alternative_name",
    "checked_folder",
    "checked_name",
    "fitted_name",
    "split_name",
    "valid_name",
]
