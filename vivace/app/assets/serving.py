"""The static files of an app as one mount: several folders in their order, and names with hashes in them.

A hashed name is answered with what ``building`` made of the file: its text with rewritten references from memory, any
other file from where it lies, with its precompressed variants, ranges and validators (all of that is ``StaticFiles``').
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from vivace.app.static import StaticFiles, StaticOptions, Variant

from .building import Asset

_OF_THE_FILE: Final = frozenset({b"etag", b"accept-ranges"})  # and not of what was made of it
CHANGING = StaticOptions(max_age=0, immutable="", fresh=0.0)  # somebody develops: looked at for each request


class AssetFiles(StaticFiles):
    """Answers with the files of ``folders``, the first that has a name winning, and with hashed ``assets``."""

    def __init__(
        self,
        folders: Sequence[Path],
        assets: Callable[[], Mapping[str, Asset]],
        options: StaticOptions | None = None,
    ) -> None:
        super().__init__(folders[0], options)
        self.folders = tuple(folders)
        self._assets = assets
        self._roots = tuple(os.path.realpath(folder) for folder in folders)

    def _is_there(self) -> bool:
        return any(os.path.isdir(root) for root in self._roots)

    def _inside(self, real: str) -> bool:
        return any(os.path.commonpath([root, real]) == root for root in self._roots)

    def _find(self, names: Sequence[str]) -> tuple[Variant, ...] | None:
        asset = self._assets().get("/".join(names))
        if asset is not None:
            return self._hashed(asset, names[-1])
        paths = (os.path.join(root, *names) for root in self._roots)
        return next((found for path in paths if (found := self._at(path, names[-1]))), None)

    def _hashed(self, asset: Asset, name: str) -> tuple[Variant, ...] | None:
        if asset.content is None:
            return self._at(str(asset.path), name)
        found = self._state(str(asset.path))
        if found is None:
            return None
        plain = self._variant(found[0], name, "", found[1])
        tag = f'"{asset.integrity.removeprefix("sha384-")[:20]}"'
        fields = [(key, value) for key, value in plain.fields if key not in _OF_THE_FILE]
        fields.append((b"etag", tag.encode()))
        return (replace(plain, path="", content=asset.content, etag=tag, fields=fields),)


__all__ = ["CHANGING", "AssetFiles"]
