"""``atomic`` and its companions: how programs use transactions.

One object is context manager and decorator, as in Django, but ``async``: ``async with atomic(): …`` or ``@atomic`` above an
``async def``. Only the decorator can run the work again after a serialization failure, since only it knows the work.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import random
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final, ParamSpec, Self, TypeVar, cast, overload

import msgspec

from vivace.errors import ConfigurationError, SerializationFailure

from .database import Database
from .databases import database_for
from .transactions import Block, Callback, current_block, enter, leave, place_of_caller
from .types import Isolation, TransactionOptions

P = ParamSpec("P")
R = TypeVar("R")
Using = str | Database | None

FIRST_PAUSE: Final = (
    0.01  # seconds before the first repetition, doubled each time, with jitter: transactions that
)
# met each other must not meet again (PostgreSQL documentation 13.5 asks to retry, and says nothing of when)


class AtomicOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What ``atomic`` was called with."""

    using: Using = None
    durable: bool = False
    savepoint: bool = True
    isolation: Isolation | None = None
    read_only: bool = False
    retries: int = 0


class Atomic:
    """A block, or the blocks of a decorated function: see ``atomic``."""

    __slots__ = ("_block", "_entered", "_options")

    def __init__(self, options: AtomicOptions) -> None:
        self._options = options
        self._block: Block | None = None
        self._entered = False  # also while it begins

    async def __aenter__(self) -> Self:
        options = self._options
        if options.retries:
            raise ConfigurationError(
                "`async with atomic(retries=…)` cannot run its body again.",
                fix="Put the body into an async function below `@atomic(retries=…)`, or use `await retrying(function)`.",
            )
        if self._entered:
            raise ConfigurationError(
                "One atomic() object was entered twice.", fix="Call atomic() for each block."
            )
        self._entered = True
        try:
            self._block = await self._begin()
        except BaseException:
            self._entered = False
            raise
        return self

    async def _begin(self) -> Block:
        options = self._options
        database = _database(options.using)
        begin = TransactionOptions(
            isolation=options.isolation, read_only=options.read_only, place=place_of_caller()
        )
        return await enter(database, begin, durable=options.durable, savepoint=options.savepoint)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        block, self._block, self._entered = self._block, None, False
        if block is not None:
            await leave(block, error)

    def __call__(self, function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
        if not inspect.iscoroutinefunction(function):
            raise ConfigurationError(
                f"@atomic stands above {function!r}, which is no async function.",
                expected="async def: only such a function can await the commit",
            )
        options = msgspec.structs.replace(self._options, retries=0)
        attempts = self._options.retries + 1

        @functools.wraps(function)
        async def run(*args: P.args, **kwargs: P.kwargs) -> R:
            async def once() -> R:
                async with Atomic(options):
                    return await function(*args, **kwargs)

            if attempts == 1:
                return await once()
            return await retrying(once, attempts=attempts, using=options.using)

        return run


@overload
def atomic(function: Callable[P, Awaitable[R]], /) -> Callable[P, Awaitable[R]]: ...
@overload
def atomic(
    using: Using = None,
    /,
    *,
    durable: bool = False,
    savepoint: bool = True,
    isolation: Isolation | None = None,
    read_only: bool = False,
    retries: int = 0,
) -> Atomic: ...
def atomic(using: Any = None, /, **options: Any) -> Any:
    """Make a block, or a function, one transaction: all of it is committed, or nothing.

    Inside another ``atomic`` of the same database it is a savepoint (``savepoint=False``: it is part of the outer one, which
    it brings down when it fails). ``durable=True`` refuses to be inside another. ``isolation`` is "read committed",
    "repeatable read" or "serializable" (default: the database's); ``read_only=True`` refuses writes. ``retries``, for
    decorated functions, runs the function again that often after a ``SerializationFailure``.
    """
    if callable(using):
        return Atomic(AtomicOptions())(cast("Callable[..., Awaitable[Any]]", using))
    try:
        return Atomic(AtomicOptions(using=using, **options))
    except TypeError as error:
        raise ConfigurationError(
            f"atomic() was called with an unknown option: {error}",
            expected=", ".join(AtomicOptions.__struct_fields__),
        ) from None


async def retrying(function: Callable[[], Awaitable[R]], *, attempts: int = 3, using: Using = None) -> R:
    """Call ``function`` until it does not end in a ``SerializationFailure``, at most ``attempts`` times.

    It must hold the whole transaction. Inside an open one it is called once: only the whole transaction can be repeated.
    """
    if current_block(_database(using)) is not None:
        attempts = 1
    pause = FIRST_PAUSE
    for attempt in range(1, attempts + 1):
        try:
            return await function()
        except SerializationFailure:
            if attempt == attempts:
                raise
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))
        pause *= 2
    raise ConfigurationError("retrying() needs at least one attempt.", got=f"attempts={attempts}")


def on_commit(callback: Callback, using: Using = None, *, robust: bool = False) -> None:
    """Call ``callback`` after the commit of the current transaction, and never if it rolls back; without one, now.

    Callbacks run in order, once subscribers were told what was written; ``async def`` ones are awaited. An error in one
    is raised to whoever left the block (the transaction is committed all the same), or logged when ``robust``.
    """
    _database(using).on_commit(callback, robust=robust)


def in_transaction(using: Using = None) -> bool:
    """Say whether the running code is inside a transaction of the database."""
    return current_block(_database(using)) is not None


def _database(using: Using) -> Database:
    return using if isinstance(using, Database) else database_for(using=using, write=True)


__all__ = ["Atomic", "atomic", "in_transaction", "on_commit", "retrying"]
