"""``render``: a page that is made after the handler, where its errors, its transaction and the middleware are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from vivace import HTML, App, Request, Response, TemplateOptions, render, render_to_string
from vivace.errors import NoTemplates, NotFound, PartMissing, TemplateNotFound
from vivace.templates import TemplateResponse, current_templates
from vivace.testing import Client

TEXTS = {
    "page.html": "<h1>{{ title }}</h1>{{ tick() if tick }}",
    "user.html": "{{ greeting }}{{ request.path }}{{ debug }}",
    "broken.html": "{{ fail() }}",
    "mail.txt": "{{ title }} & co",
    "long.html": "{% for n in numbers %}{{ n }}{{ 'x' * 100 }}\n{% endfor %}{{ end() if end }}",
    "part.html": "<p>{% block one %}[{{ a }}]{% endblock %}</p>",
}


def make_app(**options: Any) -> App:
    return App(templates=TemplateOptions(sources=[TEXTS]), **options)


async def test_rs2_page_has_status_headers_and_type() -> None:
    app = make_app()

    @app.get("/")
    async def home(request: Request) -> Response:
        return render(request, "page.html", {"title": "no"}, title="<Hi>", status=202, headers={"x-a": "b"})

    @app.get("/mail")
    async def mail(request: Request) -> Response:
        return render(request, "mail.txt", title="<Hi>")

    async with Client(app) as client:
        page, text = await client.get("/"), await client.get("/mail")
    assert (page.status, page.text, page.headers["x-a"]) == (202, "<h1>&lt;Hi&gt;</h1>", "b")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert (text.text, text.headers["content-type"]) == ("<Hi> & co", "text/plain; charset=utf-8")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("feed.xml", "application/xml; charset=utf-8"),
        ("worker.js", "text/javascript; charset=utf-8"),
        ("page.html#part", "text/html; charset=utf-8"),
        ("page", "text/html; charset=utf-8"),
    ],
)
async def test_rs2_type_of_the_answer_goes_by_the_name_of_the_template(name: str, kind: str) -> None:
    app = App(
        templates=TemplateOptions(sources=[{name.partition("#")[0]: "{% block part %}x{% endblock %}"}])
    )

    @app.get("/")
    async def home(request: Request) -> Response:
        return render(request, name)

    async with Client(app) as client:
        response = await client.get("/")
    assert (response.text, response.headers["content-type"]) == ("x", kind)


async def test_rs2_plain_def_handlers_return_pages_too() -> None:
    app = make_app()

    async def tick() -> str:
        return "tock"

    @app.get("/")
    def home(request: Request) -> Response:
        return render(request, "page.html", title="t", tick=tick)

    async with Client(app) as client:
        assert (await client.get("/")).text == "<h1>t</h1>tock"


async def test_rs2_middleware_sees_final_bytes_and_hooks_change_the_context_before() -> None:
    app = make_app()
    seen: list[bytes] = []

    @app.middleware
    async def look(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        assert isinstance(response, TemplateResponse)
        assert response.rendered
        seen.append(response.body)
        return response

    @app.before_render
    async def rename(request: Request, response: TemplateResponse) -> None:
        response.context["title"] += "!"
        if request.path == "/other":
            response.template = "mail.txt"

    @app.get("/{name}")
    async def home(request: Request, name: str) -> Response:
        return render(request, "page.html", title=name)

    async with Client(app) as client:
        assert (await client.get("/a")).text == "<h1>a!</h1>"
        assert (await client.get("/other")).text == "other! & co"
    assert seen == [b"<h1>a!</h1>", b"other! & co"]


async def test_rs2_errors_of_a_page_reach_the_route_s_error_handlers() -> None:
    app = make_app()

    def fail() -> None:
        raise NotFound("No such thing.")

    @app.error(NotFound)
    async def missing(request: Request, error: NotFound) -> Response:
        return HTML("<p>mapped</p>", status=404)

    @app.get("/")
    async def home(request: Request) -> Response:
        return render(request, "broken.html", fail=fail)

    async with Client(app) as client:
        response = await client.get("/")
    assert (response.status, response.text) == (404, "<p>mapped</p>")


async def test_rs2_page_is_rendered_inside_the_transaction_of_its_route(tmp_path: Path) -> None:
    app = make_app(databases={"default": f"sqlite:///{tmp_path}/a.sqlite3"})
    inside: list[bool] = []

    async def tick() -> str:
        from vivace.db.transactions import in_any_block

        inside.append(in_any_block())
        return ""

    @app.get("/", atomic=True)
    async def home(request: Request) -> Response:
        return render(request, "page.html", title="t", tick=tick)

    @app.get("/long", atomic=True)
    async def long(request: Request) -> Response:
        return render(request, "long.html", stream=True, numbers=range(1000), end=tick)

    async with Client(app) as client:
        assert (await client.get("/")).status == 200
        assert (await client.get("/long")).status == 200
    assert inside == [True, True]


async def test_tp5_providers_are_asked_when_read_and_once_per_request() -> None:
    app = make_app()
    asked: list[str] = []

    @app.context_provider
    async def greeting(request: Request) -> str:
        asked.append(request.path)
        return "hello "

    @app.get("/twice")
    async def twice(request: Request) -> Response:
        first = await render_to_string("user.html", {}, request)
        return HTML(first + await render_to_string("user.html", {}, request))

    @app.get("/never")
    async def never(request: Request) -> Response:
        return render(request, "page.html", title="t")

    @app.get("/given")
    async def given(request: Request) -> Response:
        return render(request, "user.html", greeting="bye ")

    async with Client(app) as client:
        assert (await client.get("/never")).text == "<h1>t</h1>"
        assert asked == []
        assert (await client.get("/twice")).text == "hello /twiceFalse" * 2
        assert asked == ["/twice"]
        assert (await client.get("/given")).text == "bye /givenFalse"
        assert asked == ["/twice"]


async def test_tp5_parts_that_are_not_installed_say_so() -> None:
    app = App(
        templates=TemplateOptions(sources=[{"a.html": "{{ user }}", "b.html": "{{ session }}"}]), debug=True
    )

    @app.get("/{name}")
    async def page(request: Request, name: str) -> Response:
        return render(request, f"{name}.html")

    async with Client(app) as client:
        for name in ("a", "b"):
            with pytest.raises(PartMissing, match="installed"):
                await client.get(f"/{name}")


async def test_tp2_part_of_a_page_by_name() -> None:
    app = make_app()

    @app.get("/")
    async def home(request: Request) -> Response:
        return render(request, "part.html#one" if "x" in request.query else "part.html", a="<")

    async with Client(app) as client:
        assert (await client.get("/")).text == "<p>[&lt;]</p>"
        assert (await client.get("/?x=1")).text == "[&lt;]"


async def test_tp6_missing_template_names_the_nearest_and_the_folders(tmp_path: Path) -> None:
    (tmp_path / "templates" / "books").mkdir(parents=True)
    (tmp_path / "templates" / "books" / "list.html").write_text("books")
    app = App(root=tmp_path)
    async with app:
        assert await render_to_string("books/list.html") == "books"
        with pytest.raises(TemplateNotFound, match=r"There is no template 'books/lst\.html'") as caught:
            await app.templates.render("books/lst.html")
        assert "books/list.html" in caught.value.fix
        assert str(tmp_path / "templates") in caught.value.expected
        assert current_templates.get() is app.templates
    with pytest.raises(NoTemplates, match="no templates here"):
        await render_to_string("books/list.html")


async def test_tp9_long_page_streams_with_back_pressure_and_ends_with_the_client() -> None:
    app = make_app()
    ended: list[str] = []

    def numbers() -> Any:
        try:
            yield from range(2000)
        finally:
            ended.append("ended")

    @app.get("/")
    async def home(request: Request) -> Response:
        return render(request, "long.html", stream=True, numbers=numbers(), title="x")

    async with Client(app) as client:
        response = await client.get("/")
        assert response.status == 200
        assert len(response.text.splitlines()) == 2000
        assert "content-length" not in response.headers
    assert ended == ["ended"]


async def test_tp9_error_before_the_first_byte_is_an_error_page() -> None:
    app = make_app()

    def fail() -> None:
        raise NotFound("Nothing here.")

    @app.get("/")
    async def home(request: Request) -> Response:
        return render(request, "long.html", stream=True, numbers=range(3), end=fail)

    async with Client(app) as client:
        assert (await client.get("/")).status == 404


@pytest.mark.parametrize("page", ["form.html", "child.html", "around.html", "macro.html"])
async def test_sc1_the_token_of_a_form_at_the_end_of_a_long_page_has_its_cookie(page: str) -> None:
    long = "{% for n in range(5000) %}<p>{{ n }}</p>{% endfor %}"
    pages = {
        "form.html": long + "<form>{% csrf_token %}</form>",
        "base.html": long + "{% block end %}{% endblock %}",
        "child.html": "{% extends 'base.html' %}{% block end %}<form>{% csrf_token %}</form>{% endblock %}",
        "around.html": long + "{% include 'missing.html' ignore missing %}{% include 'form.html' %}",
        "own.html": "{% macro show() %}<form>{% csrf_token %}</form>{% endmacro %}",
        "macro.html": "{% from 'own.html' import show with context %}" + long + "{{ show() }}",
        "plain.html": long,
    }
    app = App(templates=TemplateOptions(sources=[pages]))

    @app.get("/{name}")
    async def shown(request: Request, name: str) -> Response:
        return render(request, name, stream=True)

    async with Client(app) as client:
        answer = await client.get(f"/{page}")
        assert answer.text.count('name="csrfmiddlewaretoken" value="') == 1
        assert answer.headers.get("set-cookie", "").startswith("csrf=")
        assert "set-cookie" not in (await client.get("/plain.html")).headers


async def test_tp9_stream_hands_out_before_it_has_rendered_all() -> None:
    app = make_app()
    async with app:
        at: list[int] = []

        def numbers() -> Any:
            for number in range(2000):
                at.append(number)
                yield number

        stream = app.templates.stream("long.html", {"numbers": numbers()})
        first = await anext(stream)
        assert 0 < len(at) < 400 < 2000
        await stream.aclose()
        assert first.startswith("0xxx")
