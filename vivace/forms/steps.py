"""One implementation for work that sometimes has to wait: a generator that yields what may be awaitable.

``resumed(steps())`` runs the generator. As long as nothing it yields is awaitable it is plain, synchronous code, and its
result is returned. From the first awaitable on it is continued by a coroutine, which is returned instead. So validators
may be ``def`` or ``async def`` without a second copy of whoever calls them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from inspect import isawaitable
from typing import Any, TypeAlias

Steps: TypeAlias = Generator[Any, Any, Any]


def resumed(steps: Steps) -> Any:
    """Run the steps; return their result, or a coroutine of it when one of them must be awaited."""
    try:
        yielded = next(steps)
        while not waits(yielded):
            yielded = steps.send(yielded)
    except StopIteration as end:
        return end.value
    return _awaited(steps, yielded)


def waits(value: Any) -> bool:
    """Say whether a value must be awaited."""
    return value is not None and isawaitable(value)


async def _awaited(steps: Steps, yielded: Any) -> Any:
    try:
        while True:
            try:
                value = await yielded if waits(yielded) else yielded
            except Exception as error:
                yielded = steps.throw(error)
            else:
                yielded = steps.send(value)
    except StopIteration as end:
        return end.value


async def settled(value: Awaitable[Any] | Any) -> Any:
    """Return a value, awaited where it must be."""
    return await value if waits(value) else value
