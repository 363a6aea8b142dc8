"""Fixtures of the broker tests: a stage of each kind in turn."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from tests.brokers.stage import KINDS, REMOTE, Stage, stage_of


@pytest.fixture(params=KINDS)
async def stage(request: pytest.FixtureRequest) -> AsyncGenerator[Stage]:
    """Every kind of broker."""
    stage = stage_of(request.param, request)
    yield stage
    await stage.close()


@pytest.fixture(params=REMOTE)
async def remote(request: pytest.FixtureRequest) -> AsyncGenerator[Stage]:
    """Every kind of broker that other processes can come to."""
    stage = stage_of(request.param, request)
    yield stage
    await stage.close()
