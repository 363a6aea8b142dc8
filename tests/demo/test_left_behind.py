"""What a visitor leaves behind is freed at once: pages, live regions, rooms and transactions make no circles of objects.

Python frees what nobody refers to. Objects that refer to each other stay until its collector looks for such circles, which
in a process that serves is seldom; meanwhile they pile up, and with them the memory of a busy site.
"""

from __future__ import annotations

from typing import Any

from tests.leftovers import left_behind, ours
from vivace import App, render
from vivace.demo.forms import CommentForm
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.templates import Library, TemplateOptions
from vivace.testing import Client

from .conftest import Site

OFTEN = 3
TEMPLATES = {
    "macros.html": "{% macro a(x) %}<b>{{ x }}</b>{% endmacro %}{% macro b(x) %}{{ a(x) }}{{ request.path }}{% endmacro %}",
    "imports.html": "{% from 'macros.html' import a, b %}{{ a(1) }}{{ b(2) }}",
    "module.html": "{% import 'macros.html' as m with context %}{{ m.b(1) }}",
    "own.html": "{% macro a(x) %}<b>{{ x }}</b>{% endmacro %}{% set y = 1 %}{{ a(y) }}",
    "around.html": "{% include 'own.html' %}{% include 'imports.html' %}",
    "base.html": "{% from 'macros.html' import a %}{{ a(1) }}{% block inner %}{% endblock %}",
    "child.html": "{% extends 'base.html' %}{% from 'macros.html' import b %}{% block inner %}{{ b(2) }}{% endblock %}",
    "tag.html": "{% badge 3 %}",
    "badge.html": "{% macro a(x) %}<i>{{ x }}</i>{% endmacro %}{{ a(n) }}",
}
PAGES = (
    "imports.html",
    "module.html",
    "own.html",
    "around.html",
    "child.html",
    "child.html%23inner",
    "tag.html",
)
library = Library()


@library.inclusion_tag("badge.html")
def badge(n: int) -> dict[str, Any]:
    """Return what the template of the tag shows."""
    return {"n": n}


async def test_templates_leave_no_macros() -> None:
    app = App(templates=TemplateOptions(sources=[TEMPLATES]))
    app.templates.add(library)

    @app.get("/{name}")
    async def page(request: Request, name: str) -> Response:
        return render(request, name)

    async with Client(app) as client:
        for name in PAGES:
            first = await client.get(f"/{name}")
            with left_behind() as left:
                for _ in range(OFTEN):
                    assert (await client.get(f"/{name}")).text == first.text
            assert not ours(left), name


async def test_pages_leave_nothing(site: Site) -> None:
    paths = ["/", "/activity", "/members", "/topics/town", "/chat/square", "/members/ada"]
    for path in paths:
        assert (await site.ada_client.get(path)).status == 200
    with left_behind() as left:
        for path in paths * OFTEN:
            await site.ada_client.get(path)
    assert not ours(left)


async def test_pages_with_a_form_and_a_relation_leave_nothing(site: Site) -> None:
    path = f"/posts/{site.post.pk}"
    await site.ada_client.get(path)
    with left_behind() as left:
        for _ in range(OFTEN):
            await site.ada_client.get(path)
    assert not ours(left)


async def test_transactions_and_messages_leave_nothing(site: Site) -> None:
    path, form = f"/posts/{site.post.pk}/vote", {"name": "Ada", "handle": "ada", "about": "New here"}

    async def visit() -> None:
        for query in ("", "?take_back=1"):
            assert (await site.ada_client.post(path + query)).status == 303
        assert (await site.ada_client.post("/you", form=form)).status == 303
        assert 'class="flash ' in (await site.ada_client.get("/activity")).text

    await visit()
    with left_behind() as left:
        for _ in range(OFTEN):
            await visit()
    assert not ours(left)


async def test_visits_to_live_pages_leave_nothing(site: Site) -> None:
    async def visit() -> None:
        async with site.ada_client.live(
            "/activity"
        ) as page:  # personal, as the first render for all finds out
            await page.settled()
        async with site.ada_client.channel("chat/square") as chat:
            await chat.ask("say", {"text": "Hello"})

    await visit()
    with left_behind() as left:
        for _ in range(OFTEN):
            await visit()
    assert not ours(left)


async def test_forms_leave_nothing() -> None:
    async def use() -> None:
        form, sent = CommentForm(), CommentForm({"body": ""})
        assert "textarea" in str(form["body"])
        assert not await sent.is_valid()
        assert sent["body"].errors == ["This field is required."]

    await use()
    with left_behind() as left:
        for _ in range(OFTEN):
            await use()
    assert not left


def test_what_a_bound_field_was_told_stays_with_the_form() -> None:
    form = CommentForm(initial={"body": lambda: object()})
    first, again = form["body"], form["body"]
    assert first is not again
    assert first == again
    assert first.initial is again.initial  # the function was called once
    assert len({first, again, CommentForm()["body"]}) == 2
