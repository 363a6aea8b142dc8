"""Parameters by annotation: where each value comes from and what it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, TypedDict, cast
from uuid import UUID

import pytest
from msgspec import Meta, Struct

from vivace.app.binding import Body, Cookie, Form, Header, Path, Query, path_annotations
from vivace.config.secret import Secret
from vivace.errors import BadRequest, UnsupportedMediaType, ValidationFailed
from vivace.http.forms import FormData, Upload
from vivace.http.headers import Headers
from vivace.http.multidict import MultiDict
from vivace.http.request import Request
from vivace.http.websocket import WebSocket

from .support import answer, compiled, endpoint, get, post, problems, refused


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Note(Struct):
    title: str
    stars: Annotated[int, Meta(ge=1, le=5)] = 3
    tags: list[str] = []


class Filter(Struct):
    page: int = 1
    tag: list[str] = []
    since: date | None = None


@dataclass
class Point:
    x: float
    y: float


class Move(TypedDict):
    steps: int


# -- sources ----------------------------------------------------------------------------------------------------------


async def test_rq8_one_handler_reads_every_place() -> None:
    async def save(
        id: int,
        note: Note,
        page: int,
        user_agent: Annotated[str, Header()],
        theme: Annotated[str, Cookie()],
        trace: Annotated[str, Header("x-trace")] = "none",
        *,
        draft: bool = False,
    ) -> list[Any]:
        return [id, note, page, user_agent, theme, trace, draft]

    made = endpoint(save, ["POST"], ["id"])
    asked = post(
        {"title": "t"}, query="page=2&draft=on", headers={"user-agent": "curl", "cookie": "theme=dark"}, id=7
    )
    assert await answer(made, asked) == [
        7,
        {"title": "t", "stars": 3, "tags": []},
        2,
        "curl",
        "dark",
        "none",
        True,
    ]


async def test_handler_without_parameters() -> None:
    async def home() -> str:
        return "hi"

    assert (await endpoint(home).respond(get())).body == b"hi"


async def test_request_by_annotation_and_by_name() -> None:
    async def typed(asked: Request) -> str:
        return asked.method

    async def bare(request):  # type: ignore[no-untyped-def]  # the spelling under test
        return request.method  # pyright: ignore

    assert (await endpoint(typed).respond(get())).body == b"GET"
    untyped = cast("Any", bare)
    assert (await endpoint(untyped).respond(get())).body == b"GET"


async def test_whole_sources() -> None:
    async def show(query: MultiDict, headers: Headers) -> list[Any]:
        return [query.getlist("a"), headers["x-one"]]

    assert await answer(endpoint(show), get("a=1&a=2", {"x-one": "1"})) == [["1", "2"], "1"]


async def test_path_alias() -> None:
    async def show(number: Annotated[int, Path("id")]) -> int:
        return number

    assert path_annotations(show, frozenset({"id"})) == {"id": int}
    assert await answer(endpoint(show, path=["id"]), get(id=3)) == 3


async def test_path_annotations_are_what_the_router_needs() -> None:
    async def show(id: int, slug: Annotated[str, Meta(max_length=3)], page: int = 1) -> None: ...

    assert path_annotations(show, frozenset({"id", "slug"})) == {
        "id": int,
        "slug": Annotated[str, Meta(max_length=3)],
    }


async def test_query_model() -> None:
    async def search(filter: Annotated[Filter, Query()]) -> Filter:
        return filter

    made = endpoint(search)
    assert await answer(made, get("page=2&tag=a&tag=b&since=2026-01-31&other=1")) == {
        "page": 2,
        "tag": ["a", "b"],
        "since": "2026-01-31",
    }
    assert await problems(made, get("page=x&since=yesterday")) == [("query", "/page"), ("query", "/since")]


async def test_dataclass_and_typed_dict_bodies() -> None:
    async def point(point: Point) -> Point:
        return point

    async def move(move: Move) -> Move:
        return move

    assert await answer(endpoint(point, ["PUT"]), post({"x": 1, "y": 2})) == {"x": 1.0, "y": 2.0}
    assert await problems(endpoint(move, ["PUT"]), post({"steps": 1, "more": 2})) == [("body", "/more")]


async def test_list_is_a_body_where_there_is_one_and_a_query_elsewhere() -> None:
    async def show(ids: list[int]) -> list[int]:
        return ids

    assert await answer(endpoint(show, ["POST"]), post([1, 2])) == [1, 2]
    assert await answer(endpoint(show), get("ids=1&ids=2")) == [1, 2]


async def test_bytes_are_the_raw_body() -> None:
    async def size(data: bytes) -> int:
        return len(data)

    assert await answer(endpoint(size, ["POST"]), post(b"\x00\x01", "application/octet-stream")) == 2


async def test_optional_and_default_bodies() -> None:
    async def save(note: Note | None = None) -> str:
        return note.title if note else "none"

    made = endpoint(save, ["POST"])
    assert (await made.respond(post(b""))).body == b"none"
    assert (await made.respond(post({"title": "t"}))).body == b"t"


async def test_forms_and_json_for_the_same_model() -> None:
    async def save(note: Note) -> Note:
        return note

    made = endpoint(save, ["POST"])
    form = "application/x-www-form-urlencoded"
    expected = {"title": "a b", "stars": 4, "tags": ["x", "y"]}
    assert await answer(made, post(b"title=a+b&stars=4&tags=x&tags=y", form)) == expected
    assert await answer(made, post(expected)) == expected
    assert await problems(made, post(b"stars=9&nope=1", form)) == [
        ("form", "/title"),
        ("form", "/stars"),
        ("form", "/nope"),
    ]


async def test_json_that_came_as_a_form_is_told_from_a_wrong_form() -> None:
    async def send(note: Note) -> str:
        return note.title

    async def fields(title: Annotated[str, Form()]) -> str:
        return title

    form, hint = "application/x-www-form-urlencoded", "Send content-type: application/json."
    for handler in (send, fields):
        made = endpoint(handler, ["POST"])
        with pytest.raises(ValidationFailed) as caught:
            await answer(made, post(b'{"title": "a&b"}', form))
        assert caught.value.detail.endswith(f" in the request. {hint}")
        with pytest.raises(ValidationFailed) as caught:
            await answer(made, post(b"stars=9", form))
        assert hint not in caught.value.detail


async def test_form_fields_and_uploads() -> None:
    async def send(title: Annotated[str, Form()], file: Upload, more: list[Upload]) -> list[Any]:
        return [title, file.filename, [one.filename for one in more], (await file.read()).decode()]

    def part(name: str, value: str, filename: str = "") -> str:
        extra = f'; filename="{filename}"' if filename else ""
        return f'--B\r\ncontent-disposition: form-data; name="{name}"{extra}\r\n\r\n{value}\r\n'

    body = (
        part("title", "t")
        + part("file", "data", "a.txt")
        + part("more", "1", "b.txt")
        + part("more", "2", "c.txt")
    )
    made = endpoint(send, ["POST"])
    asked = post((body + "--B--\r\n").encode(), "multipart/form-data; boundary=B")
    assert await answer(made, asked) == ["t", "a.txt", ["b.txt", "c.txt"], "data"]
    asked.close_form()
    swapped = part("title", "t", "t.txt") + part("file", "no file") + part("more", "1", "b.txt") + "--B--\r\n"
    asked = post(swapped.encode(), "multipart/form-data; boundary=B")
    assert await problems(made, asked) == [("form", "/title"), ("form", "/file")]
    asked.close_form()


async def test_whole_form() -> None:
    async def send(form: FormData) -> list[str]:
        return sorted(form)

    asked = post(b"b=1&a=2", "application/x-www-form-urlencoded")
    assert await answer(endpoint(send, ["POST"]), asked) == ["a", "b"]


async def test_socket_handlers_are_bound_without_a_body() -> None:
    seen: list[Any] = []

    async def chat(socket: WebSocket, room: str, name: str = "anon") -> None:
        seen.append((type(socket), room, name))

    made = endpoint(chat, path=["room"], websocket=True)
    await made.run(WebSocket(get("name=ada", room="r")))
    assert seen == [(WebSocket, "r", "ada")]


# -- texts to values --------------------------------------------------------------------------------------------------


async def _only(annotation: Any, text: str) -> Any:
    async def show(value: Any) -> Any:
        seen.append(value)

    seen: list[Any] = []
    show.__annotations__["value"] = annotation
    made = endpoint(show)
    await made.respond(get(msgspec_quote(text)))
    return seen[0]


def msgspec_quote(text: str) -> str:
    return MultiDict([("value", text)]).urlencode()


VALUES: list[tuple[Any, str, Any]] = [
    (int, "12", 12),
    (int, "-5", -5),
    (int, "+5", 5),
    (int, "9223372036854775807", 2**63 - 1),
    (float, "1e3", 1000.0),
    (float, ".5", 0.5),
    (Decimal, "1.50", Decimal("1.50")),
    (bool, "TRUE", True),
    (bool, "off", False),
    (str, "a b&c", "a b&c"),
    (date, "2026-01-31", date(2026, 1, 31)),
    (timedelta, "PT5S", timedelta(seconds=5)),
    (UUID, "12345678-1234-5678-1234-567812345678", UUID("12345678-1234-5678-1234-567812345678")),
    (Color, "red", Color.RED),
    (Literal["a", 1], "1", 1),
    (int | str, "x", "x"),
    (int | str, "1", 1),
    (str | int, "1", 1),
    (int | None, "", None),
    (str | None, "", ""),
    (Annotated[int, Query(ge=1)], "1", 1),
    (Annotated[int | None, Meta(ge=1)], "1", 1),
    (Annotated[int | None, Query(ge=1)], "", None),
    (Secret[str], "hidden", Secret("hidden")),
    (set[int], "1", {1}),
    (tuple[int, ...], "1", (1,)),
]


@pytest.mark.parametrize(("annotation", "text", "value"), VALUES)
async def test_texts_become_values(annotation: Any, text: str, value: Any) -> None:
    got = await _only(annotation, text)
    assert got == value
    assert type(got) is type(value)


WRONG_TEXTS: list[tuple[Any, str]] = [
    (int, ""),
    (int, "many"),
    (int, "１"),
    (int, " 1"),
    (int, "1_000"),
    (int, "1e3"),
    (int, "1.0"),
    (int, "0x1"),
    (int, "9223372036854775808"),
    (int, "9" * 5000),
    (float, "nan"),
    (float, "inf"),
    (float, "1e999"),
    (float, " 1"),
    (float, "1_0.0"),
    (Decimal, "NaN"),
    (Decimal, "1e999999999"),
    (bool, "yes"),
    (bool, ""),
    (date, "31.01.2026"),
    (UUID, "x"),
    (Color, "RED"),
    (Literal["a", 1], "b"),
    (int | bool, "x"),
    (Annotated[int, Query(ge=1)], "0"),
    (Annotated[str, Query(min_length=3, pattern="^[a-z]+$")], "ABC"),
    (Annotated[int | None, Meta(ge=1)], "0"),
    (Annotated[int | None, Query(ge=1)], "0"),
    (list[int], "x"),
    (Annotated[list[int], Meta(min_length=2)], "1"),
]


@pytest.mark.parametrize(("annotation", "text"), WRONG_TEXTS)
async def test_strict_texts(annotation: Any, text: str) -> None:
    async def show(value: Any) -> None: ...

    show.__annotations__["value"] = annotation
    found = await refused(endpoint(show), get(msgspec_quote(text)))
    assert [problem.place for problem in found] == ["query"]
    assert len(found[0].got) <= 80


async def test_absent_values() -> None:
    async def show(a: int | None, b: int = 5, c: list[int] | None = None, d: list[str] = []) -> list[Any]:  # noqa: B006
        d.append("changed")
        return [a, b, c, d]

    made = endpoint(show)
    assert await answer(made, get()) == [None, 5, None, ["changed"]]
    assert await answer(made, get()) == [None, 5, None, ["changed"]]  # the default is copied for each request


async def test_the_last_of_repeated_values_counts_and_encoded_names_match() -> None:
    async def show(page: int, q: str = "") -> list[Any]:
        return [page, q]

    made = endpoint(show)
    assert await answer(made, get("page=1&page=2&&flag&q=a=b")) == [2, "a=b"]
    assert await answer(made, get("p%61ge=3&q=%C3%A9+%ff")) == [3, "é �"]


# -- what is wrong with a body -----------------------------------------------------------------------------------------


async def test_rq8_all_problems_of_all_places_at_once() -> None:
    async def save(
        note: Note, page: int, x_count: Annotated[int, Header()], sid: Annotated[str, Cookie()]
    ) -> None: ...

    asked = post({"stars": 9, "tags": ["a", 1, 2]}, query="page=many", headers={"x-count": "z"})
    assert await problems(endpoint(save, ["POST"]), asked) == [
        ("body", "/title"),
        ("body", "/stars"),
        ("body", "/tags/1"),
        ("body", "/tags/2"),
        ("query", "/page"),
        ("header", "/x-count"),
        ("cookie", "/sid"),
    ]


async def test_problems_say_what_was_expected_and_what_came() -> None:
    async def save(note: Note, page: int) -> None: ...

    found = await refused(
        endpoint(save, ["POST"]), post({"title": "x" * 500, "stars": "y" * 500}, query="page=many")
    )
    assert [(one.pointer, one.expected) for one in found] == [
        ("/stars", "an integer, at least 1, at most 5"),
        ("/page", "an integer"),
    ]
    assert found[1].got == '"many"'
    assert len(found[0].got) == 80


async def test_secrets_do_not_come_back() -> None:
    class Login(Struct):
        name: str
        password: Secret[str]
        card_number: int

    async def login(data: Login, authorization: Annotated[int, Header()]) -> None: ...

    login.__annotations__["data"] = Login
    asked = post(
        {"name": "a", "password": 7731, "card_number": "4111"}, headers={"authorization": "Basic 4711"}
    )
    found = await refused(endpoint(login, ["POST"]), asked)
    assert [(one.pointer, one.expected, one.got) for one in found] == [
        ("/password", "text", "[hidden]"),
        ("/card_number", "an integer", "[hidden]"),
        ("/authorization", "an integer", "[hidden]"),
    ]


async def test_secret_fields_are_wrapped() -> None:
    class Login(Struct):
        password: Secret[str]

    async def login(data: Any) -> str:
        return f"{data.password!r} {data.password.reveal()}"

    login.__annotations__["data"] = Login
    assert (await endpoint(login, ["POST"]).respond(post({"password": "pw"}))).body == b"Secret(********) pw"


async def test_malformed_json_is_400_with_its_place() -> None:
    async def save(note: Note) -> None: ...

    made = endpoint(save, ["POST"])
    for body in (b'{"title": }', b"{", b'{"title": "\xff"}', b"[" * 5000, b'{"title": 1} x', b"\xff"):
        with pytest.raises(BadRequest):
            await made.respond(post(body))
    with pytest.raises(BadRequest, match="byte 10"):
        await made.respond(post(b'{"title": }'))
    with pytest.raises(BadRequest):  # wrong before it is malformed
        await made.respond(post(b'{"title": 1, "stars": }'))


async def test_wrong_media_type_is_415_and_json_suffixes_pass() -> None:
    async def save(note: Note) -> None: ...

    async def only_json(note: Annotated[Note, Body()]) -> None: ...

    async def only_form(note: Annotated[Note, Form()]) -> None: ...

    form = "application/x-www-form-urlencoded"
    for made, content_type in (
        (endpoint(save, ["POST"]), "text/plain"),
        (endpoint(only_json, ["POST"]), form),
        (endpoint(only_form, ["POST"]), "application/json"),
    ):
        with pytest.raises(UnsupportedMediaType):
            await made.respond(post(b"title=1", content_type))
    for content_type in ("application/json; charset=utf-8", "application/vnd.api+json", "Application/JSON"):
        assert (await endpoint(save, ["POST"]).respond(post({"title": "t"}, content_type))).status == 204


async def test_a_set_of_lists_is_a_problem_not_a_failure() -> None:
    async def save(values: set[Any]) -> None: ...

    assert await problems(endpoint(save, ["POST"]), post([[]])) == [("body", "")]


async def test_empty_body_is_a_missing_value() -> None:
    async def save(note: Note) -> None: ...

    assert await problems(endpoint(save, ["POST"]), post(b"")) == [("body", "")]


async def test_unknown_fields_are_refused_with_the_nearest_name_unless_allowed() -> None:
    async def save(note: Note) -> str:
        return note.title

    async def lax(note: Annotated[Note, Body(allow_unknown=True)]) -> str:
        return note.title

    asked: dict[str, Any] = {"title": "t", "tag": [], "other": 1}
    found = await refused(endpoint(save, ["POST"]), post(asked))
    assert [(one.pointer, one.expected) for one in found] == [
        ("/tag", "no field of this name. Did you mean 'tags'?"),
        ("/other", "no field of this name."),
    ]
    assert (await endpoint(lax, ["POST"]).respond(post(asked))).body == b"t"


async def test_a_named_body_is_a_member_of_it() -> None:
    async def save(note: Annotated[Note, Body("a note")], request: Request) -> str:
        return note.title

    async def text(text: Annotated[str, Body("text", max_length=3)] = "no") -> str:
        return text

    made = endpoint(save, ["POST"])
    assert (await made.respond(post({"a note": {"title": "t"}}))).body == b"t"
    assert await problems(made, post(b"")) == [("body", "")]
    assert await problems(made, post({})) == [("body", "/a note")]
    assert await problems(made, post({"a note": {"title": 1}})) == [("body", "/a note/title")]
    assert await problems(made, post({"a note": {"title": "t"}, "more": 1})) == [("body", "/more")]
    for body, told in ((b"", b"no"), ({}, b"no"), ({"text": "abc"}, b"abc")):
        assert (await endpoint(text, ["POST"]).respond(post(body))).body == told
    assert await problems(endpoint(text, ["POST"]), post({"text": "abcd"})) == [("body", "/text")]


async def test_body_of_any_shape() -> None:
    async def echo(data: Any) -> Any:
        return data

    async def numbers(data: dict[str, int]) -> dict[str, int]:
        return data

    assert await answer(endpoint(echo, ["POST"]), post({"a": [1]})) == {"a": [1]}
    assert await problems(endpoint(numbers, ["POST"]), post({"a": 1, "b": "x", "c/d~": None})) == [
        ("body", "/b"),
        ("body", "/c~1d~0"),
    ]


def test_names_under_which_constraints_contradict_are_refused_by_msgspec() -> None:
    with pytest.raises(ValueError):
        Query(ge=1, gt=2)


def test_compiled_endpoints_know_their_inputs() -> None:
    async def show(id: int, page: int = 1) -> None: ...

    found = [(one.place, one.name, one.required) for one in compiled(show, path=["id"]).inputs]
    assert found == [("path", "id", True), ("query", "page", False)]
