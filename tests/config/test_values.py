"""Text as typed values."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.config.secret import Secret
from vivace.config.units import Bytes, Seconds
from vivace.config.values import check_value, describe, hides, read_value


class Level(Enum):
    LOW = "low"
    HIGH = 2


@pytest.mark.parametrize(
    ("text", "hint", "value"),
    [
        ("x", str, "x"),
        ("TRUE", bool, True),
        ("off", bool, False),
        ("1_000", int, 1000),
        ("1.5", float, 1.5),
        ("4096", Bytes, 4096),
        ("10MB", Bytes, 10 * 1024**2),
        ("1.5 GiB", Bytes, 1536 * 1024**2),
        ("64k", Bytes, 65_536),
        ("0", Bytes, 0),
        ("12b", Bytes, 12),
        ("30s", Seconds, 30.0),
        ("1.5", Seconds, 1.5),
        ("250ms", Seconds, 0.25),
        ("1h30m", Seconds, 5400.0),
        ("2 min", Seconds, 120.0),
        ("1d", timedelta, timedelta(days=1)),
        ("a, b,,c", tuple[str, ...], ("a", "b", "c")),
        ("", tuple[str, ...], ()),
        ("1,2", list[int], [1, 2]),
        ("1,1", frozenset[int], frozenset({1})),
        ("1k,2", tuple[Bytes, ...], (1024, 2)),
        ("s", Secret[str], Secret("s")),
        ("s,t", tuple[Secret[str], ...], (Secret("s"), Secret("t"))),
        ("", int | None, None),
        ("none", int | None, None),
        ("7", int | None, 7),
        ("x", int | str, "x"),
        ("B", Literal["a", "b"], "b"),
        ("2", Literal[1, 2], 2),
        ("high", Level, Level.HIGH),
        ("2", Level, Level.HIGH),
        ("/tmp/x", Path, Path("/tmp/x")),
        ("2026-01-02", "date", None),
    ],
)
def test_cl5_text_is_read_by_type(text: str, hint: Any, value: object) -> None:
    if hint == "date":
        from datetime import date

        hint, value = date, date(2026, 1, 2)
    result = read_value(text, hint)
    assert result == value
    assert type(result) is type(value)
    assert check_value(value, hint) == value


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("maybe", bool),
        ("1.5", int),
        ("", int),
        ("9" * 5000, int),
        ("nan", float),
        ("inf", float),
        ("-1", Bytes),
        ("10XB", Bytes),
        ("9" * 400 + ".0k", Bytes),
        ("-1s", Seconds),
        ("5 parsecs", Seconds),
        ("nan", Seconds),
        ("9" * 300 + "d", timedelta),
        ("1,x", list[int]),
        ("c", Literal["a", "b"]),
        ("middle", Level),
        ("x", int | None),
        ("x", Secret[int]),
    ],
)
def test_cl5_text_that_does_not_fit_is_a_value_error(text: str, hint: Any) -> None:
    with pytest.raises(ValueError):
        read_value(text, hint)


@given(
    st.text(),
    st.sampled_from([int, float, bool, Bytes, Seconds, timedelta, tuple[int, ...], int | None, Level]),
)
def test_reading_raises_nothing_else(text: str, hint: Any) -> None:
    try:
        read_value(text, hint)
    except ValueError:
        return


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (1, str),
        (True, int),
        (-1, Bytes),
        (-0.5, Seconds),
        (float("nan"), Seconds),
        (5, tuple[str, ...]),
        ([1], list[str]),
    ],
)
def test_python_values_that_do_not_fit_are_value_errors(value: object, hint: Any) -> None:
    with pytest.raises(ValueError):
        check_value(value, hint)


def test_python_values_are_converted() -> None:
    assert check_value(["a"], tuple[str, ...]) == ("a",)
    assert check_value(5, Seconds) == 5.0
    assert check_value("10k", Bytes) == 10_240
    assert check_value(b"x", Secret[bytes]).reveal() == b"x"


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        (Bytes, "a size such as 4096, 64KB or 10MB"),
        (tuple[Seconds, ...], "a comma-separated list, each a duration such as 30, 1.5s, 5m or 1h30m"),
        (int | None, "a whole number or nothing"),
        (Literal["a", "b"], "one of a, b"),
        (Level, "one of low, 2"),
        (Secret[int], "a whole number"),
        (complex, "complex"),
    ],
)
def test_types_are_described(hint: Any, text: str) -> None:
    assert describe(hint) == text


def test_sc13_hidden_types() -> None:
    assert all(hides(hint) for hint in (Secret, Secret[str], tuple[Secret[str], ...], Secret[str] | None))
    assert not any(hides(hint) for hint in (str, tuple[str, ...], Bytes))
