"""Fixtures of the app's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vivace.app.blocking import BlockingPool


@pytest.fixture
def pool() -> Iterator[BlockingPool]:
    """A pool of two threads."""
    made = BlockingPool(2)
    yield made
    made.close()
