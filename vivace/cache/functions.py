"""``cached()``: a function whose results are kept until a commit changes what it read.

::

    @cached
    async def front_page_books() -> list[Book]:
        return await Book.objects.filter(featured=True)

The key is the function and its arguments. Nothing else may tell its results apart: what it reads of the request that
belongs to a person makes the result that person's, and it is not kept.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import Any, TypeVar, cast, overload

from vivace.errors import CacheValueError
from vivace.http.personal import OF_ADDRESS, watch_personal

from .copies import NotKeepable, copier
from .dependent import Computation, DependentCache, Entry, Key, Site, Waiting, current_dependents
from .keys import Keying, NoKey

F = TypeVar("F", bound=Callable[..., Any])


@overload
def cached(function: F, /) -> F: ...
@overload
def cached(
    timeout: float | None = None, /, *, key: Callable[..., object] | None = None
) -> Callable[[F], F]: ...
@overload
def cached(*, timeout: float | None = None, key: Callable[..., object] | None = None) -> Callable[[F], F]: ...
def cached(
    function: Any = None, /, *, timeout: float | None = None, key: Callable[..., object] | None = None
) -> Any:
    """Keep the results of a function, plain or ``async``, by its arguments, until a commit changes what it read.

    ``timeout``: at most so many seconds; needed where a result depends on the clock, on chance or on another service.
    ``key(*args, **kwargs)`` returns what stands for the arguments, where they have no key of their own, or only a part of
    them matters. Each caller gets a copy. Of those who ask at once for one result of an ``async`` function one computes,
    the others wait. Outside an app and within a transaction the function is simply called.
    """
    if callable(function):
        return _decorated(function, timeout, key)
    seconds = timeout if function is None else function

    def decorate(decorated: F) -> F:
        return cast("F", _decorated(decorated, seconds, key))

    return decorate


def _decorated(function: Callable[..., Any], timeout: float | None, key: Callable[..., object] | None) -> Any:
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise CacheValueError(
            f"cached() was put on {function.__qualname__}, which yields: what it gives can be had only once.",
            expected="a function that returns",
            fix="Return a list.",
        )
    site = Site(f"{function.__module__}.{function.__qualname__}")
    make = _waiting if inspect.iscoroutinefunction(function) else _at_once
    wrapper = make(function, site, timeout, key)
    wrapper.forget = _forgetter(site)
    return wrapper


def _waiting(
    function: Callable[..., Any], site: Site, timeout: float | None, key: Callable[..., object] | None
) -> Any:
    @wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        cache = current_dependents.get()
        found = None if cache is None else _key(cache, site, key, args, kwargs)
        if cache is None or found is None:
            return await function(*args, **kwargs)
        name, keying = found
        mark = cache.sequence
        while True:
            answer = cache.ask(name, timeout, site)
            if type(answer) is Entry:
                return answer.value()
            if type(answer) is Waiting:
                over = await answer.over()
                if over.good_for(mark):
                    return over.value()
                continue
            return await _computed(cache, cast("Computation", answer), keying, function, args, kwargs)

    return wrapper


async def _computed(
    cache: DependentCache,
    computation: Computation,
    keying: Keying,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    with computation, _watching(cache, computation):
        keying.add_to(computation.reads)
        value = await function(*args, **kwargs)
        return _done(computation, value)


def _at_once(
    function: Callable[..., Any], site: Site, timeout: float | None, key: Callable[..., object] | None
) -> Any:
    """Return the wrapper of a plain function: it cannot wait, so that some may compute the same."""

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        cache = current_dependents.get()
        found = None if cache is None else _key(cache, site, key, args, kwargs)
        if cache is None or found is None:
            return function(*args, **kwargs)
        name, keying = found
        entry = cache.look(name)
        if entry is not None:
            return entry.value()
        computation = cache.alone(name, timeout, site)
        with computation, _watching(cache, computation):
            keying.add_to(computation.reads)
            return _done(computation, function(*args, **kwargs))

    return wrapper


def _key(
    cache: DependentCache,
    site: Site,
    key: Callable[..., object] | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[Key, Keying] | None:
    """Return the key of a call; ``None`` where it has none, or nothing kept may be used."""
    if not cache.usable:
        return None
    keying = Keying()
    try:
        if key is not None:
            return (site, keying.of(key(*args, **kwargs))), keying
        if kwargs:
            named = [kwargs[name] for name in sorted(kwargs)]
            return (site, keying.all_of(args), tuple(sorted(kwargs)), keying.all_of(named)), keying
        return (site, keying.all_of(args)), keying
    except NoKey as error:
        cache.refused(site, f"no key for {error}")
    except RecursionError:
        cache.refused(site, "arguments nested too deeply")
    return None


def _watching(cache: DependentCache, computation: Computation) -> Any:
    request = cache.current_request()
    if request is None:
        return nullcontext()
    return watch_personal(
        request, lambda kind: computation.refuse("of one address" if kind in OF_ADDRESS else "personal")
    )


def _done(computation: Computation, value: Any) -> Any:
    try:
        give, size = copier(value)
    except NotKeepable as error:
        computation.refuse(f"{error} can be had only once")
        computation.done(None, 0)
        return value
    computation.done(give, size)
    return give() if computation.kept or computation.registered else value


def _forgetter(site: Site) -> Callable[[], int]:
    def forget() -> int:
        """Drop all results that are kept in the running app; returns how many there were."""
        cache = current_dependents.get()
        return 0 if cache is None else cache.drop(site)

    return forget


__all__ = ["cached"]
