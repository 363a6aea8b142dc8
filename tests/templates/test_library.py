"""Filters, tests and tags of one's own: as decorators say, sync and async, with the context, and in every spelling."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from markupsafe import Markup

from vivace.errors import TemplateSyntaxInvalid
from vivace.templates import Library, Templates
from vivace.templates.options import TemplateOptions

from .djangoside import vivace_text


def templates(library: Library, **texts: str) -> Templates:
    found = Templates(TemplateOptions(sources=[{f"{name}.html": text for name, text in texts.items()}]))
    found.add(library)
    return found


async def shown(library: Library, source: str, values: Mapping[str, Any] | None = None, **texts: str) -> str:
    return await templates(library, page=source, **texts).render("page.html", values)


async def test_tp4_filter_by_its_own_name_and_by_another() -> None:
    library = Library()

    @library.filter
    def shout(value: str, times: int = 1) -> str:
        return value.upper() + "!" * times

    @library.filter("quiet")
    def lowered(value: str) -> str:
        return value.lower()

    assert await shown(library, "{{ 'a'|shout }}{{ 'b'|shout(2) }}{{ 'C'|quiet }}") == "A!B!!c"
    assert shout("x") == "X!"  # what is decorated stays what it was
    assert lowered("X") == "x"


async def test_tp4_async_filter_is_waited_for_in_a_chain() -> None:
    library = Library()

    @library.filter
    async def later(value: str) -> str:
        await asyncio.sleep(0)
        return f"<{value}>"

    assert await shown(library, "{{ 'a'|later|upper }}") == "&lt;A&gt;"


async def test_tp4_test() -> None:
    library = Library()

    @library.test
    def longer(value: str, than: int) -> bool:
        return len(value) > than

    assert await shown(library, "{% if 'abc' is longer(2) %}y{% endif %}{{ 'a' is longer(2) }}") == "yFalse"


async def test_tp4_tag_takes_arguments_with_and_without_commas_and_keeps_its_result() -> None:
    library = Library()

    @library.tag
    def join(*parts: str, by: str = "-") -> str:
        return by.join(map(str, parts))

    assert await shown(library, "{% join 'a' 'b' c by='+' %}", {"c": "c"}) == "a+b+c"
    assert await shown(library, "{% join 'a', 'b'|upper, 1 %}") == "a-B-1"
    assert await shown(library, "{% join 'a' 'b' as both %}[{{ both }}]") == "[a-b]"
    assert await shown(library, "{{ join('a', 'b', by='/') }}") == "a/b"
    assert await shown(library, "{% for x in [1, 2] %}{% join x x as y %}{{ y }};{% endfor %}") == "1-1;2-2;"


async def test_tp4_what_a_tag_returns_is_escaped_unless_it_is_markup() -> None:
    library = Library()
    library.tag("plain")(lambda: "<b>")
    library.tag("marked")(lambda: Markup("<b>"))
    assert await shown(library, "{% plain %}{% marked %}") == "&lt;b&gt;<b>"


async def test_tp4_context_is_given_to_who_needs_it() -> None:
    library = Library()

    @library.tag(need_context=True)
    def hello(context: Mapping[str, Any], word: str) -> str:
        return f"{word} {context['name']}"

    @library.filter(need_context=True)
    async def signed(context: Mapping[str, Any], value: str) -> str:
        await asyncio.sleep(0)
        return f"{value}, {context['name']}"

    assert (
        await shown(library, "{% hello 'Hi' %} {{ 'Yours'|signed }}", {"name": "Ada"}) == "Hi Ada Yours, Ada"
    )
    assert hello({"name": "x"}, "y") == "y x"


async def test_tp4_async_tag() -> None:
    library = Library()

    @library.tag
    async def later(value: str) -> str:
        await asyncio.sleep(0)
        return value

    assert await shown(library, "{% later 'x' %}{% later 'y' as y %}{{ y }}") == "xy"


async def test_tp4_block_tag_gets_its_content_as_markup() -> None:
    library = Library()

    @library.block_tag
    def box(content: Markup, title: str = "") -> Markup:
        return Markup("<div><h2>{}</h2>{}</div>").format(title, content)

    source = "{% for x in xs %}{% box title='<' %}<p>{{ x }}</p>{% endbox %}{% endfor %}"
    assert await shown(library, source, {"xs": ["a", "<b>"]}) == (
        "<div><h2>&lt;</h2><p>a</p></div><div><h2>&lt;</h2><p>&lt;b&gt;</p></div>"
    )


async def test_tp4_block_tags_in_each_other() -> None:
    library = Library()

    @library.block_tag
    async def twice(content: Markup) -> Markup:
        await asyncio.sleep(0)
        return content + content

    source = "{% twice %}a{% twice %}b{% endtwice %}{% endtwice %}{% twice as x %}c{% endtwice %}[{{ x }}]"
    assert await shown(library, source) == "abbabb[cc]"


async def test_tp4_inclusion_tag_shows_a_template_with_what_the_function_returns() -> None:
    library = Library()

    @library.inclusion_tag("row.html")
    async def row(person: str) -> dict[str, str]:
        await asyncio.sleep(0)
        return {"person": person.upper()}

    page = "{% for p in people %}{% row p %}{% endfor %}"
    text = await shown(
        library, page, {"people": ["a", "<"], "site": "S"}, row="<i>{{ person }}{{ site }}</i>"
    )
    assert text == "<i>AS</i><i>&lt;S</i>"


async def test_tp4_inclusion_tag_of_a_template_that_extends() -> None:
    library = Library()
    library.inclusion_tag("row.html", "row")(lambda: {"x": 1})
    row = "{% extends 'base.html' %}{% block b %}{{ x }}{% endblock %}"
    assert await shown(library, "{% row %}", row=row, base="[{% block b %}{% endblock %}]") == "[1]"


async def test_tp4_library_replaces_what_is_built_in() -> None:
    library = Library()

    @library.filter("upper")
    def mine(value: str) -> str:
        return f"mine {value}"

    assert await shown(library, "{{ 'x'|upper }}") == "mine x"


async def test_tp4_unclosed_block_tag_is_named_with_its_end() -> None:
    library = Library()
    library.block_tag("box")(str)
    with pytest.raises(TemplateSyntaxInvalid, match="endbox"):
        await shown(library, "{% box %}x")


def test_tp4_library_says_what_is_in_it() -> None:
    library = Library("shop")
    library.filter("a")(str)
    library.block_tag("b")(str)
    assert sorted(library) == ["a", "b"]
    assert repr(library) == "<Library shop>"


# -- the tags that are built in -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% csrf_token %}", '<input type="hidden" name="csrfmiddlewaretoken" value="a&#34;b">'),
        ("{% autoescape on %}{{ x }}{% endautoescape %}", "&lt;"),
        ("{% autoescape off %}{{ x }}{% endautoescape %}", "<"),
        ("{% for a in [1,2,3] %}{% cycle 'x' 'y' as c %}{% endfor %}", "xyx"),
        (
            "{% for a in [1,2] %}{% for b in [1,2,3] %}{% cycle 1 2 %}{% endfor %}{% resetcycle %};{% endfor %}",
            "121;121;",
        ),
        ("{% for a in [1,2] %}{% cycle 1 2 as c silent %}{% cycle 'x' 'y' %}{% endfor %}", "xy"),
        ("{% for a in [1,2] %}{% autoescape off %}{% cycle 1 2 %}{% endautoescape %}{% endfor %}", "12"),
        ("{% for a in [1,2] %}{% with b=a %}{% cycle 1 2 %}{{ b }}{% endwith %}{% endfor %}", "1122"),
        ("{% cycle 'a' 'b' as c %}{% cycle c %}{% resetcycle c %}{% cycle c %}", "aba"),
        ("{% comment %}{% nonsense %}{{{% endcomment %}{% comment %}\n{% endcomment %}.", "."),
        ("{%- verbatim -%} {{ x }} {%- endverbatim -%} .", "{{ x }}."),
        ("{% widthratio 1 0 100 %}{% widthratio 'x' 1 100 %}", "0"),
        ("{% firstof a b %}", ""),
        ("{% firstof a x %}", "&lt;"),
        (
            "{% regroup words by 0|upper as g %}{% for x in g %}{{ x.grouper }}{{ x.list|length }}{% endfor %}",
            "A2B1",
        ),
        ("{% regroup nobody by x as g %}{{ g|length }}", "0"),
        ("{{ debug }}", ""),
        ("{{ x is None }}{{ none is None }}{{ x is not None }}{{ true is True }}", "FalseTrueTrueTrue"),
    ],
)
def test_tp1_tag(source: str, text: str) -> None:
    values = {"x": "<", "csrf_token": 'a"b', "words": ["ab", "ac", "bc"]}
    assert vivace_text(source, values) == text


def test_tp1_without_a_token_there_is_no_field() -> None:
    assert vivace_text("{% csrf_token %}", {}) == ""


def test_tp1_each_render_has_its_own_cycle() -> None:
    found = templates(Library(), page="{% cycle 1 2 %}{% cycle 1 2 %}")
    assert [str(found.render_now("page.html")) for _ in range(2)] == ["11", "11"]


@pytest.mark.parametrize(
    "source",
    ["{% cycle %}", "{% resetcycle %}", "{% regroup a as b %}", "{% now 'Y' as %}", "{% now 'Y' as x y %}"],
)
def test_tp1_tag_that_is_written_wrong(source: str) -> None:
    with pytest.raises(TemplateSyntaxInvalid, match=r"page\.html:1"):
        vivace_text(source, {})
