"""Values go to SQLite in Django's formats."""

from __future__ import annotations

import enum
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.db.sqlite.support import opened, read
from vivace.db.sqlite.binding import adapt
from vivace.errors import DataError


class Color(enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    BIG = 3


class Name(enum.StrEnum):
    ANN = "ann"


class Day(enum.Enum):
    FIRST = date(2024, 1, 2)


ZONE = timezone(timedelta(hours=5, minutes=30))
VALUES: list[tuple[Any, object]] = [
    (None, None),
    (True, 1),
    (False, 0),
    (-(2**63), -(2**63)),
    (1.5, 1.5),
    ("ü\0x", "ü\0x"),
    (b"\0\xff", b"\0\xff"),
    (bytearray(b"ab"), b"ab"),
    (memoryview(b"abc")[1:], b"bc"),
    (datetime(2024, 2, 29, 1, 2, 3), "2024-02-29 01:02:03"),
    (datetime(2024, 2, 29, 1, 2, 3, 4), "2024-02-29 01:02:03.000004"),
    (datetime(2024, 2, 29, 1, 2, 3, tzinfo=ZONE), "2024-02-28 19:32:03"),
    (datetime(1, 1, 1), "0001-01-01 00:00:00"),
    (date(2024, 2, 29), "2024-02-29"),
    (time(1, 2), "01:02:00"),
    (time(1, 2, 3, 500000), "01:02:03.500000"),
    (timedelta(days=1, microseconds=-1), 86_399_999_999),
    (Decimal("1.50"), "1.50"),
    (Decimal("1E+3"), "1000"),
    (UUID(int=255), "0" * 30 + "ff"),
    (Color.RED, "red"),
    (Size.BIG, 3),
    (Name.ANN, "ann"),
    (Day.FIRST, "2024-01-02"),
]


@pytest.mark.parametrize(("value", "stored"), VALUES)
async def test_values(tmp_path: Path, value: object, stored: object) -> None:
    async with opened(tmp_path / "a.db") as driver:
        for short in (True, False):
            ((found,),) = await driver.fetch(read("SELECT ?", short=short), (value,))
            assert found == stored
            assert type(found) is type(stored)


@pytest.mark.parametrize("value", [object(), [1], {"a": 1}, 1j, time(1, tzinfo=ZONE)])
async def test_values_without_a_form(tmp_path: Path, value: object) -> None:
    async with opened(tmp_path / "a.db") as driver:
        for short in (True, False):
            with pytest.raises(DataError, match=r"type|time zone"):
                await driver.fetch(read("SELECT ?", short=short), (value,))


@given(
    st.lists(st.datetimes(timezones=st.sampled_from([UTC, ZONE]), min_value=datetime(2, 1, 1)), min_size=2)
)
def test_stored_moments_sort_as_time_does(moments: list[datetime]) -> None:
    whole = [moment.replace(microsecond=0) for moment in moments]
    assert [adapt(moment) for moment in sorted(whole)] == sorted(str(adapt(moment)) for moment in whole)
