"""PAINS 31: unknown fields are found whatever the cheap proof says."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any, TypedDict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect as mi

from vivace.app.binding.bodies import json_decoder
from vivace.app.binding.known import deepest, key_count
from vivace.config.secret import Secret
from vivace.errors import BadRequest, ValidationFailed
from vivace.http.jsonbodies import nesting


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


@pytest.mark.parametrize(
    ("kind", "levels"),
    [
        (int, 0),
        (list[int], 1),
        (dict[str, list[int]], 2),
        (tuple[int, list[str]], 2),
        (Order, 3),
        (Shape, 3),
        (Order | None, 3),
        (list[Order], 4),
        (Tree, inf),
        (dict[str, Any], inf),
        (list[msgspec.Raw], inf),
        (Secret[str], inf),
    ],
)
def test_a_type_says_how_deep_its_values_are(kind: Any, levels: float) -> None:
    assert deepest(mi.type_info(kind)) == levels


@given(order=ORDERS, depth=st.integers(0, 6), extra=st.integers(0, 6), known=st.booleans())
def test_levels_are_limited_whether_the_type_bounds_them_or_not(
    order: Order, depth: int, extra: int, known: bool
) -> None:
    """PAINS 31: what the type does not know is counted, too; nothing is told of a document that is too deep but that."""
    value = msgspec.to_builtins(order)
    if not known:
        value["extr"] = 1
        for _ in range(extra):
            value["extr"] = [value["extr"]]
    raw = msgspec.json.encode(value)
    read = json_decoder(Order)
    if nesting(raw) > depth:
        with pytest.raises(BadRequest, match="too deep"):
            read(raw, depth)
    elif known:
        assert read(raw, depth) == order
    else:
        with pytest.raises(ValidationFailed):
            read(raw, depth)


def test_what_is_unknown_and_deeper_than_the_stack_is_refused() -> None:
    raw = b'{"x":1,"y":2,"z":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(BadRequest, match="too deep"):
        json_decoder(Point)(raw, 100)
