"""What handlers return and what it becomes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, TypedDict
from uuid import UUID

import msgspec
import pytest
from markupsafe import Markup
from msgspec import Struct

from vivace.app.binding import Endpoint
from vivace.app.replies import Reply, ReplyOptions, compile_reply
from vivace.config.secret import Secret
from vivace.engine.offload import Pool
from vivace.errors import WrongResult
from vivace.http.eventstream import Event, EventStream
from vivace.http.files import File
from vivace.http.response import JSON, Response, Stream, Text

from .support import CollectingSink, endpoint, get, run_inline, written


class Person(Struct):
    name: str
    born: date | None = None


class Account(Person):
    password: str = ""


@dataclass
class Point:
    x: int


@dataclass
class Point3(Point):
    z: int


class Row(TypedDict):
    id: int


class Pair(NamedTuple):
    a: int
    b: int


class Model:
    """A stand-in for what later rooms return: attributes, and a JSON form of its own."""

    def __init__(self) -> None:
        self.name = "Ada"
        self.password = "hidden"

    def __vivace_json__(self) -> dict[str, str]:
        return {"name": self.name}


def reply(annotation: Any = Any, **options: Any) -> Reply:
    return compile_reply(annotation, ReplyOptions("show (app.py:1)", run_inline, **options))


@pytest.mark.parametrize(
    ("result", "kind", "body"),
    [
        ("<b>", "text/plain; charset=utf-8", b"<b>"),
        (Markup("<b>"), "text/html; charset=utf-8", b"<b>"),
        (b"\x00", "application/octet-stream", b"\x00"),
        (bytearray(b"1"), "application/octet-stream", b"1"),
        (memoryview(b"1"), "application/octet-stream", b"1"),
        ({"a": 1}, "application/json", b'{"a":1}'),
        ([1], "application/json", b"[1]"),
        (Person("Ada", date(1815, 12, 10)), "application/json", b'{"name":"Ada","born":"1815-12-10"}'),
        (Point(1), "application/json", b'{"x":1}'),
        (5, "application/json", b"5"),
        (True, "application/json", b"true"),
        (UUID(int=0), "application/json", b'"00000000-0000-0000-0000-000000000000"'),
        (Model(), "application/json", b'{"name":"Ada"}'),
        ([Model(), Markup("<i>")], "application/json", b'[{"name":"Ada"},"<i>"]'),
    ],
)
def test_rs1_the_type_of_the_result_decides(result: Any, kind: str, body: bytes) -> None:
    response = reply()(result)
    assert (response.status, response.content_type, response.body) == (200, kind, body)


def test_responses_pass_and_none_is_204() -> None:
    made = Text("x", 418)
    assert reply()(made) is made
    assert reply(str, status=201)(made).status == 418
    empty = reply()(None)
    assert (empty.status, empty.content_type, empty.body) == (204, None, b"")


def test_the_routes_status() -> None:
    assert reply(status=201)({"a": 1}).status == 201
    assert reply(status=202)(None).status == 202


def test_paths_are_files(tmp_path: Path) -> None:
    assert isinstance(reply()(tmp_path / "a.txt"), File)


@pytest.mark.parametrize(
    "result",
    [
        object(),
        ("body", 404),
        Pair(1, 2),
        Response,
        ValueError("x"),
        {"a": object()},
        2j,
        [Secret("x")],
        "\ud800",
    ],
)
def test_rs1_anything_else_is_a_wrong_result_that_names_the_handler(result: Any) -> None:
    with pytest.raises(WrongResult) as caught:
        reply(Any)(result if result != "\ud800" else [result])
    assert "show (app.py:1)" in str(caught.value)
    assert caught.value.expected
    assert caught.value.got


def test_a_secret_never_leaves_and_is_not_in_the_error() -> None:
    with pytest.raises(WrongResult) as caught:
        reply()({"key": Secret("4711")})
    assert "4711" not in str(caught.value)


def test_a_coroutine_nobody_awaited_is_named() -> None:
    async def other() -> None: ...

    with pytest.raises(WrongResult, match="async def"):
        reply()(other())


def test_the_apps_encode_hook() -> None:
    def hook(value: Any) -> Any:
        if isinstance(value, complex):
            return [value.real, value.imag]
        raise TypeError(type(value).__name__)

    assert reply(encode_hook=hook)({"z": 2j}).body == b'{"z":[0.0,2.0]}'
    with pytest.raises(WrongResult):
        reply(encode_hook=hook)({"z": object()})


# -- the return annotation ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "result", "body"),
    [
        (Person, Account("Ada", password="x"), b'{"name":"Ada","born":null}'),
        (Person, {"name": "Ada", "password": "x"}, b'{"name":"Ada","born":null}'),
        (Person, {"name": "Ada", "born": date(2000, 1, 1)}, b'{"name":"Ada","born":"2000-01-01"}'),
        (Person | None, Account("Ada", password="x"), b'{"name":"Ada","born":null}'),
        (
            list[Person],
            [Account("Ada", password="x"), Person("Bob")],
            b'[{"name":"Ada","born":null},{"name":"Bob","born":null}]',
        ),
        (dict[str, Person], {"a": {"name": "A", "password": "x"}}, b'{"a":{"name":"A","born":null}}'),
        (Point, Point3(1, 2), b'{"x":1}'),
        (Point, {"x": 1, "y": 2}, b'{"x":1}'),
        (Row, {"id": 1, "secret": 2}, b'{"id":1}'),
        (list[Row], [{"id": 1, "secret": 2}], b'[{"id":1}]'),
        (Person | Response, {"name": "Ada", "password": "x"}, b'{"name":"Ada","born":null}'),
    ],
)
def test_rs9_undeclared_fields_never_leave(annotation: Any, result: Any, body: bytes) -> None:
    assert reply(annotation)(result).body == body


def test_rs9_objects_are_read_by_attributes() -> None:
    class Named(Struct):
        name: str

    assert reply(Named)(Model()).body == b'{"name":"Ada"}'


@pytest.mark.parametrize(
    ("annotation", "result"),
    [
        (Person, {"born": None}),
        (Person, "Ada"),
        (Person, None),
        (list[Person], [{"name": 1}]),
        (Row, {"id": "1"}),
        (str, None),
        (str, {"a": 1}),
        (dict[str, str], "x"),
        (None, {"a": 1}),
        (int | str, 1.5),
    ],
)
def test_rs9_a_mismatch_is_a_wrong_result(annotation: Any, result: Any) -> None:
    with pytest.raises(WrongResult, match="as the handler declares"):
        reply(annotation)(result)


@pytest.mark.parametrize(
    ("annotation", "result", "status"),
    [
        (str, Markup("x"), 200),
        (float, 1, 200),
        (dict[str, str] | None, None, 204),
        (Person | None, None, 204),
        (Person, Text("x", 404), 404),
        (Text | Person, Text("x", 404), 404),
        (None, JSON({}, 201), 201),
        (object, "x", 200),
    ],
)
def test_declared_results(annotation: Any, result: Any, status: int) -> None:
    assert reply(annotation)(result).status == status


def test_values_of_the_declared_type_are_not_validated_again() -> None:
    wrong = Person(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert reply(Person)(wrong).body == b'{"name":5,"born":null}'


# -- streams -----------------------------------------------------------------------------------------------------------


async def numbers() -> AsyncIterator[str]:
    yield "1\n"
    yield "2\n"


async def rows() -> AsyncIterator[dict[str, int]]:
    yield {"a": 1}
    yield {"a": 2}


async def octets() -> AsyncIterator[bytes]:
    yield b"\x00"
    yield b"\x01"


async def nothing() -> AsyncIterator[str]:
    for item in list[str]():
        yield item


def plain() -> Iterator[str]:
    yield "1\n"
    yield "2\n"


@pytest.mark.parametrize(
    ("handler", "kind", "body"),
    [
        (numbers, "text/plain; charset=utf-8", b"1\n2\n"),
        (rows, "application/x-ndjson", b'{"a":1}\n{"a":2}\n'),
        (octets, "application/octet-stream", b"\x00\x01"),
        (nothing, "text/plain; charset=utf-8", b""),
        (plain, "text/plain; charset=utf-8", b"1\n2\n"),
    ],
)
async def test_rs1_generators_stream(handler: Callable[..., Any], kind: str, body: bytes) -> None:
    response = await endpoint(handler).respond(get())
    assert isinstance(response, Stream)
    assert (response.status, response.content_type) == (200, kind)
    assert await written(response) == body


@pytest.mark.parametrize("handler", [numbers, rows, octets, plain])
async def test_iterators_that_are_returned_stream_too(handler: Callable[[], Any]) -> None:
    async def show() -> Any:
        return handler()

    response = await endpoint(show).respond(get())
    direct = await endpoint(handler).respond(get())
    assert await written(response) == await written(direct)
    assert response.content_type == direct.content_type


async def test_an_event_makes_an_event_stream() -> None:
    async def events() -> AsyncIterator[Event]:
        yield Event("one")
        yield Event("two")

    response = await endpoint(events).respond(get())
    assert isinstance(response, EventStream)
    sent = await written(response)
    assert sent.index(b"data: one") < sent.index(b"data: two")


async def test_an_error_before_the_first_item_is_an_ordinary_error() -> None:
    closed: list[str] = []

    async def broken() -> AsyncIterator[str]:
        try:
            raise KeyError
            yield ""  # type: ignore[unreachable]
        finally:
            closed.append("closed")

    with pytest.raises(KeyError):
        await endpoint(broken).respond(get())
    assert closed == ["closed"]


async def test_a_first_item_that_cannot_be_sent_closes_the_generator() -> None:
    closed: list[str] = []

    async def broken() -> AsyncIterator[Any]:
        try:
            yield object()
        finally:
            closed.append("closed")

    with pytest.raises(WrongResult):
        await endpoint(broken).respond(get())
    assert closed == ["closed"]


async def test_items_of_another_kind_cut_the_stream() -> None:
    async def mixed() -> AsyncIterator[Any]:
        yield "text"
        yield 5

    response = await endpoint(mixed).respond(get())
    with pytest.raises(WrongResult, match="one kind"):
        await written(response)


async def test_generators_are_closed_when_the_client_goes_and_when_they_never_start() -> None:
    closed: list[str] = []

    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield "x"
        finally:
            closed.append("closed")

    made: Endpoint = endpoint(endless)
    response = await made.respond(get())
    with pytest.raises(ConnectionResetError):
        await response.write_to(CollectingSink(stop_after=3))
    await response.close()
    await (await made.respond(get())).close()
    assert closed == ["closed", "closed"]


async def test_plain_generators_run_and_close_in_the_pool(pool: Pool) -> None:
    import threading

    names: list[str] = []

    def lines() -> Iterator[str]:
        try:
            for _ in range(3):
                names.append(threading.current_thread().name)
                yield "x"
        finally:
            names.append(threading.current_thread().name)

    response = await endpoint(lines, run_blocking=pool.run).respond(get())
    with pytest.raises(ConnectionResetError):
        await response.write_to(CollectingSink(stop_after=1))
    await response.close()
    assert len(names) == 3
    assert all(name.startswith("vivace-blocking") for name in names)


async def test_status_and_parameters_of_streams() -> None:
    async def count(upto: int = 3) -> AsyncIterator[str]:
        for number in range(1, upto + 1):
            yield f"{number}\n"

    response = await endpoint(count, status=206).respond(get("upto=2"))
    assert response.status == 206
    assert await written(response) == b"1\n2\n"


def test_rs9_a_thousand_rows_cost_one_conversion() -> None:
    rows = [{"id": number, "secret": "x"} for number in range(1000)]
    assert msgspec.json.decode(reply(list[Row])(rows).body) == [{"id": number} for number in range(1000)]
