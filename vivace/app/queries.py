"""What a request asked its databases, while an app is developed (OR18): for the log, and for the debug page.

In debug mode each request of an app with databases has a ``RequestLog``, which the debug page lists. When the answer is there,
or a stream has ended, lines that asked again and again are told with their place and the way to ask once: each line once for
each route, until the code changes. Outside of debug mode none of this is loaded.

Two things are told. One SQL that one line ran ``REPEATS`` times is a query in a loop. The same question with the same values,
asked from several lines with no write between, has an answer that could have been kept.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from vivace.db.observing import QueryEvent, QueryLog, watch_task
from vivace.http.problems import HIDDEN
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.http.types import Handle

from .evidence import Frame, is_own, short_path
from .hiding import Hider, sounds_secret

logger: Final = logging.getLogger("vivace.app")

KEPT: Final = 1_000  # statements of one request: a stream may run for days
SHOWN_SQL: Final = 300  # characters in a warning
SHOWN: Final = 100  # statements on the debug page
MAX_SQL: Final = 4_000  # characters of one of them
_NAME: Final = re.compile(r"\w+")
_READ: Final = re.compile(r"\s*SELECT\b.*?\bFROM\b", re.IGNORECASE | re.DOTALL)

_ADVICE: Final = {
    "INSERT": "Insert them at once: bulk_create().",
    "UPDATE": "Update them at once: bulk_update(), or filter(…).update(…).",
    "DELETE": "Delete them at once: filter(pk__in=…).delete().",
    "SELECT count": "Count them at once: annotate(Count(…)).",
    "SELECT": "Ask once, before the loop: select_related() or prefetch_related() for relations, in_bulk() or "
    "filter(pk__in=…) for keys, annotate() for figures.",
}
"""What to do about a statement in a loop, by how it begins; the first that fits."""


class RequestLog(QueryLog):
    """The queries of one request."""

    def __init__(self) -> None:
        super().__init__(keep=KEPT)

    def place(self) -> str:
        """Return where a statement was asked for: of one that a template waits for, the line of the template."""
        place = super().place()
        return place if is_own(place.rpartition(":")[0]) else _place_in_template() or place


class Reporter:
    """Watches the requests of one app, and knows what it has told already."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def watching(self, handle: Handle) -> Handle:
        """Return ``handle`` with the queries of each request watched."""

        async def watched(request: Request) -> Response:
            log = request.query_log = RequestLog()
            watch_task(log)
            response = await handle(request)
            if response.buffered:
                self.tell(request, log)
            else:
                response.on_sent = partial(self._sent, request, response, response.on_sent)
            return response

        return watched

    def _sent(self, request: Request, response: Response, before: Any) -> None:
        response.on_sent = before
        if before is not None:
            before()
        self.tell(request, request.query_log)

    def tell(self, request: Request, log: QueryLog) -> None:
        """Log what was asked too often, unless that was told before."""
        route = request.route.path if request.route is not None else request.path
        for place, what, advice in _findings(request, log):
            if (route, place) not in self._told:
                self._told.add((route, place))
                logger.warning("%s %s, in %s: %s %s", request.method, route, place, what, advice)


def _place_in_template() -> str:
    """Return file and line of the template that waits for the running code, ``""`` where none does."""
    bridge, undefined = (sys.modules.get(f"vivace.templates.{name}") for name in ("bridge", "undefined"))
    if bridge is None or undefined is None:  # an app without pages
        return ""
    for frame in bridge.frames_that_wait():
        if undefined.is_template(frame):
            name, line, file = undefined.place_of(frame)
            return f"{name if not file or file.startswith('<') else file}:{line}"
        if is_own(frame.f_code.co_filename):  # a method of a model that the template called
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
    return ""


def _findings(request: Request, log: QueryLog) -> Iterator[tuple[str, str, str]]:
    """Yield place, what was seen there, and what to do about it."""
    repeated = log.repeated()
    for event, count in repeated:
        yield (
            place_of(request, event),
            f"one query ran {count} times: {_short(event.sql)}.",
            _advice(event.sql),
        )
    if all(_is_read(event.sql) for event in log):
        loops = {event.sql for event, _ in repeated}
        for event, count in log.duplicates():
            if event.sql not in loops:
                what = f"the same query with the same values ran {count} times: {_short(event.sql)}."
                yield place_of(request, event), what, "Keep the result, and pass it on."


def place_of(request: Request, event: QueryEvent) -> str:
    """Return where a query was asked as people say it; where only the loop was, the handler whose answer needed it."""
    path, _, line = event.place.rpartition(":")
    if not is_own(path) and request.route is not None and request.route.place:
        return f"the answer of {request.route.place}"
    return f"{short_path(path)}:{line}"


# -- for the debug page -----------------------------------------------------------------------------------------------


class ShownQuery(msgspec.Struct, frozen=True):
    """One statement, fit to be shown: secrets hidden, values shortened.

    ``times`` is how often it ran: on this line (``in_loop``: so often that it is a loop), or with the same values.
    """

    sql: str
    values: str
    error: str
    place: Frame
    milliseconds: float
    times: int = 1
    in_loop: bool = False


class ShownQueries(msgspec.Struct, frozen=True):
    """The statements of a request: the first and the last of them, and how many there were."""

    queries: Sequence[ShownQuery]
    left_out: int
    count: int
    milliseconds: float


def shown_queries(request: Request, hider: Hider) -> ShownQueries:
    """Return what a request asked so far."""
    log: QueryLog = request.query_log
    events = (
        log.events if len(log.events) <= SHOWN else [*log.events[: SHOWN // 2], *log.events[-SHOWN // 2 :]]
    )
    loops = {(event.sql, event.place): count for event, count in log.repeated()}
    twins = {(event.sql, repr(event.parameters)): count for event, count in log.duplicates()}
    shown = [_shown(event, hider, loops, twins) for event in events]
    return ShownQueries(shown, len(log) - len(shown), len(log), log.seconds * 1000)


def _shown(
    event: QueryEvent,
    hider: Hider,
    loops: Mapping[tuple[str, str], int],
    twins: Mapping[tuple[str, str], int],
) -> ShownQuery:
    path, _, line = event.place.rpartition(":")
    in_loop = loops.get((event.sql, event.place), 0)
    values = HIDDEN if _names_secret(event.sql) else hider.value(event.parameters)
    return ShownQuery(
        hider.text(event.sql, MAX_SQL),
        values if event.parameters else "",
        HIDDEN if values == HIDDEN and event.error else hider.text(event.error),
        Frame(path, short_path(path), int(line), "", is_own(path)),
        event.seconds * 1000,
        in_loop or twins.get((event.sql, repr(event.parameters)), 1),
        in_loop > 0,
    )


def _names_secret(sql: str) -> bool:
    """Say whether values of a statement may be secret by the names around them; what is only read has no values."""
    read = _READ.match(sql)
    return any(sounds_secret(name) for name in _NAME.findall(sql[read.end() :] if read else sql))


def _is_read(sql: str) -> bool:
    return sql.lstrip(" (").upper().startswith(("SELECT", "WITH"))


def _advice(sql: str) -> str:
    start = sql.lstrip(" (").lower()
    return next((advice for words, advice in _ADVICE.items() if start.startswith(words.lower())), "")


def _short(sql: str) -> str:
    text = " ".join(sql.split())
    return text if len(text) <= SHOWN_SQL else text[: SHOWN_SQL - 1] + "…"


__all__ = ["Reporter", "RequestLog", "ShownQueries", "ShownQuery", "place_of", "shown_queries"]
