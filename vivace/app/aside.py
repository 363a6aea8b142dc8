"""Aside: a temporary folder that stands in for the folders of storages, so that tests write into none of them."""

from __future__ import annotations

import os
import shutil
import tempfile
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from vivace.storage import Storage


class Aside:
    """Until the block ends, what it takes keeps its files in a temporary folder; the folder goes with the block.

    Only a storage with a folder of its own is moved; one that somebody has moved already stays where it is.
    """

    def __init__(self) -> None:
        self._folder = ""
        self._places: dict[str, str] = {}  # two storages of one folder have one place
        self._taken: list[Storage] = []

    def take(self, storage: Storage) -> None:
        """Move a storage; what is in its folder is not seen until the block ends."""
        own = storage.own_root
        if not own or storage.moved_to:
            return
        if not self._folder:
            self._folder = tempfile.mkdtemp(prefix="vivace-media-")
        place = os.path.join(self._folder, str(len(self._places)))
        storage.moved_to = self._places.setdefault(own, place)
        self._taken.append(storage)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for storage in self._taken:
            storage.moved_to = ""
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


__all__ = ["Aside"]
