"""The storages of one app, and which of them a file goes to.

A ``Storages`` is what an app has: aliases and their storages, ``default`` among them. Code finds it through a context
variable that the app sets where it runs, as it does for databases.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from vivace.errors import NoCurrentApp, nearest
from vivace.errors.files import UnknownStorage

from .base import Storage

DEFAULT: Final = "default"

current_storages: ContextVar[Storages | None] = ContextVar("vivace_storages", default=None)


class Storages:
    """Aliases and their storages."""

    def __init__(self, storages: Mapping[str, Storage]) -> None:
        self._storages = dict(storages)
        self._take: Callable[[Storage], None] | None = None  # see moved

    def __getitem__(self, alias: str) -> Storage:
        storage = self._storages.get(alias)
        if storage is None:
            raise UnknownStorage(
                f"There is no storage {alias!r}.",
                expected=", ".join(self._storages) or "a storage: none is configured",
                fix=nearest(alias, self._storages) or f"App(storages={{{alias!r}: …}})",
            )
        return storage

    def __contains__(self, alias: object) -> bool:
        return alias in self._storages

    def __iter__(self) -> Iterator[str]:
        return iter(self._storages)

    def __len__(self) -> int:
        return len(self._storages)

    @property
    def default(self) -> Storage:
        """The storage that files go to when nothing else is said."""
        return self[DEFAULT]

    @contextmanager
    def moved(self, take: Callable[[Storage], None]) -> Generator[None]:
        """Have ``take`` move each of them while the block runs, and those of fields when they are first used."""
        for storage in self._storages.values():
            take(storage)
        before, self._take = self._take, take
        try:
            yield
        finally:
            self._take = before

    def placed(self, storage: Storage) -> Storage:
        """Return a storage that is used beside these, moved where these are."""
        if self._take is not None:
            self._take(storage)
        return storage

    async def close(self) -> None:
        """Close all storages."""
        for storage in self._storages.values():
            await storage.close()


def storage_for(chosen: Any = None) -> Storage:
    """Return the storage that a field or a caller means.

    ``chosen``: a ``Storage``, a function that returns one, an alias, or ``None`` for ``default``; aliases are those of the
    current app. Raises ``NoCurrentApp`` or ``UnknownStorage``.
    """
    if callable(chosen):
        return storage_for(chosen())
    storages = current_storages.get()
    if isinstance(chosen, Storage):
        return chosen if storages is None else storages.placed(chosen)
    if storages is None:
        raise NoCurrentApp(
            "No app is running here, and it is not clear which storage is meant.",
            expected="code that runs in an app (a request, a task, `async with app:`)",
            got=f"the storage {chosen or DEFAULT!r}",
            fix="Wrap the code in `async with app:`.",
        )
    return storages[chosen or DEFAULT]


__all__ = ["DEFAULT", "Storages", "current_storages", "storage_for"]
