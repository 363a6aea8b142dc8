"""Results that are kept for the length of one request, and go with it (CA6).

A tenant, a set of permissions, an exchange rate: what the hook, the view and the template of one request all ask for is
computed by the first who asks. Nothing has to be invalidated: the next request computes it again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, ParamSpec, TypeVar, cast

from vivace.cache.stampede import Stampede
from vivace.cache.store import MISSING
from vivace.errors import CacheKeyError

from .current import current_request

P = ParamSpec("P")
R = TypeVar("R")


class _Memo:
    """What the functions of one request gave, by function and arguments."""

    __slots__ = ("stampede", "values")

    def __init__(self) -> None:
        self.values: dict[Hashable, Any] = {}
        self.stampede = Stampede(None)


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
        value = memo.values.get(key, MISSING)
        if value is MISSING:
            value = memo.values[key] = function(*args, **kwargs)
        return cast("R", value)

    return once


def _awaited(function: Callable[P, Awaitable[Any]]) -> Callable[P, Awaitable[Any]]:
    @wraps(function)
    async def once(*args: P.args, **kwargs: P.kwargs) -> Any:
        memo = _current()
        if memo is None:
            return await function(*args, **kwargs)
        key = _key(function, args, kwargs)
        value = memo.values.get(key, MISSING)
        if value is not MISSING:
            return value

        async def look() -> Any:
            return memo.values.get(key, MISSING)

        async def compute() -> Any:
            value = memo.values[key] = await function(*args, **kwargs)
            return value

        return await memo.stampede.once(key, look, compute)

    return once


def _current() -> _Memo | None:
    request = current_request()
    if request is None:
        return None
    kept: dict[str, Any] = vars(request)
    if "_memo" not in kept:
        kept["_memo"] = _Memo()
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
