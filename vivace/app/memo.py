"""Results that are kept for the length of one request, and go with it (CA6).

A tenant, a set of permissions, an exchange rate: what the hook, the view and the template of one request all ask for is
computed by the first who asks. Nothing has to be invalidated: the next request computes it again.

A result stands for what was read for it, rows and what belongs to a person: whoever uses it has read that (``_Result``).
Else a fragment or a ``cached()`` function that begins later would take one person's result for everybody's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Hashable
from contextlib import contextmanager
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, ParamSpec, TypeVar, cast

from vivace.cache.stampede import Stampede
from vivace.cache.store import MISSING
from vivace.changes import ReadSet, current_reads, recording
from vivace.errors import CacheKeyError
from vivace.http.personal import note_again, watch_personal
from vivace.http.request import Request

from .current import current_request

P = ParamSpec("P")
R = TypeVar("R")


class _Memo:
    """What the functions of one request gave, by function and arguments."""

    __slots__ = ("request", "results", "stampede")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.results: dict[Hashable, _Result] = {}
        self.stampede = Stampede(None)

    def used(self, key: Hashable) -> Any:
        """Return a result, which then counts as read by what is being computed; ``MISSING`` where there is none."""
        result = self.results.get(key)
        if result is None:
            return MISSING
        recorder = current_reads()
        if recorder is not None:
            recorder.update(result.reads)
        note_again(self.request, result.kinds)
        return result.value

    @contextmanager
    def making(self, key: Hashable) -> Generator[_Result]:
        """Record what a result reads, and keep it when the block has not failed."""
        result = _Result()
        with recording(result.reads), watch_personal(self.request, result.note):
            yield result
        self.results[key] = result


class _Result:
    """A result with what was read for it."""

    __slots__ = ("kinds", "reads", "value")

    def __init__(self) -> None:
        self.value: Any = None
        self.reads = ReadSet()
        self.kinds: dict[str, None] = {}

    def note(self, kind: str) -> None:
        """Note what was read of the request."""
        self.kinds[kind] = None


def memo(function: Callable[P, R]) -> Callable[P, R]:
    """Compute the decorated function once for the same arguments in one request: ``@memo`` on ``async def`` or ``def``.

    Who asks while it is computed waits. An error is not kept. Outside of a request it is called each time. Arguments must be
    hashable, or ``CacheKeyError`` is raised.
    """
    if iscoroutinefunction(function):
        return cast("Callable[P, R]", _awaited(cast("Callable[P, Awaitable[Any]]", function)))

    @wraps(function)
    def once(*args: P.args, **kwargs: P.kwargs) -> R:
        memo = _current()
        if memo is None:
            return function(*args, **kwargs)
        key = _key(function, args, kwargs)
        value = memo.used(key)
        if value is MISSING:
            with memo.making(key) as result:
                value = result.value = function(*args, **kwargs)
        return cast("R", value)

    return once


def _awaited(function: Callable[P, Awaitable[Any]]) -> Callable[P, Awaitable[Any]]:
    @wraps(function)
    async def once(*args: P.args, **kwargs: P.kwargs) -> Any:
        memo = _current()
        if memo is None:
            return await function(*args, **kwargs)
        key = _key(function, args, kwargs)
        value = memo.used(key)
        if value is not MISSING:
            return value

        async def look() -> Any:
            return memo.used(key)

        async def compute() -> Any:
            with memo.making(key) as result:
                result.value = await function(*args, **kwargs)
            return result.value

        await memo.stampede.once(key, look, compute)
        return memo.used(key)  # also for who only waited: it has read what the other one did

    return once


def _current() -> _Memo | None:
    request = current_request()
    if request is None:
        return None
    kept: dict[str, Any] = vars(request)
    if "_memo" not in kept:
        kept["_memo"] = _Memo(request)
    return cast("_Memo", kept["_memo"])


def _key(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hashable:
    key = (function, args, frozenset(kwargs.items()) if kwargs else None)
    try:
        hash(key)
    except TypeError as error:
        raise CacheKeyError(
            f"memo cannot keep what {function.__qualname__} gives for these arguments.",
            expected="hashable arguments: texts, numbers, tuples, model instances …",
            got=str(error),
            fix="Give it a primary key instead, or a tuple instead of a list.",
        ) from None
    return key


__all__ = ["memo"]
