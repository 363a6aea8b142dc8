"""Sanitised HTML: what stays, what goes, and that nothing of a corpus of attacks is left."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from tests.security.corpus import HTML_ATTACKS
from vivace.errors import ConfigurationError
from vivace.security import HTMLProfile, sanitize_html
from vivace.security.sanitizing import ARTICLE, COMMENT

pytest.importorskip("nh3", reason="nh3 is an extra")
REL = 'rel="nofollow noopener noreferrer ugc"'


class Finder(HTMLParser):
    """Collects what is there beyond a profile."""

    def __init__(self, profile: HTMLProfile) -> None:
        super().__init__()
        self.profile = profile
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at a tag."""
        allowed = {*self.profile.attributes.get(tag, ()), *self.profile.attributes.get("*", ()), "rel"}
        if tag not in self.profile.tags:
            self.found.append(tag)
        for name, value in attrs:
            if name not in allowed:
                self.found.append(f"{tag} {name}")
            scheme = re.match(r"[\x00-\x20]*([a-z][a-z0-9+.\-]*):", value or "", re.IGNORECASE)
            if name in ("href", "src") and scheme and scheme[1].lower() not in self.profile.schemes:
                self.found.append(f"{tag} {name} {value}")

    def handle_comment(self, data: str) -> None:
        """Look at a comment."""
        self.found.append(f"comment {data}")


def beyond(html: str, profile: HTMLProfile) -> list[str]:
    """Return what HTML has beyond a profile."""
    finder = Finder(profile)
    finder.feed(html)
    finder.close()
    return finder.found


@pytest.mark.parametrize(
    ("text", "comment"),
    [
        ("plain & <unknown>text</unknown>", "plain &amp; text"),
        ("<b>bold</b><script>alert(1)</script>", "<b>bold</b>"),
        ('<a href="https://x.example" onclick="x">y</a>', f'<a href="https://x.example" {REL}>y</a>'),
        ('<a href="javascript:alert(1)">y</a>', f"<a {REL}>y</a>"),
        ('<a href="/here">y</a>', f'<a href="/here" {REL}>y</a>'),
        ('<p style="position:fixed" id="x" class="y" data-z="1">t</p>', "<p>t</p>"),
        ("<img src=x onerror=alert(1)>", ""),
        ("<h1>no</h1>", "no"),
        ("<b>never closed", "<b>never closed</b>"),
        ("<!-- comment -->x", "x"),
        ("1 < 2", "1 &lt; 2"),
    ],
)
def test_sc2_what_a_comment_may_have(text: str, comment: str) -> None:
    made = sanitize_html(text)
    assert made == comment
    assert isinstance(made, Markup)


def test_sc2_an_article_has_more_and_a_profile_says_how_much() -> None:
    text = '<h2>t</h2><img src="/a.png" alt="a" srcset="b"><table><tr><td colspan="2">x</td></tr></table>'
    made = sanitize_html(text, "article")
    assert '<img src="/a.png" alt="a">' in made
    assert '<td colspan="2">x</td>' in made
    own = HTMLProfile(tags=frozenset({"a"}), attributes={"a": frozenset({"href"})}, relative=False, rel="")
    assert sanitize_html('<a href="/x">y</a><a href="https://x.example/">z</a><b>b</b>', own) == (
        '<a>y</a><a href="https://x.example/">z</a>b'
    )
    assert sanitize_html("<b>x</b>", HTMLProfile(tags=frozenset(), attributes=MappingProxyType({}))) == "x"


def test_sc2_a_profile_that_is_none_is_told() -> None:
    with pytest.raises(ConfigurationError, match="no HTML profile 'artikle'") as caught:
        sanitize_html("x", "artikle")
    assert "article" in caught.value.fix


@pytest.mark.parametrize("attack", HTML_ATTACKS)
def test_sc2_nothing_of_an_attack_is_left(attack: str) -> None:
    for profile in (COMMENT, ARTICLE):
        once = sanitize_html(attack, profile)
        assert beyond(once, profile) == []
        assert (
            sanitize_html(once, profile) == once
        )  # what is clean stays as it is: no second parse finds more


@given(st.text(alphabet="<>/\"'= abimgsrconerrsvgtylehf:;&#x!-\t\n", max_size=120))
def test_sc2_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = sanitize_html(text, ARTICLE)
    assert beyond(once, ARTICLE) == []
    assert sanitize_html(once, ARTICLE) == once


def test_sc2_without_the_extra_the_fix_is_told() -> None:
    program = (
        "import sys; sys.modules['nh3'] = None\n"
        "from vivace.security import sanitize_html\n"
        "try: sanitize_html('x')\n"
        "except Exception as error: print(error)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "pip install 'vivace[html]'" in result.stdout
