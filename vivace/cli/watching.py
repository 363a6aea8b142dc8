"""Which files ``dev`` watches, and what happened to them.

Folders are watched one by one, not as a tree: a tree would bring in ``node_modules``, virtual environments and, for a
file in somebody's home, a hundred thousand folders. The list is made by breadth-first search, bounded, without what
is hidden, installed or built; it is made again when a folder appears.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final, TypeAlias

MAX_FOLDERS: Final = 1_000
SUFFIXES: Final = frozenset(
    ".py .env .html .jinja .jinja2 .j2 .css .js .mjs .svg .toml .yaml .yml .md .po .mo".split()
)  # no .json, .txt, .db: those an app writes itself
_SKIPPED: Final = frozenset({"__pycache__", "node_modules", "site-packages", "build", "dist", "venv"})
_STEP: Final = 10  # milliseconds of silence that end a change: editors write a file in several steps
Stamp: TypeAlias = "tuple[int, int] | None"
_PATIENCE: Final = 100  # milliseconds until the caller may look at other things


class Watcher:
    """Watches the folders below ``roots``; ``patterns`` are names that count besides the usual suffixes.

    What has changed is told by time and size of the files, so nothing is told twice, and nothing is lost while the
    system's watch is being set up: whoever made the watcher first and looked at the files then hears of all that follows.
    """

    def __init__(self, roots: Iterable[Path], patterns: Iterable[str] = ()) -> None:
        self.roots = list(dict.fromkeys(roots))
        self._patterns = tuple(patterns)
        self._folders: list[str] = []
        self._changes: Generator[set[tuple[Any, str]], None, None] | None = None
        self._known = self._scan()

    def add(self, roots: Iterable[Path]) -> None:
        """Watch more folders, if they are not watched."""
        new = [
            root for root in dict.fromkeys(roots) if str(root) not in self._folders and root not in self.roots
        ]
        if new:
            self.roots += new
            self._known = {**self._scan(), **self._known}
            self.close()

    def wait(self) -> list[str]:
        """Return the files that changed, after a short while without any."""
        if self._changes is None:
            # Once the watch is set up, a look at all files finds what happened before.
            watched, self._changes = self._folders, self._open()
            next(self._changes, None)
            now = self._scan()
            if self._folders != watched:
                self.close()
            return self._look(now)
        paths = [path for _, path in next(self._changes, set[tuple[Any, str]]())]
        if any(os.path.isdir(path) and not _is_skipped(os.path.basename(path)) for path in paths):
            self.close()
            return self._look(self._scan())
        return self._look({**self._known, **{path: _stamp(path) for path in paths if self.counts(path)}})

    def _look(self, now: dict[str, Stamp]) -> list[str]:
        """Return the files that are not as they were, and remember how they are."""
        before, self._known = self._known, now
        return [path for path in {**before, **now} if before.get(path) != now.get(path)]

    def _scan(self) -> dict[str, Stamp]:
        self._folders = folders_below(self.roots)
        paths = (os.path.join(folder, name) for folder in self._folders for name in _files_in(folder))
        return {path: _stamp(path) for path in paths if self.counts(path)}

    def counts(self, path: str) -> bool:
        """Return whether a change of this file matters."""
        name = os.path.basename(path)
        if os.path.splitext(name)[1] in SUFFIXES and not name.startswith((".#", "#")):
            return True
        return name.startswith(".env") or any(fnmatch(name, pattern) for pattern in self._patterns)

    def close(self) -> None:
        """Stop watching; the next ``wait`` begins anew."""
        if self._changes is not None:
            self._changes.close()
            self._changes = None

    def _open(self) -> Generator[set[tuple[Any, str]], None, None]:
        from watchfiles import watch  # 70 ms: the first child is under way meanwhile

        return watch(
            *self._folders,
            watch_filter=None,
            debounce=200,
            step=_STEP,
            rust_timeout=_PATIENCE,
            yield_on_timeout=True,
            raise_interrupt=False,
            recursive=False,
            ignore_permission_denied=True,
        )


def folders_below(roots: Iterable[Path], limit: int = MAX_FOLDERS) -> list[str]:
    """Return the roots and the folders in them that may hold source, nearest first, at most ``limit``."""
    found: dict[str, None] = {}
    waiting = deque(str(root) for root in roots if root.is_dir())
    while waiting and len(found) < limit:
        folder = waiting.popleft()
        if folder not in found:
            found[folder] = None
            waiting.extend(_inside(folder))
    return list(found)


def _files_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _stamp(path: str) -> Stamp:
    """Return what changes when a file does; ``None`` when it is gone."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size)


def _inside(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False) and not (
                    _is_skipped(entry.name) or _is_environment(entry) or _is_uploads(entry)
                ):
                    yield entry.path
    except OSError:
        return


def _is_environment(entry: os.DirEntry[str]) -> bool:
    return os.path.exists(os.path.join(entry.path, "pyvenv.cfg"))


def _is_uploads(entry: os.DirEntry[str]) -> bool:
    """Whether a folder holds what users sent: an app called media is a package."""
    return entry.name == "media" and not os.path.exists(os.path.join(entry.path, "__init__.py"))


def _is_skipped(name: str) -> bool:
    return name.startswith(".") or name in _SKIPPED


__all__ = ["MAX_FOLDERS", "SUFFIXES", "Watcher", "folders_below"]
