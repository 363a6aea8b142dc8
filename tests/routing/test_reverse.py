"""Addresses from names: encoding, namespaces, and errors that name the nearest route and the wrong parameter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.routing.build import bound, compiled, noop
from vivace.errors import UnknownRoute, WrongRouteParameters
from vivace.routing import Reverser, Router


def site() -> Router:
    """A router with every kind of parameter."""
    router = Router()

    @router.get("/")
    def home() -> None: ...

    @router.get("/café/{name}")
    def cafe(name: str) -> None: ...

    @router.get("/files/{path:path}")
    def files(path: str) -> None: ...

    @router.get("/{day}/{number}/{key}")
    def typed(day: date, number: int, key: UUID) -> None: ...

    @router.get("/{year:int}-{slug}.html")
    def page(year: int, slug: str) -> None: ...

    @router.get("/posts/{page:int?}")
    def posts(page: int = 1) -> None: ...

    @router.get("/search/{query}")
    def search(query: str) -> None: ...

    return router


ROUTER = site()
REVERSER, MATCHER = Reverser(bound(ROUTER)), compiled(ROUTER)


def test_ro4_an_address_is_encoded() -> None:
    assert REVERSER.url("home") == "/"
    assert REVERSER.url("cafe", name="a/b c?#é%") == "/caf%C3%A9/a%2Fb%20c%3F%23%C3%A9%25"
    assert REVERSER.url("files", path="a b/ü.txt") == "/files/a%20b/%C3%BC.txt"
    assert REVERSER.url("page", year=2026, slug="a-b") == "/2026-a-b.html"
    assert [REVERSER.url("posts"), REVERSER.url("posts", page="3")] == ["/posts", "/posts/3"]


def test_ro4_query_and_fragment() -> None:
    query = {"q": "a b", "tag": ["x", "y"], "none": None, "on": True}
    assert REVERSER.url("home", query=query, fragment="a b") == "/?q=a+b&tag=x&tag=y&on=true#a%20b"
    assert REVERSER.url("home", query=[("a", 1), ("a", 2)]) == "/?a=1&a=2"
    assert REVERSER.url("search", query="x") == "/search/x"


@given(
    name=st.text(min_size=1),
    path=st.lists(st.text(min_size=1), min_size=1),
    year=st.integers(),
    slug=st.text(),
)
def test_ro4_every_address_leads_back(name: str, path: list[str], year: int, slug: str) -> None:
    cases: list[tuple[str, dict[str, Any]]] = [
        ("cafe", {"name": name}),
        ("files", {"path": "/".join(path)}),
        ("page", {"year": year, "slug": slug}),
    ]
    for route, params in cases:
        try:
            address = REVERSER.url(route, **params)
        except WrongRouteParameters:
            continue
        assert address.isascii()
        assert not address.startswith("//")
        assert MATCHER.match("GET", address) == (route, params)


@given(day=st.dates(), number=st.integers(), key=st.uuids())
def test_ro4_typed_values_lead_back(day: date, number: int, key: UUID) -> None:
    params: dict[str, Any] = {"day": day, "number": number, "key": key}
    assert MATCHER.match("GET", REVERSER.url("typed", **params)) == ("typed", params)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_ro4_nearly_every_text_has_an_address(name: str) -> None:
    if name not in {".", ".."}:
        assert MATCHER.match("GET", REVERSER.url("cafe", name=name))[1] == {"name": name}


@pytest.mark.parametrize(
    ("route", "params"),
    [
        ("cafe", {"name": None}),
        ("cafe", {"name": ""}),
        ("cafe", {"name": ".."}),
        ("cafe", {"name": "\0"}),
        ("cafe", {"name": "\ud800"}),
        ("files", {"path": "/etc/passwd"}),
        ("files", {"path": "a/../b"}),
        ("page", {"year": "x", "slug": "y"}),
        ("page", {"year": -5, "slug": "y"}),
        ("posts", {"page": 1.5}),
    ],
)
def test_ro4_a_wrong_value_is_named(route: str, params: dict[str, Any]) -> None:
    with pytest.raises(WrongRouteParameters, match="a value that does not fit") as caught:
        REVERSER.url(route, **params)
    assert repr(next(iter(params))) in caught.value.what
    assert caught.value.got


def test_ro4_wrong_names_are_named() -> None:
    with pytest.raises(WrongRouteParameters) as caught:
        REVERSER.url("cafe", nam="x", q=1)
    error = caught.value
    assert error.what == "The route 'cafe' (/café/{name}) lacks 'name' and has no 'nam', 'q'."
    assert error.fix == "Did you mean 'name'?"
    with pytest.raises(WrongRouteParameters, match="lacks 'day', 'key', 'number'"):
        REVERSER.url("typed")
    with pytest.raises(WrongRouteParameters, match=r"Query parameters go into query="):
        REVERSER.url("home", page=2)


def test_ro4_an_unknown_name_has_a_nearest_match() -> None:
    with pytest.raises(UnknownRoute, match="Did you mean 'posts'"):
        REVERSER.url("post", page=1)
    with pytest.raises(UnknownRoute, match="vivace routes"):
        REVERSER.url("zzzzzz")


def namespaced() -> Reverser:
    """One router included twice, and once more inside another."""
    blog = Router(name="blog")
    blog.get("/{id:int}", name="post")(noop)
    outer = Router("/outer", name="outer")
    outer.include(blog, "/in", name="deep")
    app = Router()
    app.include(blog, "/news", name="news")
    app.include(blog, "/diary", name="diary")
    app.include(outer)
    app.get("/top", name="top")(lambda: None)
    return Reverser(bound(app))


@pytest.mark.parametrize(
    ("namespace", "name", "address"),
    [
        ("", "news:post", "/news/1"),
        ("", "diary:post", "/diary/1"),
        ("news", "post", "/news/1"),
        ("diary", "post", "/diary/1"),
        ("outer:deep", "post", "/outer/in/1"),
        ("outer", "deep:post", "/outer/in/1"),
        ("outer:deep", "news:post", "/news/1"),
        ("diary", "blog:post", "/diary/1"),
        ("", "blog:post", "/news/1"),
        ("", "outer:blog:post", "/outer/in/1"),
        ("news", ":diary:post", "/diary/1"),
    ],
)
def test_ro3_names_are_relative_to_the_current_namespace(namespace: str, name: str, address: str) -> None:
    assert namespaced().within(namespace).url(name, id=1) == address


def test_ro3_names_go_outwards_and_unknown_ones_say_where_they_are() -> None:
    reverser = namespaced()
    assert reverser.within("news").url("top") == "/top"
    with pytest.raises(UnknownRoute, match="Did you mean 'diary:post'"):
        reverser.url("post", id=1)


def test_ro5_hosts_are_part_of_an_address_when_their_parameters_are_given() -> None:
    router = Router(host="{tenant}.example.com")
    router.get("/{page}", name="page")(noop)
    reverser = Reverser(bound(router))
    assert reverser.url("page", page="x") == "/x"
    assert reverser.url("page", tenant="Ada", page="x") == "//ada.example.com/x"
    with pytest.raises(WrongRouteParameters, match="'tenant'"):
        reverser.url("page", tenant="evil.example/", page="x")


def another_page() -> Callable[[], None]:
    def page() -> None: ...

    return page


def test_a_name_taken_from_handlers_may_be_ambiguous_until_it_is_used() -> None:
    router = Router()

    def page() -> None: ...

    router.get("/one")(page)
    router.get("/one/{id}")(page)
    assert Reverser(bound(router)).url("page", id="1") == "/one/1"
    router.get("/two")(another_page())
    with pytest.raises(UnknownRoute, match="several handlers"):
        Reverser(bound(router)).url("page")
    router.get("/three", name="page")(page)
    assert Reverser(bound(router)).url("page") == "/three"
