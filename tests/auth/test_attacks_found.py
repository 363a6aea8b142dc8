"""What attacks on users and sessions have found, each kept as a test named after its row."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import vivace.models as models
from tests.auth.accounts import ADA, PASSWORD, another, link_in, running, sign_in, who
from tests.auth.accounts import site as with_pages
from tests.auth.site import EMAIL, cookie, enter, site, started, weak
from vivace import Request
from vivace.auth import (
    AbstractUser,
    Auth,
    Policy,
    Session,
    User,
    authenticate,
    can,
    current_realm,
    revoke_other_sessions,
)
from vivace.auth.throttle import Throttle
from vivace.config.settings import AuthSettings
from vivace.errors import LoginThrottled
from vivace.security import MemoryRates
from vivace.testing import Client

HIDDEN = "=?utf-8?q?=0D=0ABcc=3Aeve=40x=2Ey?=@example.com"  # a line break, for who decodes it


class Ledger(models.Model):
    """Something that a policy decides about."""

    class Meta:
        app_label = "attacks"


class LedgerPolicy(Policy):
    """Everybody who is asked about may change everything."""

    model = Ledger

    def change(self, user: Any, ledger: Ledger) -> bool:
        return True


def audited(url: str, **options: Any) -> Any:
    return site(url, auth=Auth(hasher=weak(), policies=[LedgerPolicy]), models=[Ledger], **options)


async def refused(throttle: Throttle, account: str, address: str) -> bool:
    try:
        await throttle.attempt(account, address)
    except LoginThrottled:
        return True
    return False


# -- login -------------------------------------------------------------------------------------------------------------


async def test_au8_an_address_that_is_stopped_adds_nothing_to_what_is_counted_of_accounts() -> None:
    """Else one address drives the counts of others out of memory, fills a table, and locks accounts, at no cost."""
    store = MemoryRates(clock=lambda: 0.0)
    throttle = Throttle(AuthSettings(login_attempts_address=5), store)
    for number in range(5):
        await throttle.attempt(f"{number}@example.com", "198.51.100.9")
    before = len(store)
    assert all([await refused(throttle, f"x{number}@example.com", "198.51.100.9") for number in range(50)])
    assert len(store) == before


@pytest.mark.parametrize("spelt", ["m\u0130ki", "MI\u212aI", "\uff4diki", "miki\u0307"])
async def test_au8_other_spellings_of_an_account_have_no_tries_of_their_own(spelt: str) -> None:
    """PostgreSQL's lower() makes i of U+0130, Python's makes two characters: each letter doubled the guesses."""
    throttle = Throttle(AuthSettings(login_attempts=3), MemoryRates(clock=lambda: 0.0))
    for _ in range(3):
        await throttle.attempt("miki@example.com", "198.51.100.9")
    assert await refused(throttle, f"{spelt}@example.com", "198.51.100.9")


async def test_au4_text_that_is_no_unicode_is_refused_alike_for_everybody(sqlite_url: str) -> None:
    async with started(site(sqlite_url)):
        for email in (EMAIL, "nobody@example.com"):
            assert await authenticate(email=email, password="\ud800") is None


# -- sessions ----------------------------------------------------------------------------------------------------------


async def test_se2_a_session_that_was_ended_gets_no_new_key(database_url: str) -> None:
    """A request under way that asks for a new key (`cycle_key`) brought back what its owner had just revoked."""
    app = site(database_url)
    inside, revoked = asyncio.Event(), asyncio.Event()

    @app.post("/slow")
    async def slow(session: Session) -> None:
        session["elevated"] = True
        session.cycle_key()
        inside.set()
        await revoked.wait()

    @app.post("/others")
    async def others(request: Request, user: AbstractUser) -> int:
        return await revoke_other_sessions(request, user)

    async with started(app) as thief:
        await enter(thief)
        request = asyncio.create_task(thief.post("/slow"))
        await inside.wait()
        owner = Client(app, isolate=False)
        await enter(owner)
        assert (await owner.post("/others")).json() == 1
        revoked.set()
        await request
        assert cookie(thief) == ""
        assert (await thief.get("/who")).json() == {"email": None}
        assert (await owner.get("/who")).json() == {"email": EMAIL}


async def test_sc8_a_long_way_back_does_not_break_a_session_in_a_cookie(tmp_path: Path) -> None:
    """`next` may have 4096 characters, a cookie as many bytes: the sign-up ended in a 500."""
    app, _ = with_pages("sqlite://:memory:", tmp_path, store="cookie")
    async with running(app) as client:
        response = await client.post(
            "/accounts/signup", form={"email": "eve@example.com", "next": "/" + "é" * 4000}
        )
        assert (response.status, response.headers.get("location")) == (303, "/accounts/signup/sent")
        opened = await client.get(link_in(client.outbox[0]))
        assert opened.headers.get("location") == "/accounts/signup/confirm"


async def test_au2_a_hash_that_is_made_anew_for_a_proof_ends_no_session_of_its_own(tmp_path: Path) -> None:
    """After a change of the parameters, the first form that asked for the password logged its user out."""
    app, _ = with_pages("sqlite://:memory:", tmp_path)
    async with running(app) as client:
        await sign_in(client)
        current_realm().passwords.preferred = weak()
        form = {"email": "new@example.com", "password": PASSWORD}
        assert (await client.post("/accounts/email", form=form)).status == 303
        assert await who(client) == ADA


# -- mails -------------------------------------------------------------------------------------------------------------


async def test_au4_nobody_uses_up_the_reset_mails_of_somebody_else(tmp_path: Path) -> None:
    """Sign-ups with a known address send its owner mail without a link to a new password; resets were silent then."""
    app, _ = with_pages("sqlite://:memory:", tmp_path)
    async with running(app) as client:
        for _ in range(10):
            await another(app).post("/accounts/signup", form={"email": ADA})
        sent = len(client.outbox)
        await another(app).post("/accounts/password/reset", form={"email": ADA})
        assert len(client.outbox) == sent + 1
        assert "/accounts/password/reset/" in link_in(client.outbox[-1])


@pytest.mark.parametrize(
    "email",
    ['"ab"@example.com', f"{'a' * 65}@example.com", "a@\u33c7.com", "a@\u202ea.com", '"a\x01"@b.com', HIDDEN],
)
@pytest.mark.parametrize("path", ["/accounts/signup", "/accounts/password/reset"])
async def test_au4_an_address_that_takes_no_mail_is_a_wrong_form(
    path: str, email: str, tmp_path: Path
) -> None:
    """What the form let through and the mail did not was a 500."""
    app, _ = with_pages("sqlite://:memory:", tmp_path)
    async with running(app) as client:
        assert (await client.post(path, form={"email": email})).status == 422
        assert client.outbox == []


async def test_au4_a_mailbox_has_one_limit_however_its_domain_is_spelt(tmp_path: Path) -> None:
    app, _ = with_pages("sqlite://:memory:", tmp_path, mails_per_hour=2)
    async with running(app) as client:
        for domain in (
            "example.com",
            "EXAMPLE.com",
            "\u24d4xample.com",
            "\uff45xample.com",
            "e\u24e7ample.com",
        ):
            await another(app).post("/accounts/signup", form={"email": f"eve@{domain}"})
        assert len(client.outbox) == 2


# -- permissions -------------------------------------------------------------------------------------------------------


async def test_au7_policies_allow_nothing_to_somebody_who_was_switched_off(sqlite_url: str) -> None:
    async with started(audited(sqlite_url)):
        user = await User.objects.create_user("asleep@example.com", is_active=False)
        assert not await can(user, "change", Ledger(id=1))
        assert not await user.has_perm("attacks.change_ledger", Ledger(id=1))
        user.is_active = True
        assert await can(user, "change", Ledger(id=1))


async def test_au7_policies_answer_for_permissions_of_their_model_alone(sqlite_url: str) -> None:
    async with started(audited(sqlite_url)):
        user = await current_realm().user_model.objects.named(EMAIL).get()
        assert await user.has_perm("attacks.change_ledger", Ledger(id=1))
        assert not await user.has_perm("other.change_ledger", Ledger(id=1))
        assert not await user.has_perm("attacks.model_ledger", Ledger(id=1))
