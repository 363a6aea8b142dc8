"""The compiled router: which route answers, with what, at what cost, and what is said when none does."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.routing.build import compiled, noop, paths, request
from vivace.errors import BadRequest, MethodNotAllowed, MovedPermanently, NotFound, UpgradeRequired
from vivace.routing import REST, WEBSOCKET, Matcher, Router, RoutingOptions, version

IGNORE = RoutingOptions(trailing_slash="ignore")
STRICT = RoutingOptions(trailing_slash="strict")


def test_ro1_static_routes_are_one_dictionary() -> None:
    matcher = paths("/", "/a", "/a/b")
    assert matcher.static["/a/b"]["GET"] == "/a/b"
    assert matcher.match("GET", "/") == ("/", {})


def test_ro1_types_come_from_annotations() -> None:
    router = Router()

    @router.get("/{number}")
    def by_number(number: int) -> None: ...

    @router.get("/{key}")
    def by_key(key: UUID) -> None: ...

    matcher = compiled(router)
    assert matcher.match("GET", "/-7") == ("by_number", {"number": -7})
    key = UUID(int=5)
    assert matcher.match("GET", f"/{key}") == ("by_key", {"key": key})
    with pytest.raises(NotFound):
        matcher.match("GET", "/seven")


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/x/me", "/x/me"),
        ("/x/12", "/x/{a:int}"),
        ("/x/v12", "/x/v{a:int}"),
        ("/x/abc", "/x/{a:re:[a-c]+}"),
        ("/x/a-z", "/x/{a:slug}"),
        ("/x/a.z", "/x/{a}"),
        ("/x/a.z/q", "/x/{a:path}"),
        ("/x/12/end", "/x/{a:int}/end"),
        ("/x/me/end", "/x/{a}/end"),
        ("/x/12/other", "/x/{a:path}"),
    ],
)
def test_ro1_the_most_specific_route_answers(path: str, target: str) -> None:
    texts = ["/x/{a:path}", "/x/{a}", "/x/{a}/end", "/x/{a:slug}", "/x/{a:re:[a-c]+}"]
    matcher = paths(*texts, "/x/v{a:int}", "/x/{a:int}", "/x/{a:int}/end", "/x/me")
    assert matcher.match("GET", path)[0] == target


def test_mixed_segments_and_the_rest_of_the_path() -> None:
    matcher = paths("/{year:int}-{slug}.html", "/files/{path:path}", "/posts/{page:int?}")
    assert matcher.match("GET", "/2026-a-b.html")[1] == {"year": 2026, "slug": "a-b"}
    assert matcher.match("GET", "/files/a/b.txt")[1] == {"path": "a/b.txt"}
    assert matcher.match("GET", "/posts")[1] == {}
    assert matcher.match("GET", "/posts/3")[1] == {"page": 3}


def test_encoded_slashes_stay_inside_a_parameter() -> None:
    matcher = paths("/a/b", "/a%20b".replace("%20", " "), "/x/{name}", "/{one}/{two}")
    assert matcher.match("GET", "/x/a%2Fb") == ("/x/{name}", {"name": "a/b"})
    assert matcher.match("GET", "/a%20b")[0] == "/a b"
    assert matcher.match("GET", "/%61/b")[0] == "/a/b"
    with pytest.raises(NotFound):
        matcher.match("GET", "/a%2Fb")


@pytest.mark.parametrize("path", ["/x/%", "/x/%ff", "/x/%00", "/nowhere/%zz"])
def test_a_malformed_path_is_400(path: str) -> None:
    with pytest.raises(BadRequest):
        paths("/x/{name}").match("GET", path)


@pytest.mark.parametrize(
    "rest", ["../secret", "a/../b", "./a", "%2Fetc/passwd", "/etc", "a/%2e%2e/b", "..%2Fa", ""]
)
def test_the_rest_of_a_path_never_leaves_its_folder(rest: str) -> None:
    with pytest.raises(NotFound):
        paths("/files/{path:path}", trailing_slash="strict").match("GET", f"/files/{rest}")


def everything(options: RoutingOptions | None = None) -> Matcher[str]:
    """One path with many methods, and a more general one beside it."""
    router = Router()

    @router.get("/me")
    def show() -> None: ...

    @router.route("/me", methods=["PURGE", "QUERY"])
    def purge() -> None: ...

    @router.delete("/{name}")
    def remove(name: str) -> None: ...

    @router.websocket("/me")
    def talk() -> None: ...

    @router.websocket("/only")
    def only() -> None: ...

    return compiled(router, options, lambda allow: ",".join(allow))


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "show"),
        ("HEAD", "show"),
        ("PURGE", "purge"),
        ("QUERY", "purge"),
        ("DELETE", "remove"),
        (WEBSOCKET, "talk"),
    ],
)
def test_ro7_each_method_finds_its_route(method: str, target: str) -> None:
    assert everything().match(method, "/me")[0] == target


def test_ro7_head_may_have_a_route_of_its_own() -> None:
    router = Router()

    @router.get("/{a}")
    def show() -> None: ...

    @router.head("/{a}")
    def head() -> None: ...

    assert compiled(router).match("HEAD", "/x")[0] == "head"


def test_ro7_options_is_answered_with_what_is_allowed() -> None:
    matcher = everything()
    assert matcher.match("OPTIONS", "/me")[0] == "DELETE,GET,HEAD,OPTIONS,PURGE,QUERY"
    assert matcher.match("OPTIONS", "/you")[0] == "DELETE,OPTIONS"
    assert matcher.match("OPTIONS", "*")[0] == "DELETE,GET,HEAD,OPTIONS,PURGE,QUERY"
    with pytest.raises(NotFound):
        matcher.match("OPTIONS", "/a/b")


def test_ro7_405_lists_the_methods_of_all_routes_that_fit() -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        everything().match("PUT", "/me")
    assert caught.value.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PURGE, QUERY"
    with pytest.raises(MethodNotAllowed) as caught:
        paths("/a").match("POST", "/a")
    assert caught.value.allow == ("GET", "HEAD")


def test_a_websocket_address_says_so() -> None:
    router = Router()
    router.websocket("/talk")(lambda: None)
    matcher = compiled(router)
    with pytest.raises(UpgradeRequired) as caught:
        matcher.match("GET", "/talk")
    assert caught.value.headers["upgrade"] == "websocket"
    with pytest.raises(NotFound):
        matcher.match(WEBSOCKET, "/other")
    with pytest.raises(NotFound, match="no WebSocket"):
        paths("/a").match(WEBSOCKET, "/a")


@pytest.mark.parametrize("path", ["", "x", "http://host/a", "*", "a/a"])
def test_a_path_begins_with_a_slash(path: str) -> None:
    with pytest.raises(NotFound):
        paths("/a", "/{x}", "/{rest:path}").match("GET", path)


# Policies


def moved(matcher: Matcher[str], path: str, query: str = "") -> str:
    """Return where a path is redirected to."""
    target = f"{path}?{query}" if query else path
    with pytest.raises(MovedPermanently) as caught:
        matcher.match("GET", path, request(target))
    assert caught.value.status == 308
    return caught.value.headers["location"]


def test_ro6_the_other_spelling_is_a_308_that_keeps_the_query() -> None:
    matcher = paths("/a", "/b/", "/c/{x}", "/d/{x}/")
    assert moved(matcher, "/a/", "q=1&q=2") == "/a?q=1&q=2"
    assert moved(matcher, "/b") == "/b/"
    assert moved(matcher, "/c/x%2Fy/") == "/c/x%2Fy"
    assert moved(matcher, "/d/x") == "/d/x/"
    with pytest.raises(NotFound):
        matcher.match("GET", "/e/")
    with pytest.raises(NotFound):
        matcher.match(WEBSOCKET, "/a/")


@pytest.mark.parametrize(
    ("path", "location"),
    [("/\\evil.example/", "/%5Cevil.example"), ("//evil.example/", None), ("///evil.example", None)],
)
def test_ro6_a_redirect_never_leads_to_another_host(path: str, location: str | None) -> None:
    for matcher in (paths("/{a}"), paths("/{a:path}", "/{a}/")):
        try:
            matcher.match("GET", path)
        except (NotFound, MovedPermanently) as error:
            there = error.headers.get("location", "")
            assert not there.startswith(("//", "/\\"))
            assert there in {"", location}


def test_ro6_strict_and_ignore() -> None:
    with pytest.raises(NotFound):
        paths("/a", trailing_slash="strict").match("GET", "/a/")
    matcher = paths("/a", "/b/{x}", "/c", "/c/", "/d/", trailing_slash="ignore")
    assert [matcher.match("GET", path)[0] for path in ("/a/", "/b/1/", "/c", "/c/", "/d")] == [
        "/a",
        "/b/{x}",
        "/c",
        "/c/",
        "/d/",
    ]


def test_ro6_case_and_doubled_slashes() -> None:
    matcher = paths("/About/{Name}", "/API", case_sensitive=False, merge_slashes=True)
    assert matcher.match("GET", "/aBOUT/Ada")[1] == {"Name": "Ada"}
    assert matcher.match("GET", "/api")[0] == "/API"
    assert matcher.match("GET", "//about///Ada")[1] == {"Name": "Ada"}
    with pytest.raises(NotFound):
        paths("/a/b").match("GET", "/a//b")


# Hosts, constraints, mounts


def test_ro5_hosts_and_their_parameters() -> None:
    router = Router()

    @router.get("/")
    def anywhere() -> None: ...

    api = Router(host="api.example.com")

    @api.get("/")
    def interface() -> None: ...

    tenants = Router(host="{tenant}.example.com")

    @tenants.get("/{page}")
    def page(tenant: str, page: str) -> None: ...

    @tenants.post("/")
    def post(tenant: str) -> None: ...

    for inner in (api, tenants):
        router.include(inner)
    matcher = compiled(router)

    def ask(host: str, path: str, method: str = "GET") -> Any:
        return matcher.match(method, path, request(path, host=host))

    assert not matcher.static
    assert ask("API.example.com:8000", "/") == ("interface", {})
    assert ask("other.example.com", "/") == ("anywhere", {})
    assert ask("a.example.com", "/x") == ("page", {"tenant": "a", "page": "x"})
    assert ask("api.example.com", "/x") == ("page", {"tenant": "api", "page": "x"})
    assert ask("example.com", "/") == ("anywhere", {})
    assert matcher.match("GET", "/") == ("anywhere", {})
    with pytest.raises(MethodNotAllowed) as caught:
        ask("a.example.com", "/", "PUT")
    assert caught.value.allow == ("GET", "HEAD", "POST")


def test_ro5_versions_and_own_constraints() -> None:
    router = Router()

    @router.get("/x", where=version("2.1.0"))
    def two() -> None: ...

    @router.get("/x", where=version("1.3.0"))
    def one() -> None: ...

    @router.get("/x")
    def plain() -> None: ...

    @router.get("/y", where=lambda request: "x-beta" in request.headers)
    def beta() -> None: ...

    matcher = compiled(router)

    def ask(**headers: str) -> str:
        return matcher.match("GET", "/x", request("/x", **headers))[0]

    answers = [ask(accept_version=asked) for asked in ("2", "2.x", "2.1.0", "1.x", "*", "3", "2.0.0")]
    assert answers == ["two", "two", "two", "one", "two", "plain", "plain"]
    assert [ask(), matcher.match("GET", "/x")[0], matcher.match("HEAD", "/x")[0]] == ["plain"] * 3
    assert matcher.match("GET", "/y", request("/y", x_beta="1"))[0] == "beta"
    with pytest.raises(NotFound):
        matcher.match("GET", "/y", request("/y"))


def test_mounts_get_the_raw_rest_of_the_path() -> None:
    router = Router()
    router.mount("/site/{lang}", "django")
    router.mount("/", "fallback")
    router.get("/site/{lang}/own")(noop)
    matcher = compiled(router)

    def ask(path: str, method: str = "GET") -> Any:
        return matcher.match(method, path)

    assert ask("/site/de") == ("django", {"lang": "de", REST: ""})
    assert ask("/site/de/") == ("django", {"lang": "de", REST: "/"})
    assert ask("/site/de/a%2Fb/c", "POST") == ("django", {"lang": "de", REST: "/a%2Fb/c"})
    assert ask("/site/de/own") == ("noop", {"lang": "de"})
    assert ask("/site/de/own", "POST") == ("django", {"lang": "de", REST: "/own"})
    assert ask("/sites", WEBSOCKET) == ("fallback", {REST: "/sites"})
    assert ask("/") == ("fallback", {REST: "/"})


# Cost


def steps(matcher: Matcher[str], path: str) -> int:
    """Count the lines that a look-up executes."""
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        matcher.match("GET", path)
    finally:
        sys.settrace(before)
    return count


def large(count: int) -> Matcher[str]:
    """A router of ``count`` routes of four shapes."""
    shapes = ("/r{n}", "/r{n}/{{id:int}}", "/r{n}/{{id:int}}/of/{{name}}", "/r{n}/files/{{rest:path}}")
    return paths(*(shape.format(n=n) for n in range(count // len(shapes)) for shape in shapes))


def test_ro1_a_look_up_takes_as_many_steps_among_10000_routes_as_among_10() -> None:
    small, big = large(12), large(10_000)
    for end in ("", "/5", "/5/of/ada", "/files/a/b"):
        assert steps(big, f"/r2499{end}") == steps(small, f"/r1{end}") == steps(big, f"/r0{end}")


def test_ro1_backtracking_is_bounded_by_the_routes_that_fit() -> None:
    texts = [
        "/" + "/".join(f"{{p{n}}}" if bits >> n & 1 else "a" for n in range(6)) + "/end" for bits in range(64)
    ]
    matcher = paths(*texts, trailing_slash="strict")
    with pytest.raises(NotFound):
        matcher.match("GET", "/a/a/a/a/a/a/nowhere")
    long = paths("/{a}/{b}/{c}", "/a/{b}/d", trailing_slash="strict")
    with pytest.raises(NotFound):
        long.match("GET", "/a" * 100_000)


SEGMENT = st.sampled_from(["a", "b", "{x}", "{x:int}", "v{x:int}"])


@given(st.sets(st.lists(SEGMENT, min_size=1, max_size=4).map(tuple), min_size=1, max_size=12), st.data())
def test_ro1_the_tree_finds_what_trying_every_route_finds(
    shapes: set[tuple[str, ...]], data: st.DataObject
) -> None:
    texts = ["/" + "/".join(s.replace("x", f"x{n}") for n, s in enumerate(shape)) for shape in sorted(shapes)]
    parts = data.draw(st.lists(st.sampled_from(["a", "b", "7", "v7", "q", ""]), min_size=1, max_size=4))
    path = "/" + "/".join(parts)

    def answer(matcher: Matcher[str]) -> str | None:
        try:
            return matcher.match("GET", path)[0]
        except NotFound:
            return None

    fitting = {text for text in texts if answer(paths(text, trailing_slash="strict"))}
    found = answer(paths(*texts, trailing_slash="strict"))
    assert (found in fitting) if fitting else found is None


@given(st.text(max_size=60))
def test_any_path_is_answered_or_refused(path: str) -> None:
    matcher = paths("/", "/a", "/{x}", "/{x}/{y:int}", "/v{x}.{y}", "/f/{p:path}", merge_slashes=True)
    try:
        matcher.match("GET", "/" + path)
    except (NotFound, BadRequest, MovedPermanently):
        return
