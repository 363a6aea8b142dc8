"""Waiting for what other tasks and processes do: with a bound that is no measure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

BOUND: Final = 30.0  # seconds until a test gives up


async def until(true: Callable[[], object]) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(BOUND):
        while not true():
            await asyncio.sleep(0.005)
