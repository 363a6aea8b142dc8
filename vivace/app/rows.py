"""Rows of a query as a JSON array: at once when they are few, in chunks when they are many.

What has ``__vivace_rows__()`` (a QuerySet) is answered this way. The first chunk is awaited before the head leaves, so that an
error is an ordinary error answer, and a result that nobody bounded and that has more than ``json_rows`` rows is refused
(``UnboundedResult``) before the first byte: a table that grows must not one day be sent whole.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any, Protocol

from vivace.errors import UnboundedResult
from vivace.http.request import Request
from vivace.http.response import JSON_TYPE, Response, Stream, close_iterator

Encode = Callable[[Any], bytes]


class Rows(Protocol):
    """What ``__vivace_rows__()`` returns: whether a slice bounds the result, its name for errors, and its rows."""

    bounded: bool
    name: str

    def chunks(self, size: int) -> AsyncGenerator[list[Any]]: ...


class RowsReply(Response):
    """An answer whose rows are fetched when it is prepared."""

    needs_prepare = True

    def __init__(self, rows: Rows, encode: Encode, status: int) -> None:
        super().__init__(b"", status, None, JSON_TYPE)
        self._rows = rows
        self._encode = encode

    async def prepare(self, request: Request) -> Response:
        """Fetch the first chunk and decide: everything is here, it goes on, or it is too much."""
        limit: int = request.app.settings.json_rows
        chunks = self._rows.chunks(limit + 1)
        try:
            first: list[Any] = await anext(chunks, list[Any]())
            if len(first) <= limit:
                await close_iterator(chunks)
                return Response(self._encode(first), self.status, None, JSON_TYPE)
            if not self._rows.bounded:
                raise self._unbounded(limit)
        except BaseException:
            await close_iterator(chunks)
            raise
        if self._in_transaction():
            # it ends with the handler, before the stream: what a slice bounds is fetched whole instead
            return Response(await self._whole(first, chunks), self.status, None, JSON_TYPE)
        return Stream(self._pieces(first, chunks), self.status, None, JSON_TYPE)

    def _unbounded(self, limit: int) -> UnboundedResult:
        return UnboundedResult(
            f"A handler returned all of {self._rows.name}, and that is more than {limit} rows.",
            expected="a slice, or few rows",
            fix="Return a page, queryset[:100], or stream it: `async for` in an async generator.",
        )

    @staticmethod
    def _in_transaction() -> bool:
        from vivace.db.transactions import in_any_block  # rows may come from elsewhere, without a database

        return in_any_block()

    async def _whole(self, first: list[Any], chunks: AsyncGenerator[list[Any]]) -> bytes:
        return b"".join([piece async for piece in self._pieces(first, chunks)])

    async def _pieces(self, first: list[Any], chunks: AsyncGenerator[list[Any]]) -> AsyncGenerator[bytes]:
        try:
            yield self._encode(first)[:-1]
            async for rows in chunks:
                if rows:
                    yield b"," + self._encode(rows)[1:-1]
            yield b"]"
        finally:
            await close_iterator(chunks)


__all__ = ["Rows", "RowsReply"]
