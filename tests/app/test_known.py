"""PAINS 31: unknown fields are found whatever the cheap proof says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect as mi

from vivace.app.binding.bodies import json_decoder
from vivace.app.binding.known import key_count
from vivace.errors import ValidationFailed


class Line(msgspec.Struct):
    sku: str
    amount: int


class Order(msgspec.Struct):
    email: str
    first: Line
    lines: list[Line]
    note: str = ""
    extra: dict[str, int] = {}


@dataclass
class Point:
    x: int
    y: int


class Shape(TypedDict):
    name: str
    corners: list[Point]


class Tree(msgspec.Struct):
    value: int
    children: list[Tree]


LINES = st.builds(Line, st.text(max_size=8), st.integers(0, 9))
ORDERS = st.builds(Order, st.text(max_size=8), LINES, st.lists(LINES, max_size=3), st.text(max_size=5))


def test_required_keys_are_counted_and_nothing_else() -> None:
    order = Order("a", Line("s", 1), [Line("s", 1), Line("s", 2)], "note")
    assert key_count(mi.type_info(Order))(order) == 3 + 2 + 2 * 2
    assert key_count(mi.type_info(Shape))({"name": "a", "corners": [Point(1, 2)]}) == 4
    assert key_count(mi.type_info(dict[str, int]))({"a": 1}) == 0
    assert key_count(mi.type_info(Tree))(Tree(1, [Tree(2, [])])) == 2


@given(order=ORDERS)
def test_rq8_known_fields_pass(order: Order) -> None:
    assert json_decoder(Order)(msgspec.json.encode(order), 64) == order


@given(
    order=ORDERS, name=st.text(max_size=6), drop=st.booleans(), place=st.sampled_from(["", "first", "lines"])
)
def test_rq8_an_unknown_field_is_always_found(order: Order, name: str, drop: bool, place: str) -> None:
    document: Any = msgspec.to_builtins(order)
    if drop:  # fewer optional keys must not make room for an unknown one
        del document["note"], document["extra"]
    places: dict[str, Any] = {"": document, "first": document["first"], "lines": document["lines"]}
    target = places[place]
    if place == "lines":
        if not target:
            return
        target = target[-1]
    target[f"unknown {name}"] = 1
    with pytest.raises(ValidationFailed):
        json_decoder(Order)(msgspec.json.encode(document), 64)


@pytest.mark.parametrize(
    "body",
    [
        b'{"x":1,"y":2,"y":3}',
        b'{"x" : 1, "y" : 2}',
    ],
)
def test_rq8_spaces_and_repeated_keys_are_as_before(body: bytes) -> None:
    assert json_decoder(Point)(body, 64).x == 1
