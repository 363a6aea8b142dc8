"""Problems of routes found at start, all at once, and the list of routes."""

from __future__ import annotations

from functools import partial

import pytest

from tests.routing.build import bound, noop
from vivace.errors import Finding
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.http.types import CallNext
from vivace.routing import Router, check_routes, describe


def found(router: Router) -> list[tuple[str, str]]:
    return [(finding.id, finding.level) for finding in check_routes(bound(router))]


def two(first: str, second: str) -> Router:
    router = Router()
    router.get(first)(lambda: None)
    router.get(second)(lambda: None)
    return router


def test_duplicates_are_found_whatever_their_parameters_are_called() -> None:
    assert found(two("/a/{x:int}", "/a/{y:int}")) == [("route-duplicate", "error")]
    assert found(two("/posts", "/posts/{page?}")) == [("route-duplicate", "error")]
    assert found(two("/a", "/b")) == []


def test_a_duplicate_says_who_and_where() -> None:
    finding = check_routes(bound(two("/a", "/a")))[0]
    assert finding.message.startswith("GET /a is answered by tests.routing.test_checks.two.<locals>.<lambda>")
    assert "test_checks.py:" in finding.place
    assert "[route-duplicate]" in str(finding)


def test_methods_hosts_and_constraints_tell_routes_apart() -> None:
    router = Router()
    router.get("/a")(lambda: None)
    router.post("/a")(lambda: None)
    router.get("/a", host="x.example")(lambda: None)
    router.get("/a", where=lambda request: True)(lambda: None)
    assert found(router) == []


def test_a_name_is_given_once() -> None:
    router = Router()
    router.get("/a", name="x")(lambda: None)
    router.post("/a", name="x")(lambda: None)
    assert found(router) == []
    router.get("/b", name="x")(lambda: None)
    assert found(router) == [("route-name-duplicate", "error")]


def test_siblings_that_only_differ_in_how_they_read_are_a_warning() -> None:
    assert found(two("/{a:re:[a-c]+}/x", "/{b:re:[b-d]+}/x")) == [("route-ambiguous", "warning")]
    assert found(two("/{a:re:[a-c]+}/x", "/{b:re:[b-d]+}/y")) == []
    assert found(two("/{a:int}", "/{b:slug}")) == []


def test_ro5_a_parameter_is_in_the_host_or_in_the_path() -> None:
    router = Router(host="{x}.example")
    router.get("/{x}")(noop)
    assert found(router) == [("route-parameter-twice", "error")]


@pytest.mark.parametrize(
    ("path", "fix"),
    [
        ("/fh/<int:id>", "Write {id}"),
        ("/fh/<id>/edit", "Write {id}"),
        ("/x/:slug", "Write {slug}"),
        ("/y/<string(length=2):lang>", "Write {lang}"),
    ],
)
def test_parameters_in_the_spelling_of_others_are_a_warning(path: str, fix: str) -> None:
    router = Router()
    router.get(path)(noop)
    routes = bound(router)
    (finding,) = check_routes(routes)
    assert (finding.id, finding.level) == ("route-parameter-foreign", "warning")
    assert finding.hint.startswith(fix)
    assert finding.place == routes[0].place


@pytest.mark.parametrize("path", ["/a:b", "/:", "/v1:batch", "/<", "/<>", "/a<b>", "/{id}", "/:1", "/<a b>"])
def test_text_that_only_has_their_signs_is_text(path: str) -> None:
    router = Router()
    router.get(path)(noop)
    assert found(router) == []


async def log(request: Request, call_next: CallNext) -> Response:
    return await call_next(request)


class Callable:
    def __call__(self) -> None: ...


def test_ro11_routes_are_listed_with_handler_place_and_middleware() -> None:
    router = Router(middleware=[log], host="a.example")

    @router.route("/x/{id}", methods=["GET", "PURGE"])
    def show(id: int) -> None: ...

    router.get("/object")(Callable())
    router.get("/partial")(partial(show, 1))
    router.mount("/old", Callable())
    rows = describe(router.collect())
    assert [(row["method"], row["path"], row["name"]) for row in rows] == [
        ("GET", "/x/{id}", "show"),
        ("PURGE", "/x/{id}", "show"),
        ("GET", "/object", ""),
        ("GET", "/partial", ""),
        ("*", "/old", ""),
    ]
    line = show.__code__.co_firstlineno
    assert rows[0]["place"].endswith(f"test_checks.py:{line}")
    assert rows[0]["handler"].endswith("<locals>.show")
    assert rows[0]["middleware"] == [f"{__name__}.log"]
    assert rows[0]["host"] == "a.example"
    assert rows[2]["handler"] == rows[4]["handler"] == f"{__name__}.Callable"
    assert rows[3]["handler"] == rows[0]["handler"]
    assert all("test_checks.py:" in row["place"] for row in rows)


def test_a_finding_is_a_value() -> None:
    finding = Finding("some-id", "Wrong.", "Do it right.", "app.py:3", "warning")
    assert str(finding) == "warning: Wrong. [some-id]\n  at app.py:3\n  hint: Do it right."
    assert finding == Finding("some-id", "Wrong.", "Do it right.", "app.py:3", "warning")
