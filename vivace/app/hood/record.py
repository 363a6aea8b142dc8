"""What happened for one request: times, queries, templates, fragments. Made for those whom the door lets in, and for no other.

While such a request is answered its record is ``current_record``, in its task and the tasks that this starts. A value is
what was seen, bounded in number and length, with secrets hidden by ``hiding``: so it may stand in the page.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vivace.app.debugpage import editor_link, known_secrets
from vivace.app.evidence import short_path
from vivace.app.hiding import Hider
from vivace.app.queries import RequestLog, ShownQuery, shown_queries
from vivace.db.observing import watch_task

if TYPE_CHECKING:
    from vivace.http.request import Request
    from vivace.http.response import Response

MAX_NAMES: Final = 100  # templates, and fragments, that are told of
_IS_LOOP: Final = "loop"
_IS_TWIN: Final = "same"


class Times(msgspec.Struct, frozen=True):
    """Where the milliseconds went: in the handler and in the template without their queries, in queries, in all."""

    handler: float
    template: float
    database: float
    total: float


class AboutRequest(msgspec.Struct, frozen=True):
    """What was asked, and who answered."""

    method: str
    target: str
    route: str
    handler: str
    place: str
    href: str  # that opens it in the editor
    status: int
    times: Times


class AboutQuery(msgspec.Struct, frozen=True):
    """One query; ``mark`` says what is wrong with it: it ran in a loop, or was asked before with the same values."""

    sql: str
    values: str
    error: str
    place: str
    href: str
    milliseconds: float
    mark: str = ""
    times: int = 1


class AboutQueries(msgspec.Struct, frozen=True):
    """The queries of a request: the first and the last of them, and how many there were."""

    shown: list[AboutQuery]
    count: int
    milliseconds: float


class AboutFragment(msgspec.Struct, frozen=True):
    """A fragment, function or page that is kept: how often it was there, how often it was made."""

    name: str
    hits: int
    misses: int


class About(msgspec.Struct, frozen=True):
    """All that is told of one request."""

    request: AboutRequest
    queries: AboutQueries
    templates: dict[str, int]
    fragments: list[AboutFragment]


class Record:
    """What happens for a request, while it does."""

    __slots__ = (
        "_began",
        "_clock",
        "_in_handler",
        "_page",
        "_rendering",
        "fragments",
        "request",
        "templates",
    )

    def __init__(self, request: Request, clock: Callable[[], float] = time.perf_counter) -> None:
        self.request = request
        self.templates: Counter[str] = Counter()
        self.fragments: dict[str, list[int]] = {}  # hits, misses
        self._clock = clock
        self._page = ""
        self._rendering: float | None = None  # since when
        self._in_handler = 0.0  # seconds of queries until then
        if request.query_log is None:
            request.query_log = RequestLog()
            watch_task(request.query_log)
        self._began = clock()

    def renders(self, name: str) -> None:
        """Take note that the handler has answered, and its page is rendered from now on."""
        if self._rendering is None:
            self._rendering, self._in_handler = self._clock(), self.request.query_log.seconds
        self._page = ""
        self.template(name)
        self._page = name

    def template(self, name: str) -> None:
        """Take note of a template; the page's own was told of when it began."""
        if name == self._page:
            return
        if name in self.templates or len(self.templates) < MAX_NAMES:
            self.templates[name] += 1

    def fragment(self, name: str, *, hit: bool) -> None:
        """Take note of something that was kept, or was made."""
        if name in self.fragments or len(self.fragments) < MAX_NAMES:
            counts = self.fragments.setdefault(name, [0, 0])
            counts[0 if hit else 1] += 1

    def about(self, response: Response) -> About:
        """Return what is told of it, now that it is answered."""
        request = self.request
        hider = Hider(known_secrets(request))
        route: Any = request.route
        asked = AboutRequest(
            request.method,
            hider.text(request.target),
            route.path if route is not None else "",
            getattr(route.handler, "__qualname__", type(route.handler).__name__) if route is not None else "",
            *_place(request),
            response.status,
            self._times(),
        )
        fragments = [AboutFragment(name, *counts) for name, counts in self.fragments.items()]
        return About(asked, self._queries(hider), dict(self.templates), fragments)

    def _times(self) -> Times:
        now, database = self._clock(), float(self.request.query_log.seconds)
        rendering = now if self._rendering is None else self._rendering
        in_handler = database if self._rendering is None else self._in_handler
        # Queries of one request may run side by side: then they take longer than the clock says.
        handler = max(0.0, rendering - self._began - in_handler)
        template = max(0.0, now - rendering - (database - in_handler))
        return Times(*(round(1000 * part, 2) for part in (handler, template, database, now - self._began)))

    def _queries(self, hider: Hider) -> AboutQueries:
        asked = shown_queries(self.request, hider)
        editor: str = self.request.app.settings.editor
        return AboutQueries(
            [_about(query, editor) for query in asked.queries], asked.count, round(asked.milliseconds, 2)
        )


def _place(request: Request) -> tuple[str, str]:
    """Return file and line of the handler as people say them, and what opens them in the editor."""
    place: str = request.route.place if request.route is not None else ""
    path, _, line = place.rpartition(":")
    if not line.isdigit():
        return place, ""
    whole = os.path.abspath(path)
    return f"{short_path(whole)}:{line}", editor_link(whole, int(line), request.app.settings.editor)


def _about(query: ShownQuery, editor: str) -> AboutQuery:
    place = query.place
    return AboutQuery(
        query.sql,
        query.values,
        query.error,
        f"{place.short}:{place.line}",
        editor_link(place.path, place.line, editor),
        round(query.milliseconds, 2),
        "" if query.times == 1 else _IS_LOOP if query.in_loop else _IS_TWIN,
        query.times,
    )


current_record: ContextVar[Record | None] = ContextVar("vivace_hood", default=None)

__all__ = ["About", "Record", "current_record"]
