"""The word for what is wrong with a value."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta
from msgspec import inspect as mi

from vivace import App, models
from vivace.app.binding.codes import code_of
from vivace.errors import ValidationError
from vivace.testing import Client
from vivace.testing.answers import ClientResponse


class Colour(enum.Enum):
    RED = "red"


class Size(models.TextChoices):
    SMALL = "s"


SHORT = Annotated[str, Meta(min_length=2, max_length=3, pattern="^a")]
FEW = Annotated[list[int], Meta(min_length=1, max_length=2)]
ONE = Annotated[dict[str, int], Meta(max_length=1)]
MIDDLE = Annotated[int, Meta(ge=2, le=4)]
INSIDE = Annotated[float, Meta(gt=2, lt=4)]
EVEN = Annotated[int, Meta(multiple_of=2)]
HALF = Annotated[float, Meta(multiple_of=0.5)]


class Order(msgspec.Struct):
    item: str
    count: MIDDLE = 2


@pytest.mark.parametrize(
    ("wanted", "value", "code"),
    [
        (str, None, "null"),
        (str, 3, "invalid"),
        (SHORT, "a", "min_length"),
        (SHORT, "aaaa", "max_length"),
        (SHORT, "bb", "pattern"),
        (SHORT | None, "a", "min_length"),
        (SHORT | int, [], "invalid"),
        (FEW, [], "min_length"),
        (FEW, [1, 2, 3], "max_length"),
        (FEW, "abc", "invalid"),
        (ONE, {"a": 1, "b": 2}, "max_length"),
        (MIDDLE, 1, "min_value"),
        (MIDDLE, 5, "max_value"),
        (MIDDLE, True, "invalid"),
        (MIDDLE, "5", "invalid"),
        (INSIDE, 2, "min_value"),
        (INSIDE, 4.0, "max_value"),
        (EVEN, 3, "step_size"),
        (HALF, 10**400, "step_size"),  # more than a float holds
        (Colour, "blue", "invalid_choice"),
        (Size, "m", "invalid_choice"),
        (Literal["a", "b"], "c", "invalid_choice"),
    ],
)
def test_codes_of_values_in_a_body(wanted: Any, value: Any, code: str) -> None:
    assert code_of("body", mi.type_info(wanted), value) == code


@pytest.mark.parametrize(
    ("text", "code"), [("1", "min_value"), ("5", "max_value"), ("x", "invalid"), ("", "invalid")]
)
def test_elsewhere_texts_are_numbers(text: str, code: str) -> None:
    assert code_of("query", mi.type_info(MIDDLE), text) == code


async def test_problem_documents_have_them_and_those_of_models(tmp_path: Any) -> None:
    def codes(response: ClientResponse) -> dict[str, str]:
        document: Any = response.problem
        return {problem["pointer"]: problem["code"] for problem in document["errors"]}

    app = App(root=tmp_path)

    @app.post("/orders")
    async def order(order: Order, page: MIDDLE = 2) -> None:
        raise ValidationError({"item": ValidationError("Sold out.", code="sold-out"), "count": "Too many."})

    async with Client(app) as client:
        wrong = await client.post("/orders?page=9", json={"count": "3", "itme": 1})
        assert codes(wrong) == {
            "/page": "max_value",
            "/item": "required",
            "/count": "invalid",
            "/itme": "unknown",
        }
        refused = await client.post("/orders", json={"item": "tea"})
        assert codes(refused) == {"/item": "sold-out", "/count": "invalid"}
