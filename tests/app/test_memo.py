"""Results for the length of a request (CA6)."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from vivace import App, memo
from vivace.errors import CacheKeyError, CacheValueError
from vivace.testing import Client

calls: Counter[Any] = Counter()


@memo
async def tenant(name: str, *, full: bool = False) -> str:
    """Find a tenant."""
    calls[name, full] += 1
    await asyncio.sleep(0)
    return name.upper()


@memo
def rate(currency: str) -> float | None:
    calls[currency] += 1
    return None if currency == "none" else 1.5


@memo
async def needs_itself() -> Any:
    return await needs_itself()


@memo
async def fails() -> None:
    calls["fails"] += 1
    raise LookupError


@pytest.fixture(autouse=True)
def _fresh() -> None:
    calls.clear()


async def in_request(handler: Any) -> Any:
    app = App()
    app.get("/")(handler)
    async with Client(app) as client:
        return (await client.get("/")).json()


async def test_ca6_computed_once_in_a_request_and_again_in_the_next() -> None:
    app = App()

    @app.before
    async def hook(request: Any) -> None:
        await tenant("ada")

    @app.get("/")
    async def page() -> list[Any]:
        found = [await tenant("ada"), await tenant("bob"), await tenant("ada", full=True)]
        return [*found, rate("none"), rate("none"), rate("eur")]

    async with Client(app) as client:
        for times in (1, 2):
            assert (await client.get("/")).json() == ["ADA", "BOB", "ADA", None, None, 1.5]
            expected = {
                ("ada", False): times,
                ("bob", False): times,
                ("ada", True): times,
                "none": times,
                "eur": times,
            }
            assert calls == expected


async def test_ca6_who_asks_meanwhile_waits() -> None:
    async def page() -> list[str]:
        return await asyncio.gather(*(tenant("ada") for _ in range(10)))

    assert await in_request(page) == ["ADA"] * 10
    assert calls == {("ada", False): 1}


async def test_ca6_outside_of_a_request_nothing_is_kept() -> None:
    assert [await tenant("ada"), await tenant("ada")] == ["ADA", "ADA"]
    assert [rate("eur"), rate("eur")] == [1.5, 1.5]
    assert calls == {("ada", False): 2, "eur": 2}


async def test_ca6_errors_are_not_kept_and_circles_are_told() -> None:
    async def page() -> None:
        for _ in range(2):
            with pytest.raises(LookupError):
                await fails()
        with pytest.raises(CacheValueError, match="is needed"):
            await needs_itself()
        with pytest.raises(CacheKeyError, match="tenant"):
            await tenant(["a list"])  # type: ignore[arg-type]

    app = App()
    app.get("/")(page)
    async with Client(app) as client:
        assert (await client.get("/")).status == 204
    assert calls["fails"] == 2


def test_ca6_the_function_is_still_itself() -> None:
    assert tenant.__name__ == "tenant"
    assert tenant.__doc__ == "Find a tenant."
