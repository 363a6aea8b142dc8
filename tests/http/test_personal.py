"""What is personal is noted before it is read; what everybody's request has alike is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vivace.http.personal import note_again, watch_personal
from vivace.http.request import Connection, Request

HEADERS = [
    (b"Host", b"example.org"),
    (b"Cookie", b"a=1; b=2"),
    (b"Accept-Language", b"de"),
    (b"User-Agent", b"x"),
    (b"If-None-Match", b'"y"'),
]


class Knowing:
    """An app that knows who asks."""

    def __init__(self) -> None:
        self.parts = {"user": self.user, "session": self.session}
        self.secret_keys = ()

    async def user(self, request: Request) -> str:
        return f"user of {await request.part('session')}"

    async def session(self, request: Request) -> str:
        return "a session"


def make_request() -> Request:
    request = Request("GET", "/page?x=1", list(HEADERS), Connection(client=("1.2.3.4", 5)))
    request.app = Knowing()
    return request


READS: list[tuple[Callable[[Request], Any], list[str]]] = [
    (lambda r: r.headers["user-agent"], ["header:user-agent"]),
    (lambda r: r.headers.get("Accept-Language"), ["header:accept-language"]),
    (lambda r: "x-any" in r.headers, ["header:x-any"]),
    (lambda r: r.headers.getlist("X-Any"), ["header:x-any"]),
    (lambda r: r.headers.joined("x-any"), ["header:x-any"]),
    (lambda r: list(r.headers.items()), ["headers"]),
    (lambda r: r.headers.keys(), ["headers"]),
    (lambda r: list(r.headers), ["headers"]),
    (lambda r: len(r.headers), ["headers"]),
    (lambda r: r.headers.raw, ["headers"]),
    (lambda r: r.headers.index, ["headers"]),
    (lambda r: repr(r.headers), ["headers"]),
    (lambda r: r.raw_headers, ["headers"]),
    (lambda r: r.index, ["headers"]),
    (lambda r: r.indexed(), ["headers"]),
    (lambda r: r.cookies, ["cookies"]),
    (lambda r: r.signed_cookie("none"), ["cookies"]),
    (lambda r: r.encrypted_cookie("none"), ["cookies"]),
    (lambda r: r.preferred_language(["de", "en"]), ["header:accept-language"]),
    (lambda r: r.accepts("text/html"), ["header:accept"]),
    (lambda r: r.last_event_id, ["header:last-event-id"]),
    (lambda r: r.client, ["address"]),
    (lambda r: r.connection.client, ["address"]),
    (lambda r: r.connection.peer_certificate, ["address"]),
    (lambda r: r.csp_nonce, ["nonce", "response"]),
    (lambda r: r.amend(lambda response: None), ["response"]),
    (lambda r: r.known_part("user"), ["user"]),
    (lambda r: r.path, ["path"]),
    (lambda r: r.query, ["query"]),
    (lambda r: r.headers["host"], ["host"]),
    (lambda r: r.state, ["state"]),
    (lambda r: (r.method, r.scheme, r.content_type, r.content_length, r.id), []),
    (lambda r: (r.headers.get("if-none-match"), r.wants_websocket), []),
]


@pytest.mark.parametrize(("read", "kinds"), READS)
def test_each_personal_part_is_noted_by_its_kind(read: Callable[[Request], Any], kinds: list[str]) -> None:
    request, noted = make_request(), list[str]()
    with watch_personal(request, noted.append):
        read(request)
    assert list(dict.fromkeys(noted)) == kinds


@pytest.mark.parametrize(("read", "kinds"), [pair for pair in READS if pair[1]])
def test_a_note_that_raises_keeps_the_part_from_being_read(
    read: Callable[[Request], Any], kinds: list[str]
) -> None:
    request = make_request()

    def refuse(kind: str) -> None:
        raise PermissionError(kind)

    with pytest.raises(PermissionError, match=kinds[0]), watch_personal(request, refuse):
        read(request)


@pytest.mark.parametrize("read", [read for read, _ in READS])
def test_a_watched_request_answers_as_before(read: Callable[[Request], Any]) -> None:
    watched, plain = make_request(), make_request()
    watched._id = plain._id = "an-id"
    watched._csp_nonce = plain._csp_nonce = "a-nonce"
    with watch_personal(watched, lambda kind: None):
        value = read(watched)
    plain.indexed()  # what is made when it is first asked for
    assert value == read(plain) or repr(value).replace("Watched", "") == repr(read(plain))


def test_what_was_read_for_a_value_is_noted_again_by_who_uses_it() -> None:
    request, noted = make_request(), list[str]()
    note_again(request, ["user"])  # nobody watches
    with watch_personal(request, noted.append):
        note_again(request, ["user", "header:x-any"])
    assert noted == ["user", "header:x-any"]


async def test_parts_are_noted_with_what_they_read_themselves() -> None:
    request, noted = make_request(), list[str]()
    with watch_personal(request, noted.append):
        assert await request.user() == "user of a session"
    assert noted == ["user", "session"]


def test_a_request_is_as_it_was_afterwards_even_after_an_error() -> None:
    request, noted = make_request(), list[str]()
    with pytest.raises(KeyError), watch_personal(request, noted.append):
        raise KeyError
    assert type(request) is Request
    assert request.cookies == {"a": "1", "b": "2"}
    assert noted == []


def test_watches_within_each_other_all_hear_and_end_in_any_order() -> None:
    request = make_request()
    outer, inner = list[str](), list[str]()
    first, second = watch_personal(request, outer.append), watch_personal(request, inner.append)
    first.__enter__()
    second.__enter__()
    assert request.cookies
    first.__exit__(None, None, None)  # as tasks of one request do that began one after the other
    assert request.client
    second.__exit__(None, None, None)
    assert request.headers["user-agent"]
    assert outer == ["cookies"]
    assert inner == ["cookies", "address"]
