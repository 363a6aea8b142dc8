"""Fixtures of all tests: database servers, started when the first test asks, one set for each worker."""

from __future__ import annotations

import contextlib
import functools
import gc
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.constants_ast import Constants

# No test has a time limit of its own: what is slow on a busy machine is not wrong. What is generated is the same in each
# run, so that a change is judged by what it changed; EXPLORE=1 looks at new examples each time.
settings.register_profile(
    "vivace",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="EXPLORE" not in os.environ,
)
settings.load_profile("vivace")

# Hypothesis 6.170 also draws the constants it reads from every local module that is loaded at the time: in another order,
# in another worker or on another Python the same test had other examples. So only new examples have them.
if "EXPLORE" not in os.environ:
    pytest.MonkeyPatch().setattr("hypothesis.internal.conjecture.providers._get_local_constants", Constants)

# What is collected, thirteen thousand tests and all their modules, stays to the end: left to the collector of garbage it
# is gone through again and again, which was a fifth of the time, and half a second of each ``gc.collect()`` in a test.
gc.disable()


def pytest_configure(config: pytest.Config) -> None:
    """Give each worker temporary files of its own.

    Processes of one folder are one site and find each other there, and a folder's tests may run in several workers.
    """
    if hasattr(config, "workerinput"):
        folder = tempfile.mkdtemp(prefix="vivace-tests-")
        os.chmod(folder, 0o711)  # database servers run as another user, and have folders of their own in it
        os.environ["TMPDIR"], tempfile.tempdir = folder, folder
        config.add_cleanup(functools.partial(shutil.rmtree, folder, ignore_errors=True))


def pytest_collection_finish() -> None:
    """Take what was collected out of the collector's sight."""
    gc.freeze()
    gc.enable()


if TYPE_CHECKING:
    from tests.servers import Databases, PgBouncer, PostgreSQLServer, ValkeyServer


@pytest.fixture(scope="session")
def postgresql_databases() -> Iterator[Databases]:
    """The server of this run: that of ``VIVACE_TEST_POSTGRESQL``, else one of our own."""
    from tests.servers import Databases

    url = os.environ.get("VIVACE_TEST_POSTGRESQL")
    if url:
        databases = Databases(url)
        try:
            yield databases
        finally:
            databases.drop()
        return
    yield from _server(None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The system's Chromium, one for each module of tests."""
    from tests.features.browsing import chromium

    with chromium() as started:
        yield started


@pytest.fixture
def postgresql_url(request: pytest.FixtureRequest, postgresql_databases: Databases) -> Iterator[str]:
    """The URL of an empty database; one of the test's own where a pooler stands before it and keeps its connections."""
    with postgresql_databases.fresh(own="pgbouncer" in request.fixturenames) as url:
        yield url


@pytest.fixture
def postgresql_server() -> Iterator[PostgreSQLServer]:
    """A server of the test's own, which it may stop, kill and restart; what was committed survives that."""
    yield from _server(None, synchronous_commit="on")


@pytest.fixture(scope="session")
def postgresql_15() -> Iterator[Databases]:
    """A server of version 15, whose RETURNING knows no old rows; skipped where the system has none."""
    from tests.servers import DEBIAN_15

    if not (DEBIAN_15 / "postgres").exists():
        pytest.skip(f"no PostgreSQL 15 in {DEBIAN_15}")
    yield from _server(DEBIAN_15)


@pytest.fixture(params=["newest", "15"])
def every_postgresql_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh database on each server version in turn."""
    name = "postgresql_15" if request.param == "15" else "postgresql_databases"
    databases: Databases = request.getfixturevalue(name)
    with databases.fresh() as url:
        yield url


@pytest.fixture(scope="session")
def pgbouncer(postgresql_databases: Databases) -> Iterator[PgBouncer]:
    """PgBouncer in transaction mode before the server of this run; skipped where it is not installed."""
    from tests.servers import Missing, PgBouncer

    try:
        running = PgBouncer(postgresql_databases.url)
    except Missing as reason:
        pytest.skip(str(reason))
    try:
        yield running
    finally:
        running.close()


@pytest.fixture
def pgbouncer_url(pgbouncer: PgBouncer, postgresql_url: str) -> str:
    """The URL of the database of ``postgresql_url`` through PgBouncer in transaction mode."""
    return pgbouncer.url.removesuffix("/postgres") + "/" + postgresql_url.rpartition("/")[2]


@pytest.fixture(scope="session")
def shared_valkey() -> Iterator[ValkeyServer]:
    """The Valkey server of this run; skipped where none is installed."""
    with contextlib.ExitStack() as servers:
        yield _valkey(servers)


@pytest.fixture
def valkey_url(shared_valkey: ValkeyServer) -> Iterator[str]:
    """The URL of an empty database of the Valkey server of this run."""
    number = next(_valkey_databases)
    shared_valkey.tell(f"SELECT {number}", "FLUSHDB")
    yield f"{shared_valkey.url}/{number}"
    shared_valkey.tell(f"SELECT {number}", "FLUSHDB")


_valkey_databases = itertools.cycle(range(500))  # a server of tests has 512: the last ones are never cleared


@pytest.fixture
def make_valkey() -> Iterator[Callable[..., ValkeyServer]]:
    """Starts Valkey servers of the test's own, with settings; it may kill and restart them."""
    with contextlib.ExitStack() as servers:
        yield functools.partial(_valkey, servers)


@pytest.fixture
def valkey_server(make_valkey: Callable[..., ValkeyServer]) -> ValkeyServer:
    """A Valkey server of the test's own, which comes back empty."""
    return make_valkey()


def _valkey(servers: contextlib.ExitStack, **settings: str) -> ValkeyServer:
    from tests.servers import Missing, ValkeyServer, valkey_binary

    try:
        server = ValkeyServer(valkey_binary(), **settings)
    except Missing as reason:
        pytest.skip(str(reason))
    servers.callback(server.close)
    server.start()
    return server


def _server(binaries: Path | None, **settings: str) -> Iterator[PostgreSQLServer]:
    from tests.servers import Missing, PostgreSQLServer, postgresql_binaries

    try:
        server = PostgreSQLServer(binaries or postgresql_binaries(), **settings)
    except Missing as reason:
        pytest.skip(str(reason))
    try:
        server.start()
        yield server
    finally:
        server.close()
