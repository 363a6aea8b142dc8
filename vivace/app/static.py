"""Files of a folder, served in production: ``app.mount("/static", StaticFiles("static"))`` (SF3, RS3).

What a path may not do is decided on its text, before the file system is asked:

==========================================  ======================================================
``..``, ``.``, empty, encoded slashes       404: each segment is decoded alone and is one name
NUL, control characters, ``\\``, ``:``       404: drives, streams and separators of other systems
a dot in front                              404: ``.env``, ``.git``; unless ``dotfiles``
a dot or a space at the end                 404: Windows would take it for the name without
a link that leads outside                   404: the real path must lie in the real folder
a folder                                    404, or its ``index`` file
==========================================  ======================================================

``app.js.br``, ``.zst`` and ``.gz`` beside ``app.js`` are sent in its place to who accepts them, unless they are older.

What was found is remembered for ``fresh`` seconds, small files with their content, in bounded memory; so a hot file
costs no system call. Everything else (ranges, large files) is a ``File``: opened in a thread, sent by the kernel.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote

from vivace.errors import ConfigurationError, MethodNotAllowed, NotFound
from vivace.http.caching import CacheControl
from vivace.http.conditional import CONDITIONS, READING, BodilessAnswer, Outcome, evaluate, failed
from vivace.http.dates import format_http_date
from vivace.http.files import File, file_etag
from vivace.http.headers import RawHeaders
from vivace.http.media_types import guess_type
from vivace.http.negotiation import preferred_encoding
from vivace.http.request import Request
from vivace.http.response import Empty, Response

SMALL: Final = 65_536  # bytes of a file that is kept in memory
REMEMBERED: Final = 4_096  # files whose state is kept
CHOICES: Final = 16  # Accept-Encoding values for which a file knows what to send
HASHED: Final = r"\.[0-9a-f]{12}\."  # app.55e7cbb9ba48.js: as Django's ManifestStaticFilesStorage names them
YEAR: Final = 31_536_000  # seconds
_CODINGS: Final = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}  # of equals the first
_REFUSED: Final = re.compile(r"[\x00-\x1f\x7f/\\:]|[. ]\Z")


@dataclass(frozen=True, slots=True)
class StaticOptions:
    """How files are served.

    ``max_age`` seconds for names that may change, a year and ``immutable`` for those that ``immutable`` (a regular
    expression, searched in the name) finds. ``index`` is what a folder answers with. ``memory`` bytes of small files
    are kept; a found file is looked at again after ``fresh`` seconds.
    """

    max_age: int = 60
    immutable: str = HASHED
    index: str | None = None
    precompressed: bool = True
    dotfiles: bool = False
    follow_links: bool = False
    memory: int = 16_777_216
    fresh: float = 1.0


@dataclass(frozen=True, slots=True)
class Variant:
    """One file on the disk, as it is sent; without a ``path`` it is the content alone, and always sent whole."""

    path: str
    coding: str
    content: bytes | None
    etag: str
    modified: datetime
    content_type: str
    fields: RawHeaders


@dataclass(slots=True)
class _Known:
    """What is known of a path: its file, coded variants of it, and which of them whom to send."""

    variants: tuple[Variant, ...]
    until: float
    choices: dict[bytes | None, Variant] = field(default_factory=dict[bytes | None, Variant])

    @property
    def size(self) -> int:
        """The bytes kept in memory."""
        return sum(len(variant.content or b"") for variant in self.variants)

    def choose(self, accepted: bytes | None) -> Variant:
        """Return the variant for an ``Accept-Encoding``."""
        chosen = self.choices.get(accepted)
        if chosen is None:
            coded = {variant.coding: variant for variant in self.variants}
            text = accepted.decode("latin-1") if accepted is not None else None
            offers = [coding for coding in coded if coding]
            chosen = (
                coded.get(preferred_encoding(text, offers) or "", self.variants[0])
                if offers
                else self.variants[0]
            )
            if len(self.choices) < CHOICES:
                self.choices[accepted] = chosen
        return chosen


class StaticFiles:
    """The files under ``directory``, to be mounted. Raises ``ConfigurationError`` at start when it is no folder."""

    def __init__(
        self,
        directory: str | os.PathLike[str],
        options: StaticOptions | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.directory: str = os.path.abspath(os.fspath(directory))
        self.options = options or StaticOptions()
        self._immutable = re.compile(self.options.immutable) if self.options.immutable else None
        self._root: str = os.path.realpath(self.directory)
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._in_memory = 0

    async def startup(self) -> None:
        """Check the folder."""
        if not await asyncio.to_thread(self._is_there):
            raise ConfigurationError(
                "The folder of static files does not exist.",
                expected="a folder",
                got=self.directory,
                fix="Create it, or give StaticFiles the right path.",
            )

    async def shutdown(self) -> None:
        """Forget what is known."""
        self._known.clear()
        self._in_memory = 0

    async def __call__(self, request: Request, path: str) -> Response:
        """Answer a request for the file at ``path`` (percent-encoded); raises ``NotFound``, ``MethodNotAllowed``."""
        if request.method not in READING:
            raise MethodNotAllowed(request.method, READING)
        known = self._known.get(path)
        if known is None or known.until <= self._clock():
            known = await self._look(path)
            if known is None:
                return self._redirected(request)
        first = request.headers.first
        variant = known.choose(first(b"accept-encoding"))
        if variant.content is None or (variant.path and first(b"range") is not None):
            return _file(variant)
        response = Response(variant.content, 200, None, variant.content_type)
        response.headers.raw.extend(variant.fields)
        return _conditional(request, response, variant) if _conditions(request) else response

    async def _look(self, path: str) -> _Known | None:
        """Return what is at ``path`` now; ``None`` for a folder that needs a slash. Raises ``NotFound``."""
        self._forget(path)
        if not path and self.options.index:
            return None
        names = split_path(path, self.options)
        found = await asyncio.get_running_loop().run_in_executor(None, self._find, names) if names else None
        if found is None:
            raise NotFound("There is no such file.")
        if not found:
            return None
        known = _Known(found, self._clock() + self.options.fresh)
        self._remember(path, known)
        return known

    def _remember(self, path: str, known: _Known) -> None:
        self._forget(path)  # another request may have found it meanwhile
        self._known[path] = known
        self._in_memory += known.size
        while len(self._known) > REMEMBERED or self._in_memory > self.options.memory:
            self._forget(next(iter(self._known)))

    def _forget(self, path: str) -> None:
        known = self._known.pop(path, None)
        if known is not None:
            self._in_memory -= known.size

    def _redirected(self, request: Request) -> Response:
        """Add the slash that relative links in an index need; relative itself, so that it leads to no other host."""
        name = request.raw_path.rpartition("/")[2]
        query = f"?{request.query_string}" if request.query_string else ""
        return Empty(308, {"location": f"./{name}/{query}"})

    def _is_there(self) -> bool:
        self._root = os.path.realpath(self.directory)  # a link may have been put elsewhere since
        return os.path.isdir(self._root)

    # -- in a thread ----------------------------------------------------------------------------------------------

    def _find(self, names: Sequence[str]) -> tuple[Variant, ...] | None:
        """Return the file and its variants, an empty tuple for a folder with an index but no slash, or ``None``."""
        path = os.path.join(self._root, *names)
        found = self._at(path, names[-1])
        if found is not None:
            return found
        is_folder = self.options.index and os.path.isdir(path) and self._inside(os.path.realpath(path))
        return () if is_folder else None

    def _at(self, path: str, name: str) -> tuple[Variant, ...] | None:
        """Return a file as one of that name, with its coded variants; ``None`` when there is none."""
        found = self._state(path)
        if found is None:
            return None
        real, state = found
        variants = [self._variant(real, name, "", state)]
        for coding, suffix in _CODINGS.items() if self.options.precompressed else ():
            coded = self._state(path + suffix)
            if coded is not None and coded[1].st_mtime_ns >= state.st_mtime_ns:
                variants.append(self._variant(coded[0], name, coding, coded[1]))
        if len(variants) > 1:
            for variant in variants:
                variant.fields.append((b"vary", b"accept-encoding"))
        return tuple(variants)

    def _state(self, path: str) -> tuple[str, os.stat_result] | None:
        """Return real path and state of a regular file inside the folder."""
        real = os.path.realpath(path)
        try:
            state = os.stat(real)
        except (OSError, ValueError):
            return None
        return (real, state) if stat.S_ISREG(state.st_mode) and self._inside(real) else None

    def _inside(self, real: str) -> bool:
        return self.options.follow_links or os.path.commonpath([self._root, real]) == self._root

    def _variant(self, path: str, name: str, coding: str, state: os.stat_result) -> Variant:
        tag = file_etag(state.st_size, state.st_mtime_ns)
        modified = datetime.fromtimestamp(state.st_mtime_ns // 1_000_000_000, UTC)
        fields = [
            (b"etag", tag.encode()),
            (b"last-modified", format_http_date(modified).encode()),
            (b"accept-ranges", b"bytes"),
            (b"cache-control", self._caching(name).encode()),
            (b"x-content-type-options", b"nosniff"),
        ]
        fields += [(b"content-encoding", coding.encode())] if coding else []
        fields += self.extra_fields(name)
        content = _content(path, state) if state.st_size <= min(SMALL, self.options.memory) else None
        return Variant(path, coding, content, tag, modified, self.content_type(name), fields)

    def content_type(self, name: str) -> str:
        """Return the media type of a file of this name."""
        return guess_type(name)

    def extra_fields(self, name: str) -> RawHeaders:
        """Return more header fields for a file of this name."""
        return []

    def _caching(self, name: str) -> str:
        if self._immutable is not None and self._immutable.search(name):
            return str(CacheControl(public=True, max_age=YEAR, immutable=True))
        return str(CacheControl(public=True, max_age=self.options.max_age))


def split_path(path: str, options: StaticOptions) -> list[str] | None:
    """Return the names that a percent-encoded path consists of, ``None`` when one of them must not be asked for."""
    segments = path.split("/")[1:] if path.startswith("/") else [path]
    if segments[-1] == "" and options.index:
        segments[-1] = options.index
    try:
        names = [unquote(segment, errors="strict") for segment in segments]
    except UnicodeDecodeError:
        return None
    safe = all(name and not _REFUSED.search(name) and (options.dotfiles or name[0] != ".") for name in names)
    return names if safe else None


def _conditions(request: Request) -> bool:
    first = request.headers.first
    return any(first(name) is not None for name in CONDITIONS)


def _conditional(request: Request, response: Response, variant: Variant) -> Response:
    outcome = evaluate(request, etag=variant.etag, last_modified=variant.modified)
    if outcome is Outcome.FAILED:
        raise failed(variant.etag)
    return response if outcome is Outcome.PROCEED else BodilessAnswer(response, outcome.value)


def _file(variant: Variant) -> Response:
    """Return a file that is measured anew when it is opened: no length or validator of ours may be stale."""
    response = File(variant.path, content_type=variant.content_type)
    measured = (b"etag", b"last-modified", b"accept-ranges")
    response.headers.raw.extend(pair for pair in variant.fields if pair[0] not in measured)
    return response


def _content(path: str, state: os.stat_result) -> bytes | None:
    """Return the content that belongs to ``state``; ``None`` when the file changed meanwhile."""
    try:
        with open(path, "rb") as file:
            now = os.fstat(file.fileno())
            same = (now.st_size, now.st_mtime_ns, now.st_ino) == (
                state.st_size,
                state.st_mtime_ns,
                state.st_ino,
            )
            content = file.read(state.st_size + 1)
    except OSError:
        return None
    return content if same and len(content) == state.st_size else None


__all__ = ["StaticFiles", "StaticOptions", "split_path"]
