"""Compiled pages say what Jinja2's own say, and are made without copies and needless steps."""

from __future__ import annotations

from typing import Any

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from tests.templates.making import shown, templates
from vivace.errors import TemplateAccessRefused


class Row:
    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def method(self, *args: Any, **kwargs: Any) -> str:
        return f"<{args}{sorted(kwargs.items())}>"


SAME = [  # what both must show alike
    "{{ text }}|{{ number }}|{{ flag }}|{{ none }}|{{ missing }}|{{ ratio }}|{{ markup }}",
    "{{ row.text }}|{{ row.number }}|{{ row.inner.text }}|{{ row.nothing }}|{{ data.text }}|{{ data.inner.text }}",
    "{{ data.items()|list }}|{{ data['text'] }}|{{ row['text'] }}|{{ items[1] }}|{{ items.1 }}|{{ data.nothing }}",
    "{% for r in rows %}{{ loop.index }}:{{ r.text }}{% if not loop.last %}, {% endif %}{% else %}none{% endfor %}",
    "{% for r in empty %}x{% else %}nothing{% endfor %}{% for k, v in data.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for r in rows if r.number > 1 %}{{ r.text }}{% endfor %}",
    "{% for r in tree recursive %}[{{ r.text }}{{ loop(r.children) if r.children }}]{% endfor %}",
    "{% for r in rows %}{% if loop.index == 2 %}{% break %}{% endif %}{{ r.number }}{% endfor %}",
    "{% if row.flag %}yes{% elif number %}maybe{% else %}no{% endif %}{{ 'a' if flag else 'b' }}{{ 'x' if none }}",
    "{% set a = text %}{% set b %}<b>{{ a }}</b>{% endset %}{{ a }}{{ b }}",
    "{% set ns = namespace(n=0) %}{% for r in rows %}{% set ns.n = ns.n + r.number %}{% endfor %}{{ ns.n }}",
    "{% with a=1, b=row.text %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    "{% macro m(a, b='<') %}({{ a }}){{ b }}{{ caller() if caller }}{% endmacro %}{{ m('b') }}{{ m('i', text) }}",
    "{% macro m(a) %}({{ a }}{{ caller() }}){% endmacro %}{% call m('u') %}{{ text }}{% endcall %}",
    "{% filter upper %}{{ text }}&amp;{% endfilter %}{{ text|upper }}{{ rows|map(attribute='text')|join(', ') }}",
    "{{ row.method(1, b=text) }}{{ (number + 1) * 2 }}{{ text ~ number ~ markup }}{{ number > 1 and text }}",
    "{# comment #}{% raw %}{{ raw }}{% endraw %}{{ '{{' }}{{ '\\'\"' }}\n'\"\\{}{{ \"it's\" }}",
    "{% do items.append(1) %}{{ items|length }}{{ items|sum }}{{ [1, 2]|join('-') }}{{ {'a': 1}.a }}{{ (1, 2)[0] }}",
    "{% autoescape false %}{{ text }}{% endautoescape %}{{ text|safe }}{{ text|e }}{{ text|safe|e }}{{ text|string }}",
    "{{ loop }}{{ 1.5 }}{{ 2 ** 3 }}{{ 7 // 2 }}{{ -number }}{{ not flag }}{{ number is odd }}{{ text is defined }}",
    "{% for r in rows %}{% set last = r.text %}{{ last }}{% for s in r.text %}{{ s }}{{ loop.first }}{% endfor %}{% endfor %}",
]


def values() -> dict[str, Any]:
    rows = [Row(text=f"<{n}>", number=n, flag=n % 2 == 0) for n in range(3)]
    leaf = Row(text="leaf&", children=[])
    return {
        "text": "<a href='x'>&\"",
        "number": 3,
        "flag": True,
        "none": None,
        "ratio": 1.5,
        "markup": Markup("<b>&amp;</b>"),
        "row": Row(text="it's", number=7, flag=False, inner=Row(text=">")),
        "data": {"text": "d&d", "inner": {"text": "<in>"}},
        "items": [10, 20],
        "rows": rows,
        "empty": [],
        "tree": [Row(text="root", children=[leaf, leaf])],
    }


@pytest.mark.parametrize("text", SAME)
def test_tp1_shows_what_jinja_shows(text: str) -> None:
    plain = jinja2.Environment(
        autoescape=True, keep_trailing_newline=True, extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"]
    )
    assert shown(text, **values()) == plain.from_string(text).render(values())


@settings(deadline=None, max_examples=60)
@given(st.text(), st.text(), st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none()))
def test_tp3_literal_text_and_values_come_out_as_they_are(before: str, behind: str, value: Any) -> None:
    plain = jinja2.Environment(autoescape=True, keep_trailing_newline=True)
    text = (
        "{% raw %}"
        + before.replace("{", "[").replace("<", "(")
        + "{% endraw %}{{ value }}"
        + behind.replace("{", "[")
    )
    assert shown(text, value=value) == plain.from_string(text).render(value=value)


CHILD = (
    "{% extends 'base.html' %}{% from 'macros.html' import bold %}{% set site = 'S' %}dropped"
    "{% block title %}{{ super() }}/{{ name }}{% endblock %}"
    "{% block body %}{{ bold(name) }}{{ self.title() }}{% include 'part.html' %}{% endblock %}"
)
OTHERS: dict[str, Any] = {
    "base_html": "<title>{% block title %}T{{ site }}{% endblock %}</title>{% block body %}none{% endblock %}{{ site }}",
    "macros_html": "{% macro bold(x) %}<b>{{ x }}</b>{% endmacro %}",
    "part_html": "[{{ name }}{{ site }}]",
}


@pytest.mark.parametrize(
    "text",
    [
        "{% for r in rows %}{% set x = r.text %}{{ show(x) }}{% endfor %}",
        "{% for r in rows %}_loop_vars = {}\ndef {{ r.text }}\ndef x{% endfor %}",
        "{% for r in rows %}\ndef _loop_vars = {}\n{% for q in rows %}{% set x = q.text %}{{ show(x) }}{% endfor %}{% endfor %}",
        "{% macro m(v) %}{% for r in rows %}{% set x = v %}{{ show(x) }}{% endfor %}{% endmacro %}{{ m(1) }}",
    ],
)
async def test_tp2_what_loops_set_is_theirs_and_loops_that_set_nothing_keep_nothing(text: str) -> None:
    values: dict[str, Any] = {"rows": [Row(text="a"), Row(text="b")], "show": str}
    plain = jinja2.Environment(keep_trailing_newline=True).from_string(text).render(values)
    assert shown(text, None, **values) == plain


async def test_sp_pages_are_utf8_whatever_they_showed_before() -> None:
    page = templates("<p>{{ text }}</p>").get("page.html")
    for text in ("plain", "é", "日本", "plain", "😀", "plain"):
        assert page.encoded({"text": text}) == f"<p>{text}</p>".encode()


async def test_tp2_inheritance_super_include_import() -> None:
    page = await templates(CHILD, **OTHERS).render("page.html", {"name": "<n>"})
    assert page == "<title>TS/&lt;n&gt;</title><b>&lt;n&gt;</b>TS/&lt;n&gt;[&lt;n&gt;S]S"


async def test_tp2_three_levels_and_scoped_blocks() -> None:
    made = templates(
        "{% extends 'middle.html' %}{% block item %}<{{ n }}{{ super() }}>{% endblock %}",
        middle_html="{% extends 'base.html' %}{% block item %}({{ n }}{{ super() }}){% endblock %}",
        base_html="{% for n in range(2) %}{% block item scoped %}{{ n }}{% endblock %}{% endfor %}",
    )
    assert await made.render("page.html") == "<0(00)><1(11)>"


async def test_tp2_children_of_one_parent_keep_their_blocks_to_themselves() -> None:
    made = templates(
        "{% extends layout %}{% block a %}1{{ super() }}{% endblock %}",
        other_html="{% extends layout %}{% block b %}2{{ super() }}{% endblock %}",
        base_html="<{% block a %}a{% endblock %}{% block b %}b{% endblock %}>",
        wide_html="({% block b %}B{% endblock %}{% block a %}A{% endblock %})",
    )
    for _ in range(2):  # what was joined for the first is there for the second
        assert await made.render("page.html", {"layout": "base.html"}) == "<1ab>"
        assert await made.render("other.html", {"layout": "base.html"}) == "<a2b>"
        assert await made.render("page.html", {"layout": "wide.html"}) == "(B1A)"
        assert await made.render("base.html") == "<ab>"
    with pytest.raises(jinja2.TemplateRuntimeError, match="multiple times"):
        await templates("{% extends a %}{% extends a %}", base_html="").render(
            "page.html", {"a": "base.html"}
        )


async def test_tp2_parent_chosen_by_a_value_and_missing_includes() -> None:
    made = templates(
        "{% extends layout %}{% block b %}{% include 'nowhere.html' ignore missing %}"
        "{% include ['nowhere.html', 'part.html'] %}{% endblock %}",
        base_html="<{% block b %}{% endblock %}>",
        part_html="part",
    )
    assert await made.render("page.html", {"layout": "base.html"}) == "<part>"


async def test_tp9_coroutine_among_the_values_is_awaited_once_however_often_it_is_shown() -> None:
    async def weather() -> str:
        return "<sun>"

    made = templates("{{ w }}{% if w %}{{ w }}{% endif %}{% include 'part.html' %}", part_html="{{ w }}")
    assert await made.render("page.html", {"w": weather()}) == "&lt;sun&gt;" * 3


def test_tp5_private_names_are_refused() -> None:
    for text in ("{{ row._secret }}", "{{ row.__class__ }}", "{% if row.inner._x %}{% endif %}"):
        with pytest.raises(TemplateAccessRefused, match="private name"):
            shown(text, row=Row(_secret=1, inner=Row(_x=1)))
    assert shown("{{ row['_secret'] }}{{ row['__class__'] }}", row=Row(_secret=1)) == ""
    assert shown("{{ data['_id'] }}", data={"_id": 5}) == "5"


def test_tp5_method_that_says_so_is_refused() -> None:
    def wipe() -> str:
        return "gone"

    wipe.alters_data = True  # type: ignore[attr-defined]
    with pytest.raises(TemplateAccessRefused, match=r"wipe\(\)"):
        shown("{{ wipe() }}", wipe=wipe)


def test_tp7_error_inside_a_property_is_not_taken_for_a_missing_name() -> None:
    class Broken:
        @property
        def total(self) -> int:
            return self.nothing  # type: ignore[attr-defined, no-any-return]

    with pytest.raises(AttributeError, match="nothing"):
        shown("{{ broken.total }}", broken=Broken())
    with pytest.raises(AttributeError, match="nothing"):
        shown("{% if broken.total %}{% endif %}", broken=Broken())


def test_tp5_view_values_are_neither_copied_nor_changed() -> None:
    values: dict[str, Any] = {"a": 1}
    made = templates("{% set a = 2 %}{% set b = 3 %}{{ a }}{{ b }}")
    assert made.render_now("page.html", values) == "23"
    assert values == {"a": 1}


def test_tp6_text_templates_are_not_escaped_and_cannot_smuggle_html() -> None:
    made = templates("<p>{% include 'mail.txt' %}</p>", mail_txt="{{ name }} & co")
    assert made.render_now("mail.txt", {"name": "<b>"}) == "<b> & co"
    assert made.render_now("page.html", {"name": "<b>"}) == "<p>&lt;b&gt; &amp; co</p>"
