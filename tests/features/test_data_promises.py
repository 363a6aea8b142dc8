"""What an app with a database promises: no threads, no held connections, recovery, nothing half-done (PAINS 1, 3, 4, 13, 35)."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

import pytest

from tests.cli.process import serving as command
from tests.cli.process import vivace
from tests.db.backends import DIALECTS, url_of
from tests.engine.serving import serving
from tests.servers import PostgreSQLServer
from vivace import App, models
from vivace.db import Database, Databases, Statement, atomic, on_commit
from vivace.db.sqlite import SQLiteDriver, SQLiteOptions
from vivace.migrations.create import create_tables
from vivace.testing import Client

ACCOUNTS: Final = 8
START: Final = 1_000  # in each account


class Account(models.Model):
    name = models.CharField(max_length=40, unique=True)
    balance = models.IntegerField(default=0)


class Entry(models.Model):
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="entries")
    amount = models.IntegerField()
    note = models.TextField(default="")


class Visit(models.Model):
    key = models.CharField(max_length=40, primary_key=True)
    data: Any = models.JSONField(default=dict)


MODELS: Final = [Account, Entry, Visit]


@pytest.fixture(params=DIALECTS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a fresh database of each kind in turn."""
    return url_of(request.param, tmp_path, request)


@asynccontextmanager
async def running(app: App, *, raise_errors: bool = True) -> AsyncGenerator[Client]:
    """Start an app whose queries really commit, with its tables and a few accounts."""
    app.compile()
    async with Client(app, isolate=False, raise_errors=raise_errors) as client:
        if app.databases.default.dialect == "sqlite" or not await has_tables(app):
            await create_tables(app.databases.default, app.models)
            await Account.objects.bulk_create(
                [Account(name=f"account {n}", balance=START) for n in range(ACCOUNTS)]
            )
        yield client


async def has_tables(app: App) -> bool:
    found = Statement(sql="SELECT to_regclass($1) IS NOT NULL")
    return bool((await app.databases.default.fetch(found, (Account._meta.db_table,)))[0][0])


def banking(url: str | Databases, **options: Any) -> App:
    """An app that moves money."""
    app = App(databases={"default": url} if isinstance(url, str) else url, models=MODELS, **options)

    @app.get("/accounts")
    async def accounts() -> Any:
        return await Account.objects.order_by("pk")

    @app.post("/transfer", on_disconnect="cancel")
    @app.get("/transfer")
    async def transfer(source: int, target: int, amount: int = 1) -> dict[str, int]:
        return {"moved": await move(source, target, amount)}

    @app.post("/visit/{key}")
    async def visit(key: str) -> Any:
        found, _ = await Visit.objects.get_or_create(pk=key)
        found.data = {"seen": found.data.get("seen", 0) + 1}
        await found.save()
        return found.data

    return app


async def move(source: int, target: int, amount: int) -> int:
    """Take from one account and give to another: two writes of accounts and one of entries in a transaction."""
    async with atomic():
        rows = {each.pk: each for each in await Account.objects.select_for_update().order_by("pk")}
        rows[source].balance -= amount
        await rows[source].save(update_fields=["balance"])
        await Entry.objects.create(account=rows[source], amount=-amount)
        async with atomic():
            rows[target].balance += amount
            await rows[target].save(update_fields=["balance"])
            await Entry.objects.bulk_create([Entry(account=rows[target], amount=amount)])
    return amount


async def check_books() -> int:
    """Check that each account is what its entries say; returns how many transfers took place."""
    query = Account.objects.annotate(moved=models.Sum("entries__amount", default=0)).order_by("pk")
    for account in await query:
        assert account.balance == START + account.moved
    assert (await Account.objects.aggregate(total=models.Sum("balance")))["total"] == ACCOUNTS * START
    count = await Entry.objects.count()
    assert count % 2 == 0
    return count // 2


async def check_nothing_leaked(database: Database) -> None:
    """Wait until the pool is whole again and, on PostgreSQL, the server sees no open transaction."""
    if database.dialect == "sqlite":
        async with asyncio.timeout(20), database.transaction():
            return  # the writer can be had
    pool = cast("Any", database.driver).pool
    async with asyncio.timeout(20):
        while pool.size != len(pool.free) or pool.waiters:
            await asyncio.sleep(0.005)
    open_ones = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
    )
    assert (await database.fetch(Statement(sql=open_ones)))[0][0] == 0


# -- threads and connections --------------------------------------------------------------------------------------


def refuse(*arguments: object, **named: object) -> None:
    """Stand where a thread would be started."""
    raise AssertionError(f"a thread was asked for: {arguments}")


async def test_pn1_a_request_on_postgresql_uses_no_thread(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr(asyncio.get_running_loop(), "run_in_executor", refuse)
    app = banking(postgresql_url)
    done: list[str] = []

    @app.post("/all/{key}")
    async def everything(key: str) -> Any:
        found, _ = await Visit.objects.get_or_create(pk=key, defaults={"data": {"seen": 0}})
        async with atomic():
            on_commit(lambda: done.append(key))
            await Visit.objects.filter(pk=found.pk).update(data={"seen": 1})
            await move(1, 2, 1)
        loaded = await Account.objects.prefetch_related("entries").order_by("pk")
        streamed = [entry.amount async for entry in Entry.objects.order_by("pk").iterator(chunk_size=3)]
        await Entry.objects.filter(note=key).delete()
        return {"accounts": len(loaded), "entries": len(streamed), "most": await Account.objects.count()}

    async with running(app) as client:
        answers = await asyncio.gather(*(client.post(f"/all/key-{number % 7}") for number in range(20)))
        assert all(answer.json()["accounts"] == ACCOUNTS for answer in answers)
        assert len(done) == await check_books() == 20


async def test_pn13_a_handler_that_waits_holds_no_connection(postgresql_url: str) -> None:
    app = banking(f"{postgresql_url}?max_connections=5")
    waiting = 0
    everybody = asyncio.Event()

    @app.get("/wait/{pk}")
    async def wait(pk: int) -> int:
        nonlocal waiting
        account = await Account.objects.get(pk=pk)
        waiting += 1
        if waiting == 200:
            everybody.set()
        await everybody.wait()
        await account.load("balance")
        return account.balance

    async with running(app) as client:
        async with asyncio.timeout(30):
            answers = await asyncio.gather(*(client.get(f"/wait/{n % ACCOUNTS + 1}") for n in range(200)))
        assert [answer.json() for answer in answers] == [START] * 200
        assert cast("Any", app.databases.default.driver).pool.state.opened <= 5
        await check_nothing_leaked(app.databases.default)


async def test_pn3_who_gets_no_connection_in_time_is_told_to_come_back(postgresql_url: str) -> None:
    app = banking(f"{postgresql_url}?max_connections=1&acquire_timeout=0.02")
    entered, go = asyncio.Event(), asyncio.Event()

    @app.post("/hold")
    async def hold() -> None:
        async with atomic():
            await Account.objects.count()
            entered.set()
            await go.wait()

    async with running(app, raise_errors=False) as client:
        holding = asyncio.create_task(client.post("/hold"))
        await entered.wait()
        refused = await client.get("/accounts")
        go.set()
        assert (await holding).status == 204
        assert (refused.status, refused.json()["type"]) == (503, "urn:vivace:error:pool-timeout")
        assert refused.headers["retry-after"] == "1"
        assert "127.0.0.1" not in refused.text
        assert (await client.get("/accounts")).status == 200


# -- databases that fail ------------------------------------------------------------------------------------------


async def until_ok(ask: Callable[[], Awaitable[Any]]) -> None:
    async with asyncio.timeout(20):
        while (await ask()).status != 200:
            await asyncio.sleep(0.02)


async def test_pn3_postgresql_goes_and_comes_back_under_a_running_app(
    postgresql_server: PostgreSQLServer,
) -> None:
    with postgresql_server.fresh() as url:
        app = banking(url)
        async with running(app, raise_errors=False) as client:
            assert (await client.post("/visit/a")).json() == {"seen": 1}
            for _ in range(2):
                postgresql_server.stop()
                for method, path in (("GET", "/accounts"), ("POST", "/visit/a")):
                    gone = await client.request(method, path)
                    assert (gone.status, gone.json()["type"]) == (
                        503,
                        "urn:vivace:error:database-unavailable",
                    )
                    assert (gone.headers["content-type"], gone.headers["retry-after"]) == (
                        "application/problem+json",
                        "1",
                    )
                    assert set(gone.json()) <= {"type", "title", "status"}
                postgresql_server.start()
                await until_ok(lambda: client.get("/accounts"))
            assert (await client.post("/visit/a")).json() == {"seen": 2}
            await check_nothing_leaked(app.databases.default)


async def test_a_full_sqlite_disk_is_507_and_passes(tmp_path: Path) -> None:
    options = SQLiteOptions(path=str(tmp_path / "a.db"), pragmas=(("max_page_count", 40),))
    app = banking(Databases({"default": Database("default", SQLiteDriver(options))}))

    @app.post("/note")
    async def note(size: int) -> int:
        await Entry.objects.create(account_id=1, amount=0, note="x" * size)
        return size

    async with running(app, raise_errors=False) as client:
        full = await client.post("/note?size=400000")
        assert (full.status, full.json()["type"]) == (507, "urn:vivace:error:database-full")
        assert "detail" not in full.json()
        assert (await client.get("/accounts")).status == 200
        assert (await client.post("/note?size=10")).status == 200
        assert await Entry.objects.count() == 1


async def test_a_database_that_only_reads_answers_writes_with_503(database_url: str) -> None:
    app = banking(database_url)

    @app.post("/write")
    async def write() -> None:
        async with atomic(read_only=True):
            await Account.objects.update(balance=0)

    async with running(app, raise_errors=False) as client:
        refused = await client.post("/write")
        assert (refused.status, refused.json()["type"]) == (503, "urn:vivace:error:database-read-only")
        assert await check_books() == 0


# -- SQLite as a server -------------------------------------------------------------------------------------------


async def test_pn35_fifty_read_then_write_transactions_on_sqlite(tmp_path: Path) -> None:
    app = banking(url_of("sqlite", tmp_path, None))  # type: ignore[arg-type]
    async with running(app) as client:
        answers = await asyncio.gather(
            *(client.post(f"/transfer?source={n % 8 + 1}&target={(n + 3) % 8 + 1}") for n in range(50))
        )
        assert [answer.status for answer in answers] == [200] * 50
        assert await check_books() == 50


COUNTER: Final = """
import os
from vivace import App, models
from vivace.db import atomic
app = App()

class Counter(models.Model):
    worker = models.IntegerField(unique=True)
    count = models.IntegerField(default=0)

@app.get("/add", on_disconnect="finish")
async def add():
    async with atomic():
        await Counter.objects.get_or_create(worker=os.getpid())
        total = sum([one.count async for one in Counter.objects.all()])
        await Counter.objects.filter(worker=os.getpid()).update(count=models.F("count") + 1)
        assert sum([one.count async for one in Counter.objects.all()]) == total + 1
    await Counter.objects.filter(worker=0).update(count=models.F("count"))
    return os.getpid()

@app.get("/counts")
async def counts():
    return {str(one.worker): one.count for one in await Counter.objects.all()}
"""


async def test_pn35_two_workers_write_one_sqlite_file(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "counter.py").write_text(COUNTER)
    made = vivace("shell", "counter.py", "-c", "pass", folder=folder)  # makes the tables, as `run` never does
    assert made.returncode == 0, made.stderr
    with command("run", "counter.py", "--workers", "2", folder=folder, tmp=tmp_path) as server:
        answers = await asyncio.gather(*(asyncio.to_thread(server.ask, "/add") for _ in range(120)))
        assert {status for status, _, _ in answers} == {200}, server.said
        _, counts, _ = await asyncio.to_thread(server.ask, "/counts")
        said: dict[str, int] = {}
        for _, worker, _ in answers:
            said[worker] = said.get(worker, 0) + 1
        assert json.loads(counts) == said
        assert server.stop() == 0
        assert "is locked" not in server.said


# -- clients that go away -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "fate"), [("POST", "finished"), ("GET", "cancelled")])
async def test_pn4_a_client_that_leaves_in_a_transaction_leaves_nothing_half_done(
    database_url: str, method: str, fate: str
) -> None:
    app = banking(database_url)
    inside, go = asyncio.Event(), asyncio.Event()
    ended: list[str] = []

    @app.route("/slow", methods=["GET", "POST"])
    async def slow() -> None:
        try:
            async with atomic():
                await Account.objects.filter(pk=1).update(balance=models.F("balance") - 5)
                await Entry.objects.create(account_id=1, amount=-5)
                inside.set()
                await go.wait()
                await Account.objects.filter(pk=2).update(balance=models.F("balance") + 5)
                await Entry.objects.create(account_id=2, amount=5)
            ended.append("finished")
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async with running(app), serving(app.handle) as served:
        client = await served.connect()
        await client.send(f"{method} /slow HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n".encode())
        await inside.wait()
        client.reset()
        while served.server.connections:
            await asyncio.sleep(0.001)
        go.set()
        while not ended:
            await asyncio.sleep(0.001)
        assert ended == [fate]
        await check_nothing_leaked(app.databases.default)
        assert await check_books() == (1 if fate == "finished" else 0)


async def test_pn4_a_thousand_requests_cancelled_at_random_awaits(database_url: str) -> None:
    app = banking(database_url)
    chance = random.Random(404)
    fates = {"answered": 0, "cancelled": 0}
    shown: list[Any] = []

    async def one(client: Client) -> None:
        source, target = chance.sample(range(1, ACCOUNTS + 1), 2)
        method = chance.choice(["GET", "POST"])
        request = asyncio.create_task(client.request(method, f"/transfer?source={source}&target={target}"))
        for _ in range(chance.choice([0, 1, 3, 10, 30, 100, 1_000])):
            if request.done():
                break
            await asyncio.sleep(0 if chance.random() < 0.8 else 0.0002)
        request.cancel()
        (outcome,) = await asyncio.gather(request, return_exceptions=True)
        if isinstance(outcome, asyncio.CancelledError):
            fates["cancelled"] += 1
        else:
            assert not isinstance(outcome, BaseException), outcome
            fates["answered"] += 1

    async def reader(client: Client) -> None:
        while True:
            shown.append((await client.get("/accounts")).json())

    async def several(client: Client, count: int) -> None:
        for _ in range(count):
            await one(client)

    async with running(app) as client:
        reading = asyncio.create_task(reader(client))
        await asyncio.gather(*(several(client, 100) for _ in range(10)))
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await check_nothing_leaked(app.databases.default)
        moved = await check_books()
        assert fates["answered"] <= moved <= 1_000
        assert min(fates.values()) > 50, fates
        assert len(shown) > 10
        for accounts in shown:
            assert [account["id"] for account in accounts] == list(range(1, ACCOUNTS + 1))
            assert sum(account["balance"] for account in accounts) == ACCOUNTS * START
