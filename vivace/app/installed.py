"""``App(installed=[…])``: packages that bring models, templates, static files and a plugin, in one word.

An entry is the dotted name of a package, or an object that is set up like a plugin (``Auth(user=Account)``). What a
package brings is found by its place:

=================================  =========================================================================
in the package                     what becomes of it
=================================  =========================================================================
``models`` (module) and itself     their models are adopted
``templates/`` (folder)            looked in after the app's own folder
``static/`` (folder)               its files are among the static files
``plugin`` (attribute)             a ``Plugin``, or a class of one, set up at the freeze
``library``, ``templatetags``      a ``Library`` of filters and tags, or a module that has one as ``library``
=================================  =========================================================================
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

from vivace.errors import ConfigurationError, nearest

if TYPE_CHECKING:
    from .application import App

InstalledSource: TypeAlias = "str | Any"
"""The dotted name of a package, or an object that is set up like a plugin."""


class InstalledPart:
    """One entry: the package that it stands for, and its plugin. Plugins are made when the app is frozen."""

    def __init__(self, entry: InstalledSource) -> None:
        self._entry = entry
        self.package = entry if isinstance(entry, str) else _package_of(entry)

    @cached_property
    def plugin(self) -> Any:
        """The plugin; ``None`` for a package that has none."""
        if not isinstance(self._entry, str):
            return self._entry
        found = getattr(sys.modules[self.package], "plugin", None)
        return found() if isinstance(found, type) else None if isinstance(found, ModuleType) else found

    @cached_property
    def library(self) -> Any:
        """The filters and tags that the package brings; ``None`` without any."""
        module = sys.modules.get(self.package)
        found = getattr(module, "library", None)
        if found is None and self.package and find_spec(f"{self.package}.templatetags") is not None:
            found = getattr(importlib.import_module(f"{self.package}.templatetags"), "library", None)
        return None if isinstance(found, ModuleType) else found

    def folder(self, name: str) -> Path | None:
        """Return a folder of that name in the package; ``None`` where there is none."""
        module = sys.modules.get(self.package)
        roots: Sequence[str] = getattr(module, "__path__", ())
        return next((Path(root, name) for root in roots if Path(root, name).is_dir()), None)

    def load(self) -> list[Any]:
        """Import the package and its models; returns the models that are meant: those that a plugin names, else all."""
        own: Any = None if isinstance(self._entry, str) else getattr(self._entry, "models", None)
        if own is not None:
            return list(own)
        if not self.package:
            return []
        _import(self.package)
        if isinstance(self._entry, str) and find_spec(f"{self.package}.models") is not None:
            importlib.import_module(f"{self.package}.models")
        return [self.package]


class Installed:
    """What one app has installed, in its order."""

    def __init__(self, app: App, entries: Sequence[InstalledSource]) -> None:
        self.parts = [InstalledPart(entry) for entry in entries]
        for part in self.parts:
            app.data.adopt(*part.load())

    def set_up(self, app: App) -> None:
        """Add the plugins; called at the freeze, before plugins are set up."""
        app.plugins.add(*(part.plugin for part in self.parts if part.plugin is not None))

    def folders(self, name: str) -> Iterator[Path]:
        """Yield the folders of that name which the packages have."""
        for part in self.parts:
            folder = part.folder(name)
            if folder is not None:
                yield folder


def _package_of(entry: Any) -> str:
    """Return the package that a plugin comes with; ``""`` for one that is written in a file of its own."""
    if not hasattr(entry, "setup"):
        raise ConfigurationError(
            "App(installed=…) was given something that cannot be installed.",
            expected="dotted names of packages, or plugins",
            got=repr(entry),
        )
    name = type(entry).__module__
    while name and not hasattr(sys.modules.get(name), "__path__"):
        name = name.rpartition(".")[0]
    return name


def _import(package: str) -> None:
    try:
        importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name is None or not (package + ".").startswith(error.name + "."):
            raise  # something that the package itself needs
        parent = package.rpartition(".")[0]
        known = [name for name in sys.modules if name.rpartition(".")[0] == parent]
        raise ConfigurationError(
            f"The package {package!r} in App(installed=…) cannot be imported.",
            expected="the dotted name of a package on Python's path",
            got=package,
            fix=nearest(package, known) or "Is it installed, and run from the folder that holds it?",
        ) from None


__all__ = ["Installed", "InstalledSource"]
