"""Static files under names that tell their content: ``css/app.css`` is ``css/app.3f8a9c01b2d4.css`` (SF2).

A name carries twelve digits of the SHA-384 of what is sent, so a file of such a name never changes and may be kept for
ever. Style sheets and scripts refer to other files: their references are rewritten first, so a changed image changes
the style sheet's name too. Files that refer to each other in a circle share one hash, of all of them as they were.

What is wrong (a reference to a file that is not there) comes back as findings that name file and line.
"""

from __future__ import annotations

import base64
import hashlib
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from vivace.errors import Finding, nearest

from .references import Reference, has_references, references, rewritten

HASH_DIGITS: Final = 12  # as Django's ManifestStaticFilesStorage, and what StaticOptions.immutable looks for
MANIFEST: Final = "staticfiles.json"  # Django's name; manifest.json is what web apps call theirs


class Asset(msgspec.Struct, frozen=True):
    """One static file. ``content`` is what is sent where references were rewritten, ``None`` for the file as it is."""

    name: str
    hashed: str
    integrity: str
    path: Path
    content: bytes | None = None


class Entry(msgspec.Struct, frozen=True):
    """What the manifest says of a file."""

    name: str
    integrity: str


class Manifest(msgspec.Struct, frozen=True):
    """The names and hashes of collected files, as ``staticfiles.json`` keeps them."""

    files: dict[str, Entry]
    version: int = 1


class Built(msgspec.Struct, frozen=True):
    """All assets by name, and what was wrong with them."""

    assets: dict[str, Asset]
    findings: tuple[Finding, ...]

    def manifest(self) -> Manifest:
        """Return what is written beside collected files."""
        return Manifest({name: Entry(asset.hashed, asset.integrity) for name, asset in self.assets.items()})


def build(files: Mapping[str, Path], prefix: str) -> Built:
    """Return the files under their hashed names; ``prefix`` is the path under which they are served."""
    return _Builder(files, prefix).run()


class _Builder:
    def __init__(self, files: Mapping[str, Path], prefix: str) -> None:
        self.files = files
        self.prefix = prefix
        self.texts = {name: text for name, text in self._texts() if text is not None}
        self.findings: list[Finding] = []
        self.assets: dict[str, Asset] = {}

    def run(self) -> Built:
        links = {name: self._links(name) for name in self.texts}
        for name, path in self.files.items():
            if name not in self.texts:
                self._keep(name, path, None, _digest_of_file(path))
        for group in _groups(links):
            self._group(group, circular=len(group) > 1 or group[0] in links[group[0]])
        return Built(dict(sorted(self.assets.items())), tuple(self.findings))

    def _texts(self) -> Iterator[tuple[str, str | None]]:
        """Yield the files that may refer to others; one that is not UTF-8 is left as it is."""
        for name, path in self.files.items():
            if has_references(name):
                try:
                    yield (
                        name,
                        path.read_bytes().decode("utf-8"),
                    )  # line ends as they are: the hash is of the bytes
                except (UnicodeDecodeError, OSError):
                    yield name, None

    def _links(self, name: str) -> tuple[str, ...]:
        """Return the files with references that a file refers to; what is missing becomes a finding."""
        found = list(references(name, self.texts[name], self.prefix))
        self.findings += [self._missing(name, one) for one in found if one.name not in self.files]
        return tuple(dict.fromkeys(one.name for one in found if one.name in self.texts))

    def _missing(self, name: str, reference: Reference) -> Finding:
        return Finding(
            "static-reference",
            f"{name} refers to {reference.text!r}, and there is no static file {reference.name!r}.",
            nearest(reference.name, self.files) or "Add the file, or remove the reference.",
            f"{self.files[name]}:{reference.line}",
            # a lost source map hurts nobody but who debugs: vendors ship without it all the time
            level="warning" if reference.is_map else "error",
        )

    def _group(self, names: Sequence[str], *, circular: bool) -> None:
        shared = b"".join(self._rewritten(name).encode() for name in sorted(names)) if circular else b""
        if circular:
            for name in names:
                digest = hashlib.sha384(name.encode() + b"\0" + shared).digest()
                self._keep(name, self.files[name], None, digest)
        for name in names:
            text = self._rewritten(name)
            content = text.encode()
            digest = hashlib.sha384(content).digest()
            hashed = self.assets[name].hashed if circular else _hashed_name(name, digest)
            same = text == self.texts[name]
            self.assets[name] = Asset(
                name, hashed, _integrity(digest), self.files[name], None if same else content
            )

    def _rewritten(self, name: str) -> str:
        known = self.assets
        return rewritten(
            name,
            self.texts[name],
            self.prefix,
            lambda target: known[target].hashed if target in known else None,
        )

    def _keep(self, name: str, path: Path, content: bytes | None, digest: bytes) -> None:
        self.assets[name] = Asset(name, _hashed_name(name, digest), _integrity(digest), path, content)


def _digest_of_file(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha384").digest()


def _hashed_name(name: str, digest: bytes) -> str:
    stem, suffix = posixpath.splitext(name)
    return f"{stem}.{digest.hex()[:HASH_DIGITS]}{suffix}"


def _integrity(digest: bytes) -> str:
    return f"sha384-{base64.b64encode(digest).decode()}"


def _groups(links: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """Yield the strongly connected components (Tarjan), each after those that it refers to; without recursion."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    for root in links:
        if root in index:
            continue
        work = [(root, iter(links[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        while work:
            name, following = work[-1]
            target = next(following, None)
            if target is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == index[name]:
                    place = stack.index(name)
                    yield stack[place:]
                    del stack[place:]
            elif target not in index:
                index[target] = low[target] = len(index)
                stack.append(target)
                work.append((target, iter(links[target])))
            elif target in stack:
                low[name] = min(low[name], index[target])


__all__ = ["HASH_DIGITS", "MANIFEST", "Asset", "Built", "Entry", "Manifest", "build"]
