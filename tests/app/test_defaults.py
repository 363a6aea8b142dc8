"""Dataclasses from a request are as their constructor makes them: defaults and all (msgspec leaves those out)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import inspect as mi

from vivace import App, Form
from vivace.app.binding.defaults import complete, completer
from vivace.testing import Client


@dataclass
class Note:
    text: str
    stars: int = 0
    tags: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Page:
    notes: list[Note]
    first: Note | None = None
    by_name: dict[str, Note] = field(default_factory=dict[str, Note])


@dataclass(slots=True)
class Slotted:
    text: str
    stars: int = 0


class Box(msgspec.Struct):
    note: Note
    pages: tuple[Page, ...] = ()


class Plain(msgspec.Struct):
    text: str
    stars: int = 0


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Note, '{"text": "x"}'),
        (list[Note], '[{"text": "x"}, {"stars": 2, "text": "y"}]'),
        (Page, '{"notes": [{"text": "x"}], "by_name": {"a": {"text": "y"}}}'),
        (Box, '{"note": {"text": "x"}, "pages": [{"notes": [{"text": "y"}]}]}'),
        (Slotted, '{"text": "x"}'),
    ],
)
def test_completed_value_is_written_like_one_made_by_its_constructor(kind: Any, text: str) -> None:
    value = complete(msgspec.json.decode(text, type=kind))
    rebuilt = eval(repr(value))
    assert value == rebuilt
    assert msgspec.json.encode(value) == msgspec.json.encode(rebuilt)


def test_only_types_that_need_it_are_walked() -> None:
    needed = {kind: completer(mi.type_info(kind)) is not None for kind in (Note, Page, Box, Plain, Slotted)}
    assert needed == {Note: True, Page: True, Box: True, Plain: False, Slotted: False}


async def test_rq8_dataclass_that_is_answered_has_its_defaults() -> None:
    app = App()

    @app.post("/json")
    async def as_json(note: Note) -> Note:
        return note

    @app.post("/form")
    async def as_form(note: Annotated[Note, Form()]) -> dict[str, Any]:
        return vars(note)

    async with Client(app) as client:
        expected: dict[str, Any] = {"text": "x", "stars": 0, "tags": []}
        assert (await client.post("/json", json={"text": "x"})).json() == expected
        assert (await client.post("/form", form={"text": "x"})).json() == expected
