"""Two worlds on one database, for tests that ask Django the same questions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.models import oracle
from vivace.db import Database, Databases, current_databases
from vivace.db.urls import connect

IGNORED_ORDER = "order_by"


def django_settings(url: str) -> dict[str, Any]:
    """Return Django's settings for a database URL."""
    parts = urlsplit(url)
    if parts.scheme.startswith("sqlite"):
        return oracle.sqlite_settings(Path(parts.path))
    options = parse_qs(parts.query)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path[1:],
        "USER": parts.username or "postgres",
        "PASSWORD": parts.password or "",
        "HOST": parts.hostname or options.get("host", [""])[0],
        "PORT": str(parts.port or options.get("port", ["5432"])[0]),
    }


class Worlds:
    """Django and Vivace side by side."""

    def __init__(self, django: oracle.World, vivace: oracle.World, database: Database) -> None:
        self.django = django
        self.vivace = vivace
        self.database = database

    async def differences(self, queries: Iterable[str]) -> list[str]:
        """Return those queries that the worlds answer differently, with both answers."""
        found: list[str] = []
        for text in queries:
            expected = await oracle.answer(self.django, text)
            got = await oracle.answer(self.vivace, text)
            if _failed(expected):
                found.append(f"{text}: Django itself says {expected}")
            elif not _same(text, expected, got):
                found.append(f"{text}\n  Django: {expected}\n  Vivace: {got}")
        return found


def _failed(answer: Any) -> bool:
    return isinstance(answer, str) and answer.startswith("error: ")


def _same(text: str, expected: Any, got: Any) -> bool:
    if expected == got:
        return True
    lists: tuple[Any, Any] = (expected, got)
    if IGNORED_ORDER in text or not all(isinstance(each, list) for each in lists):
        return False
    return sorted(map(repr, lists[0])) == sorted(map(repr, lists[1]))


@asynccontextmanager
async def side_by_side(url: str) -> AsyncGenerator[Worlds]:
    """Run the body with both worlds on a database that has the oracle's tables."""
    django = oracle.django_world(django_settings(url))
    database = Database("default", connect(url, root=Path("/")))
    token = current_databases.set(Databases({"default": database}))
    try:
        yield Worlds(django, oracle.vivace_world(), database)
    finally:
        current_databases.reset(token)
        await database.close()
        oracle.disconnect_django()
