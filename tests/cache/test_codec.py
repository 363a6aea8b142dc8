"""What goes into a shared store comes back as it was, or does not go in."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from tests.cache.conftest import SharedMemory
from vivace.cache import Cache
from vivace.cache.codec import decode, encode
from vivace.errors import CacheValueError

zones = st.one_of(
    st.none(), st.just(UTC), st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.dates(),
    st.datetimes(timezones=zones),
    st.times(),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.uuids(),
    st.text().map(Markup),
)
hashable = st.one_of(scalars, st.lists(scalars, max_size=2).map(tuple), st.frozensets(scalars, max_size=2))
keys = st.one_of(
    st.text(),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.none(),
    st.binary(),
    st.floats(allow_nan=False),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.sets(hashable, max_size=4),
        st.frozensets(hashable, max_size=4),
        st.dictionaries(keys, inner, max_size=4),
    ),
    max_leaves=12,
)


def types_of(value: Any) -> Any:
    """Return the types of a value and of what is in it: what == does not compare."""
    kind: type[Any] = type(cast("object", value))
    if kind is dict:
        return kind, [(type(key).__name__, types_of(value[key])) for key in list(value)]
    if kind in (list, tuple):
        return kind, [types_of(value[n]) for n in range(len(value))]
    if kind in (set, frozenset):
        return kind, sorted(map(str, map(types_of, list(value))))
    return (kind, value.utcoffset()) if kind in (datetime, time) else kind


@given(values)
def test_ca1_values_come_back_as_they_were(value: Any) -> None:
    kept = encode(value)
    assert type(kept) in (bytes, int)
    back = decode(kept)
    assert back == value
    assert types_of(back) == types_of(value)
    if not isinstance(value, (list, tuple, dict, set, frozenset)):
        assert repr(back) == repr(value)  # 0.0 and -0.0, Decimal("1.0") and Decimal("1"), fold


class Point(msgspec.Struct):
    x: int


@dataclasses.dataclass
class Pair:
    x: int


class Text(str):
    pass


def _circle() -> Any:
    circle: list[Any] = []
    circle.append(circle)
    return circle


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (Point(1), "Point"),
        (Pair(1), "Pair"),
        (object(), "object"),
        ([{"deep": {1, (2, Text("x"))}}], "Text"),
        ({2**64: 3}, "keys such as a int"),
        ({(1, 2): 3}, "keys such as a tuple"),
        (datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Paris")), "named time zone"),
        ("\ud800", "surrogates"),
        (_circle(), "recursion"),
        (ValueError("x"), "ValueError"),
        (len, "builtin"),
    ],
)
async def test_ca1_what_would_not_come_back_is_refused(value: Any, got: str) -> None:
    cache = Cache(SharedMemory())
    await cache.set("k", 1)
    with pytest.raises(CacheValueError, match="would not come back the same") as caught:
        await cache.set("k", value)
    assert got in caught.value.got
    assert "primary key" in caught.value.fix
    assert await cache.get("k") == 1
    kept_in_memory = Cache()
    await kept_in_memory.set("k", value)
    assert await kept_in_memory.get("k") is value


@given(st.binary(max_size=40))
def test_what_others_wrote_is_read_or_raises(data: bytes) -> None:
    with suppress(Exception):
        decode(data)


async def test_what_cannot_be_read_counts_as_missing(caplog: pytest.LogCaptureFixture) -> None:
    cache = Cache(SharedMemory())
    await cache.store.keep({cache.key("k"): b"\xc1", cache.key("l"): b"\xc0"}, cache._keep(None))
    assert await cache.get("k", "none") == "none"
    assert await cache.get_many(["k", "l"]) == {"l": None}
    assert await cache.get_or_set("k", lambda: 5) == 5
    assert await cache.get("k") == 5
    assert "cannot be read" in caplog.text


def test_a_text_of_ten_kilobytes_costs_no_copy_of_its_parts() -> None:
    assert len(encode("x" * 10_000)) == 10_003  # type: ignore[arg-type]


def test_the_format_of_what_is_kept_does_not_change() -> None:
    """A deploy reads what the one before wrote: these bytes stay readable for ever."""
    value = {
        "t": (1, 2),
        "s": {3},
        "m": datetime(2026, 1, 2, 3, 4, 5, 6, UTC),
        "d": date(2026, 1, 2),
        "c": time(1, 2),
        "l": timedelta(1, 2, 3),
        "n": Decimal("1.50"),
        "u": UUID(int=5),
        "h": Markup("<b>"),
        "i": 2**70,
        "f": frozenset({1}),
    }
    kept = bytes.fromhex(
        "8ba174c7030292 0102a173c7020391 03a16dc7200532 3032362d30312d30 325430333a30343a 30352e3030303030 362b30303a3030a1"
        "64c70a0632303236 2d30312d3032a163 c70807 30313a30323a3030 a16cd60893010203 a16ed609312e3530 a175d80a00000000"
        "0000000000000000 00000005a168c703 0b3c623ea169c712 0134303030303030 3030303030303030 303030a166c70204 9101"
    )
    assert decode(encode(value)) == value
    assert decode(kept) == value
