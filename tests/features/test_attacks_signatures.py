"""SC10: nothing that was signed can be changed, moved, aged or made up; each is refused, and nothing else breaks."""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.app import App
from vivace.config.secret import Secret
from vivace.config.settings import Settings
from vivace.crypto import Signer
from vivace.errors import BadSignature, SignatureExpired
from vivace.http.request import Request
from vivace.http.response import Response, Text
from vivace.testing import Client

KEY, OTHER = "the key of the app, long enough", "another key, that somebody else has"
SIGNER = Signer([KEY], "purpose")


def site() -> App:
    app = App(settings=Settings(secret_key=Secret(KEY)))

    @app.get("/give")
    async def give(request: Request) -> Response:
        answer = Text("given")
        answer.set_signed_cookie(request, "role", "reader", secure=False)
        answer.set_signed_cookie(request, "other", "admin", secure=False)
        return answer

    @app.get("/role")
    async def role(request: Request) -> str:
        return request.signed_cookie("role", max_age=60) or "nobody"

    return app


async def test_sc10_a_signed_cookie_is_worth_nothing_once_it_is_touched() -> None:
    async with Client(site()) as client:
        given = await client.get("/give")
        pairs = dict(line.split(";")[0].split("=", 1) for line in given.headers.getlist("set-cookie"))
        mine, moved = pairs["role"], pairs["other"]
        assert (await client.get("/role")).text == "reader"
        body, _, mac = mine.rpartition(".")
        forged = [
            moved,  # a value that is right for another cookie
            Signer([OTHER], "cookie.role").sign("admin"),
            Signer([KEY], "cookie.role", clock=lambda: time.time() - 120).sign("reader"),  # too old
            Signer([KEY], "cookie.role", clock=lambda: time.time() + 3_600).sign("reader"),  # of the future
            Signer([KEY], "cookie.rol").sign("admin"),
            Signer([KEY], "csrf").sign("admin"),
            body,
            f"{body}.",
            f".{mac}",
            f"{body}.{mac[::-1]}",
            f"{body}.{mac}=",
            f"{body}.{mac}.{mac}",
            f" {mine}",
            mine.upper(),
            mine.replace(".", "%2E"),
            "",
            "." * 3,
            "\x00",
            "x" * 5000,
        ]
        for text in forged:
            answer = await client.get("/role", headers={"cookie": f"role={quote(text, safe='.-_%')}"})
            expected = "reader" if text.replace("%2E", ".") == mine else "nobody"
            assert (answer.status, answer.text) == (200, expected), text


@given(st.binary(max_size=40), st.data())
def test_sc10_every_changed_character_is_noticed(value: bytes, data: st.DataObject) -> None:
    token = SIGNER.sign(value)
    at = data.draw(st.integers(0, len(token) - 1))
    new = data.draw(st.sampled_from("ABCabc012-_.~="))
    changed = token[:at] + new + token[at + 1 :]
    if changed == token:
        assert SIGNER.unsign(changed) == value
    else:
        with pytest.raises(BadSignature):
            SIGNER.unsign(changed)


@given(st.text(max_size=80))
def test_sc10_what_was_made_up_is_refused(text: str) -> None:
    with pytest.raises(BadSignature):
        SIGNER.unsign(text)


def test_sc10_a_stamp_that_is_too_old_or_of_tomorrow_is_refused() -> None:
    for shift in (-61, 3_600):
        token = Signer([KEY], "purpose", clock=lambda shift=shift: time.time() + shift).sign("x")  # type: ignore[misc]
        with pytest.raises(SignatureExpired):
            SIGNER.unsign(token, max_age=60)
