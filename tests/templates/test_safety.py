"""Whatever a value is, it stays a value where it stands: the corpus of cross-site scripting, in every position (SC13)."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from tests.templates.corpus import CORPUS, POSITIONS
from tests.templates.making import shown, templates
from vivace.errors import UnsafeOutput
from vivace.templates.escaping import BLOCKED, is_safe_address
from vivace.templates.options import URL_SCHEMES

URL_ATTRIBUTES = {"href", "src", "action", "formaction", "data", "xlink:href", "srcset"}


class Reader(HTMLParser):
    """Notes what a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "script" and self.cdata_elem == "script":
            self.scripts.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


def harmless(text: str, value: str) -> None:
    page = read(shown(text, v=value, empty=""))
    benign = read(shown(text, v="benign", empty=""))
    assert page.tags == benign.tags
    names = [name for name, _ in page.attributes]
    assert len(names) == len(benign.attributes) or "<p {{" in text
    written = {name for name, _ in benign.attributes}
    assert not [name for name in names if name.startswith("on") and name not in written]
    for name, said in page.attributes:
        if name in URL_ATTRIBUTES and said is not None:
            parts = said.split(",") if name == "srcset" else [said]
            assert all(is_safe_address(part, URL_SCHEMES | {"about"}) for part in parts), said
        if name == "style":
            assert "url" not in (said or "")
            assert "expression" not in (said or "")


@pytest.mark.parametrize("text", POSITIONS)
def test_sc13_corpus_is_harmless_in_every_position(text: str) -> None:
    for value in CORPUS:
        harmless(text, value)


@settings(deadline=None, max_examples=40)
@given(
    st.text(alphabet="<>\"'`=/ \t\n:;&#xjavscript()onerlm-!{}\\\x00\u2028", max_size=30),
    st.sampled_from(POSITIONS),
)
def test_sc13_anything_is_harmless_in_every_position(value: str, text: str) -> None:
    harmless(text, value)


@pytest.mark.parametrize("value", CORPUS)
def test_sc13_scripts_get_the_value_and_nothing_else(value: str) -> None:
    page = shown('<script>f({{ v|tojson }}, "{{ v|escapejs }}")</script>', v=value)
    code = page.removeprefix("<script>").removesuffix("</script>")
    assert not {"<", ">", "\u2028"} & set(code)


REFUSED = {  # what does not compile, and a word of the fix
    "<script>var a = {{ v }};</script>": "tojson",
    '<script>var a = "{{ v }}";</script>': "Leave the quotes out",
    '<script>var a = "{{ v|tojson }}";</script>': "Leave the quotes out",
    "<script>var a = `{{ v|escapejs }}`;</script>": "Leave the quotes out",
    "<script>// {{ v|tojson }}\n</script>": "tojson",
    "<script>/* {{ v }} */</script>": "tojson",
    "<script>/{{ v }}/</script>": "tojson",
    "<style>a { color: {{ v }} }</style>": "tojson",
    "<style>a { background: url({{ v|tojson }}) }</style>": "tojson",
    '<p onclick="f({{ v }})"></p>': "tojson",
    "<p onclick={{ v }}></p>": "tojson",
    "<p onclick=\"f('{{ v|tojson }}')\"></p>": "Leave the quotes out",
    '<a href="javascript:f({{ v }})"></a>': "button",
    '<a href="{{ v }}:{{ w }}"></a>': "button",
    "{% if v %}<script>{% endif %}{{ v }}": "tojson",
    "{% for x in v %}{{ x }}<script>{% endfor %}": "tojson",
    "<script>{% include 'part.html' %}</script>": "Include it between tags",
    "{% macro m() %}<script>{{ v }}</script>{% endmacro %}": "tojson",
    "<script>{% if a %}'{% endif %}{{ v|tojson }}</script>": "Leave the quotes out",
}


@pytest.mark.parametrize("text", REFUSED)
def test_tp3_value_that_cannot_be_made_harmless_does_not_compile(text: str) -> None:
    with pytest.raises(UnsafeOutput, match=r"page\.html") as caught:
        templates("\n" + text, part_html="").get("page.html")
    assert REFUSED[text] in caught.value.fix
    assert "|safe" in caught.value.fix
    assert (caught.value.template, caught.value.lineno) == ("page.html", 2)


def test_tp3_safe_is_the_way_out_and_is_written_in_the_template() -> None:
    assert shown("<script>{{ v|safe }}</script>", v="f('<')") == "<script>f('<')</script>"
    assert shown('<a href="{{ v|safe }}">', v="javascript:f()") == '<a href="javascript:f()">'
    assert (
        shown("{% autoescape off %}<script>{{ v }}</script>{% endautoescape %}", v="<")
        == "<script><</script>"
    )


def test_tp3_markup_from_python_is_trusted_as_html_and_not_as_code() -> None:
    assert shown("<p>{{ v }}</p>", v=Markup("<b>x</b>")) == "<p><b>x</b></p>"
    assert (
        shown('<p title="{{ v }}">', v=Markup('<b a="1">&amp;')) == '<p title="&lt;b a=&#34;1&#34;&gt;&amp;">'
    )
    assert shown('<a href="{{ v }}">', v=Markup("javascript:f()")) == f'<a href="{BLOCKED}">'
    assert shown("<p{{ v }}>", v=Markup(' class="x"')) == '<p class="x">'
    assert shown('<iframe srcdoc="{{ v }}">', v=Markup("<b>")) == '<iframe srcdoc="&lt;b&gt;">'
    assert shown('<iframe srcdoc="{{ v }}">', v="<b>") == '<iframe srcdoc="&amp;lt;b&amp;gt;">'


ADDRESSES = {
    "/books/1": True,
    "books": True,
    "": True,
    "?page=2": True,
    "#top": True,
    "//cdn.example/x": True,
    "https://example.com/a:b": True,
    "HTTP://example.com": True,
    "mailto:ada@example.com": True,
    "tel:+49": True,
    "/a:b": True,
    "a?x=javascript:1": True,
    "data:image/png;base64,AAAA": True,
    "data:image/svg+xml;base64,AAAA": False,
    "javascript:1": False,
    "blob:x": False,
    "steam://run/1": False,
    ":x": False,
    "a:b": False,
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_tp3_addresses_that_pass(address: str) -> None:
    assert is_safe_address(address, URL_SCHEMES) is ADDRESSES[address]
    page = shown('<a href="{{ v }}">', v=address)
    assert (BLOCKED in page) is not ADDRESSES[address]


def test_tp3_more_schemes_are_an_option() -> None:
    options = {"url_schemes": URL_SCHEMES | {"steam"}}
    assert shown('<a href="{{ v }}">', options, v="steam://run/1") == '<a href="steam://run/1">'


def test_tp3_blocks_are_looked_at_where_the_parent_has_them() -> None:
    base = "<script>{% block code %}{% endblock %}</script><a href='{% block to %}/{% endblock %}'>"
    with pytest.raises(UnsafeOutput, match="script"):
        templates("{% extends 'base.html' %}{% block code %}f({{ v }}){% endblock %}", base_html=base).get(
            "page.html"
        )
    made = templates("{% extends 'base.html' %}{% block to %}{{ v }}{% endblock %}", base_html=base)
    assert BLOCKED in made.render_now("page.html", {"v": "javascript:1"})
    made = templates(
        "{% extends 'base.html' %}{% block code %}{{ super() }}f({{ v|tojson }}){% endblock %}",
        base_html=base,
    )
    assert "f(1)" in made.render_now("page.html", {"v": 1})


def test_tp3_scripts_in_files_of_their_own_are_scripts_from_the_start() -> None:
    made = templates("<script>{% include 'code.js' %}</script>", code_js="f({{ v|tojson }})")
    assert made.render_now("page.html", {"v": "<"}) == '<script>f("\\u003c")</script>'
    with pytest.raises(UnsafeOutput):
        templates("", code_js="f({{ v }})").get("code.js")


def test_tp3_addresses_of_routes_may_stand_in_strings_of_scripts() -> None:
    def url(name: str) -> str:
        return f"/{name}/'\"</script>"

    made: Any = templates("<script>fetch('{{ url('x') }}')</script>")
    page = made.render_now("page.html", {"url": url})
    assert (page.count("'"), page.count("</script>")) == (2, 1)
