"""Converters: what each reads, what it refuses, and that values survive the way there and back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NewType
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from vivace.errors import BadPattern
from vivace.routing import Converter, converter_for

BookId = NewType("BookId", int)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


ROUND_TRIPS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, st.integers()),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (bool, st.booleans()),
    (Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    (UUID, st.uuids()),
    (date, st.dates()),
    (time, st.times()),
    (datetime, st.datetimes()),
    (Colour, st.sampled_from(Colour)),
    (Level, st.sampled_from(Level)),
    (Literal["a", 2], st.sampled_from(["a", 2])),
    (BookId, st.integers()),
    (int | UUID, st.one_of(st.integers(), st.uuids())),
    (Annotated[int, Meta(ge=1)], st.integers(min_value=1)),
]


@given(st.data())
def test_ro4_values_survive_text_and_back(data: st.DataObject) -> None:
    annotation, values = data.draw(st.sampled_from(ROUND_TRIPS))
    converter, value = converter_for(annotation), data.draw(values)
    text = converter.text_of(value)
    assert read(converter)(text) == value


@pytest.mark.parametrize(
    ("annotation", "refused"),
    [
        (int, ["", "a", "1.0", " 1", "1_000", "+1", "٣", "-", "--1", "1" * 5000]),
        (float, ["nan", "inf", "1e999", "1_0", ".5", "1.", "0x1"]),
        (bool, ["True", "1", "yes"]),
        (Decimal, ["NaN", "sNaN", "Infinity", "1_0"]),
        (UUID, ["{12345678-1234-5678-1234-567812345678}", "12345678123456781234567812345678"]),
        (date, ["20240101", "2024-W01-1", "2024-02-30", "2024-1-1"]),
        (datetime, ["2024-01-01", "2024-01-01 10:00", "2024-01-01T25:00"]),
        (Colour, ["RED", "green"]),
        (Level, ["3", "LOW"]),
        (Literal["a", 2], ["b", "3"]),
        (Annotated[int, Meta(ge=1)], ["0", "x"]),
        (int | bool, ["x"]),
    ],
)
def test_ro1_a_bad_value_is_no_match(annotation: Any, refused: list[str]) -> None:
    converter = converter_for(annotation)
    assert [text for text in refused if converter.fits(text)] == []


def test_a_union_prefers_the_more_specific_member() -> None:
    converter = converter_for(str | int)
    assert [read(converter)("7"), read(converter)("seven")] == [7, "seven"]
    assert converter_for(int | None).name == "int"


def test_ro1_a_type_that_no_text_can_be_is_refused() -> None:
    with pytest.raises(BadPattern, match="cannot be of the type") as caught:
        converter_for(dict[str, int])
    assert "Converter" in caught.value.fix or "converter" in caught.value.fix


def test_one_type_gives_one_branch() -> None:
    assert converter_for(Colour).key == converter_for(Colour).key
    assert converter_for(Literal["a"]).key != converter_for(Literal["b"]).key


@pytest.mark.parametrize(
    ("annotation", "value"),
    [(str, None), (str, b"x"), (str, ""), (int, 1.5), (int, True), (int, None), (date, 3)],
)
def test_ro4_a_value_that_would_not_come_back_is_refused(annotation: Any, value: Any) -> None:
    with pytest.raises(ValueError):
        converter_for(annotation).text_of(value)


def read(converter: Converter) -> Callable[[str], Any]:
    return converter.parse or str
