"""No filter makes HTML of text: whatever goes in as ``str`` comes out without a tag of its own (TP3, SC2)."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markupsafe import Markup, escape

from vivace.templates import Templates
from vivace.templates.filters import html, text
from vivace.templates.options import TemplateOptions
from vivace.templates.standard import standard_library

LIBRARY: Final = standard_library()
ALLOWED: Final = frozenset({"p", "br", "li", "ul", "script"})  # what filters write themselves
NASTY: Final = st.text(
    st.one_of(st.sampled_from(list("<>&\"'/=;# \n\tabz")), st.characters(codec="utf-8")), max_size=60
)
TEXT_FILTERS: Final = [
    "addslashes", "capfirst", "linebreaks", "linebreaksbr", "linenumbers", "slugify", "title", "urlize",
    "truncatechars(5)", "truncatewords(2)", "truncatechars_html(5)", "truncatewords_html(2)", "cut('a')", "cut(';')",
    "ljust(9)", "rjust(9)", "wordwrap(5)", "escape", "forceescape", "striptags", "stringformat('s')", "add('<b>')",
    "default_if_none('x')", "yesno('<a>,b')", "json_script('<i>')", "escapejs", "urlencode", "urlize(10)",
]  # fmt: skip


class Tags(HTMLParser):
    """Collects the elements of a page, and the attributes that could run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def read(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    tags.close()
    return tags


PAGES: Final = Templates(
    TemplateOptions(sources=[{f"{name}.html": "{{ value|" + name + " }}" for name in TEXT_FILTERS}])
)


@pytest.mark.parametrize("name", TEXT_FILTERS)
@settings(max_examples=30)
@given(value=NASTY)
@example(value="<script>alert(1)</script>")
@example(value='http://a.b/"onmouseover="x <img src=x onerror=y> www.x.com/<b>')
@example(value="&lt;b&gt; &#60;i&#62; javascript:alert(1)")
def test_tp3_filtered_text_has_no_tag_of_its_own(name: str, value: str) -> None:
    found = read(PAGES.render_now(f"{name}.html", {"value": value}))
    assert set(found.tags) <= ALLOWED | {"a"}
    assert {key for key, _ in found.attributes} <= {"id", "type", "href", "rel"}
    links = [link for key, link in found.attributes if key == "href"]
    assert all((link or "").startswith(("http://", "https://", "mailto:")) for link in links)


@given(value=NASTY, count=st.integers(-1, 20))
def test_tp3_cut_markup_is_whole(value: str, count: int) -> None:
    markup = Markup("<p>{} <b title='{}'>{}</b></p> {}").format(value, value, value, value)
    for cut in (text.truncatechars(markup, count), html.truncatewords_html(markup, count)):
        assert isinstance(cut, Markup)
        assert set(read(cut).tags) <= {"p", "b"}
        assert cut.count("<p>") == cut.count("</p>")
        assert cut.count("<b") == cut.count("</b>")
        assert re.search(r"&(?!#?\w+;)", cut) is None  # no entity is cut in two


@given(value=NASTY, count=st.integers(1, 20))
def test_tp3_cut_text_is_no_longer_than_asked(value: str, count: int) -> None:
    assert len(text.truncatechars(value, count)) <= max(count, 0) + 30  # combining characters do not count
    assert len(text.truncatewords(value, count).split()) <= count + 1


@given(
    value=st.recursive(
        NASTY | st.none() | st.integers(-9, 9), lambda inner: st.lists(inner, max_size=3), max_leaves=8
    )
)
def test_tp3_json_cannot_end_its_script(value: Any) -> None:
    script = html.json_script(value, "x")
    assert script.count("<") == 2
    inside = script.split(">", 1)[1].rsplit("</", 1)[0]
    assert not set(inside) & set("<>&\u2028\u2029")


@given(value=NASTY)
def test_tp3_escaped_for_javascript_ends_no_string(value: str) -> None:
    assert not set(html.escapejs(value)) & set("\"'<>&`\n\r\u2028\u2029")


@given(value=st.lists(NASTY | st.lists(NASTY, max_size=3), max_size=4))
def test_tp3_list_items_are_escaped(value: list[Any]) -> None:
    assert set(read(html.unordered_list(value)).tags) <= {"li", "ul"}


@given(value=NASTY, part=NASTY)
def test_tp3_cut_does_not_uncover_markup(value: str, part: str) -> None:
    left = text.cut(escape(value), part)
    shown = left if isinstance(left, Markup) else escape(left)
    assert "<" not in shown
    assert ">" not in shown


def test_tp1_huge_exponent_is_not_written_out() -> None:
    assert LIBRARY.filters["floatformat"]("1e1000000", 2) == "1e1000000"


@pytest.mark.parametrize(
    ("value", "count", "shown"),
    [
        ("<p>one <b>two</b> three</p>", 2, "<p>one <b>two</b> …</p>"),
        ("<p>one</p>", 2, "<p>one</p>"),
        ("a<br>b c", 1, "a<br>b …"),
        ("a &amp; b", 2, "a &amp; …"),
    ],
)
def test_tp1_truncated_html(value: str, count: int, shown: str) -> None:
    assert html.truncatewords_html(Markup(value), count) == shown
