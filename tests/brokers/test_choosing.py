"""Which broker an app has, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from vivace.brokers.alone import Solitude
from vivace.brokers.choosing import Surroundings, choose
from vivace.brokers.hub import HubBroker
from vivace.brokers.hub.place import take
from vivace.brokers.memory import MemoryBroker
from vivace.db import Database
from vivace.db.urls import connect
from vivace.engine.workers.heartbeat import current_superior
from vivace.errors import BrokerRefused

posix = pytest.mark.skipif(sys.platform == "win32", reason="the hub is a Unix socket")
HOLDER: Final = """
import asyncio, sys
from vivace.brokers.memory import MemoryBroker
from vivace.brokers.alone import Solitude

async def hold():
    broker = MemoryBroker(solitude=Solitude(sys.argv[1]))
    await broker.start(print, print)
    print("alone", flush=True)
    sys.stdin.readline()
    await broker.stop()

asyncio.run(hold())
"""


def at(folder: Path, url: str = "sqlite:///shop.sqlite3", *, alone: bool = False) -> Surroundings:
    database = Database("default", connect(url, root=folder)) if url else None
    return Surroundings(database, folder / "shop.py", alone)


@contextmanager
def another(hub: str) -> Generator[int]:
    """Another process with the memory broker on the same data."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, hub], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            assert process.stdout.readline() == "alone\n"
            yield process.pid
        finally:
            process.stdin.close()


@pytest.mark.parametrize("setting", ["", "memory", "hub", "valkey://nowhere"])
def test_in_a_test_it_is_memory(tmp_path: Path, setting: str) -> None:
    assert isinstance(choose(setting, at(tmp_path, alone=True)), MemoryBroker)


@posix
@pytest.mark.parametrize("setting", ["", "hub"])
def test_sqlite_has_the_hub_beside_its_file(tmp_path: Path, setting: str) -> None:
    broker = choose(setting, at(tmp_path))
    assert isinstance(broker, HubBroker)
    assert broker.path == os.path.realpath(tmp_path / "shop.sqlite3") + "-hub"


@posix
def test_by_whatever_way_one_comes_to_a_file_its_hub_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    brokers: list[Any] = [choose("", at(tmp_path / name)) for name in ("real", "link")]
    assert brokers[0].path == brokers[1].path


@posix
def test_without_a_database_each_app_has_a_hub_of_its_own(tmp_path: Path) -> None:
    brokers: list[Any] = [choose("", at(tmp_path / name, "")) for name in ("one", "two", "one")]
    assert brokers[0].path == brokers[2].path != brokers[1].path


def test_a_database_in_memory_is_of_this_process_alone(tmp_path: Path) -> None:
    assert isinstance(choose("", at(tmp_path, "sqlite://:memory:")), MemoryBroker)
    assert isinstance(choose("memory", at(tmp_path, "sqlite://:memory:")), MemoryBroker)


def test_postgresql_is_its_own_broker_unless_another_is_named(tmp_path: Path) -> None:
    database = at(tmp_path, "postgresql://u:p@localhost/shop")
    assert choose("", database).kind == "postgresql"
    assert choose("postgres://u:p@localhost/other", at(tmp_path)).kind == "postgresql"
    if sys.platform != "win32":
        assert choose("hub", database).kind == "hub"


@pytest.mark.parametrize("url", ["valkey://localhost", "redis://localhost/1", "rediss://localhost"])
def test_valkey_by_any_of_its_names(tmp_path: Path, url: str) -> None:
    assert choose(url, at(tmp_path)).kind == "valkey"


@pytest.mark.parametrize(
    ("setting", "fix"),
    [("memry", "memory"), ("valky://localhost", "valkey"), ("amqp://localhost", ""), ("localhost", "")],
)
def test_an_unknown_broker_is_refused_without_its_password(tmp_path: Path, setting: str, fix: str) -> None:
    with pytest.raises(BrokerRefused) as caught:
        choose(setting.replace("//", "//me:secret@"), at(tmp_path))
    assert fix in caught.value.fix
    assert "secret" not in str(caught.value)


# -- alone ------------------------------------------------------------------------------------------------------------


@posix
async def test_the_memory_broker_is_refused_beside_another_process_that_has_it(tmp_path: Path) -> None:
    broker = choose("memory", at(tmp_path))
    with another(os.path.realpath(tmp_path / "shop.sqlite3") + "-hub") as pid:
        with pytest.raises(BrokerRefused, match=f"Process {pid} works on the same data"):
            await broker.start(print, print)
        with pytest.raises(BrokerRefused, match=f"Process {pid} works on the same data"):
            await choose("hub", at(tmp_path)).start(print, print)
    await broker.start(print, print)  # it has gone
    await broker.stop()
    hub = choose("hub", at(tmp_path))
    await hub.start(print, print)
    await hub.stop()


@posix
async def test_the_memory_broker_is_refused_beside_processes_at_the_hub(tmp_path: Path) -> None:
    sock = take(str(tmp_path / "shop.sqlite3-hub"))
    assert sock is not None
    with sock, pytest.raises(BrokerRefused, match="uses the hub"):
        await choose("memory", at(tmp_path)).start(print, print)


class Superior:
    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.place = (1, 0)

    def want_hub(self, path: str) -> bool:
        return False


async def test_the_memory_broker_is_refused_to_one_of_several_workers(tmp_path: Path) -> None:
    token = current_superior.set(Superior(4))
    try:
        with pytest.raises(BrokerRefused, match="4 workers would not hear of each other"):
            Solitude(str(tmp_path / "x-hub")).claim()
    finally:
        current_superior.reset(token)
