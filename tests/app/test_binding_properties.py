"""Properties of binding: any type, any input. msgspec is the oracle of what is valid."""

from __future__ import annotations

import asyncio
from dataclasses import make_dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta, Struct

from vivace.app.binding.bodies import json_decoder
from vivace.app.binding.walk import MOST_PROBLEMS, problems_of
from vivace.app.kinds import class_of
from vivace.errors import BadRequest, ValidationFailed

from .support import endpoint, get

DEPTH = 100


class Color(Enum):
    RED = "red"


class Cat(Struct, tag="cat"):
    lives: int
    friend: Cat | Dog | None = None


class Dog(Struct, tag="dog"):
    name: str
    friends: list[Cat | Dog] = []


class StrictCat(Struct, tag="cat", forbid_unknown_fields=True):
    lives: int
    friend: StrictCat | StrictDog | None = None


class StrictDog(Struct, tag="dog", forbid_unknown_fields=True):
    name: str
    friends: list[StrictCat | StrictDog] = []


Shape: TypeAlias = (
    Any  # ("leaf", type) | ("list" | "dict" | "optional", Shape) | ("struct" | "dataclass", {name: Shape})
)

LEAVES: list[Any] = [
    int,
    float,
    bool,
    str,
    date,
    UUID,
    Color,
    Decimal,
    Literal["a", "b"],
    Annotated[int, Meta(ge=0, le=9)],
    Annotated[str, Meta(max_length=2)],
]
NAMES = st.sampled_from(["a", "b", "c/d", "e~f"])
IDENTIFIERS = st.sampled_from(["a", "b", "c"])
SHAPES = st.recursive(
    st.tuples(st.just("leaf"), st.sampled_from(LEAVES)),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["list", "dict", "optional"]), inner),
        st.tuples(
            st.just("struct"), st.dictionaries(IDENTIFIERS, st.tuples(inner, st.booleans()), max_size=3)
        ),
    ),
    max_leaves=6,
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        ["", "a", "red", "2026-01-31", "12345678-1234-5678-1234-567812345678", "1.5", "long text"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c", "x", "type"]), inner)
    ),
    max_leaves=8,
)


def build(shape: Shape, strict: bool) -> Any:
    kind, inner = shape
    if kind == "leaf":
        return inner
    if kind == "list":
        return list[build(inner, strict)]  # type: ignore[misc]
    if kind == "dict":
        return dict[str, build(inner, strict)]  # type: ignore[misc]
    if kind == "optional":
        return build(inner, strict) | None
    fields: list[Any] = []
    for name, (field, required) in sorted(inner.items(), key=lambda item: not item[1][1]):
        fields.append(
            (name, build(field, strict)) if required else (name, build(field, strict), msgspec.UNSET)
        )
    return msgspec.defstruct("Made", fields, forbid_unknown_fields=strict)


def plain(value: Any) -> Any:
    return msgspec.to_builtins(value, str_keys=True)


@settings(max_examples=300, deadline=None)
@given(SHAPES, VALUES)
def test_binding_agrees_with_msgspec(shape: Shape, value: Any) -> None:
    raw = msgspec.json.encode(value)
    try:
        wanted = plain(msgspec.json.decode(raw, type=build(shape, strict=True)))
    except msgspec.ValidationError:
        with pytest.raises(ValidationFailed) as caught:
            json_decoder(build(shape, strict=False))(raw, DEPTH)
        assert caught.value.problems
    else:
        assert plain(json_decoder(build(shape, strict=False))(raw, DEPTH)) == wanted


ANIMALS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.fixed_dictionaries(
            {"type": st.sampled_from(["cat", "dog", "cow"]), "lives": st.integers(), "name": st.just("x")},
            optional={"friend": inner, "friends": st.lists(inner, max_size=2), "more": inner},
        )
        | st.fixed_dictionaries(
            {"type": st.just("cat"), "lives": st.integers(0, 9)},
            optional={"friend": inner, "more": st.none()},
        )
        | st.fixed_dictionaries(
            {"type": st.just("dog"), "name": st.just("x")}, optional={"friends": st.lists(inner, max_size=2)}
        )
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(ANIMALS)
def test_tagged_and_recursive_types_agree_with_msgspec(value: Any) -> None:
    raw = msgspec.json.encode(value)
    lax, strict = json_decoder(Cat | Dog), json_decoder(StrictCat | StrictDog)
    try:
        wanted = plain(msgspec.json.decode(raw, type=StrictCat | StrictDog))
    except msgspec.ValidationError:
        for decode in (lax, strict):
            with pytest.raises(ValidationFailed):
                decode(raw, DEPTH)
    else:
        assert plain(lax(raw, DEPTH)) == wanted == plain(strict(raw, DEPTH))


# -- every corrupted field is reported -----------------------------------------------------------------------------------

VALID: dict[Any, Any] = {int: 1, str: "a", bool: True, date: "2026-01-31", Literal["a", "b"]: "a"}
FORMS = st.recursive(
    st.sampled_from(list(VALID)),
    lambda inner: (
        st.dictionaries(IDENTIFIERS, inner, min_size=1, max_size=3) | st.lists(inner, min_size=1, max_size=1)
    ),
    max_leaves=8,
)


def form_type(form: Any, use_dataclass: bool) -> Any:
    if class_of(form) is dict:
        fields: list[Any] = [(name, form_type(inner, use_dataclass)) for name, inner in form.items()]
        return make_dataclass("Made", fields) if use_dataclass else msgspec.defstruct("Made", fields)
    return list[form_type(form[0], use_dataclass)] if class_of(form) is list else form  # type: ignore[misc]


def form_value(form: Any, pointer: str, leaves: list[str], corrupt: set[int]) -> Any:
    if class_of(form) is dict:
        return {name: form_value(inner, f"{pointer}/{name}", leaves, corrupt) for name, inner in form.items()}
    if class_of(form) is list:
        return [form_value(form[0], f"{pointer}/{index}", leaves, corrupt) for index in range(2)]
    leaves.append(pointer)
    return {} if len(leaves) - 1 in corrupt else VALID[form]


@settings(max_examples=200, deadline=None)
@given(FORMS, st.booleans(), st.sets(st.integers(0, 20), max_size=4))
def test_rq8_the_problems_are_exactly_the_corrupted_fields(
    form: Any, use_dataclass: bool, corrupt: set[int]
) -> None:
    leaves: list[str] = []
    value = form_value(form, "", leaves, corrupt)
    decode = json_decoder(form_type(form, use_dataclass))
    expected = [pointer for index, pointer in enumerate(leaves) if index in corrupt]
    if not expected:
        decode(msgspec.json.encode(value), DEPTH)
        return
    with pytest.raises(ValidationFailed) as caught:
        decode(msgspec.json.encode(value), DEPTH)
    assert [found.pointer for found in caught.value.problems] == expected


# -- bytes and texts of any kind -----------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=60) | st.text(alphabet='{}[]",:\\u0019 aetruflns.-', max_size=40).map(str.encode),
    SHAPES,
)
def test_bytes_are_a_value_or_a_client_error(raw: bytes, shape: Shape) -> None:
    try:
        json_decoder(build(shape, strict=False))(raw, DEPTH)
    except (BadRequest, ValidationFailed):
        pass


async def _show(
    a: int,
    b: float = 0,
    c: bool = False,
    d: date | None = None,
    e: list[int] = [],  # noqa: B006
    f: Color | None = None,
    g: Decimal | None = None,
) -> str:
    return f"{a!r} {b!r} {c!r} {d!r} {e!r} {f!r} {g!r}"


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdefgh"), st.text(max_size=6) | st.from_regex(r"[0-9eE+\-.:%_ TZ]{0,12}")
        )
    )
)
def test_query_strings_are_values_or_problems(pairs: list[tuple[str, str]]) -> None:
    query = "&".join(f"{name}={value}" for name, value in pairs)
    try:
        query.encode()
    except UnicodeEncodeError:
        return
    wrong, body = asyncio.run(_outcome(query))
    assert wrong <= {f"/{name}" for name in "abcdefg"}
    assert b"inf" not in body
    assert b"nan" not in body


async def _outcome(query: str) -> tuple[set[str], bytes]:
    try:
        response = await endpoint(_show).respond(get(query))
    except ValidationFailed as failure:
        return {found.pointer[:2] for found in failure.problems}, b""
    return set(), response.body


# -- bounds --------------------------------------------------------------------------------------------------------------


def test_the_list_of_problems_is_bounded() -> None:
    found = problems_of(["x"] * 100_000, list[int])
    assert len(found) == MOST_PROBLEMS


def test_a_late_error_in_a_large_body_is_still_reported() -> None:
    raw = msgspec.json.encode([1] * 50_000 + ["x"])
    with pytest.raises(ValidationFailed) as caught:
        json_decoder(list[int])(raw, DEPTH)
    assert [found.pointer for found in caught.value.problems] == ["/50000"]


class Range(Struct):
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")


def test_checks_of_the_type_itself_are_reported_where_they_failed() -> None:
    raw = msgspec.json.encode([{"low": 1, "high": 2}, {"low": 2, "high": 1}, {"low": "x", "high": 1}])
    with pytest.raises(ValidationFailed) as caught:
        json_decoder(list[Range])(raw, DEPTH)
    assert [(one.pointer, one.expected) for one in caught.value.problems] == [
        ("/1", "low is above high"),
        ("/2/low", "an integer"),
    ]
