"""Registration: decorators, options, prefixes, namespaces, inclusion, the freeze."""

from __future__ import annotations

from typing import Any, cast, get_type_hints

import pytest

from tests.routing.build import bound, compiled, noop
from vivace.errors import BadPattern, RouterFrozen
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.http.types import CallNext
from vivace.routing import Converter, RouteKwargs, RouteOptions, Router, bind_routes


async def outer(request: Request, call_next: CallNext) -> Response:
    return await call_next(request)


async def inner(request: Request, call_next: CallNext) -> Response:
    return await call_next(request)


def test_ro7_each_method_has_a_decorator_that_keeps_the_function() -> None:
    router = Router()
    names = ("get", "post", "put", "patch", "delete", "head", "options", "query", "websocket")

    def handler() -> int:
        return 1

    for name in names:
        assert getattr(router, name)("/x")(handler) is handler
    assert router.get("/typed")(handler)() == 1
    assert [route.methods[0] for route in router.collect()] == [*(name.upper() for name in names), "GET"]


def test_options_are_one_list() -> None:
    assert set(get_type_hints(RouteKwargs)) == set(RouteOptions.__struct_fields__)


def test_an_unknown_option_names_the_nearest() -> None:
    options = cast("RouteKwargs", {"midleware": []})
    with pytest.raises(BadPattern, match="Did you mean 'middleware'"):
        RouteOptions.of(options)


def test_ro3_options_of_routers_surround_those_of_routes() -> None:
    blog = Router("/blog", middleware=[inner], tags=["blog"], timeout=2.0, extra={"a": 1, "b": 1})

    @blog.get("/x", tags=["x"], timeout=1.0, extra={"b": 2}, summary="X")
    def handler() -> None: ...

    app = Router()
    app.include(blog, "/site", middleware=[outer], tags=["site"], body_limit=9, timeout=3.0)
    options = app.collect()[0].options
    assert options.middleware == (outer, inner)
    assert options.tags == ("site", "blog", "x")
    assert (options.timeout, options.body_limit, options.summary) == (1.0, 9, "X")
    assert dict(options.extra) == {"a": 1, "b": 2}


def test_after_hooks_run_from_the_inside_out() -> None:
    def mine(request: Request, response: Response) -> None: ...
    def theirs(request: Request, response: Response) -> None: ...

    options = RouteOptions(after=(mine,), before=()).under(RouteOptions(after=(theirs,)))
    assert options.after == (mine, theirs)


def test_ro3_a_router_may_be_included_twice() -> None:
    blog = Router(name="blog")

    @blog.get("/{id}")
    def post(id: int) -> None: ...

    @blog.get("/")
    def index() -> None: ...

    app = Router()
    app.include(blog, "/news", name="news")
    app.include(blog, "/diary/{who}", name="diary")
    routes = bound(app)
    assert [(route.path, route.name, route.alias) for route in routes] == [
        ("/news/{id}", "news:post", "blog:post"),
        ("/news/", "news:index", "blog:index"),
        ("/diary/{who}/{id}", "diary:post", "blog:post"),
        ("/diary/{who}/", "diary:index", "blog:index"),
    ]
    assert compiled(app).match("GET", "/diary/ada/7") == ("post", {"who": "ada", "id": 7})


def test_routes_added_after_the_inclusion_count() -> None:
    app, blog = Router("/app"), Router("/blog")
    app.include(blog)
    blog.get("")(lambda: None)
    assert [route.path for route in app.collect()] == ["/app/blog"]


def test_a_router_cannot_include_itself() -> None:
    one, two, three = Router("/one"), Router("/two"), Router("/three")
    one.include(two)
    two.include(three)
    for router, other in ((one, one), (three, one)):
        with pytest.raises(BadPattern, match="include itself"):
            router.include(other)


def test_ro1_own_converters_are_handed_to_a_router() -> None:
    reverse = Converter("reverse", lambda text: text[::-1], lambda value: str(value)[::-1])
    app, inner_router = Router(converters={"reverse": reverse}), Router("/in")
    inner_router.get("/{word:reverse}")(noop)
    app.include(inner_router)
    assert compiled(app).match("GET", "/in/abc")[1] == {"word": "cba"}


def test_all_patterns_that_cannot_be_bound_are_found_at_once() -> None:
    router = Router()
    router.get("/{id:nothing}")(noop)
    router.get("/fine")(lambda: None)
    router.get("/{code:re:(a+)+}")(noop)
    routes, findings = bind_routes(router.collect(), lambda route: {})
    assert [route.path for route in routes] == ["/fine"]
    assert [finding.id for finding in findings] == ["bad-pattern", "bad-pattern"]
    assert all("routing/build.py:" in finding.place and finding.hint for finding in findings)


@pytest.mark.parametrize("path", ["x", "/a//b", "/{x", "/{x}/{x}"])
def test_a_wrong_path_is_reported_where_it_is_registered(path: str) -> None:
    for router in (Router(), Router("/prefix")):
        with pytest.raises(BadPattern):
            router.get(path)(lambda: None)


@pytest.mark.parametrize("methods", [["get"], ["GE T"], [""], [], ["WEBSOCKET"]])
def test_ro7_a_method_is_an_upper_case_word(methods: list[str]) -> None:
    with pytest.raises(BadPattern):
        Router().route("/", methods=methods)(lambda: None)


@pytest.mark.parametrize("host", ["http://a", "a:80", "{a", "a..b", "a/b", ""])
def test_ro5_a_wrong_host_is_reported_where_it_is_given(host: str) -> None:
    if host:
        with pytest.raises(BadPattern, match="host pattern"):
            Router(host=host)
        with pytest.raises(BadPattern, match="host pattern"):
            Router().get("/", host=host)(lambda: None)


def test_no_route_after_the_freeze() -> None:
    app, blog = Router(), Router("/blog")
    app.include(blog)
    assert not app.frozen
    app.freeze()
    late: list[Any] = [
        lambda: app.get("/late")(lambda: None),
        lambda: blog.websocket("/late")(lambda: None),
        lambda: app.mount("/late", object()),
        lambda: app.include(Router("/late")),
    ]
    for register in late:
        with pytest.raises(RouterFrozen, match="/late") as caught:
            register()
        assert caught.value.expected
        assert caught.value.fix
