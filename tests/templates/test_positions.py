"""Where in a page literal text ends: the reader of HTML, scripts, styles and addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.templates.positions import TEXT, after, behind_script

PLACES = {  # literal text: kind, language, state
    "": ("text", "text", ""),
    "<p>": ("text", "text", ""),
    "a < b": ("text", "text", ""),
    "<": ("<", "text", ""),
    "<h": ("tag", "text", ""),
    "<p ": ("in", "text", ""),
    "<p class": ("name", "text", ""),
    "<p class ": ("named", "text", ""),
    "<p class=": ("=", "text", ""),
    '<p class="': ("value", "", "code"),
    "<p class='a\"": ("value", "", "code"),
    "<p class=a": ("value", "", "code"),
    '<p class="a" ': ("in", "text", ""),
    "<a\nHREF\t= '": ("value", "url", "start"),
    '<a href="/x?a=': ("value", "url", "rest"),
    '<a href="#': ("value", "url", "rest"),
    '<a href="java': ("value", "url", "start"),
    '<a href="mailto:': ("value", "url", "rest"),
    '<a href="java\tscript:f(': ("value", "url", "script"),
    '<a href="javascript&#58;f(': ("value", "url", "script"),
    '<object data="': ("value", "url", "start"),
    '<div data="': ("value", "", "code"),
    '<img srcset="/a.png 1x, ': ("value", "urls", "start"),
    '<iframe srcdoc="': ("value", "html", "code"),
    '<p style="': ("value", "css", "code"),
    '<p onclick="': ("value", "js", "code"),
    '<p onclick="f(&quot;': ("value", "js", '"'),
    '<p hx-on:click="': ("value", "js", "code"),
    '<p on="': ("value", "", "code"),
    "<script>": ("script", "js", "code"),
    "<SCRIPT type=module>": ("script", "js", "code"),
    "<script>a = '": ("script", "js", "'"),
    "<script>a = '\\'": ("script", "js", "'"),
    "<script>a = 'b'; c = ": ("script", "js", "code"),
    "<script>a = b / 2 / '": ("script", "js", "'"),
    "<script>a = /'/.test(b); c = ": ("script", "js", "code"),
    "<script>a = /[/']/; c = ": ("script", "js", "code"),
    "<script>return /'/; c = ": ("script", "js", "code"),
    "<script>// it's\n": ("script", "js", "code"),
    "<script>// it": ("script", "js", "//"),
    "<script>/* it's */ a = ": ("script", "js", "code"),
    "<script>`a ${": ("script", "js", "`"),
    "<script>a = 1; </scriptx>": ("script", "js", "re"),
    "<script></script>": ("text", "text", ""),
    "<script>'</script><p>": ("text", "text", ""),
    "<style>a { color: ": ("style", "css", "code"),
    "<style>a { background: url(": ("style", "css", "url"),
    "<style>a { content: '": ("style", "css", "'"),
    "<style></style >": ("text", "text", ""),
    "<title><a href='": ("text", "text", "code"),
    "<textarea></textarea><a title='": ("value", "", "code"),
    "<!-- <a href='": ("comment", "text", ""),
    "<!-- --><p title='": ("value", "", "code"),
    "<!doctype html": ("bogus", "text", ""),
    "<!doctype html><p>": ("text", "text", ""),
    "</p><br/><img src=": ("=", "text", ""),
    "<input disabled value=": ("=", "text", ""),
}


@pytest.mark.parametrize("text", PLACES)
def test_tp3_position_behind_literal_text(text: str) -> None:
    found = after(TEXT, text)
    assert (found.kind, found.language, found.state) == PLACES[text]


@given(st.text(alphabet="<>/='\" abphrefonscript!-`\\\n&;:"), st.integers(0, 60))
def test_tp3_reader_ends_and_does_not_care_where_literals_are_cut(text: str, at: int) -> None:
    whole = after(TEXT, text)
    again = after(after(TEXT, text[:at]), text[at:])
    assert whole.kind in {kind for kind, _, _ in PLACES.values()}
    if text[max(at - 2, 0) : at].isspace() and text[at : at + 1].isspace():
        assert whole == again


@given(st.text(alphabet="'\"`/\\*[]()ab \n="))
def test_tp3_reader_of_scripts_ends(text: str) -> None:
    state, _ = behind_script("code", True, text)
    assert state in {"code", "'", '"', "`", "//", "/*", "re"}
