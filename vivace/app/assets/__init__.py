"""The static files of an app: where they lie, what they are called, how they are sent (SF1, SF2, SF3).

``<root>/static``, then the ``static`` folders of installed packages, then the framework's own; the first that has a name
wins. There are three ways to serve them, chosen once:

=========================  ==========================  ==========================================================
when                       ``static("app.css")``       what is sent
=========================  ==========================  ==========================================================
debug                      ``/static/app.css``         the file as it is now; nothing is kept anywhere
production                 ``/static/app.<hash>.css``  names and rewritten references are worked out at the start
``VIVACE_STATIC_ROOT``     ``/static/app.<hash>.css``  what ``vivace static --collect`` wrote there
=========================  ==========================  ==========================================================

Where an app has no static folder nothing of this is loaded, and nothing is mounted.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

import msgspec

from vivace.app.static import StaticFiles, StaticOptions, split_path
from vivace.errors import ConfigurationError, Finding, UnknownStatic, nearest
from vivace.errors.whose import is_our_file

from .building import MANIFEST, Asset, Built, Entry, Manifest, build
from .serving import CHANGING, AssetFiles

if TYPE_CHECKING:
    from vivace.app.site import Site

logger = logging.getLogger("vivace.app")
_CODED: Final = (".br", ".zst", ".gz")
_PLAIN: Final = StaticOptions()
_FOR_SCRIPT: Final = str.maketrans({"<": "\\u003C", ">": "\\u003E", "&": "\\u0026"})


@dataclass(frozen=True, slots=True)
class StaticSite:
    """What an app may say of its static files: ``App(static=StaticSite(…))``.

    ``folders`` are looked in before those of installed packages; relative to the app's root. ``importmap`` maps the
    names that scripts import to static files, to folders of them (both ending in ``/``), or to addresses; in apps with
    channels or live regions ``vivace/`` is there by itself.
    """

    folders: Sequence[str | os.PathLike[str]] = ("static",)
    importmap: Mapping[str, str] = field(default_factory=dict[str, str])


class Assets:
    """The static files of one app."""

    def __init__(self, site: Site, options: StaticSite | None = None) -> None:
        self._site = site
        self._app = site.app
        self.options = options or StaticSite()
        self._built: Built | None = None
        self._hashed: dict[str, Asset] | None = None
        self._entries: Mapping[str, Entry] | None = None
        self._map: str | None = None
        self._warned: set[str] = set()
        self._mount: StaticFiles | None = None

    # -- where they are -------------------------------------------------------------------------------------------

    def folders(self) -> tuple[Path, ...]:
        """Return the folders that there are, in the order in which a name is looked for."""
        own = [self._app.root / folder for folder in self.options.folders]
        installed = [Path(folder) for folder in self._site.installed_folders()]
        return tuple(folder for folder in dict.fromkeys([*own, *installed, *_ours()]) if folder.is_dir())

    def files(self) -> dict[str, Path]:
        """Return all files by name, without hidden ones, and without those that are another one compressed."""
        found: dict[str, Path] = {}
        for folder in reversed(self.folders()):
            found.update(_files_below(folder))
        return {
            name: path
            for name, path in sorted(found.items())
            if not (name.endswith(_CODED) and name.rpartition(".")[0] in found)
        }

    def path_of(self, name: str) -> Path | None:
        """Return the file of a name; ``None`` when no folder has it."""
        names = split_path(f"/{quote(name)}", _PLAIN)
        candidates = (folder.joinpath(*names) for folder in self.folders()) if names else ()
        return next((path for path in candidates if path.is_file()), None)

    # -- what they are called -------------------------------------------------------------------------------------

    @property
    def entries(self) -> Mapping[str, Entry] | None:
        """Hashed names and integrity by name; ``None`` while files change."""
        if self._entries is None and not self._app.debug:
            root = self._app.settings.static.root
            self._entries = read_manifest(self._app.root / root) if root else self.built.manifest().files
        return self._entries

    @property
    def built(self) -> Built:
        """All files with their hashed names; worked out once."""
        if self._built is None:
            self._built = build(self.files(), self.path)
        return self._built

    def has(self, name: str) -> bool:
        """Return whether there is such a file."""
        entries = self.entries
        return self.path_of(name) is not None if entries is None else name in entries

    def url(self, name: str) -> str:
        """Return the address of a file. Unknown: raises ``UnknownStatic`` in debug mode, else it is logged once."""
        entries = self.entries
        entry = entries.get(name) if entries is not None else None
        if entry is None and not (entries is None and self.has(name)):
            outer = self._app.outer
            if outer is not None and outer.site.has_static(name):
                return outer.site.static_url(name)
            self._unknown(name)
        return self._address(entry.name if entry is not None else name)

    def integrity(self, name: str) -> str:
        """Return ``sha384-…`` for an ``integrity`` attribute; ``""`` while files change."""
        entries = self.entries
        if entries is None:
            return ""
        if name not in entries:
            self._unknown(name)
            return ""
        return entries[name].integrity

    def unknown(self, name: str) -> UnknownStatic:
        """Return the error for a name that no file has."""
        known = self.files() if self.entries is None else self.entries
        return UnknownStatic(
            f"There is no static file {name!r}.",
            expected=f"a file in {', '.join(str(folder) for folder in self.folders()) or 'a folder `static`'}",
            got=name,
            fix=nearest(name, known) or "Make the file in the folder `static` beside the app.",
        )

    def _unknown(self, name: str) -> None:
        if self._app.debug:
            raise self.unknown(name)
        if name not in self._warned and len(self._warned) < 1_000:
            self._warned.add(name)
            logger.warning("%s", self.unknown(name))

    def _address(self, name: str) -> str:
        base = self._app.settings.static.url
        prefix = self._site.prefix if base.startswith("/") else ""
        return f"{prefix}{base}{quote(name)}"

    @property
    def path(self) -> str:
        """The path under which the files are served, with slashes around it."""
        path = urlsplit(self._app.settings.static.url).path
        if not (path.startswith("/") and path.endswith("/") and len(path) > 1):
            raise ConfigurationError(
                "Static files cannot be served there.",
                expected="a path such as /static/, or an address that ends in one",
                got=self._app.settings.static.url,
                fix="Set VIVACE_STATIC_URL=/static/.",
            )
        return path

    # -- import maps ----------------------------------------------------------------------------------------------

    def import_map(self) -> str:
        """Return the import map as JSON that may stand in a script; ``""`` without one."""
        if not self._imported():
            return ""
        if self._map is None or self._app.debug:
            self._map = self._made_map()
        return self._map

    def _imported(self) -> Mapping[str, str]:
        """Return what names mean: those of the framework's client, in apps that talk with open pages, and the app's."""
        ours = {"vivace/": "vivace/"} if "sockets" in vars(self._app) else {}
        return {**ours, **self.options.importmap}

    def _made_map(self) -> str:
        imports: dict[str, str] = {}
        integrity: dict[str, str] = {}
        for specifier, target in self._imported().items():
            if _is_address(target):
                imports[specifier] = target
                continue
            for imported, name in self._modules(specifier, target):
                imports[imported] = self.url(name)
                if found := self.integrity(name):
                    integrity[imports[imported]] = found
        document = {"imports": imports, "integrity": integrity} if integrity else {"imports": imports}
        return msgspec.json.encode(document).decode().translate(_FOR_SCRIPT)

    def _modules(self, specifier: str, target: str) -> Iterator[tuple[str, str]]:
        """Yield what is imported and the file it means; of a folder, each script: hashed names have no common prefix."""
        if not target.endswith("/"):
            yield specifier, target
            return
        for name in self.files() if self.entries is None else self.entries:
            if name.startswith(target) and name.endswith((".js", ".mjs")):
                yield specifier + name[len(target) :], name

    # -- how they are sent ----------------------------------------------------------------------------------------

    def freeze(self) -> list[Finding]:
        """Mount the files, unless the app has a mount of its own there; returns what is wrong with them."""
        prefix, root = self.path.rstrip("/"), self._app.settings.static.root
        taken = [route.mount for route in self._app.collect() if route.path.rstrip("/") == prefix]
        if self._mount is None and any(mount is not None for mount in taken):
            return []  # the app serves its files in its own way
        if self._mount is None:
            self._mount = self._made_mount(root)
            self._app.mount(prefix, self._mount, extra={"public": True})  # a login page needs its style sheet
        if self._app.debug:
            return self._check_map()
        return [*(self._check_collected() if root else self.built.findings), *self._check_map()]

    def _made_mount(self, root: str) -> StaticFiles:
        if self._app.debug:
            return AssetFiles(self.folders(), dict, CHANGING)
        if root:
            return StaticFiles(self._app.root / root)
        return AssetFiles(self.folders(), self._by_hashed_name)

    def _by_hashed_name(self) -> dict[str, Asset]:
        if self._hashed is None:
            self._hashed = {asset.hashed: asset for asset in self.built.assets.values()}
        return self._hashed

    def _check_map(self) -> list[Finding]:
        names = [name for name in self.options.importmap.values() if not _is_address(name)]
        return [
            Finding.from_error(self.unknown(name))
            for name in names
            if not (any(self._modules("", name)) if name.endswith("/") else self.has(name))
        ]

    def _check_collected(self) -> list[Finding]:
        """Warn of files that came after the last collection."""
        missing = sorted(self.files().keys() - (self.entries or {}).keys())
        if not missing:
            return []
        return [
            Finding(
                "static-not-collected",
                f"{len(missing)} static files are not among the collected ones: {', '.join(missing[:5])} …",
                f"Run `vivace static --collect {self._app.settings.static.root}` again.",
                level="warning",
            )
        ]


@cache
def _ours() -> tuple[Path, ...]:
    """Return the framework's own static folders; the demo's are its own, as those of any program."""
    folders = Path(__file__).parents[2].glob("*/static")
    return tuple(sorted(filter(is_our_file, folders)))


def read_manifest(folder: Path) -> Mapping[str, Entry]:
    """Return what the manifest of a folder says; raises ``ConfigurationError`` when it has none that can be read."""
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest).files
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigurationError(
            "The folder of collected static files cannot be used.",
            expected=f"a file {MANIFEST} in {folder}",
            got=str(error),
            fix=f"Run `vivace static --collect {folder}`, or unset VIVACE_STATIC_ROOT.",
        ) from error


def _is_address(target: str) -> bool:
    return target.startswith(("/", "https:", "http:"))


def _files_below(folder: Path) -> Iterator[tuple[str, Path]]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = Path(place)
        for name in sorted(files):
            relative = (below / name).relative_to(folder).as_posix()
            if split_path(f"/{quote(relative)}", _PLAIN) is not None:
                yield relative, below / name


__all__ = ["Assets", "StaticSite", "read_manifest"]
