"""Iterators between a handler and the stream that sends what it yields; each closes the one below it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any, Final

from vivace.errors import ClientDisconnected
from vivace.http.response import close_iterator

from .kinds import RunBlocking

END: Final[Any] = object()
"""Stands for the end of an iterator."""


class Pooled(AsyncIterator[Any]):
    """A plain iterator whose every step runs in the thread pool."""

    __slots__ = ("_run", "_source")

    def __init__(self, source: Iterator[Any], run_blocking: RunBlocking) -> None:
        self._source = source
        self._run = run_blocking

    async def __anext__(self) -> Any:
        item = await self._run(lambda: next(self._source, END))
        if item is END:
            raise StopAsyncIteration
        return item

    async def aclose(self) -> None:
        """Close a generator, in the pool too: its ``finally`` may block."""
        close = getattr(self._source, "close", None)
        if close is not None:
            await self._run(close)


class Resumed(AsyncIterator[Any]):
    """An iterator whose first item was taken already."""

    __slots__ = ("_first", "_source")

    def __init__(self, first: Any, source: AsyncIterator[Any]) -> None:
        self._first = first
        self._source = source

    async def __anext__(self) -> Any:
        first, self._first = self._first, END
        return await anext(self._source) if first is END else first

    async def aclose(self) -> None:
        """Close the source."""
        await close_iterator(self._source)


class Encoded(AsyncIterator[bytes]):
    """The items of a source as bytes, after an opening chunk that is there already."""

    __slots__ = ("_encode", "_opening", "_source")

    def __init__(self, opening: bytes, source: AsyncIterator[Any], encode: Callable[[Any], bytes]) -> None:
        self._opening = opening
        self._source = source
        self._encode = encode

    async def __anext__(self) -> bytes:
        opening, self._opening = self._opening, b""
        return opening or self._encode(await anext(self._source))

    async def aclose(self) -> None:
        """Close the source."""
        await close_iterator(self._source)


class Held(AsyncIterator[Any]):
    """A stream's items, with the scope of the dependencies it was made with: that ends when the stream does.

    An error in the stream is thrown into the scope; so is ``ClientDisconnected`` when the stream was cut off.
    """

    __slots__ = ("_failure", "_iterator", "_scope", "_source")

    def __init__(self, source: Any, scope: AsyncExitStack) -> None:
        self._source = source
        self._iterator: AsyncIterator[Any] = aiter(source)
        self._scope = scope
        self._failure: BaseException | None = ClientDisconnected("The answer was cut off.")

    async def __anext__(self) -> Any:
        try:
            return await anext(self._iterator)
        except StopAsyncIteration:
            self._failure = None
            raise
        except BaseException as error:
            self._failure = error
            raise

    async def aclose(self) -> None:
        """Close the source, then the scope."""
        failure = self._failure
        try:
            await close_iterator(self._source)
        finally:
            kind, trace = (None, None) if failure is None else (type(failure), failure.__traceback__)
            await self._scope.__aexit__(kind, failure, trace)
