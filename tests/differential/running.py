"""Both worlds on one database: run a case in each, and count."""

from __future__ import annotations

import asyncio
import contextvars
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.differential import django_side, schema, vivace_side
from tests.differential.compare import Refused, canonical, refusal, same
from tests.differential.deliberate import DELIBERATE
from tests.differential.programs import Case, features
from tests.differential.writing import DUMP
from vivace.db import Database, Databases, current_databases
from vivace.db.urls import connect
from vivace.migrations.create import create_tables


class Worlds:
    """Django and Vivace side by side on a database that has the tables."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.dialect = "sqlite" if url.startswith("sqlite") else "postgresql"
        self.answered: Counter[str] = Counter()  # by feature
        self.cases: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.meant: Counter[str] = Counter()  # of those that differ deliberately
        self.deliberate: Counter[str] = Counter()  # by reason
        self._runner = asyncio.Runner()
        self._context = contextvars.copy_context()
        django_side.connect(url)  # not in the loop: Django keeps a connection for each context
        self._run(self._open())
        if self.dialect == "postgresql":
            schema.make_djangos_tables()

    def _run(self, work: Any) -> Any:
        return self._runner.run(work, context=self._context)

    async def _open(self) -> None:
        self.database = Database("default", connect(self.url, root=Path("/")))
        current_databases.set(Databases({"default": self.database}))
        if self.dialect == "sqlite":
            await create_tables(self.database, vivace_side.declared())

    def close(self) -> None:
        """Close both worlds' connections."""
        self._run(self.database.close())
        self._runner.close()
        django_side.disconnect()

    def told(self, row: str) -> str:
        """Return how many cases of a row there were, in a line."""
        counts = (self.cases[row], self.answered[row], self.refused[row], self.meant[row])
        return "{}: {} cases, {} answered alike, {} refused by both, {} differ deliberately".format(
            row, *counts
        )

    def difference(self, case: Case) -> tuple[Any, Any] | None:
        """Run a case in both worlds; return both answers where they differ and should not."""
        theirs, ours = self.theirs(case), self._run(self._ours(case))
        self.cases[case.row] += 1
        if same(case, theirs, ours):
            self._count(case, theirs)
            return None
        for each in DELIBERATE:
            if each.covers(case, self.dialect, theirs, ours):
                self.deliberate[each.reason] += 1
                self.meant[case.row] += 1
                return None
        return theirs, ours

    def _count(self, case: Case, answer: Any) -> None:
        if isinstance(answer, Refused) and answer.kind in ("refused", "crash"):
            self.refused[case.row] += 1
        else:
            self.answered[case.row] += 1
            self.answered.update({f"{case.row} {name}" for name in features(case.program)})

    def theirs(self, case: Case) -> Any:
        """Return Django's answer."""
        try:
            if case.writes:
                return django_side.write(case.program, lambda value: canonical(value), DUMP)
            return django_side.read(case.program, lambda value: canonical(value, case.touches))
        except Exception as error:
            return refusal(error)

    async def _ours(self, case: Case) -> Any:
        try:
            if case.writes:
                return await vivace_side.write(case.program, lambda value: canonical(value), DUMP)
            return await vivace_side.read(case.program, lambda value: canonical(value, case.touches))
        except Exception as error:
            return refusal(error)


@contextmanager
def worlds(url: str) -> Generator[Worlds]:
    """Run the body with both worlds on an empty database."""
    made = Worlds(url)
    try:
        yield made
    finally:
        made.close()
