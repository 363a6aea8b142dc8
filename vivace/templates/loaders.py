"""Where templates come from: folders, packages, texts in memory; the first source that has the name wins.

A name is a relative path with ``/``. What could lead out of a folder is refused on its text, before the file system is
asked: ``..``, an absolute path, a drive, a backslash, NUL. A link that leads out of the folder is not followed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import jinja2
from jinja2.loaders import BaseLoader

from vivace.errors import TemplateNotFound, nearest

_REFUSED: Final = re.compile(r"[\x00-\x1f\x7f\\]|\A/|\A[A-Za-z]:|(?:\A|/)\.\.?(?:/|\Z)|//|\A\Z|/\Z")
Found = tuple[str, "str | None", "Callable[[], bool] | None"]


def is_safe_name(name: str) -> bool:
    """Return whether ``name`` can be the name of a template: a relative path that stays inside."""
    return _REFUSED.search(name) is None


class FolderLoader(BaseLoader):
    """The files of a folder, read as UTF-8."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._real = self.folder.resolve()

    def get_source(self, environment: jinja2.Environment, template: str) -> Found:
        """Return the text of a file; raises Jinja's ``TemplateNotFound``."""
        path = self.folder / template
        try:
            before = path.stat().st_mtime_ns
            if not path.resolve().is_relative_to(self._real):
                raise jinja2.TemplateNotFound(template)
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError):
            raise jinja2.TemplateNotFound(template) from None
        return text, str(path), lambda: _modified(path) == before

    def list_templates(self) -> list[str]:
        """Return the names of all files."""
        names: list[str] = []
        for folder, folders, files in os.walk(self.folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            below = Path(folder).relative_to(self.folder)
            names += [(below / name).as_posix() for name in sorted(files) if not name.startswith(".")]
        return names

    def __str__(self) -> str:
        return str(self.folder)


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return -1


class TextLoader(BaseLoader):
    """Texts by name; a mapping that changes is read again."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts

    def get_source(self, environment: jinja2.Environment, template: str) -> Found:
        """Return a text; raises Jinja's ``TemplateNotFound``."""
        text = self.texts.get(template)
        if text is None:
            raise jinja2.TemplateNotFound(template)
        return text, None, lambda: self.texts.get(template) == text

    def list_templates(self) -> list[str]:
        """Return the names of all texts."""
        return sorted(self.texts)

    def __str__(self) -> str:
        return "texts in memory"


class Loaders(BaseLoader):
    """Several sources: the first that has a name wins; and what to say when none has."""

    def __init__(self, loaders: Iterable[BaseLoader] = ()) -> None:
        self.loaders: list[BaseLoader] = list(loaders)
        self._ahead: dict[str, Found] = {}

    def read_ahead(self, environment: jinja2.Environment, template: str) -> Found:
        """Return a source as ``get_source`` does, and keep it for who asks next, until ``forget``."""
        self._ahead.pop(template, None)
        found = self._ahead[template] = self.get_source(environment, template)
        return found

    def forget(self) -> None:
        """Read everything anew from now on."""
        self._ahead.clear()

    def get_source(self, environment: jinja2.Environment, template: str) -> Found:
        """Return the first source of that name; raises Jinja's ``TemplateNotFound``."""
        if template in self._ahead:
            return self._ahead[template]
        if is_safe_name(template):
            for loader in self.loaders:
                try:
                    return loader.get_source(environment, template)
                except jinja2.TemplateNotFound:
                    continue
        raise jinja2.TemplateNotFound(template)

    def list_templates(self) -> list[str]:
        """Return all names, each once."""
        return sorted({name for loader in self.loaders for name in _names(loader)})

    def missing(self, name: str) -> TemplateNotFound:
        """Return the error for a template that no source has."""
        places = ", ".join(str(loader) for loader in self.loaders) or "no folder at all"
        if not is_safe_name(name):
            return TemplateNotFound(
                f"{name!r} cannot be the name of a template.",
                expected="a relative path such as books/list.html, without .. and backslashes",
                fix="Never take the name of a template from a request.",
            )
        return TemplateNotFound(
            f"There is no template {name!r}.",
            expected=f"a file of that name in {places}",
            fix=nearest(name, self.list_templates())
            or "Make the file in the folder `templates` beside the app.",
        )


def _names(loader: BaseLoader) -> Iterator[str]:
    try:
        yield from loader.list_templates()
    except TypeError:  # a foreign loader that cannot list
        return


def package_folder(package: str, folder: str) -> Path | None:
    """Return the folder of that name in an importable package; ``None`` where there is none."""
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return None
    roots: Sequence[str] = () if spec is None else spec.submodule_search_locations or ()
    return next((Path(root, folder) for root in roots if Path(root, folder).is_dir()), None)


__all__ = ["FolderLoader", "Loaders", "TextLoader", "is_safe_name", "package_folder"]
