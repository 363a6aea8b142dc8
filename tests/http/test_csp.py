"""Content security policies as values: the header they make, and what cannot be one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.errors import ConfigurationError
from vivace.http.csp import DIRECTIVES, NONE, SELF, ContentSecurityPolicy, as_policies


def directives(text: str) -> dict[str, list[str]]:
    """Return a policy as a browser reads it: names to sources, the first of two with one name wins."""
    read: dict[str, list[str]] = {}
    for part in text.split(";"):
        name, *sources = part.split()
        read.setdefault(name, sources)
    return read


def test_sc3_default_policy_is_strict() -> None:
    assert ContentSecurityPolicy(frame_ancestors=(NONE,)).text() == (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )


def test_sc3_a_nonce_goes_where_scripts_and_styles_are_named() -> None:
    plain = directives(ContentSecurityPolicy().text("abc"))
    assert plain["script-src"] == plain["style-src"] == ["'self'", "'nonce-abc'"]
    own = ContentSecurityPolicy(
        script_src=(NONE,), script_src_elem=("https://cdn.example",), style_src=(SELF, "'unsafe-inline'")
    )
    read = directives(own.text("abc"))
    assert read["script-src"] == ["'nonce-abc'"]
    assert read["script-src-elem"] == ["https://cdn.example", "'nonce-abc'"]
    assert read["style-src"] == ["'self'", "'unsafe-inline'"]  # a nonce would switch 'unsafe-inline' off
    open_page = directives(ContentSecurityPolicy(default_src=()).text("abc"))
    assert "script-src" not in open_page  # a nonce alone would forbid what was allowed


def test_sc3_every_directive_is_written_as_browsers_read_it() -> None:
    sources = {name: (SELF,) for name in DIRECTIVES if name not in ("sandbox", "trusted_types")}
    policy = ContentSecurityPolicy(
        **sources,
        sandbox=("allow-scripts",),
        trusted_types=("default", "'allow-duplicates'"),
        upgrade_insecure_requests=True,
        report_to="/csp",
        report_only=True,
    )
    read = directives(policy.text())
    assert {name.replace("_", "-") for name in DIRECTIVES} < read.keys()
    assert read["upgrade-insecure-requests"] == []
    assert (read["report-uri"], read["report-to"]) == (["/csp"], ["csp"])
    assert policy.header == "content-security-policy-report-only"
    assert policy.reporting == 'csp="/csp"'


@pytest.mark.parametrize(
    ("sources", "fix"),
    [
        (("self",), "\"'self'\""),
        (("'selv'",), "'self'"),
        (("'self' https://x.example",), "One source each"),
        (("https://x.example;script-src *",), "One source each"),
        (("https://x.example\r\nset-cookie: a=b",), "One source each"),
        (("https://x.example,default-src *",), "One source each"),
        (("",), "One source each"),
        (("https://ä.example",), "One source each"),
        ((SELF, NONE), "stands alone"),
        (("'nonce-'",), ""),
    ],
)
def test_sc3_sources_that_browsers_ignore_are_refused(sources: tuple[str, ...], fix: str) -> None:
    with pytest.raises(ConfigurationError, match="script-src") as caught:
        ContentSecurityPolicy(script_src=sources)
    assert fix in caught.value.fix


def test_sc3_a_text_in_place_of_a_tuple_is_told() -> None:
    with pytest.raises(ConfigurationError) as caught:
        ContentSecurityPolicy(img_src="*")  # type: ignore[arg-type]  # what is meant to be told
    assert caught.value.fix == "Write a tuple: img_src=('*',)."


@given(st.text(max_size=30))
def test_sc3_no_source_breaks_out_of_its_directive(source: str) -> None:
    try:
        policy = ContentSecurityPolicy(script_src=(source,), img_src=("data:",))
    except ConfigurationError:
        return
    read = directives(policy.text("n"))
    assert len(read["script-src"]) <= 2
    assert read["img-src"] == ["data:"]
    assert re.fullmatch(r"[ -~]+", policy.text("n"))


@pytest.mark.parametrize("place", ["/a b", "/a;script-src *", '/a"', "/a,b", "/ä", "/a\n"])
def test_sc3_a_place_for_reports_breaks_out_of_nothing(place: str) -> None:
    with pytest.raises(ConfigurationError, match="report-to"):
        ContentSecurityPolicy(report_to=place)


def test_sc3_policies_are_one_or_several_or_none() -> None:
    one = ContentSecurityPolicy()
    assert as_policies(one) == (one,)
    assert as_policies((one, one)) == (one, one)
    assert as_policies(None) == as_policies(False) == ()
