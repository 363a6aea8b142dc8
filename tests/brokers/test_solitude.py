"""A process with the memory broker is alone on its database, also among machines."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.brokers.stage import calm
from tests.brokers.test_postgresql import ask
from vivace.brokers.alone import Solitude
from vivace.brokers.base import Message
from vivace.brokers.memory import MemoryBroker
from vivace.brokers.postgresql import PostgreSQLBroker
from vivace.brokers.postgresql.solitude import DatabaseSolitude
from vivace.db.postgresql import PostgreSQLDriver
from vivace.db.urls import connect
from vivace.errors import BrokerRefused

CLAIM = (
    "locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def hear(message: Message | int) -> None:
    """Take what comes."""


def machine(url: str, folder: Path) -> MemoryBroker:
    """Return the broker of a process on a machine of its own."""
    folder.mkdir(exist_ok=True)
    driver = connect(url)
    assert isinstance(driver, PostgreSQLDriver)
    return MemoryBroker(solitude=Solitude(str(folder / "x-hub"), DatabaseSolitude(driver.options)))


async def test_rl6_processes_on_two_machines_are_not_both_alone(postgresql_url: str, tmp_path: Path) -> None:
    one, two = (machine(postgresql_url, tmp_path / name) for name in "ab")
    await one.start(hear, hear)
    try:
        with pytest.raises(BrokerRefused, match="Another process works on the same PostgreSQL"):
            await two.start(hear, hear)
    finally:
        await one.stop()
    await two.start(hear, hear)
    await two.stop()


async def test_rl6_who_is_alone_and_who_is_not_refuse_each_other(postgresql_url: str, tmp_path: Path) -> None:
    alone = machine(postgresql_url, tmp_path)
    others = [PostgreSQLBroker(postgresql_url, options=calm()) for _ in range(2)]
    for other in others:
        await other.start(hear, hear)
    try:
        with pytest.raises(BrokerRefused):
            await alone.start(hear, hear)
    finally:
        for other in others:
            await other.stop()
    await alone.start(hear, hear)
    try:
        with pytest.raises(BrokerRefused):
            await others[0].start(hear, hear)
    finally:
        await alone.stop()


async def test_rl6_the_next_worker_waits_for_the_one_before_it(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vivace.brokers.postgresql.solitude.AGAIN", 0.001)
    driver = connect(postgresql_url)
    assert isinstance(driver, PostgreSQLDriver)
    before, after, other = (DatabaseSolitude(driver.options) for _ in range(3))
    await before.claim(inherit=False)
    try:
        await after.claim(inherit=True)
        await before.release()
        async with asyncio.timeout(30):
            while not ask(postgresql_url, f"SELECT pid FROM pg_locks WHERE {CLAIM}"):
                await asyncio.sleep(0.001)
        with pytest.raises(BrokerRefused):
            await other.claim(inherit=False)
    finally:
        for each in (before, after, other):
            await each.release()


async def test_rl6_a_claim_is_made_again_when_its_connection_was_lost(postgresql_url: str) -> None:
    driver = connect(postgresql_url)
    assert isinstance(driver, PostgreSQLDriver)
    alone = DatabaseSolitude(driver.options)
    await alone.claim(inherit=False)
    try:
        [(first,)] = held = ask(postgresql_url, f"SELECT pid FROM pg_locks WHERE {CLAIM}")
        ask(postgresql_url, f"SELECT pg_terminate_backend({first})")
        async with asyncio.timeout(30):
            while held in ([], [(first,)]):
                held = ask(postgresql_url, f"SELECT pid FROM pg_locks WHERE {CLAIM}")
                await asyncio.sleep(0.01)
    finally:
        await alone.release()
