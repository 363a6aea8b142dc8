"""Django answers first: every query of ``queries.py`` must give the same on SQLite and PostgreSQL."""

from __future__ import annotations

import sys

import pytest

from tests.models.sql.queries import QUERIES
from tests.models.sql.worlds import side_by_side

NEWEST = sys.version_info >= (3, 12)  # Django 6.1; 5.2 on 3.11 differs in a few answers
ONLY_NEWEST = ("None])", "__-1", "StringAgg")
ONLY_SQLITE = ("nocase", "SHA1")  # PostgreSQL needs an extension for SHA-1


def _asked(name: str, url: str) -> list[str]:
    left_out = () if NEWEST else ONLY_NEWEST
    if url.startswith("postgresql"):
        left_out = (*left_out, *ONLY_SQLITE)
    return [text for text in QUERIES[name] if not any(mark in text for mark in left_out)]


@pytest.mark.parametrize("name", QUERIES)
async def test_same_answers_as_django(name: str, oracle_url: str) -> None:
    async with side_by_side(oracle_url) as worlds:
        asked = _asked(name, oracle_url)
        assert asked
        assert await worlds.differences(asked) == []
