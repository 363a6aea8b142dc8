"""``vivace static --collect``: hashed copies of all static files in one folder, compressed, with a manifest (SF1).

Files that are there already are not written again, and none is removed: pages that are open still ask for the older
names. The manifest is written last, in one step, so a server that starts meanwhile reads the old or the new one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from vivace.engine.compression import available, make_compressor
from vivace.http.media_types import guess_type

from .building import MANIFEST, Asset, Built

_SUFFIXES: Final = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
_LEVELS: Final = {"br": 11, "zstd": 19, "gzip": 9}  # once, for everybody: the best that each can do
_SMALL: Final = 256  # bytes: with the header fields that coding costs, nothing is won below
_TEXT: Final = ("text/", "application/json", "application/javascript", "application/xml", "application/wasm")
_ALSO: Final = ("image/svg+xml", "application/manifest+json", "application/rss+xml", "font/ttf", "font/otf")


class Collected(NamedTuple):
    """What a collection did: files and compressed variants written, files left as they were."""

    written: int
    compressed: int
    unchanged: int


def collect(built: Built, target: Path) -> Collected:
    """Write all assets into ``target`` under their own and their hashed names."""
    target.mkdir(parents=True, exist_ok=True)
    written = compressed = unchanged = 0
    for asset in built.assets.values():
        new = _put(asset, target / asset.hashed)
        _put(asset, target / asset.name, always=True)
        written, unchanged = written + new, unchanged + (not new)
        compressed += sum(1 for _ in _variants(target / asset.hashed)) if new else 0
    _write(target / MANIFEST, msgspec.json.format(msgspec.json.encode(built.manifest())))
    return Collected(written, compressed, unchanged)


def _put(asset: Asset, path: Path, *, always: bool = False) -> bool:
    """Write one file; returns whether it was not there."""
    if path.exists() and not always:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    if asset.content is not None:
        _write(path, asset.content)
    else:
        shutil.copyfile(asset.path, path)
    return True


def _variants(path: Path) -> Iterator[Path]:
    """Write and yield the compressed variants that are smaller than the file."""
    kind = guess_type(path.name)
    if not kind.startswith((*_TEXT, *_ALSO)) or path.stat().st_size < _SMALL:
        return
    data = path.read_bytes()
    for coding in available():
        compressor = make_compressor(coding, _LEVELS[coding])
        coded = compressor.push(data) + compressor.finish()
        if len(coded) < len(data):
            variant = path.with_name(path.name + _SUFFIXES[coding])
            _write(variant, coded)
            yield variant


def _write(path: Path, data: bytes) -> None:
    """Write a file in one step: who reads it meanwhile gets the old one whole."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(data)
    beside.replace(path)


__all__ = ["Collected", "collect"]
