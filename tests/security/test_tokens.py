"""CSRF tokens where the browser says nothing of itself: made, sent, and refused in every wrong form."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.app import App, Form
from vivace.config.secret import Secret
from vivace.config.settings import Settings
from vivace.crypto import Signer
from vivace.crypto.tokens import Mac
from vivace.errors import BadSignature, InvalidKey
from vivace.http.request import Connection, Request
from vivace.http.response import HTML, Response, Text
from vivace.security import Security, csrf_token, rotate_csrf, tokens
from vivace.security.origin import SameOrigin
from vivace.security.tokens import MAX_AGE, matches
from vivace.testing import Client

KEY = "a secret key for tests, long enough"


class Comment(msgspec.Struct, forbid_unknown_fields=True):
    text: str


def site(*, keys: tuple[str, ...] = (KEY,), **options: Any) -> App:
    settings = Settings(secret_key=Secret(keys[0]), secret_key_fallbacks=tuple(map(Secret, keys[1:])))
    app = App(settings=settings, **options)

    @app.get("/page")
    async def page(request: Request) -> HTML:
        return HTML(csrf_token(request))

    @app.get("/two")
    async def two(request: Request) -> HTML:
        return HTML(f"{csrf_token(request)} {csrf_token(request)}")

    @app.get("/plain")
    async def plain() -> HTML:
        return HTML("no form here")

    @app.post("/write")
    async def write(request: Request) -> str:
        return f"written {len(await request.body())}"

    @app.post("/comment")
    async def comment(data: Annotated[Comment, Form()]) -> str:
        return data.text

    @app.post("/either")
    async def either(data: Comment) -> str:
        return data.text

    @app.post("/login")
    async def login(request: Request) -> Text:
        rotate_csrf(request)
        answer = Text("in")
        answer.set_cookie("session", "s-2")
        return answer

    @app.post("/login-page")
    async def login_page(request: Request) -> HTML:
        rotate_csrf(request)
        return HTML(csrf_token(request))

    @app.post("/hook", csrf=False)
    async def hook() -> str:
        return "hooked"

    @app.websocket("/socket")
    async def socket(socket: Any) -> None:
        await socket.send("x")

    app.session_id = session_digest
    return app


def session_digest(request: Request) -> str | None:
    """Return what tokens are bound to, as an app with sessions says it."""
    key = request.cookies.get("session")
    return sha256(key.encode()).hexdigest() if key else None


def silent(app: App, **options: Any) -> Client:
    """Return a client that sends what a browser from before 2020 sends: cookies, and nothing of the page."""
    return Client(app, same_origin=False, **options)


async def test_sc1_a_token_of_the_page_lets_the_write_in_by_header_and_by_form() -> None:
    async with silent(site()) as client:
        token = (await client.get("/page")).text
        assert (await client.post("/write", headers={"x-csrf-token": token})).status == 200
        form = {"csrfmiddlewaretoken": token, "text": "hello & <b>"}
        written = await client.post("/write", form=form)
        assert (written.status, written.text[:7]) == (200, "written")
        for path in ("/comment", "/either"):  # forbids unknown fields, and does not see this one
            answer = await client.post(path, form=form)
            assert (answer.status, answer.text) == (200, "hello & <b>")
        answer = await client.post("/either", json={"text": "json"}, headers={"x-csrf-token": token})
        assert answer.text == "json"


async def test_sc1_the_field_is_allowed_in_forms_only() -> None:
    async with Client(site()) as client:
        body = {"text": "x", "csrfmiddlewaretoken": "y"}
        assert (await client.post("/comment", form=body)).status == 200
        assert (await client.post("/either", json=body)).status == 422
        assert (await client.post("/comment", form={**body, "other": "z"})).status == 422


async def test_sc1_the_cookie_is_set_only_where_a_token_was_written() -> None:
    async with silent(site()) as client:
        assert "set-cookie" not in (await client.get("/plain")).headers
        page = await client.get("/page")
        assert page.headers["set-cookie"].startswith("csrf=")
        for part in ("HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={MAX_AGE}"):
            assert part in page.headers["set-cookie"]
        assert page.headers["cache-control"] == "private, no-cache"
        assert page.headers["vary"] == "Cookie"
        again = await client.get("/page")
        assert "set-cookie" not in again.headers  # it has one
        assert again.headers["cache-control"] == "private, no-cache"
    async with silent(site(), base_url="https://localhost") as client:
        cookie = (await client.get("/page")).headers["set-cookie"]
        assert cookie.startswith("__Host-csrf=")
        assert "; Secure" in cookie


async def test_sc1_each_token_looks_different_and_all_are_valid() -> None:
    async with silent(site()) as client:
        tokens = [*(await client.get("/two")).text.split(), (await client.get("/page")).text]
        assert len(set(tokens)) == 3
        for token in tokens:
            assert (await client.post("/write", headers={"x-csrf-token": token})).status == 200
        heads = {token[:8] for token in tokens} | {token[-8:] for token in tokens}
        assert len(heads) == 6  # nothing that repeats, for BREACH to guess at


async def test_sc1_missing_foreign_and_damaged_tokens_are_refused() -> None:
    app = site()
    async with silent(app) as client, silent(app) as other:
        token, foreign = (await client.get("/page")).text, (await other.get("/page")).text
        flipped = ("B" if token[-2] == "A" else "A").join((token[:-2], token[-1]))
        for given in (None, "", "x", foreign, flipped, token[:-1], token + "A", "ä", "A" * 43, token.lower()):
            headers = {} if given is None else {"x-csrf-token": given.encode().decode("latin-1")}
            answer = await client.post("/write", headers=headers)
            assert answer.status == 403, given
            form = {} if given is None else {"csrfmiddlewaretoken": given}
            assert (await client.post("/write", form=form)).status == 403, given
        assert (await client.post("/write", headers={"x-csrf-token": token})).status == 200


async def test_sc1_a_planted_cookie_is_refused() -> None:
    app = site()
    async with silent(app) as attacker:
        token = (await attacker.get("/page")).text
    made_up = Signer(["another key, that the attacker has"], "csrf").sign(bytes(32))
    async with silent(app) as victim:
        for planted in ("x", "AAAA.BBBB.CCCC", made_up):
            headers = {"cookie": f"csrf={planted}", "x-csrf-token": token}
            assert (await victim.post("/write", headers=headers)).status == 403


async def test_sc1_a_pair_of_another_session_is_refused() -> None:
    """An attacker's own valid pair, planted in a visitor who is logged in."""
    app = site()
    async with silent(app) as client:
        page = await client.get("/page")
        pair = page.headers["set-cookie"].partition(";")[0]
        headers = {"cookie": pair, "x-csrf-token": page.text}
        assert (await client.post("/write", headers=headers)).status == 200
    async with silent(app) as client:
        for session in ("s-1", "s-2"):
            headers = {"cookie": f"{pair}; session={session}", "x-csrf-token": page.text}
            assert (await client.post("/write", headers=headers)).status == 403


async def test_sc1_a_login_makes_older_pages_worthless() -> None:
    async with silent(site()) as client:
        page = await client.get("/page")
        old, pair = page.text, page.headers["set-cookie"].partition(";")[0]
        assert (await client.post("/login", headers={"x-csrf-token": old})).status == 200
        assert (
            await client.post("/write", headers={"x-csrf-token": old})
        ).status == 403  # the cookie is gone
        replayed = {"cookie": f"{pair}; session=s-2", "x-csrf-token": old}  # and worthless where it was kept
        assert (await client.post("/write", headers=replayed)).status == 403
        new = (await client.get("/page")).text
        assert (await client.post("/write", headers={"x-csrf-token": new})).status == 200


async def test_sc1_a_page_in_answer_to_the_login_has_a_new_token() -> None:
    async with silent(site()) as client:
        old = (await client.get("/page")).text
        new = (await client.post("/login-page", headers={"x-csrf-token": old})).text
        assert (await client.post("/write", headers={"x-csrf-token": old})).status == 403
        assert (await client.post("/write", headers={"x-csrf-token": new})).status == 200


@pytest.mark.parametrize(("age", "status"), [(MAX_AGE - 60, 200), (MAX_AGE + 60, 403), (-3600, 403)])
async def test_sc1_a_cookie_expires(age: float, status: int) -> None:
    signer = Signer([KEY], "csrf", clock=lambda: time.time() - age)
    cookie = signer.sign(bytes(32))
    token = "A" * 43  # the mask 0 of the secret 0
    async with silent(site()) as client:
        headers = {"cookie": f"csrf={cookie}", "x-csrf-token": token}
        assert (await client.post("/write", headers=headers)).status == status


async def test_sc1_a_cookie_that_was_good_before_expires_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Client(site()) as client:
        await client.get("/page")
        before = client.cookies["csrf"]
        await client.get("/page")
        assert client.cookies["csrf"] == before
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + MAX_AGE + 60)
        await client.get("/page")
        assert client.cookies["csrf"] != before


async def test_sc1_the_signature_of_a_cookie_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    digested: list[bytes] = []
    digest = Mac.digest

    def counted(self: Mac, message: bytes) -> bytes:
        digested.append(message)
        return digest(self, message)

    monkeypatch.setattr(Mac, "digest", counted)
    async with Client(site(keys=("a key of this test alone, long enough",))) as client:
        await client.get("/page")
        assert len(digested) == 1  # it was signed
        for _ in range(3):
            token = (await client.get("/page")).text
            assert (await client.post("/write", headers={"x-csrf-token": token})).status == 200
        assert len(digested) == 2


async def test_sc1_what_is_known_of_cookies_is_bounded() -> None:
    signer = Signer([KEY], "csrf")
    made = [signer.sign(b"%d" % number) for number in range(2 * tokens._KNOWN + 1)]
    for each in made:
        tokens._opened((KEY,), each)
        assert tokens._opened.cache_info().currsize <= tokens._KNOWN
    with pytest.raises(BadSignature):
        tokens._opened((KEY,), made[0][:-1] + ("A" if made[0][-1] != "A" else "B"))


async def test_sc1_an_answer_that_is_returned_to_everybody_takes_no_cookie_to_the_next() -> None:
    app = site()
    shared = Response("the same for all")

    @app.get("/first")
    async def first(request: Request) -> Response:
        csrf_token(request)
        return shared

    @app.get("/second")
    async def second() -> Response:
        return shared

    async with Client(app) as client:
        assert (await client.get("/first")).headers.get("set-cookie")
        answer = await client.get("/second")
        assert answer.headers.get("set-cookie") is None
        assert answer.headers.get("cache-control") is None


async def test_sc1_an_old_cookie_is_renewed_and_open_pages_stay_valid() -> None:
    signer = Signer([KEY], "csrf", clock=lambda: time.time() - 86_400)
    yesterday = int(time.time() // 86_400 - 1).to_bytes(4, "big")
    async with silent(site()) as client:
        page = await client.get("/page", headers={"cookie": f"csrf={signer.sign(bytes(32) + yesterday)}"})
        renewed = page.headers["set-cookie"].partition(";")[0]
        for token in ("A" * 43, page.text):
            answer = await client.post("/write", headers={"cookie": renewed, "x-csrf-token": token})
            assert answer.status == 200


async def test_sc10_tokens_outlive_a_change_of_keys() -> None:
    async with silent(site()) as client:
        page = await client.get("/page")
        headers = {"cookie": page.headers["set-cookie"].partition(";")[0], "x-csrf-token": page.text}
    for keys, status in ((("a new key, as long as the first", KEY), 200), (("a new key, as long",), 403)):
        async with silent(site(keys=keys)) as client:
            assert (await client.post("/write", headers=headers)).status == status


async def test_sc1_multipart_and_coded_bodies_need_the_header() -> None:
    async with silent(site()) as client:
        token = (await client.get("/page")).text
        boundary = "x" * 20
        part = f'--{boundary}\r\ncontent-disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{token}\r\n--{boundary}--\r\n'
        kind = {"content-type": f"multipart/form-data; boundary={boundary}"}
        assert (await client.post("/write", content=part.encode(), headers=kind)).status == 403
        kind["x-csrf-token"] = token
        assert (await client.post("/write", content=part.encode(), headers=kind)).status == 200
        kind = {"content-type": "application/x-www-form-urlencoded", "content-encoding": "gzip"}
        assert (await client.post("/write", content=b"\x1f\x8b", headers=kind)).status == 403


async def test_sc1_a_token_never_outweighs_what_the_browser_says() -> None:
    async with silent(site()) as client:
        token = (await client.get("/page")).text
        for told in (
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"sec-fetch-site": "cross-site"},
        ):
            assert (await client.post("/write", headers={**told, "x-csrf-token": token})).status == 403


async def test_sc1_refusals_are_told_by_accept_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with silent(site()) as client:
        await client.get("/page")
        with caplog.at_level(logging.WARNING, "vivace.security"):
            page = await client.post("/write", headers={"accept": "text/html"})
            program = await client.post("/write", json={})
    assert page.status == program.status == 403
    assert page.headers["content-type"].startswith("text/html")
    assert "Load it again" in page.text
    assert program.problem is not None
    assert program.problem["type"] == "urn:vivace:error:csrf-token-refused"
    assert [record.name for record in caplog.records] == ["vivace.security"] * 2
    assert "no token" in caplog.text


async def test_sc1_exempt_routes_and_cookieless_programs_pass() -> None:
    async with silent(site()) as client:
        assert (await client.post("/write")).status == 200
        await client.get("/page")
        assert (await client.post("/write")).status == 403
        assert (await client.post("/hook")).status == 200
    closed = site(security=Security(origins=SameOrigin(tokens=False)))
    async with silent(closed) as client:
        token = (await client.get("/page")).text
        assert (await client.post("/write", headers={"x-csrf-token": token})).status == 403


async def test_sc1_a_body_that_arrives_late_is_read_for_its_token_and_stays_readable() -> None:
    async def pieces(text: str) -> AsyncIterator[bytes]:
        for start in range(0, len(text), 7):
            yield text[start : start + 7].encode()

    app = site()

    @app.post("/stream")
    async def stream(request: Request) -> str:
        return b"".join([chunk async for chunk in request.stream(raw=True)]).decode()

    async with silent(app) as client:
        token = (await client.get("/page")).text
        kind = {"content-type": "application/x-www-form-urlencoded"}
        text = f"text=hello&csrfmiddlewaretoken={token}"
        answer = await client.post("/stream", content=pieces(text), headers=kind)
        assert (answer.status, answer.text) == (200, text)
        answer = await client.post("/comment", content=pieces(text), headers=kind)
        assert (answer.status, answer.text) == (200, "hello")
        large = f"{text}&filler={'x' * 3_000_000}"
        assert (await client.post("/stream", content=pieces(large[: 2**20]), headers=kind)).status == 200
        assert (await client.post("/stream", content=large.encode(), headers=kind)).status == 413


def test_sc1_without_a_key_there_are_no_tokens() -> None:
    request = Request("GET", "/", [], Connection())
    request.app = App(settings=Settings())
    csrf_token(request)
    assert request.amendments is not None
    with pytest.raises(InvalidKey, match="SECRET_KEY"):
        request.amendments[0](Response())


@given(st.binary(max_size=80))
async def test_sc1_no_other_text_is_a_token(text: bytes) -> None:
    assert not matches(text, b"0123456789abcdef") or len(text) == 43
