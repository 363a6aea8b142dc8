"""The storages of an app, and its media: stored files that it serves itself.

The default storage is the folder ``media`` beside the app. Where the app has a ``FileField`` (its own models', or those of
an app mounted in it) or was given storages, and the default one is local, its files are served under its ``url``. A route
of the app's own under that path wins; a mount there replaces ours. A service that stores nothing loads none of this.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from .aside import Aside

if TYPE_CHECKING:
    from vivace.storage import Storages

    from .application import App


class Storing:
    """The storages of one app."""

    __slots__ = ("_app", "_moving", "_storages")

    def __init__(self, app: App) -> None:
        self._app = app
        self._storages: Storages | None = None
        self._moving: tuple[ExitStack, Aside] | None = None

    @property
    def storages(self) -> Storages:
        """Those given, and the ``media`` folder as ``default``; in a mounted app without own ones those of the outer."""
        outer = self._lender
        if outer is not None:
            return outer.storages
        if self._storages is None:
            self._storages = self._made()
            if self._moving is not None:
                self._move(*self._moving)
        return self._storages

    @property
    def _lender(self) -> App | None:
        """The app whose storages this one uses: the one that it is mounted in, unless it was given its own."""
        return self._app.outer if self._app.given_storages is None else None

    def _made(self) -> Storages:
        from vivace.storage import FileSystemStorage, Storages

        given = self._app.given_storages
        if isinstance(given, Storages):
            return given
        media = self._app.settings.media
        known = dict(given or {})
        if "default" not in known:
            known["default"] = FileSystemStorage(media.root or self._app.root / "media", media.url)
        return Storages(known)

    def freeze(self) -> None:
        """Tell running code of the storages, and mount the files that the app serves itself."""
        from vivace.storage import current_storages

        told = (current_storages, self.storages)
        if told not in self._app.variables:  # an app that was checked is frozen a second time
            self._app.variables.append(told)
        if self._serves():
            self._mount()

    def _serves(self) -> bool:
        if self._lender is not None:
            return False  # it does
        return bool(self._app.given_storages) or any(map(_stores_files, self._models()))

    def _models(self) -> Iterable[Any]:
        """Yield the models of the app and of those mounted in it."""
        for storing in self._all():
            yield from storing._app.data.models

    def _all(self, seen: frozenset[int] = frozenset()) -> Iterable[Storing]:
        """Yield this, and those of the apps mounted in the app; one that is mounted in itself is told of elsewhere."""
        yield self
        seen |= {id(self)}
        for route in self._app.collect():
            inner: Storing | None = getattr(route.mount, "storing", None)
            if inner is not None and id(inner) not in seen:
                yield from inner._all(seen)

    def _mount(self) -> None:
        from vivace.storage import FileSystemStorage

        from .media import MediaFiles

        storage = self.storages.default
        if not isinstance(storage, FileSystemStorage) or not (storage.base_url or "").startswith("/"):
            return
        prefix = (storage.base_url or "").rstrip("/")
        taken = any(route.is_mount and route.path.rstrip("/") == prefix for route in self._app.collect())
        if prefix and not taken:
            self._app.mount(prefix, MediaFiles(storage))

    @contextmanager
    def isolated(self) -> Generator[None]:
        """Keep files in a temporary folder while the block runs, those of mounted apps, too: for tests."""
        with Aside() as aside, ExitStack() as stack:
            stores = "vivace.storage" in sys.modules  # else nobody can have been given any
            for storing in self._all() if stores else (self,):
                storing._isolate(stack, aside)
            yield

    def _isolate(self, stack: ExitStack, aside: Aside) -> None:
        before, self._moving = self._moving, (stack, aside)
        stack.callback(setattr, self, "_moving", before)
        if self._storages is not None:
            self._move(stack, aside)

    def _move(self, stack: ExitStack, aside: Aside) -> None:
        if self._storages is not None:
            stack.enter_context(self._storages.moved(aside.take))

    async def close(self) -> None:
        """Release what the storages hold."""
        if self._storages is not None:
            await self._storages.close()


def _stores_files(model: Any) -> bool:
    return any(field.get_internal_type() == "FileField" for field in model._meta.saved_first)


__all__ = ["Storing"]
