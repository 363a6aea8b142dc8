"""Long pages in pieces: the render stands still while the client reads.

A page that streams is appended to a list that hands out what it has as soon as that is enough (``SIZE``). Between two
pieces the render is a parked greenlet, so a slow client costs memory for one piece. The first piece is rendered before
the head leaves: an error until then is an ordinary error page, later it cuts the connection. In a transaction, which ends
with the handler, the page is rendered whole.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Iterable
from typing import TYPE_CHECKING, ClassVar, Final

import jinja2
from jinja2 import meta

from vivace.http.request import Request
from vivace.http.response import Response, Sink, close_iterator

from .bridge import hand_out
from .engine import templates_of
from .response import TemplateResponse

if TYPE_CHECKING:
    from .environment import TemplateEnvironment

TOKEN: Final = "csrf_token"  # noqa: S105 - the name of one
SIZE: Final = 16_384  # characters of a piece: a full socket buffer, and few enough to begin early


class Handing(list[str]):
    """What a streaming page is appended to."""

    def __init__(self, size: int = SIZE) -> None:
        super().__init__()
        self._size = size
        self._length = 0

    def append(self, piece: str, /) -> None:
        """Add a piece of the page; waits while the client is slow."""
        super().append(piece)
        self._length += len(piece)
        if self._length >= self._size:
            self.flush()

    def extend(self, pieces: Iterable[str], /) -> None:
        """Add pieces."""
        for piece in pieces:
            self.append(piece)

    def flush(self) -> None:
        """Hand out what there is."""
        text = "".join(self)
        self.clear()
        self._length = 0
        if text:
            hand_out(text)


class StreamedTemplateResponse(TemplateResponse):
    """A page that is sent while it is rendered."""

    buffered: ClassVar[bool] = False
    _pieces: AsyncGenerator[str, None] | None = None

    async def prepare(self, request: Request) -> Response:
        """Render the first piece; raises what the template raises until then."""
        if _in_transaction():
            return await super().prepare(request)
        templates = templates_of(self.request)
        await self.altered(templates)
        self._pieces = templates.stream(self.template, self.context, self.request)
        self.body = (await anext(self._pieces, "")).encode()
        return self

    async def write_to(self, sink: Sink) -> None:
        """Send the first piece, then each when it is rendered."""
        await sink.write(self.body)
        if self._pieces is not None:
            async for piece in self._pieces:
                await sink.write(piece.encode())
        self.rendered = True

    async def close(self) -> None:
        """End a render that nobody reads to its end."""
        if self._pieces is not None:
            await close_iterator(self._pieces)


def shows_token(environment: TemplateEnvironment, name: str) -> bool:
    """Return whether a template, or one that it names, shows the token of a form: its cookie goes with the head.

    What is included by a variable is not known here: such a page reads ``csrf_token`` at its beginning.
    """
    found = environment.token_pages.get(name)
    if found is None or environment.auto_reload:
        found = environment.token_pages[name] = _mentions_token(environment, name.partition("#")[0], set())
    return found


def _mentions_token(environment: TemplateEnvironment, name: str, seen: set[str]) -> bool:
    if name in seen:
        return False
    seen.add(name)
    try:
        text, file, _ = environment.loader.get_source(environment, name)
    except jinja2.TemplateNotFound:
        return False  # it may be missing, or whoever shows it says so
    if TOKEN in text:
        return True
    named = meta.find_referenced_templates(environment.parse(text, name, file))
    return any(
        each is not None and _mentions_token(environment, each.partition("#")[0], seen) for each in named
    )


def _in_transaction() -> bool:
    if "vivace.db.transactions" not in sys.modules:  # nobody can have begun one
        return False
    from vivace.db.transactions import in_any_block

    return in_any_block()


__all__ = ["SIZE", "Handing", "StreamedTemplateResponse", "shows_token"]
