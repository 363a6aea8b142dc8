"""Which regions stand alone, what they leave in a page, and what the tag refuses."""

from __future__ import annotations

import re
from typing import Any

import pytest

from vivace import App, render
from vivace.errors import AppInvalid
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.templates import TemplateOptions
from vivace.testing import Client

REGION = "{% live %}{{ word }}{% endlive %}"


async def page(text: str, **more: str) -> str:
    """Return a page that is rendered for a request."""
    texts = {"page.html": text, **{name.replace("_", "."): each for name, each in more.items()}}
    app = App(templates=TemplateOptions(sources=[texts]))

    @app.get("/")
    async def show(request: Request) -> Response:
        values: dict[str, Any] = {
            "items": [1, 2],
            "yes": True,
            "word": "w",
            "names": [],
            "parent": "base.html",
        }
        return render(request, "page.html", **values)

    async with Client(app) as client:
        return (await client.get("/")).text


async def ids(text: str, **more: str) -> list[str]:
    """Return the ids of the regions of a page, without what is random in them."""
    found = re.findall(r"<!--live:([\w.~-]+):", await page(text, **more))
    return [re.sub(r"v\w+?(_\d)", r"v\1", re.sub(r"\..*", ".mac", each)) for each in found]


ALONE: dict[str, tuple[str, dict[str, str]]] = {
    "at the top": (REGION, {}),
    "in a block": ("{% block a %}<p>" + REGION + "</p>{% block b %}{% endblock %}{% endblock %}", {}),
    "in blocks": ("{% block a %}{% block b %}" + REGION + "{% endblock %}{% endblock %}", {}),
    "behind loops": ("{% for i in items %}{{ i }}{% endfor %}" + REGION, {}),
    "behind a loop that sets names for itself": (
        "{% for i in items %}{% if i %}{% set word = i %}{% endif %}{{ word }}{% endfor %}" + REGION,
        {},
    ),
    "behind what else keeps its names": (
        "{% with %}{% set word = 1 %}{{ word }}{% endwith %}{% filter trim %}{% set a = 1 %}{{ a }}{% endfilter %}"
        + REGION,
        {},
    ),
    "with a loop in it": ("{% live %}{% for i in items %}{{ i }}{% endfor %}{% endlive %}", {}),
    "with names that the top sets": ("{% set word = 1 %}" + REGION, {}),
    "beside a block that sets other names": (
        "{% block a %}{% set other = 1 %}{{ other }}" + REGION + "{% endblock %}",
        {},
    ),
    "beside a block that sets a name which the region sets itself": (
        "{% block a %}{% set n = 1 %}{% live %}{% set n = 2 %}{{ n }}{% endlive %}{% endblock %}",
        {},
    ),
    "with a key and time": ("{% live key='k' every=60 %}x{% endlive %}", {}),
    "in the block of a parent": (
        "{% extends 'base.html' %}",
        {"base_html": "{% block a %}" + REGION + "{% endblock %}"},
    ),
    "in the block of a child": (
        "{% extends 'base.html' %}{% block a %}" + REGION + "{% endblock %}",
        {"base_html": "{% block a %}{% endblock %}"},
    ),
    "by super": (
        "{% extends 'base.html' %}{% block a %}{{ super() }}{% endblock %}",
        {"base_html": "{% block a %}" + REGION + "{% endblock %}"},
    ),
}


@pytest.mark.parametrize(("text", "more"), ALONE.values(), ids=ALONE.keys())
async def test_a_region_stands_alone(text: str, more: dict[str, str]) -> None:
    assert await ids(text, **more) == ["v_1.mac"]


NOT_ALONE: dict[str, tuple[str, dict[str, str]]] = {
    "in a loop": ("{% for i in items %}" + REGION + "{% endfor %}", {}),
    "in a condition": ("{% if yes %}" + REGION + "{% endif %}", {}),
    "in a macro": ("{% macro m() %}" + REGION + "{% endmacro %}{{ m() }}", {}),
    "in with": ("{% with word = 1 %}" + REGION + "{% endwith %}", {}),
    "in a capture": ("{% set text %}" + REGION + "{% endset %}{{ text }}", {}),
    "in a filter": ("{% filter trim %}" + REGION + "{% endfilter %}", {}),
    "in an included template": ("{% include 'other.html' %}", {"other_html": REGION}),
    "in a partial": ("{% partialdef p inline %}" + REGION + "{% endpartialdef %}", {}),
    "with a name that the block sets": ("{% block a %}{% set word = 1 %}" + REGION + "{% endblock %}", {}),
    "with a name that the block sets in a condition": (
        "{% block a %}{% if yes %}{% set word = 1 %}{% endif %}" + REGION + "{% endblock %}",
        {},
    ),
    "with a name that a macro of the block has": (
        "{% block a %}{% macro m() %}{% endmacro %}{% live %}{{ m() }}{% endlive %}{% endblock %}",
        {},
    ),
    "on a page that sets a name twice": ("{% set a = 1 %}{% set a = 2 %}" + REGION, {}),
    "on a page that sets a name in a condition": ("{% if yes %}{% set a = 1 %}{% endif %}" + REGION, {}),
    "on a page that defines a macro in a condition": (
        "{% if yes %}{% macro m() %}{% endmacro %}{% endif %}" + REGION,
        {},
    ),
    "on a page that imports in a condition": (
        "{% if yes %}{% from 'other.html' import word %}{% endif %}" + REGION,
        {"other_html": "{% set word = 1 %}"},
    ),
    "on a page that changes a namespace in a loop": (
        "{% set all = namespace(n=0) %}{% for i in items %}{% set all.n = i %}{% endfor %}" + REGION,
        {},
    ),
    "on a page that does something in a loop": (
        "{% for i in items %}{% do names.append(i) %}{% endfor %}" + REGION,
        {},
    ),
    "on a page that does something": ("{% do names.append(1) %}" + REGION, {}),
    "on a page that sets a name behind it": (REGION + "{% set word = 2 %}", {}),
    "on a page whose parent is a value": (
        "{% extends parent %}{% block a %}" + REGION + "{% endblock %}",
        {"base_html": "{% block a %}{% endblock %}"},
    ),
    "in a block that the parent shows on a condition": (
        "{% extends 'base.html' %}{% block a %}" + REGION + "{% endblock %}",
        {"base_html": "{% if yes %}{% block a %}{% endblock %}{% endif %}"},
    ),
    "by super on a condition": (
        "{% extends 'base.html' %}{% block a %}{% if yes %}{{ super() }}{% endif %}{% endblock %}",
        {"base_html": "{% block a %}" + REGION + "{% endblock %}"},
    ),
    "of a child that sets names on a condition": (
        "{% extends 'base.html' %}{% if yes %}{% set word = 1 %}{% endif %}",
        {"base_html": "{% block a %}" + REGION + "{% endblock %}"},
    ),
}


@pytest.mark.parametrize(("text", "more"), NOT_ALONE.values(), ids=NOT_ALONE.keys())
async def test_a_region_does_not_stand_alone(text: str, more: dict[str, str]) -> None:
    found = await ids(text, **more)
    assert found
    assert all(each.startswith("~") for each in found)


async def test_regions_are_told_apart_by_place_key_and_count() -> None:
    inner = "{% live key=i %}{{ i }}{% endlive %}{% live %}x{% endlive %}"
    text = (
        "{% live %}{% for i in items %}"
        + inner
        + "{% endfor %}{% endlive %}{% for i in items %}"
        + REGION
        + "{% endfor %}"
    )
    assert await ids(text) == ["v_3.mac", "v_3~1~~1", "v_3~2~1", "v_3~1~~2", "v_3~2~2", "~v_4~1", "~v_4~2"]


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("'a b'", r"~~\.[\w-]{8}"),
        ("'-->'", r"~~\.[\w-]{8}"),
        ("1", "~~1"),
        ("'x' * 99", r"~~\.[\w-]{8}"),
        ("none", "~1"),
    ],
)
async def test_keys_are_safe_in_a_comment(key: str, shown: str) -> None:
    text = await page("{% if yes %}{% live key=" + key + " %}x{% endlive %}{% endif %}")
    assert re.search(rf"<!--live:~v\w+_1{shown}:[\w-]{{8}}:[\w.-]+-->x<!--/live:~v\w+_1{shown}-->", text)


async def test_equal_keys_are_told_apart() -> None:
    text = "{% for i in items %}{% live key='same' %}{{ i }}{% endlive %}{% endfor %}"
    assert await ids(text) == ["~v_1~~same", "~v_1~~same~2"]


async def test_the_token_stands_in_the_first_region_that_is_in_no_other() -> None:
    text = await page("{% live %}a{% live %}b{% endlive %}{% endlive %}{% live %}c{% endlive %}")
    tokens = re.findall(r"<!--live:([\w.~-]+):[\w-]{8}(:[\w.-]+)?-->", text)
    assert [bool(token) for _, token in tokens] == [True, False, False]


async def test_what_is_no_page_has_no_markers() -> None:
    texts = {"page.html": "a{% live %}{{ 1 }}{% endlive %}", "mail.txt": "{% live %}t{% endlive %}"}
    app = App(templates=TemplateOptions(sources=[texts]))

    @app.get("/")
    async def show(request: Request) -> str:
        return await app.templates.render("page.html", {}, request)

    async with Client(app) as client:
        assert await app.templates.render("page.html") == "a1"
        assert await app.templates.render("mail.txt") == "t"
        assert (await client.get("/")).text == "a1"


@pytest.mark.parametrize(
    "text",
    [
        "<p {% live %}class='x'{% endlive %}>",
        "<p class='{% live %}x{% endlive %}'>",
        "<title>{% live %}x{% endlive %}</title>",
        "<textarea>{% live %}x{% endlive %}</textarea>",
        "<script>{% live %}x{% endlive %}</script>",
        "<!-- {% live %}x{% endlive %} -->",
        "{% live %}<p class='x{% endlive %}'>",
    ],
)
async def test_a_region_stands_between_tags(text: str) -> None:
    with pytest.raises(AppInvalid, match=r"A live region begins or ends .*unsafe-output"):
        await page(text)


@pytest.mark.parametrize("options", ["color=1", "key=1 key=2", "1", "key"])
async def test_what_the_tag_does_not_take_is_refused(options: str) -> None:
    with pytest.raises(AppInvalid, match="template-syntax"):
        await page("{% live " + options + " %}x{% endlive %}")


def compiled(text: str) -> str:
    """Return the Python of a template."""
    environment = App(templates=TemplateOptions(sources=[{}])).templates.environment
    source: str = environment.compile(text, raw=True)
    return source


def test_a_page_without_regions_calls_nothing_for_them() -> None:
    source = compiled(
        "{% extends 'b' %}{% block a %}{% for i in x %}{% if i %}{{ i }}{% endif %}{% endfor %}{% endblock %}"
    )
    assert "regions" not in source.replace("has_regions = False", "")
    assert "sheltered" not in source
    assert "live(" not in source
