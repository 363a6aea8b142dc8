"""Databases for tests: never those of development, fresh for each test, with the tables of the app's models (TE6).

On SQLite each test has a database of its own in memory, and everything really commits. Making the tables takes a millisecond
for each, so from the third test on a database begins as a copy of one that has them. On PostgreSQL one database is made for each test process, beside the configured one and named after it
(``test_shop``, with pytest-xdist ``test_shop_gw0``); it stays, and is made anew when the tables changed. Each test runs in a
transaction that is rolled back, in which the app's outermost blocks count as commits: ``on_commit`` callbacks run and changes are announced.

So nothing that a test leaves behind reaches the next one, and tests may run in any order and side by side.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from vivace.db import Database, Databases
    from vivace.db.types import Dialect

MARK: Final = "vivace test tables"  # in the comment of a database: it was made here, and may be dropped


@asynccontextmanager
async def isolated(app: Any) -> AsyncGenerator[Databases]:
    """Give ``app`` databases of its own, with its tables, until the block ends. Must be entered before the app starts."""
    from vivace.db import current_databases

    real: Databases = app.databases
    app.compile()  # adopts and checks the models
    test = real.replaced(_substitute)
    async with AsyncExitStack() as stack:
        app.data.replace(test, lent=True)
        stack.callback(app.data.replace, real, lent=False)
        token = current_databases.set(test)
        stack.callback(current_databases.reset, token)
        for database in test:
            await stack.enter_async_context(_prepared(database, app.models))
        yield test


def _substitute(database: Database) -> Database:
    """Return the test database that stands for one of the app's."""
    from vivace.db import Database

    driver: Any = database.driver
    if database.dialect == "sqlite":
        return Database(database.alias, _like(driver, path=":memory:"))
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    name = "_".join(part for part in ("test", driver.options.database or database.alias, worker) if part)
    return Database(database.alias, _like(driver, database=name))


def _like(driver: Any, **changes: Any) -> Any:
    """Return a driver of the same kind with other options."""
    return type(driver)(msgspec.structs.replace(driver.options, **changes))


@asynccontextmanager
async def _prepared(database: Database, models: Sequence[Any]) -> AsyncGenerator[None]:
    script = TABLES.script(models, database.dialect)
    try:
        if database.dialect == "sqlite":
            try:
                await _fill(database, script)
                yield
            finally:
                await database.close()
                await database.driver.close()  # also one that nobody has opened: it may have a file
        else:
            await _make(database, script)
            async with database.rolled_back():
                yield
    finally:
        await database.close()


class Tables:
    """The tables of the app that is tested, kept from test to test: their SQL, and an SQLite file that has them."""

    def __init__(self) -> None:
        self._models: tuple[Any, ...] = ()
        self._scripts: dict[str, str] = {}
        self._seen = ""
        self.file: bytes | None = None

    def script(self, models: Sequence[Any], dialect: Dialect) -> str:
        """Return the SQL that makes the tables of models."""
        if self._models != tuple(models):
            self._models, self._scripts = tuple(models), {}
        if dialect not in self._scripts:
            from vivace.migrations.create import tables_sql

            self._scripts[dialect] = ";\n".join(tables_sql(models, dialect))
        return self._scripts[dialect]

    def seen(self, script: str) -> bool:
        """Say whether the last database had the same tables: a copy is worth making for those that come again."""
        again = script == self._seen
        if not again:
            self._seen, self.file = script, None
        return again


TABLES: Final = Tables()


async def _fill(database: Database, script: str) -> None:
    """Make the tables in a new SQLite database, or let it begin with them."""
    driver: Any = database.driver
    again = TABLES.seen(script)
    if TABLES.file is not None:
        driver.begin_as(TABLES.file)
        return
    await database.run_script(script)
    if again:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "tables.sqlite3"
            await driver.backup(path)
            TABLES.file = path.read_bytes()


async def _make(database: Database, script: str) -> None:
    """Make the database of this process, unless the one that is there was made for the same tables."""
    from vivace.db import Database, Statement
    from vivace.errors.testing import TestDatabaseTaken

    driver: Any = database.driver
    name = driver.options.database
    mark = f"{MARK} {hashlib.sha256(script.encode()).hexdigest()}"
    options = msgspec.structs.replace(
        driver.options, database="postgres", min_connections=0, max_connections=1
    )
    server = Database("server", type(driver)(options))
    found = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1"
    try:
        rows = await server.fetch(Statement(sql=found), (name,))
        if rows and rows[0][0] == mark:
            return
        if rows and not str(rows[0][0]).startswith(MARK):
            raise TestDatabaseTaken(
                f"Tests would replace the database {name!r}, which no test made.",
                expected="no database of this name, or one that an earlier run of the tests made",
                fix=f"If nothing in it is needed: DROP DATABASE {name}. Else give one of the two another name.",
            )
        quoted = '"' + name.replace('"', '""') + '"'
        for sql in (
            f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)",
            f"CREATE DATABASE {quoted}",
            f"COMMENT ON DATABASE {quoted} IS '{MARK}'",  # ours, also when the tables cannot be made
        ):
            await server.execute(Statement(sql=sql, writes=None))
        if script:
            await database.run_script(script)
        await server.execute(Statement(sql=f"COMMENT ON DATABASE {quoted} IS '{mark}'", writes=None))
    finally:
        await server.close()


__all__ = ["isolated"]
