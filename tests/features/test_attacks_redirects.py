"""SC8: no target that a visitor brings leads to another site; and what a browser makes of it is tested in a browser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.security.corpus import FOREIGN_TARGETS
from vivace.app import App
from vivace.config.settings import Settings
from vivace.http.redirect import Redirect, is_safe_target
from vivace.testing import Client

OWN = (
    "/",
    "/a/b?c=d#e",
    "?page=2",
    "/ä",
    "/a b",
    "/%2f/x",
    "https://example.com",
    "https://EXAMPLE.com:443/x",
)


def site() -> App:
    app = App(settings=Settings())

    @app.get("/login")
    async def login(next: str = "") -> Redirect:
        return Redirect.safe(next, default="/home", hosts=("example.com",))

    return app


async def test_sc8_no_target_of_the_corpus_leaves_the_site() -> None:
    async with Client(site()) as client:
        left = {}
        for target in FOREIGN_TARGETS:
            answer = await client.get("/login", query={"next": target})
            assert answer.status == 302
            if answer.headers["location"] != "/home":
                left[target] = answer.headers["location"]
    assert left == {}


@pytest.mark.parametrize("target", OWN)
async def test_sc8_own_targets_are_kept_and_split_no_header(target: str) -> None:
    async with Client(site()) as client:
        location = (await client.get("/login", query={"next": target})).headers["location"]
    assert location != "/home"
    assert location.isascii()
    assert " " not in location


SMALL = st.text(alphabet="/\\:@?#.%[]\t\n\r \x00a1-\u3002\uff0f\u2215evil", max_size=16)


@given(SMALL)
def test_sc8_a_safe_target_begins_with_one_slash_or_a_question(target: str) -> None:
    if is_safe_target(target):
        assert target[0] in "/?"
        assert not target.startswith(("//", "/\\"))
        assert target.isprintable()


@given(SMALL)
def test_sc8_no_prefix_makes_a_host_of_a_path(rest: str) -> None:
    for start in ("//", "/\\", "\\", "https:", "https:/", "https:\\", "\t//", "///"):
        target = start + rest
        assert not is_safe_target(target) or target.startswith(("/?", "/#"))
