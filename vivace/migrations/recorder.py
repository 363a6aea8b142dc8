"""What a database knows of its own history: two small tables.

``vivace_migrations`` lists what is applied. ``vivace_migration_progress`` tells how far a migration got that cannot run
as one transaction: how many of its operations are done (step ``""``), and up to which row a batched one.
"""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING, Any, Final

from vivace.brokers.tables import TABLES
from vivace.db.types import Dialect, Statement

from .migration import Node
from .noted import APPLIED
from .schema import introspect, postgresql, sqlite
from .schema.values import Column, Table

if TYPE_CHECKING:
    from vivace.db.database import Database

PROGRESS: Final = "vivace_migration_progress"
OWN: Final = (APPLIED, PROGRESS, *TABLES)


def _tables(dialect: Dialect) -> tuple[Table, ...]:
    large = "integer" if dialect == "sqlite" else "bigint"
    moment = "datetime" if dialect == "sqlite" else "timestamp with time zone"
    app, name = Column(name="app", type="varchar(255)"), Column(name="name", type="varchar(255)")
    return (
        Table(
            name=APPLIED,
            columns=(
                Column(name="id", type=large, primary=True, identity=True),
                app,
                name,
                Column(name="applied", type=moment),
            ),
        ),
        Table(
            name=PROGRESS,
            columns=(
                app,
                name,
                Column(name="step", type="varchar(255)"),
                Column(name="position", type="text"),
            ),
            primary=("app", "name", "step"),
        ),
    )


class Recorder:
    """Reads and writes what is applied; makes its tables when something is first recorded."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._ready = False

    async def prepare(self) -> None:
        """Make the tables that are not there."""
        if self._ready:
            return
        render = sqlite.create_table if self.database.dialect == "sqlite" else postgresql.create_table
        for table in _tables(self.database.dialect):
            sql = render(table).replace("CREATE TABLE ", "CREATE TABLE IF NOT EXISTS ", 1)
            await self.database.execute(Statement(sql=sql, writes=frozenset((table.name,))))
        self._ready = True

    async def applied(self) -> dict[Node, Any]:
        """Return what is applied, with the time; nothing where the table is not there."""
        if not self._ready and await introspect.read(self.database, APPLIED) is None:
            return {}
        rows = await self._fetch(f"SELECT app, name, applied FROM {APPLIED} ORDER BY id", ())
        return {(str(app), str(name)): moment for app, name, moment in rows}

    async def is_applied(self, node: Node) -> bool:
        """Say whether a migration is applied."""
        rows = await self._fetch(f"SELECT 1 FROM {APPLIED} WHERE app = ? AND name = ?", node)
        return bool(rows)

    async def record(self, node: Node) -> None:
        """Note that a migration is applied."""
        now = datetime.datetime.now(datetime.UTC)
        moment: Any = now if self.database.dialect == "postgresql" else now.strftime("%Y-%m-%d %H:%M:%S.%f")
        if not await self.is_applied(node):
            await self._execute(
                f"INSERT INTO {APPLIED} (app, name, applied) VALUES (?, ?, ?)", (*node, moment), APPLIED
            )

    async def forget(self, node: Node) -> None:
        """Note that a migration is no longer applied."""
        await self._execute(f"DELETE FROM {APPLIED} WHERE app = ? AND name = ?", node, APPLIED)

    # -- progress

    async def position(self, node: Node, step: str = "") -> Any:
        """Return how far a step got, ``None`` when it has not begun."""
        rows = await self._fetch(
            f"SELECT position FROM {PROGRESS} WHERE app = ? AND name = ? AND step = ?", (*node, step)
        )
        return json.loads(rows[0][0]) if rows else None

    async def reach(self, node: Node, step: str, position: Any) -> None:
        """Note how far a step got."""
        await self._execute(
            f"INSERT INTO {PROGRESS} (app, name, step, position) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (app, name, step) DO UPDATE SET position = excluded.position",
            (*node, step, json.dumps(position)),
            PROGRESS,
        )

    async def finish(self, node: Node) -> None:
        """Forget how far a migration got: it is through."""
        await self._execute(f"DELETE FROM {PROGRESS} WHERE app = ? AND name = ?", node, PROGRESS)

    # -- statements

    async def _fetch(self, sql: str, parameters: Any) -> Any:
        statement = Statement(sql=numbered(sql, self.database.dialect))
        return await self.database.fetch(statement, tuple(parameters))

    async def _execute(self, sql: str, parameters: Any, table: str) -> None:
        statement = Statement(sql=numbered(sql, self.database.dialect), writes=frozenset((table,)))
        await self.database.execute(statement, tuple(parameters))


def numbered(sql: str, dialect: Dialect) -> str:
    """Return SQL with the dialect's own placeholders for ``?``."""
    if dialect == "sqlite":
        return sql
    pieces = sql.split("?")
    return pieces[0] + "".join(f"${number}{piece}" for number, piece in enumerate(pieces[1:], 1))


__all__ = ["APPLIED", "OWN", "PROGRESS", "Recorder", "numbered"]
