"""Class-based views: methods, parameters, options, mistakes."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from vivace import App, Request
from vivace.errors import AppInvalid, BadPattern, BadView, MethodNotAllowed
from vivace.http.request import Connection
from vivace.testing import Client
from vivace.views import RedirectView, View, redirect


class Notes(View):
    """Shows and takes notes."""

    word = "note"

    async def get(self, request: Request, **kwargs: Any) -> dict[str, Any]:
        return {"word": self.word, **kwargs, "seen": dict(self.kwargs)}

    async def post(self, request: Request) -> str:
        return "made"


def app_with(path: str, view: Any, **options: Any) -> App:
    app = App()
    app.add_route(path, view, **options)
    return app


async def test_ro9_methods_of_a_view_answer_methods_of_http() -> None:
    client = Client(app_with("/n/{id:int}", Notes.as_view(word="memo")), same_origin=True)
    assert (await client.get("/n/7")).json() == {"word": "memo", "id": 7, "seen": {"id": 7}}
    assert (await client.post("/n/7")).text == "made"
    assert (await client.head("/n/7")).status == 200
    refused = await client.delete("/n/7")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")
    asked = await client.options("/n/7")
    assert (asked.status, asked.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")


async def test_ro9_a_class_can_be_registered_as_it_is_and_by_decorator() -> None:
    app = App()
    app.add_route("/a", Notes, name="first")

    @app.route("/b/{id}", methods=["GET"])
    class More(Notes):
        pass

    client = Client(app, same_origin=True)
    assert (await client.get("/a")).json()["word"] == "note"
    assert (await client.get("/b/x")).json()["id"] == "x"
    assert (await client.post("/b/x")).status == 405
    assert app.reverse("more", id="x") == "/b/x"
    assert app.reverse("first") == "/a"
    assert More.__name__ == "More"


async def test_ro9_parameters_of_a_method_are_bound_as_those_of_a_handler() -> None:
    class Search(View):
        async def get(self, request: Request, id: int, q: str = "", many: list[int] | None = None) -> Any:
            return [id, q, many, dict(self.kwargs)]

        async def put(self, request: Request, id: int, body: dict[str, int]) -> Any:
            return [id, body]

    client = Client(app_with("/s/{id}", Search), same_origin=True)
    assert (await client.get("/s/3?q=x&many=1&many=2")).json()[:3] == [3, "x", [1, 2]]
    assert (await client.put("/s/3", json={"a": 1})).json() == [3, {"a": 1}]
    assert (await client.put("/s/3", json={"a": "b"})).status == 422
    assert (await client.get("/s/three")).status == 404


async def test_ro9_plain_methods_run_in_a_thread() -> None:
    class Slow(View):
        def get(self, request: Request, **kwargs: Any) -> dict[str, Any]:
            return {"main": threading.current_thread() is threading.main_thread(), **kwargs}

    assert (await Client(app_with("/{id:int}", Slow)).get("/1")).json() == {"main": False, "id": 1}


async def test_ro9_each_request_has_a_view_of_its_own() -> None:
    class Counter(View):
        count = 0

        def setup(self, request: Request, *args: Any, **kwargs: Any) -> None:
            super().setup(request, *args, **kwargs)
            self.count += 1

        async def get(self, request: Request) -> str:
            return str(self.count)

    client = Client(app_with("/", Counter))
    assert [(await client.get("/")).text for _ in range(2)] == ["1", "1"]


async def test_ro9_dispatch_may_be_overridden_by_either_kind() -> None:
    class Plain(Notes):
        def dispatch(self, request: Request, *args: Any, **kwargs: Any) -> Any:
            return super().dispatch(request, *args, **kwargs)

    class Waiting(Notes):
        async def dispatch(self, request: Request, *args: Any, **kwargs: Any) -> Any:
            answer = await super().dispatch(request, *args, **kwargs)
            return {**answer, "more": True}

    assert (await Client(app_with("/", Plain)).get("/")).json()["word"] == "note"
    assert (await Client(app_with("/", Waiting)).get("/")).json()["more"] is True


def test_ro9_a_plain_override_that_forgets_to_await_is_refused() -> None:
    class Broken(Notes):
        def dispatch(self, request: Request, *args: Any, **kwargs: Any) -> Any:
            answer: Any = super().dispatch(request, *args, **kwargs)
            return answer["word"]

    with pytest.raises(BadView, match="async def dispatch"):
        Broken.as_view()


def test_ro9_misspelt_options_are_refused_with_the_nearest_name() -> None:
    with pytest.raises(BadView, match="Did you mean 'permanent'"):
        RedirectView.as_view(url="/", permament=True)
    with pytest.raises(BadView, match="takes no method"):
        Notes.as_view(get="x")


def test_ro9_a_method_without_request_is_refused() -> None:
    class Forgetful(View):
        async def get(self) -> str:
            return ""

    with pytest.raises(BadView, match="does not take the request"):
        Forgetful.as_view()


def test_ro9_unknown_methods_and_empty_views_are_refused() -> None:
    with pytest.raises(BadPattern, match="PUT"):
        app_with("/", Notes, methods=["PUT"])
    with pytest.raises(BadPattern, match="anything"):
        app_with("/", View)


def test_ro9_a_wrong_parameter_stops_the_start() -> None:
    class Wrong(View):
        async def get(self, request: Request, *, thing: threading.Thread) -> str:
            return ""

    with pytest.raises(AppInvalid, match="no provider"):
        app_with("/", Wrong).compile()


async def test_ro9_http_method_names_restrict() -> None:
    client = Client(app_with("/", Notes.as_view(http_method_names=["get"])), same_origin=True)
    assert (await client.post("/")).status == 405
    view = Notes(http_method_names=["get"])
    request = Request("POST", "/", [], Connection())
    view.setup(request)
    assert view.allowed_methods() == ["GET"]
    with pytest.raises(MethodNotAllowed):
        await view.dispatch(request)


async def test_ro9_a_view_may_call_another() -> None:
    inner = Notes.as_view()

    async def outer(request: Request, id: int) -> Any:
        return await inner(request)

    assert (await Client(app_with("/{id}", outer)).get("/4")).json()["id"] == 4
    assert inner.view_class is Notes
    assert inner.__name__ == "notes"


# -- redirects ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "status", "location"),
    [
        ({"url": "/new/"}, 302, "/new/"),
        ({"url": "/new/", "permanent": True}, 301, "/new/"),
        ({"url": "/new/", "preserve_request": True}, 307, "/new/"),
        ({"url": "/new/", "preserve_request": True, "permanent": True}, 308, "/new/"),
        ({"url": "/new/", "query_string": True}, 302, "/new/?a=1&b=%C3%A4"),
        ({"url": "/new/?c=2", "query_string": True}, 302, "/new/?c=2&a=1&b=%C3%A4"),
        ({"url": "/new/%(slug)s/"}, 302, "/new/a%20b/"),
        ({"pattern_name": "there"}, 302, "/there/a%20b"),
        ({"pattern_name": "nowhere"}, 410, None),
    ],
)
async def test_ro9_redirect_view(options: dict[str, Any], status: int, location: str | None) -> None:
    app = App()
    app.add_route("/old/{slug}", RedirectView.as_view(**options))

    @app.get("/there/{slug}")
    async def there(slug: str) -> str:
        return slug

    answer = await Client(app, follow=False).get("/old/a%20b?a=1&b=%C3%A4")
    assert (answer.status, answer.headers.get("location")) == (status, location)


async def test_ro9_redirect_view_answers_every_method() -> None:
    client = Client(app_with("/", RedirectView.as_view(url="/x/")), same_origin=True, follow=False)
    statuses = [
        (await getattr(client, name)("/")).status
        for name in ("get", "head", "options", "post", "put", "patch", "delete")
    ]
    assert statuses == [302, 302, 302, 303, 303, 303, 303]


def test_ro9_redirect_view_to_nowhere_is_refused() -> None:
    with pytest.raises(BadView, match="does not say where"):
        RedirectView.as_view()


# -- redirect() ---------------------------------------------------------------------------------------------------


class Page:
    def get_absolute_url(self) -> str:
        return "/page/1"


class SlowPage:
    async def get_absolute_url(self) -> str:
        return "/page/2"


@pytest.mark.parametrize(
    ("target", "params", "status", "location"),
    [
        ("/x/?a=b", {}, 303, "/x/?a=b"),
        ("blog:post", {"id": 3}, 303, "/blog/3"),
        ("home", {}, 303, "/"),
        (Page(), {}, 303, "/page/1"),
        (SlowPage(), {}, 303, "/page/2"),
        ("/x/", {"permanent": True}, 301, "/x/"),
        ("home", {"preserve_request": True}, 307, "/"),
    ],
)
async def test_ro10_redirect(target: Any, params: dict[str, Any], status: int, location: str) -> None:
    app = App()

    @app.post("/", name="home")
    async def go() -> Any:
        return redirect(target, **params)

    @app.get("/blog/{id}", name="blog:post")
    async def post(id: int) -> str:
        return ""

    answer = await Client(app, same_origin=True, follow=False).post("/")
    assert (answer.status, answer.headers["location"]) == (status, location)


def test_ro10_redirect_to_something_without_an_address_is_refused() -> None:
    with pytest.raises(TypeError, match="does not know where to go"):
        redirect(object())  # type: ignore[arg-type]
