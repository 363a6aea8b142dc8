"""What a template does wrong is told with its file, line, the way there, and the name that was meant (TP7)."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

from vivace.errors import TemplateSyntaxInvalid, UndefinedName, VivaceError
from vivace.templates import Templates
from vivace.templates.options import TemplateOptions


def site(folder: Path, debug: bool = False, strict: bool = False, **texts: str) -> Templates:
    """Return templates of a folder: ``page="…"`` is ``page.html``."""
    (folder / "templates").mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / "templates" / f"{name}.html").write_text(text)
    return Templates(TemplateOptions(strict=strict), root=folder, debug=debug)


async def refused(templates: Templates, values: dict[str, Any] | None = None) -> VivaceError:
    with pytest.raises(VivaceError) as caught:
        await templates.render("page.html", values)
    return caught.value


@pytest.mark.parametrize(
    ("source", "what", "fix"),
    [
        ("{{ a|datte }}", "There is no filter 'datte'.", "Did you mean 'date'?"),
        ("{% if a is evn %}x{% endif %}", "There is no test 'evn'.", "Did you mean 'even'?"),
        ("{% if 1 %}{{ a|datte }}{% endif %}", "There is no filter 'datte'.", "Did you mean 'date'?"),
        ("{% statik 'x' %}", "There is no tag 'statik'.", "Did you mean 'static'?"),
        ("{% load static %}", "There is no tag 'load'.", "remove it"),
        ('{{ a|date:"Y" }}', "not ':'", 'value|date("Y-m-d")'),
        ("{% for x in y %}{% empty %}{% endfor %}", "no tag 'empty'", "{% else %}"),
        ("{% if a = 1 %}x{% endif %}", "not '='", "Compare with ==."),
        ("{% ifequal a b %}x{% endifequal %}", "no tag 'ifequal'", "{% if a == b %}"),
        ("{% endif %}", "no tag 'endif'", "Nothing that it ends is open."),
        ('{% include "x.html" with a=1 only %}', "not 'with'", '{% with a=1 %}{% include "x.html" %}'),
        ("{% with a=1 b=2 %}{% endwith %}", "not 'b'", "{% with a=1, b=2 %}"),
        ("{% with b as c %}{% endwith %}", "not 'as'", "{% with name=value %}"),
        ("{% for x in y reversed %}{% endfor %}", "not 'reversed'", "items|reverse"),
        ("{% if a && b %}{% endif %}", "unexpected char '&'", "`and`"),
        ("{{ a ? 1 : 2 }}", "unexpected char '?'", "{{ a if condition else b }}"),
        ("{% blocktranslate %}x{% endblocktranslate %}", "no tag 'blocktranslate'", "write the text"),
        ("{{ a|urlizetrunc(3) }}", "no filter 'urlizetrunc'", "|urlize(15)"),
        ("{% for x in y %}", "Unexpected end of template", ""),
    ],
)
async def test_tp7_syntax(tmp_path: Path, source: str, what: str, fix: str) -> None:
    error = await refused(site(tmp_path, page=f"<p>\n{source}"), {"a": 1, "y": []})
    assert isinstance(error, TemplateSyntaxInvalid)
    assert what in error.what
    assert fix in error.fix
    assert error.what.startswith("page.html:2: ")
    assert error.lineno == 2


async def test_tp7_syntax_error_names_file_and_shows_the_line(tmp_path: Path) -> None:
    error = await refused(site(tmp_path, page="\n{{ a b }}"))
    assert isinstance(error, TemplateSyntaxInvalid)
    assert (error.template, error.lineno) == ("page.html", 2)
    assert error.filename == str(tmp_path / "templates" / "page.html")
    assert error.got == "{{ a b }}"


async def test_tp7_error_in_a_render_keeps_its_class_and_leads_through_the_templates(tmp_path: Path) -> None:
    templates = site(
        tmp_path,
        page='{% extends "base.html" %}\n{% block body %}{% include "row.html" %}{% endblock %}',
        base="<html>\n\n{% block body %}{% endblock %}",
        row="\n\n\n{{ 1 // nought }}",
    )
    with pytest.raises(ZeroDivisionError) as caught:
        await templates.render("page.html", {"nought": 0})
    places = [
        (Path(frame.filename).name, frame.lineno)
        for frame in traceback.extract_tb(caught.value.__traceback__)
    ]
    places = [place for place in places if place[0].endswith(".html")]
    assert places == [("page.html", 1), ("base.html", 3), ("page.html", 2), ("row.html", 4)]
    assert caught.value.__notes__ == [
        "In the template row.html:4, from page.html:2, from base.html:3, from page.html:1"
    ]


async def test_tp7_method_without_parentheses_is_explained(tmp_path: Path) -> None:
    templates = site(tmp_path, page="{% for k, v in prices.items %}{{ k }}{% endfor %}")
    with pytest.raises(TypeError) as caught:
        await templates.render("page.html", {"prices": {"a": 1}})
    assert "with parentheses" in caught.value.__notes__[-1]


async def test_tp7_error_of_a_library_function_has_its_own_frames_too(tmp_path: Path) -> None:
    def broken() -> str:
        raise KeyError("deep")

    templates = site(tmp_path, page="\n{{ broken() }}")
    with pytest.raises(KeyError) as caught:
        await templates.render("page.html", {"broken": broken})
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names[-1] == "broken"
    assert caught.value.__notes__ == ["In the template page.html:2"]


# -- undefined names ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("debug", [False, True])
async def test_tp7_undefined_shows_nothing_and_is_false(tmp_path: Path, debug: bool) -> None:
    page = "[{{ titel }}]{% if titel %}x{% endif %}{% for x in titel %}x{% endfor %}{{ titel|default('-') }}{{ book.x }}"
    assert await site(tmp_path, debug, page=page).render("page.html", {"book": {}}) == "[]-"


@pytest.mark.parametrize(
    ("source", "what", "fix"),
    [
        ("{{ titel.upper() }}", "page.html:2: 'titel' is undefined.", "Did you mean 'title'?"),
        ("{{ book.titel.x }}", "page.html:2: 'Book' has no attribute 'titel'.", "Did you mean 'title'?"),
        ("{{ prices.appel.x }}", "page.html:2: 'dict' has no attribute 'appel'.", "Did you mean 'apple'?"),
        ("{{ books[7].x }}", "page.html:2: 'list' has no item 7.", ""),
        (
            "{{ block.super }}",
            "'block' is undefined.",
            "Write {{ super() }} for what the parent template has in this block.",
        ),
        (
            "{% set author = 1 %}{{ autor + 1 }}",
            "page.html:2: 'autor' is undefined.",
            "Did you mean 'author'?",
        ),
        (
            "{% for chapter in [1] %}{{ chaptr() }}{% endfor %}",
            "'chaptr' is undefined.",
            "Did you mean 'chapter'?",
        ),
    ],
)
async def test_tp7_attribute_of_undefined_names_what_is_near(
    tmp_path: Path, source: str, what: str, fix: str
) -> None:
    class Book:
        title = "x"

    values: dict[str, Any] = {"title": "x", "book": Book(), "prices": {"apple": 1}, "books": []}
    error = await refused(site(tmp_path, page=f"\n{source}"), values)
    assert isinstance(error, UndefinedName)
    assert what in error.what
    assert error.fix == fix
    assert (error.template, error.lineno) == ("page.html", 2)


@pytest.mark.parametrize(
    "source", ["{{ titel }}", "{% for x in titel %}{% endfor %}", "{{ titel|length }}", "{{ b.titel }}"]
)
async def test_tp7_strict_refuses_to_show_undefined(tmp_path: Path, source: str) -> None:
    error = await refused(site(tmp_path, strict=True, page=source), {"title": 1, "b": 1})
    assert isinstance(error, UndefinedName)


async def test_tp7_strict_lets_ask_whether_it_is_there(tmp_path: Path) -> None:
    page = "{% if titel %}x{% else %}-{% endif %}{{ titel|default('y') }}{{ titel is defined }}"
    assert await site(tmp_path, strict=True, page=page).render("page.html") == "-yFalse"


async def test_tp7_debug_says_once_that_something_is_undefined(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    templates = site(tmp_path, debug=True, page="{{ titel }}\n{{ titel }}")
    with caplog.at_level(logging.WARNING, "vivace.templates"):
        for _ in range(3):
            await templates.render("page.html", {"title": 1})
    assert [record.getMessage() for record in caplog.records] == [
        "page.html:1: 'titel' is undefined. It shows nothing. Did you mean 'title'?",
        "page.html:2: 'titel' is undefined. It shows nothing. Did you mean 'title'?",
    ]


async def test_tp7_production_says_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await site(tmp_path, page="{{ titel }}").render("page.html")
    assert caplog.records == []
