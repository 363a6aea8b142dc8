"""How passwords are stored and verified: our way, Django's ways, and the way out when too many come at once."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.auth.site import EMAIL, PASSWORD, ann, cheap, enter, site, started, weak
from tests.djangopeer import django_module
from vivace.auth import Auth, User
from vivace.auth.passwords.hashers import PBKDF2, Argon2, Bcrypt, Scrypt, best_hasher
from vivace.auth.passwords.service import Passwords, is_usable
from vivace.errors import PoolFull
from vivace.testing import Client


async def test_au2_argon2id_is_made_and_verified_off_the_loop() -> None:
    threads: set[str] = set()

    class Watched(Argon2):
        def encode(self, password: str) -> str:
            threads.add(threading.current_thread().name)
            return super().encode(password)

    passwords = Passwords(Watched(8 * 1024, 1, 1))
    stored = await passwords.make("a password")
    assert stored.startswith("argon2$argon2id$v=19$m=8,t=1,p=1$")
    assert (await passwords.verify("a password", stored)).right
    assert not (await passwords.verify("another", stored)).right
    assert threads
    assert threading.current_thread().name not in threads
    passwords.close()


@pytest.mark.parametrize("hasher", [cheap(), weak(), PBKDF2(2)], ids=lambda hasher: hasher.algorithms[0])
@given(password=st.text(max_size=80))
@settings(max_examples=20, deadline=None)
def test_au2_what_a_hasher_makes_it_verifies_and_nothing_else(hasher: Any, password: str) -> None:
    stored = hasher.encode(password)
    assert hasher.verify(password, stored)
    assert not hasher.verify(password + "x", stored)
    assert stored != hasher.encode(password)  # each has its own salt
    assert not hasher.outdated(stored)


def test_au2_the_parameters_are_those_of_the_settings_and_others_are_outdated() -> None:
    strong, stored = Argon2(16 * 1024, 2, 1), cheap().encode("x")
    assert strong.verify("x", stored)
    assert strong.outdated(stored)
    assert Scrypt(4, 1, 1).outdated(weak().encode("x"))
    assert PBKDF2(3).outdated(PBKDF2(2).encode("x"))


def test_au2_scrypt_takes_over_where_argon2_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "argon2", None)
    assert isinstance(best_hasher(8 * 1024, 1, 1), Scrypt)
    monkeypatch.undo()
    assert isinstance(best_hasher(8 * 1024, 1, 1), Argon2)


async def test_au2_what_is_stored_by_django_verifies_and_is_outdated() -> None:
    pytest.importorskip("django", reason="the peer")
    hashers = django_module("django.contrib.auth.hashers")
    passwords = Passwords(cheap())

    few = {"iterations": 2, "work_factor": 4, "memory_cost": 64, "time_cost": 1, "parallelism": 1}
    names = (
        "PBKDF2PasswordHasher",
        "PBKDF2SHA1PasswordHasher",
        "ScryptPasswordHasher",
        "Argon2PasswordHasher",
    )
    made: list[Any] = [type(name, (getattr(hashers, name),), few)() for name in names]
    for hasher in made:
        stored = hasher.encode("käse & brot", hasher.salt())
        verdict = await passwords.verify("käse & brot", stored)
        assert (verdict.right, verdict.outdated) == (True, True), hasher.algorithm
        assert not (await passwords.verify("käse & wein", stored)).right
    assert hashers.Argon2PasswordHasher().verify(
        "both ways", cheap().encode("both ways")
    )  # and Django reads ours
    passwords.close()


async def test_au2_bcrypt_is_verified_where_the_package_is_there() -> None:
    bcrypt = pytest.importorskip("bcrypt")
    import hashlib

    digest = hashlib.sha256(b"a password").hexdigest().encode()
    salt = bcrypt.gensalt(4)
    for algorithm, secret in (("bcrypt_sha256", digest), ("bcrypt", b"a password")):
        stored = f"{algorithm}${bcrypt.hashpw(secret, salt).decode()}"
        assert Bcrypt().verify("a password", stored)
        assert not Bcrypt().verify("another", stored)


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "!",
        "!abc",
        "plain",
        "md5$salt$hash",
        "argon2$argon2id$nonsense",
        "scrypt$1$2",
        "pbkdf2_sha256$x$y$z",
    ],
)
async def test_au2_no_password_and_broken_hashes_match_nothing_and_cost_the_same(stored: str) -> None:
    passwords = Passwords(weak())
    for password in ("", "x", None, stored):
        before = passwords.hashes
        assert not (await passwords.verify(password, stored)).right
        assert passwords.hashes == before + 1
    assert not is_usable("")
    assert not is_usable("!x")
    assert is_usable("argon2$…")
    passwords.close()


async def test_au2_an_endless_password_is_wrong_and_is_not_hashed() -> None:
    seen: list[int] = []

    class Measured(Scrypt):
        def encode(self, password: str) -> str:
            seen.append(len(password))
            return super().encode(password)

    passwords = Passwords(Measured(2, 1, 1))
    stored = await passwords.make("x")
    assert not (await passwords.verify("x" * 5_000_000, stored)).right
    assert max(seen) <= 4096
    passwords.close()


async def test_au2_a_flood_of_logins_is_refused_beyond_the_queue_and_runs_few_at_once() -> None:
    """Four at most are in the kernel's memory at once, eight more wait, the others are answered 503."""
    at_once: list[int] = []
    running = 0
    lock, release = threading.Lock(), threading.Event()

    class Slow(Scrypt):
        def encode(self, password: str) -> str:
            nonlocal running
            with lock:
                running += 1
                at_once.append(running)
            release.wait(10)
            with lock:
                running -= 1
            return "scrypt$…"

    passwords = Passwords(Slow(), threads=4, queue=8)
    calls = [asyncio.create_task(passwords.make("x")) for _ in range(50)]
    await asyncio.sleep(0)
    refused = [call for call in calls if call.done() and isinstance(call.exception(), PoolFull)]
    assert len(refused) == 50 - 12
    error = refused[0].exception()
    assert isinstance(error, PoolFull)
    assert error.status == 503
    release.set()
    assert len([await call for call in calls if call not in refused]) == 12
    assert max(at_once) <= 4
    passwords.close()


async def test_au2_a_hash_of_another_kind_is_made_anew_at_login(database_url: str) -> None:
    async with started(site(database_url, auth=Auth(hasher=cheap()))) as client:
        user = await ann()
        user.password = PBKDF2(2).encode(PASSWORD)
        await user.save()
        wrong = await client.post("/login", query={"email": EMAIL, "password": "wrong"})
        assert wrong.json() == {"ok": False}
        assert (await User.objects.get()).password == user.password
        await enter(client)
        assert (await User.objects.get()).password.startswith("argon2$argon2id$")
        assert (await client.get("/me")).status == 200
        await enter(client)


async def test_au2_upgrading_a_hash_never_undoes_a_change_made_meanwhile(sqlite_url: str) -> None:
    async with started(site(sqlite_url)):
        user = await ann()
        user.password = PBKDF2(2).encode(PASSWORD)
        await user.save()
        newer = weak().encode("a newer one")
        await User.objects.filter(pk=user.pk).update(password=newer)
        assert not await user.check_password(PASSWORD)  # of the object that was loaded before
        assert (await User.objects.get()).password == newer


async def test_au2_two_first_logins_at_once_both_stay_in(database_url: str) -> None:
    app = site(database_url, auth=Auth(hasher=cheap()))
    async with started(app) as client:
        await User.objects.update(password=PBKDF2(2).encode(PASSWORD))
        clients = [client, *(Client(app, isolate=False) for _ in range(3))]
        await asyncio.gather(*(enter(each) for each in clients))
        assert [(await each.get("/me")).status for each in clients] == [200] * 4


async def test_au2_without_a_password_nobody_logs_in(sqlite_url: str) -> None:
    async with started(site(sqlite_url)):
        user = await User.objects.create_user("bob@example.com")
        assert not user.has_usable_password()
        assert not await user.check_password("")
        user.set_unusable_password()
        assert not await user.check_password(user.password)
