from __future__ import annotations

from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.errors import InvalidDirective
from vivace.http.caching import (
    CacheControl,
    Directives,
    cache_control,
    cdn_cache_control,
    clear_site_data,
    never_cache,
    vary_on,
)
from vivace.http.response import Response

AGES = st.none() | st.integers(0, 2**31 - 1)
CONTROLS = st.builds(
    CacheControl,
    max_age=AGES,
    stale_while_revalidate=AGES,
    public=st.booleans(),
    no_store=st.booleans(),
    immutable=st.booleans(),
    other=st.lists(
        st.tuples(st.from_regex(r"x-[a-z]{1,9}", fullmatch=True), st.none() | st.text(max_size=9)),
        max_size=3,
        unique_by=lambda pair: pair[0],
    ).map(tuple),
)


def test_rs7_directives_are_set_and_kept() -> None:
    response = Response()
    cache_control(response, max_age=60, public=True)
    cache_control(response, stale_while_revalidate=30, immutable=True)
    assert response.headers["cache-control"] == "max-age=60, stale-while-revalidate=30, public, immutable"


def test_rs7_public_and_private_exclude_each_other() -> None:
    response = Response()
    cache_control(response, public=True, max_age=5)
    cache_control(response, private=True)
    assert response.headers["cache-control"] == "max-age=5, private"
    cache_control(response, public=True)
    assert response.headers["cache-control"] == "max-age=5, public"


def test_rs7_directive_is_taken_back() -> None:
    response = Response(headers={"cache-control": "no-store, max-age=5"})
    cache_control(response, no_store=False)
    assert response.headers["cache-control"] == "max-age=5"


def test_rs7_shared_caches_have_their_own_header() -> None:
    response = Response()
    cdn_cache_control(response, max_age=600)
    cache_control(response, max_age=0)
    assert response.headers["cdn-cache-control"] == "max-age=600"
    assert response.headers["cache-control"] == "max-age=0"
    never_cache(response)
    assert response.headers["cache-control"] == "max-age=0, no-cache, no-store, must-revalidate, private"
    assert "cdn-cache-control" not in response.headers


def test_rs7_vary_is_added_without_repeats() -> None:
    response = Response(headers={"vary": "Cookie"})
    vary_on(response, "cookie", "accept")
    assert response.headers["vary"] == "Cookie, accept"
    vary_on(response, "*")
    assert response.headers["vary"] == "*"


def test_rs7_browser_is_asked_to_forget() -> None:
    response = Response()
    clear_site_data(response, "cache", "cookies")
    assert response.headers["clear-site-data"] == '"cache", "cookies"'
    clear_site_data(response)
    assert response.headers["clear-site-data"] == '"*"'
    with pytest.raises(InvalidDirective, match="Did you mean 'cookies'"):
        clear_site_data(response, "cookie")


@pytest.mark.parametrize(
    ("text", "control"),
    [
        (None, CacheControl()),
        ("max-age=60", CacheControl(max_age=60)),
        ("MAX-AGE = 60, Public", CacheControl(max_age=60, public=True)),
        ("max-age=60, max-age=5", CacheControl(max_age=60)),
        ("max-age=junk", CacheControl(max_age=0)),
        ("max-age=-1", CacheControl(max_age=0)),
        ("max-age", CacheControl(max_age=0)),
        ("max-age=" + "9" * 5000, CacheControl(max_age=2**31 - 1)),
        ('private="set-cookie, x", no-cache', CacheControl(private=True, no_cache=True)),
        ('a=b, c, d="e, f"', CacheControl(other=(("a", "b"), ("c", None), ("d", "e, f")))),
        ("max_age=5", CacheControl(other=(("max_age", "5"),))),
        (",,=,", CacheControl()),
    ],
)
def test_rs7_header_is_read(text: str | None, control: CacheControl) -> None:
    assert CacheControl.parse(text) == control


@given(CONTROLS)
def test_rs7_round_trip(control: CacheControl) -> None:
    assert CacheControl.parse(str(control)) == control


@given(st.text(max_size=60) | st.text(alphabet='max-age=,;"\\ 0', max_size=60))
def test_rs7_reading_never_raises(text: str) -> None:
    CacheControl.parse(text)


@pytest.mark.parametrize(
    "directives",
    [{"maxage": 5}, {"max_age": -1}, {"max_age": True}, {"max_age": 1.5}, {"public": 1}, {"other": ()}],
)
def test_rs7_what_cannot_be_is_refused(directives: Any) -> None:
    with pytest.raises(InvalidDirective):
        cache_control(Response(), **directives)


def test_rs7_refusal_names_the_nearest() -> None:
    misspelt: Any = {"maxage": 5}
    with pytest.raises(InvalidDirective, match="Did you mean 'max_age'"):
        cache_control(Response(), **misspelt)


def test_keyword_arguments_and_value_know_the_same_directives() -> None:
    known = set(get_type_hints(CacheControl)) - {"other"}
    assert set(get_type_hints(Directives)) == known
