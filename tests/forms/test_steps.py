"""Work that waits only where it must: one implementation for both."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

from vivace.forms.steps import Steps, resumed


async def later(value: Any) -> Any:
    await asyncio.sleep(0)
    if isinstance(value, Exception):
        raise value
    return value


def adding(*values: Any) -> Steps:
    total = 0
    for value in values:
        try:
            total += yield value
        except ValueError:
            total += 100
    return total


def test_steps_without_awaitables_are_plain_code() -> None:
    assert resumed(adding(1, 2, 3)) == 6


async def test_steps_with_an_awaitable_become_a_coroutine() -> None:
    answer = resumed(adding(1, later(2), 3, later(4)))
    assert inspect.iscoroutine(answer)
    assert await answer == 10


async def test_errors_of_what_was_awaited_are_raised_where_it_was_yielded() -> None:
    assert await resumed(adding(1, later(ValueError()), 3)) == 104
    with pytest.raises(KeyError):
        await resumed(adding(1, later(KeyError())))
