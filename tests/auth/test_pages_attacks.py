"""What is tried against account pages, each attack kept as a test: enumeration, stolen links, open redirects, forged forms."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.auth.accounts import (
    ADA,
    NEW,
    PASSWORD,
    Clock,
    another,
    hashes,
    link_in,
    running,
    sign_in,
    site,
    text_of,
    who,
)
from vivace import App
from vivace.auth import User
from vivace.auth.tokens import make_token
from vivace.db import query_log
from vivace.errors import NoSiteURL
from vivace.testing import Client, ClientResponse

NOBODY = "eve@example.com"
CHOSEN = {"new_password1": NEW, "new_password2": NEW}


@pytest.fixture
def made(tmp_path: Path) -> tuple[App, Clock]:
    return site("sqlite://:memory:", tmp_path)


async def counted(client: Client, path: str, form: dict[str, str]) -> tuple[ClientResponse, int, int]:
    """Send a form; return the answer, how many passwords were hashed and how many queries were run."""
    before = hashes()
    with query_log() as log:
        response = await client.post(path, form=form)
    return response, hashes() - before, len(log)


def same(first: ClientResponse, second: ClientResponse) -> None:
    """Assert that two answers cannot be told apart."""
    assert first.status == second.status
    assert first.headers.get("location") == second.headers.get("location")
    assert {name for name, _ in first.headers.items()} == {name for name, _ in second.headers.items()}
    assert text_of(first).replace(ADA, NOBODY) == text_of(second)


# -- who has an account ------------------------------------------------------------------------------------------------


async def test_au4_login_does_not_tell_who_has_an_account(made: tuple[App, Clock]) -> None:
    app, _ = made
    async with running(app) as client:
        await User.objects.create_user("asleep@example.com", PASSWORD, is_active=False)
        await User.objects.create_user("keyless@example.com")
        known = await counted(client, "/accounts/login", {"email": ADA, "password": "wrong"})
        for email, password in (
            (NOBODY, "wrong"),
            ("asleep@example.com", PASSWORD),
            ("asleep@example.com", "wrong"),
            ("keyless@example.com", "wrong"),
        ):
            other = await counted(another(app), "/accounts/login", {"email": email, "password": password})
            assert other[1:] == known[1:] == (1, known[2])
            assert other[0].status == known[0].status == 422
            assert text_of(other[0]).replace(email, ADA) == text_of(known[0])


@pytest.mark.parametrize("confirm", [True, False])
async def test_au4_sign_up_does_not_tell_who_has_an_account(confirm: bool, tmp_path: Path) -> None:
    app, _ = site("sqlite://:memory:", tmp_path, confirm_email=confirm)
    async with running(app) as client:
        form = {} if confirm else CHOSEN
        known, known_hashes, _ = await counted(client, "/accounts/signup", {"email": ADA, **form})
        other, other_hashes, _ = await counted(another(app), "/accounts/signup", {"email": NOBODY, **form})
        assert known_hashes == other_hashes == (0 if confirm else 1)
        if confirm:
            same(known, other)
            assert [message.to for message in client.outbox] == [ADA, NOBODY]
        else:  # a page that logs in at once cannot hide it from who waits; the mail goes to the owner all the same
            assert known.headers.get("location") == "/accounts/signup/sent"
            assert [message.to for message in client.outbox] == [ADA]
            assert (await sign_in(another(app), password=NEW)).status == 422  # and the password stays


async def test_au4_reset_does_not_tell_who_has_an_account(made: tuple[App, Clock]) -> None:
    app, _ = made
    async with running(app) as client:
        await User.objects.create_user("asleep@example.com", PASSWORD, is_active=False)
        await User.objects.create_user("keyless@example.com")
        known = await counted(client, "/accounts/password/reset", {"email": ADA})
        for email in (NOBODY, "asleep@example.com", "keyless@example.com"):
            other = await counted(another(app), "/accounts/password/reset", {"email": email})
            same(known[0], other[0])
            assert other[1:] == known[1:]
        assert [message.to for message in client.outbox] == [ADA]


async def test_au4_address_change_does_not_tell_who_has_an_account(made: tuple[App, Clock]) -> None:
    app, _ = made
    async with running(app) as client:
        await User.objects.create_user("bo@example.com", PASSWORD)
        await sign_in(client)
        known = await counted(client, "/accounts/email", {"email": "bo@example.com", "password": PASSWORD})
        other = await counted(client, "/accounts/email", {"email": NOBODY, "password": PASSWORD})
        same(known[0], other[0])
        assert known[1:] == other[1:]
        assert "has an account of its own already" in client.outbox[0].body
        assert len(client.outbox) == 4


async def test_au4_an_address_that_was_taken_meanwhile_is_no_error(made: tuple[App, Clock]) -> None:
    app, _ = made
    async with running(app) as client:
        await sign_in(client)
        await client.post("/accounts/email", form={"email": NOBODY, "password": PASSWORD})
        await User.objects.create_user(NOBODY, PASSWORD)
        await client.get(link_in(client.outbox[0]))
        assert (await client.post("/accounts/email/confirm")).status == 410
        assert await who(client) == ADA


async def test_au4_two_sign_ups_at_once_make_one_account(tmp_path: Path) -> None:
    app, _ = site("sqlite://:memory:", tmp_path, confirm_email=False)
    async with running(app, account=False):
        answers = await asyncio.gather(
            *(another(app).post("/accounts/signup", form={"email": ADA, **CHOSEN}) for _ in range(4))
        )
        assert await User.objects.count() == 1
        assert (
            sorted(answer.headers.get("location") or "" for answer in answers)
            == ["/"] + ["/accounts/signup/sent"] * 3
        )


# -- links -------------------------------------------------------------------------------------------------------------


async def reset_link(client: Client) -> str:
    await client.post("/accounts/password/reset", form={"email": ADA})
    return link_in(client.outbox[-1])


async def test_au4_reset_link_dies_with_its_use(made: tuple[App, Clock]) -> None:
    app, _ = made
    async with running(app) as client:
        link = await reset_link(client)
        replay = another(app)
        await replay.get(link)
        await client.get(link)
        assert (await client.post("/accounts/password/reset/new", form=CHOSEN)).status == 303
        assert (
            await replay.post("/accounts/password/reset/new", form=CHOSEN)
        ).status == 410  # it was open elsewhere
        assert (await replay.get(link)).status == 410


async def test_au4_reset_link_that_is_used_twice_at_once_works_once(made: tuple[App, Clock]) -> None:
    app, _ = made
    async with running(app) as client:
        link = await reset_link(client)
        browsers = [another(app) for _ in range(3)]
        for each in browsers:
            await each.get(link)
        answers = await asyncio.gather(
            *(each.post("/accounts/password/reset/new", form=CHOSEN) for each in browsers)
        )
        assert sorted(answer.status for answer in answers) == [303, 410, 410]


async def test_au4_reset_link_dies_with_a_login(made: tuple[App, Clock]) -> None:
    app, clock = made
    async with running(app) as client:
        link = await reset_link(client)
        clock.now += 5
        await sign_in(client)
        assert (await another(app).get(link)).status == 410


async def test_au4_reset_link_dies_with_a_password_change(made: tuple[App, Clock]) -> None:
    app, _ = made
    async with running(app) as client:
        await sign_in(client)
        link = await reset_link(client)
        assert (
            await client.post("/accounts/password/change", form={"password": PASSWORD, **CHOSEN})
        ).status == 303
        assert (await another(app).get(link)).status == 410


async def test_au4_reset_link_dies_of_age(made: tuple[App, Clock]) -> None:
    app, clock = made
    async with running(app) as client:
        link = await reset_link(client)
        clock.now += 3_599
        assert (await client.get(link)).status == 303 or (await client.get(link)).status == 302
        clock.now += 2
        assert (await client.get(link)).status == 410
        assert (await client.post("/accounts/password/reset/new", form=CHOSEN)).status == 410


async def test_au4_links_of_one_purpose_are_nothing_for_another(made: tuple[App, Clock]) -> None:
    app, _ = made
    async with running(app) as client:
        user = await User.objects.get()
        tokens = {
            purpose: make_token(app.secret_keys, purpose, user, ADA)
            for purpose in ("reset", "email", "signup")
        }
        paths = {"reset": "password/reset", "email": "email/confirm", "signup": "signup/confirm"}
        for purpose, path in paths.items():
            for token in (other for name, other in tokens.items() if name != purpose):
                assert (await client.get(f"/accounts/{path}/{token}")).status == 410


async def test_au4_forged_links_are_refused(made: tuple[App, Clock]) -> None:
    app, _ = made
    async with running(app) as client:
        link = await reset_link(client)
        head, _, mac = link.rpartition(".")
        stranger = make_token(["another key"], "reset", await User.objects.get())
        forged = [f"{head}.{mac[::-1]}", head, link[:-1], link + "x", f"/accounts/password/reset/{stranger}"]
        forged += [f"/accounts/password/reset/{text}" for text in ("x", "." * 50, "%20", "é", "a" * 3000)]
        for each in forged:
            assert (await client.get(each)).status == 410
        assert (
            await client.get("/accounts/password/reset/new")
        ).status == 410  # nothing got into the session


async def test_au4_opening_a_link_changes_nothing(made: tuple[App, Clock]) -> None:
    app, _ = made
    async with running(app) as client:
        link = await reset_link(client)
        for _ in range(3):  # a scanner of mail
            scanner = another(app)
            await scanner.get(link, follow=True)
            assert (await scanner.head(link)).status < 400
        await client.get(link)
        assert (await client.post("/accounts/password/reset/new", form=CHOSEN)).status == 303


async def test_au4_the_token_leaves_the_address_before_a_page_is_shown(made: tuple[App, Clock]) -> None:
    app, _ = made
    async with running(app) as client:
        link = await reset_link(client)
        token = link.rpartition("/")[2]
        landed = await client.get(link)
        assert landed.headers.get("referrer-policy") == "no-referrer"
        assert "no-store" in (landed.headers.get("cache-control") or "")
        assert token not in landed.text + (landed.headers.get("location") or "")
        page = await client.get("/accounts/password/reset/new")
        assert token not in page.text
        assert all(
            "src=" not in line for line in page.text.splitlines() if "http" in line
        )  # nothing from elsewhere


async def test_au4_links_in_mails_do_not_follow_a_forged_host(
    made: tuple[App, Clock], tmp_path: Path
) -> None:
    app, _ = made
    async with running(app) as client:
        evil = {"host": "evil.example", "x-forwarded-host": "evil.example"}
        refused = await client.post("/accounts/password/reset", form={"email": ADA}, headers=evil)
        assert refused.status == 421
        forwarded = {"x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
        await client.post("/accounts/password/reset", form={"email": ADA}, headers=forwarded)
        assert [f"http://localhost{link_in(message)}" in message.body for message in client.outbox] == [True]
    app, _ = site("sqlite://:memory:", tmp_path, site_url="https://shop.example/")
    async with running(app) as client:
        await client.post("/accounts/password/reset", form={"email": ADA})
        assert "https://shop.example/accounts/password/reset/" in client.outbox[0].body


async def test_au4_links_in_mails_do_not_follow_a_foreign_port(tmp_path: Path) -> None:
    """Ports pass the host check, as in Django and Rails; whoever listens on another one of the machine gets no tokens."""
    app, _ = site("sqlite://:memory:", tmp_path, hosts=("shop.example",))
    async with running(app, base_url="https://shop.example") as client:
        for host in ("shop.example:1337", "SHOP.example.:1337"):
            asked = await client.post("/accounts/password/reset", form={"email": ADA}, headers={"host": host})
            assert asked.status == 303
            body = client.outbox[-1].body
            assert "1337" not in body
            assert "https://shop.example" in body


async def test_au4_no_mail_names_a_host_that_anybody_may_choose(tmp_path: Path) -> None:
    app, _ = site("sqlite://:memory:", tmp_path, hosts=("*",))
    async with running(app) as client:
        with pytest.raises(NoSiteURL, match="VIVACE_AUTH_SITE_URL"):
            await client.post(
                "/accounts/password/reset", form={"email": ADA}, headers={"host": "evil.example"}
            )
        assert client.outbox == []


# -- redirects, forms, headers -----------------------------------------------------------------------------------------

EVIL = [
    *("https://evil.example", "//evil.example", r"\\evil.example", r"/\evil.example", "///evil.example"),
    *(
        "javascript:alert(1)",
        "https:evil.example",
        "/\t/evil.example",
        "\n//evil.example",
        "data:text/html,x",
        "evil",
    ),
]


@pytest.mark.parametrize("target", EVIL)
async def test_sc8_next_leads_nowhere_else(target: str, tmp_path: Path) -> None:
    app, _ = site("sqlite://:memory:", tmp_path, confirm_email=False)
    async with running(app) as client:
        page = await client.get(f"/accounts/login?next={quote(target)}")
        assert "evil" not in page.text
        assert "alert" not in page.text
        assert (await sign_in(client, next=target)).headers.get("location") == "/"
        already = await client.get(f"/accounts/login?next={quote(target)}")
        assert already.headers.get("location") == "/"
        form = {"email": NOBODY, "next": target, **CHOSEN}
        assert (await another(app).post("/accounts/signup", form=form)).headers.get("location") == "/"


async def test_sc8_addresses_with_line_breaks_cause_no_mail(made: tuple[App, Clock]) -> None:
    app, _ = made
    async with running(app) as client:
        for email in (
            f"{ADA}\nBcc: x@y.z",
            f"{ADA}\r\nSubject: x",
            f"{ADA},x@y.z",
            f"{ADA} x@y.z",
            "a\x00@b.c",
        ):
            for path in ("signup", "password/reset"):
                assert (await client.post(f"/accounts/{path}", form={"email": email})).status == 422
        assert client.outbox == []


@pytest.mark.parametrize(
    "path",
    ["login", "logout", "signup", "password/reset", "password/change", "email", "devices/revoke", "delete"],
)
async def test_sc1_forms_from_other_sites_are_refused(path: str, made: tuple[App, Clock]) -> None:
    app, _ = made
    async with running(app) as client:
        await sign_in(client)
        evil = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
        assert (await client.post(f"/accounts/{path}", form={"email": ADA}, headers=evil)).status == 403
        old = Client(
            app, same_origin=False, headers={"accept": "text/html"}
        )  # a browser that says nothing of origins
        old.cookies = client.cookies
        assert (await old.post(f"/accounts/{path}", form={"email": ADA})).status == 403
        assert await who(client) == ADA


async def test_sc1_forms_work_by_their_token_alone(made: tuple[App, Clock]) -> None:
    app, _ = made
    async with running(app) as client:
        old = Client(app, same_origin=False, headers={"accept": "text/html"})
        page = await old.get("/accounts/login")
        token = page.text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
        assert (await sign_in(old, csrfmiddlewaretoken=token)).status == 303
        old.cookies = client.cookies


async def test_sc5_pages_are_never_stored(made: tuple[App, Clock]) -> None:
    app, _ = made
    async with running(app) as client:
        public = (
            "login",
            "signup",
            "signup/sent",
            "password/reset",
            "password/reset/sent",
            "password/reset/new",
        )
        answers = [await client.get(f"/accounts/{path}") for path in public]
        answers.append(await sign_in(client))
        answers += [
            await client.get(f"/accounts/{path}")
            for path in ("", "password/change", "email", "devices", "delete", "logout")
        ]
        for answer in answers:
            assert "no-store" in (answer.headers.get("cache-control") or "")
            assert "<script" not in answer.text  # all of it works without
            assert "style=" not in answer.text  # and under a strict policy


async def test_au4_what_was_typed_is_escaped(made: tuple[App, Clock]) -> None:
    app, _ = made
    async with running(app) as client:
        attack = '"><script>alert(1)</script>@example.com'
        for path in ("login", "signup", "password/reset"):
            page = await client.post(
                f"/accounts/{path}", form={"email": attack, "password": "x", "next": attack}
            )
            assert page.status == 422
            assert "<script>" not in page.text


# -- guessing and flooding ---------------------------------------------------------------------------------------------


async def test_au4_guessing_is_throttled_and_said_in_the_form(tmp_path: Path) -> None:
    app, _ = site("sqlite://:memory:", tmp_path, login_attempts=3)
    async with running(app) as client:
        answers = [await sign_in(client, password="wrong") for _ in range(4)]
        assert [answer.status for answer in answers] == [422, 422, 422, 429]
        assert "too many attempts" in answers[-1].text
        assert int(answers[-1].headers.get("retry-after") or 0) > 0
        assert (await sign_in(client)).status == 429  # the right password, too: else it would tell
        assert (await sign_in(client, NOBODY, "wrong")).status == 422


async def test_au4_who_holds_a_stolen_session_cannot_guess_the_password(tmp_path: Path) -> None:
    app, _ = site("sqlite://:memory:", tmp_path, login_attempts=3)
    async with running(app) as client:
        await sign_in(client)
        for _ in range(3):
            assert (await client.post("/accounts/delete", form={"password": "wrong"})).status == 422
        before = hashes()
        assert "Too many" in (await client.post("/accounts/delete", form={"password": PASSWORD})).text
        assert hashes() == before
        assert await User.objects.count() == 1


async def test_au4_a_mailbox_cannot_be_flooded(made: tuple[App, Clock]) -> None:
    app, _ = made
    async with running(app) as client:
        answers = [await client.post("/accounts/password/reset", form={"email": ADA}) for _ in range(8)]
        assert {answer.status for answer in answers} == {303}  # nobody is told
        assert len(client.outbox) == 5


async def test_au4_one_visitor_cannot_have_mail_sent_to_everybody(made: tuple[App, Clock]) -> None:
    app, _ = made
    async with running(app) as client:
        answers = [
            await client.post("/accounts/signup", form={"email": f"u{n}@example.com"}) for n in range(22)
        ]
        assert [answer.status for answer in answers].count(303) == 20
        assert answers[-1].status == 429
        assert "Too many messages" in answers[-1].text


async def test_au4_other_peoples_devices_cannot_be_revoked(made: tuple[App, Clock]) -> None:
    app, _ = made
    async with running(app) as client:
        await User.objects.create_user("bo@example.com", PASSWORD)
        victim, witness = another(app), another(app)
        await sign_in(victim)
        await sign_in(witness)
        page = (await victim.get("/accounts/devices")).text
        device = page.split('name="device" value="')[1].split('"')[0]
        await sign_in(client, "bo@example.com")
        await client.post("/accounts/devices/revoke", form={"device": device})
        assert (await who(victim), await who(witness)) == (ADA, ADA)
        assert device not in str(client.cookies)  # what the page shows is not what the cookie holds


async def test_se2_a_planted_session_is_nothing_after_the_login(made: tuple[App, Clock]) -> None:
    app, _ = made
    async with running(app) as client:
        await client.get(await reset_link(client))  # gives an anonymous session
        planted = another(app)
        planted.cookies.set("session", client.cookies.get("session") or "")
        await sign_in(client)
        assert await who(client) == ADA
        assert await who(planted) == ""


async def test_sc1_reset_works_by_tokens_alone(made: tuple[App, Clock]) -> None:
    app, _ = made
    async with running(app) as client:
        link = await reset_link(client)
        old = Client(app, same_origin=False, headers={"accept": "text/html"})
        page = await old.get(link, follow=True)
        assert (await old.post("/accounts/password/reset/new", form=CHOSEN)).status == 403
        token = page.text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
        form = {**CHOSEN, "csrfmiddlewaretoken": token}
        assert (await old.post("/accounts/password/reset/new", form=form)).status == 303
