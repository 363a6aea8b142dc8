"""Fixtures of the app's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vivace.engine.offload import Pool


@pytest.fixture
def pool() -> Iterator[Pool]:
    """A pool of two threads."""
    made = Pool(2)
    yield made
    made.close()
