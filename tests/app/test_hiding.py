"""Values are shown short and without secrets, whatever they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.app.hiding import MAX_TEXT, Hider, sounds_secret
from vivace.config.secret import Secret


@dataclass
class Login:
    name: str
    password: str
    salt: str = field(default="pepper", repr=False)


class Card(msgspec.Struct):
    holder: str
    card_number: str


class Broken:
    def __repr__(self) -> str:
        raise ValueError("no")


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "PASSWD",
        "api_key",
        "apikey",
        "key",
        "secret_key",
        "X-Auth-Token",
        "cookie",
        "session",
        "database_dsn",
    ],
)
def test_names_that_sound_secret(name: str) -> None:
    assert sounds_secret(name)


@pytest.mark.parametrize("name", ["name", "monkey", "keyboard", "accept", "turkeys", "spinner"])
def test_names_that_do_not(name: str) -> None:
    assert not sounds_secret(name)


@pytest.mark.parametrize(
    "value",
    [
        {"password": "hunter2x"},
        {b"cookie": b"hunter2x"},
        [(b"authorization", b"Bearer hunter2x")],
        {"deep": {"deeper": {"token": "hunter2x"}}},
        Login("Ada", "hunter2x"),
        [Login("Ada", "hunter2x")],
        Card("Ada", "hunter2x"),
        Secret("hunter2x"),
        "GET /?token=hunter2x&page=2",
        '{"password": "hunter2x"}',
        "authorization: Bearer hunter2x",
        "postgresql://ada:hunter2x@db/books",
    ],
)
def test_lo3_secrets_are_hidden_wherever_they_stand(value: Any) -> None:
    assert "hunter2x" not in Hider().value(value)


def test_known_values_are_hidden_in_any_text() -> None:
    hider = Hider(["hunter2x", "ab"])
    assert hider.value(["xx hunter2x yy"]) == "['xx [hidden] yy']"
    assert (
        hider.known("x = 'hunter2x' or 'ab'") == "x = '[hidden]' or 'ab'"
    )  # short ones stand in half of all texts


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": 1, "b": [1, (2,)]}, "{'a': 1, 'b': [1, (2)]}"),
        ({1, 2}, "{1, 2}"),
        (Login("Ada", "x"), "Login(name='Ada', password=[hidden])"),
        (Login, repr(Login)),
        (Broken(), "<Broken, whose repr raised ValueError>"),
        (list(range(100)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, …]"),
    ],
)
def test_values_are_shown_as_they_are_written(value: Any, shown: str) -> None:
    assert Hider().value(value) == shown


def test_circles_end() -> None:
    circle: list[Any] = []
    circle.append(circle)
    assert Hider().value(circle) == "[[[[…]]]]"


@given(
    st.recursive(
        st.text() | st.binary() | st.integers() | st.floats(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_value_is_shown_and_short(value: Any) -> None:
    assert len(Hider().value(value)) <= MAX_TEXT


def test_long_texts_say_how_long() -> None:
    assert Hider().value("a" * 100_000).startswith("'aaa")
    assert len(Hider().value("a" * 100_000)) <= MAX_TEXT
