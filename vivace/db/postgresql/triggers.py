"""Triggers that report what other programs write, and the reader of their reports.

They are optional: what is written through a driver reports itself. Statement-level triggers with transition tables
gather the rows of one statement, and NOTIFY sends them at commit, never for a rollback.

- A report is JSON: table, operation, who wrote (``vivace.origin``, a setting that each of our connections has), the
  names of the columns, and old and new rows of these columns. A payload must be shorter than 8,000 bytes; longer ones,
  and statements of more than 100 rows, name the table only.
- The reader skips what its own driver wrote. Through a pooler the setting cannot be sent: then own writes are reported
  twice, which costs a second look and breaks nothing.
- JSON has fewer types than SQL. A value whose type is not in ``DECODERS`` is left out, and a column that is left out
  matches every condition. A key that cannot be read makes it a report of the whole table.
- NOTIFY serialises the commits of all who use it: put triggers on the tables that others really write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from vivace.changes import EVERYTHING, NOTHING, Change, Operation, Values, WriteLog, WriteSet
from vivace.db.types import TableColumns, TransactionOptions

from .connection import Connection
from .driver import PostgreSQLDriver
from .listener import Listener

CHANNEL: Final = "vivace_changes"
_FUNCTION: Final = "vivace_report_change"

_BODY: Final = """
CREATE OR REPLACE FUNCTION vivace_report_change() RETURNS trigger LANGUAGE plpgsql AS $vivace$
DECLARE
    names text[] := TG_ARGV[2:];
    report jsonb := jsonb_build_object(
        'table', TG_ARGV[1], 'operation', lower(TG_OP), 'origin', current_setting('vivace.origin', true));
    rows_before jsonb := '[]';
    rows_after jsonb := '[]';
    many boolean := false;
    whole text;
BEGIN
    IF TG_OP IN ('UPDATE', 'DELETE') THEN
        SELECT count(*) > 100 INTO many FROM (SELECT FROM old_rows LIMIT 101) AS sample;
        IF NOT many THEN
            SELECT coalesce(jsonb_agg((
                SELECT jsonb_agg(to_jsonb(each) -> name ORDER BY place)
                FROM unnest(names) WITH ORDINALITY AS wanted (name, place)
            )), '[]') INTO rows_before FROM old_rows AS each;
        END IF;
    END IF;
    IF TG_OP IN ('INSERT', 'UPDATE') AND NOT many THEN
        SELECT count(*) > 100 INTO many FROM (SELECT FROM new_rows LIMIT 101) AS sample;
        IF NOT many THEN
            SELECT coalesce(jsonb_agg((
                SELECT jsonb_agg(to_jsonb(each) -> name ORDER BY place)
                FROM unnest(names) WITH ORDINALITY AS wanted (name, place)
            )), '[]') INTO rows_after FROM new_rows AS each;
        END IF;
    END IF;
    IF NOT many AND TG_OP <> 'TRUNCATE' THEN
        IF rows_before = '[]' AND rows_after = '[]' THEN
            RETURN NULL;
        END IF;
        whole := (report || jsonb_build_object('columns', names, 'old', rows_before, 'new', rows_after))::text;
    END IF;
    IF whole IS NULL OR octet_length(whole) > 7900 THEN
        whole := report::text;
    END IF;
    PERFORM pg_notify(TG_ARGV[0], whole);
    RETURN NULL;
END
$vivace$;
"""

_TRIGGERS: Final[Mapping[str, str]] = {
    "insert": "REFERENCING NEW TABLE AS new_rows",
    "update": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "delete": "REFERENCING OLD TABLE AS old_rows",
    "truncate": "",
}

DECODERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "int2": int,
    "int4": int,
    "int8": int,
    "bool": bool,
    "text": str,
    "varchar": str,
    "uuid": UUID,
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "timestamptz": lambda text: datetime.fromisoformat(text).astimezone(UTC),
}


def install_sql(tables: Iterable[TableColumns], channel: str = CHANNEL) -> str:
    """Return the script that makes tables report; it may be run again."""
    return _BODY + "\n".join(_create(table, name, channel) for table in tables for name in _TRIGGERS)


def remove_sql(tables: Iterable[TableColumns], *, function: bool = False) -> str:
    """Return the script that makes tables silent; ``function``: and drops the function that all of them share."""
    script = "\n".join(
        f"DROP TRIGGER IF EXISTS vivace_{name} ON {_identifier(table.table)};"
        for table in tables
        for name in _TRIGGERS
    )
    return f"{script}\nDROP FUNCTION IF EXISTS {_FUNCTION}();" if function else script


def _create(table: TableColumns, name: str, channel: str) -> str:
    arguments = ", ".join(map(_literal, (channel, table.table, *_names(table))))
    return (
        f"CREATE OR REPLACE TRIGGER vivace_{name} AFTER {name.upper()} ON {_identifier(table.table)} "
        f"{_TRIGGERS[name]} FOR EACH STATEMENT EXECUTE FUNCTION {_FUNCTION}({arguments});"
    )


def _names(table: TableColumns) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*table.key, *table.columns)))


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


async def install(driver: PostgreSQLDriver, tables: Iterable[TableColumns], channel: str = CHANNEL) -> None:
    """Make tables report, in one transaction."""
    await _run(driver, install_sql(tables, channel))


async def remove(driver: PostgreSQLDriver, tables: Iterable[TableColumns], *, function: bool = False) -> None:
    """Make tables silent, in one transaction."""
    await _run(driver, remove_sql(tables, function=function))


async def _run(driver: PostgreSQLDriver, script: str) -> None:
    session = await driver.begin(TransactionOptions())
    try:
        await session.run_script(script)
    except BaseException:
        await session.rollback()
        raise
    await session.commit()


class Report(msgspec.Struct, frozen=True):
    """What a trigger sends."""

    table: str
    operation: str
    origin: str | None = None
    columns: tuple[str, ...] | None = None
    old: list[list[Any]] = []
    new: list[list[Any]] = []


class ForeignChanges:
    """Announces what other programs wrote to the tables that ``driver.watch`` was given."""

    def __init__(
        self,
        driver: PostgreSQLDriver,
        announce: Callable[[WriteSet], None],
        *,
        channel: str = CHANNEL,
        heartbeat: float = 30.0,
    ) -> None:
        self._origin = driver.origin
        self._announce = announce
        self._tables = {table.table: table for table in driver.watched}
        self._types: dict[str, dict[str, str]] = {}
        self._listener = Listener(
            driver,
            channel,
            on_payload=self._hear,
            on_gap=lambda: announce(EVERYTHING),
            prepare=self._learn_types,
            heartbeat=heartbeat,
        )

    async def start(self) -> None:
        """Begin; what is committed after this returns is announced. Raises ``DatabaseUnavailable``."""
        await self._listener.start()

    async def stop(self) -> None:
        """End."""
        await self._listener.stop()

    async def _learn_types(self, connection: Connection) -> None:
        rows = await connection.fetch(
            "SELECT wanted, attname, typname FROM unnest($1::text[]) AS wanted "
            "JOIN pg_attribute ON attrelid = to_regclass(quote_ident(wanted)) AND attnum > 0 "
            "JOIN pg_type ON pg_type.oid = atttypid",
            list(self._tables),
        )
        self._types = {}
        for table, column, kind in rows:
            self._types.setdefault(table, {})[column] = kind

    def _hear(self, payload: str) -> None:
        written = self.read(payload)
        if written:
            self._announce(written)

    def read(self, payload: str) -> WriteSet:
        """Return what a payload reports; nothing for our own writes, everything when it cannot be understood."""
        try:
            report = msgspec.json.decode(payload, type=Report)
        except msgspec.DecodeError:
            return EVERYTHING
        if report.origin == self._origin:
            return NOTHING
        table = self._tables.get(report.table)
        if (
            table is None
            or not table.key
            or report.columns is None
            or not set(table.key) <= set(report.columns)
        ):
            return WriteSet(tables=frozenset({report.table}))
        return self._changes(report, table, report.columns)

    def _changes(self, report: Report, table: TableColumns, columns: Sequence[str]) -> WriteSet:
        log = WriteLog()
        decode = self._decoder(report.table, columns)
        old, new = ([decode(row) for row in rows] for rows in (report.old, report.new))
        try:
            before, after = ({_key(row, table): row for row in rows} for rows in (old, new))
        except KeyError:
            return WriteSet(tables=frozenset({report.table}))
        for key in dict.fromkeys((*before, *after)):
            log.add(_change(report.table, key, before.get(key), after.get(key)))
        return log.finish()

    def _decoder(self, table: str, columns: Sequence[str]) -> Callable[[Sequence[Any]], Values]:
        types = self._types.get(table, {})
        decoders = [DECODERS.get(types.get(column, "")) for column in columns]

        def decode(row: Sequence[Any]) -> Values:
            values: dict[str, Any] = {}
            for column, decoder, value in zip(columns, decoders, row, strict=True):
                if decoder is not None:
                    _set(values, column, decoder, value)
            return values

        return decode


def _set(values: dict[str, Any], column: str, decoder: Callable[[Any], Any], value: Any) -> None:
    try:
        values[column] = None if value is None else decoder(value)
    except (ValueError, TypeError):  # "infinity", years before Christ: unknown
        values.pop(column, None)


def _key(row: Values, table: TableColumns) -> tuple[Any, ...]:
    return tuple(row[name] for name in table.key)


def _change(table: str, key: tuple[Any, ...], old: Values | None, new: Values | None) -> Change:
    """A key on one side only was inserted, deleted, or left or reached by an update of the key itself."""
    operation: Operation = "insert" if old is None else "delete" if new is None else "update"
    return Change(table=table, operation=operation, key=key, old=old or {}, new=new or {})


__all__ = [
    "CHANNEL",
    "DECODERS",
    "ForeignChanges",
    "Report",
    "install",
    "install_sql",
    "remove",
    "remove_sql",
]
