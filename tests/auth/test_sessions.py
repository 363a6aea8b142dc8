"""Sessions as requests see them, on both databases: what is written when, what ends them, and who gets in with what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.auth.site import EMAIL, PASSWORD, START, Clock, ann, cookie, enter, site, started, weak
from vivace import Request, Response, Stream, WebSocket, render
from vivace.auth import (
    AbstractUser,
    Auth,
    Session,
    StoredSession,
    User,
    clear_expired,
    devices,
    logout,
    revoke_session,
    save_session,
    update_session_auth_hash,
)
from vivace.auth.sessions.rows import hashed
from vivace.config.settings import SessionSettings
from vivace.db import Database, Databases, query_log
from vivace.db.urls import connect
from vivace.errors import SessionClosed
from vivace.testing import Client

DAY = 86_400.0


async def statements(client: Client, method: str, path: str, **options: Any) -> list[str]:
    """Return the verbs of the statements that a request sends."""
    with query_log() as log:
        answer = await client.request(method, path, **options)
    assert answer.status < 400
    return [event.sql.split(" ", 1)[0] for event in log]


# -- costs


async def test_se1_what_reads_no_session_costs_no_query_and_says_nothing_of_cookies(
    database_url: str,
) -> None:
    async with started(site(database_url)) as client:
        await enter(client)
        with query_log() as log:
            answer = await client.get("/plain")
        assert not list(log)
        assert "cookie" not in (answer.headers.get("vary") or "").lower()
        assert answer.headers.get("cache-control") is None


async def test_se1_session_and_user_are_one_query_and_an_unchanged_session_is_not_written(
    database_url: str,
) -> None:
    async with started(site(database_url)) as client:
        await enter(client)
        assert await statements(client, "GET", "/me") == ["SELECT"]
        assert await statements(client, "GET", "/all") == ["SELECT"]


async def test_se1_a_visitor_without_a_cookie_costs_no_query_and_gets_none(database_url: str) -> None:
    async with started(site(database_url)) as client:
        assert await statements(client, "GET", "/who") == []
        assert await statements(client, "GET", "/all") == []
        assert not cookie(client)


async def test_se1_a_change_is_one_statement_more(database_url: str) -> None:
    async with started(site(database_url)) as client:
        assert await statements(client, "POST", "/put", query={"name": "a", "value": "1"}) == ["INSERT"]
        assert await statements(client, "POST", "/put", query={"name": "a", "value": "2"}) == [
            "SELECT",
            "UPDATE",
        ]
        assert await statements(client, "POST", "/put", query={"name": "a", "value": "2"}) == ["SELECT"]


async def test_se1_last_seen_is_written_at_most_every_so_often(sqlite_url: str) -> None:
    clock = Clock()
    app = site(sqlite_url, auth=Auth(hasher=weak(), clock=clock), sessions=SessionSettings(touch=300.0))
    async with started(app) as client:
        await enter(client)
        clock.now += 299
        assert await statements(client, "GET", "/me") == ["SELECT"]
        clock.now += 1
        assert await statements(client, "GET", "/me") == ["SELECT", "UPDATE"]
        assert await statements(client, "GET", "/me") == ["SELECT"]
        assert (await StoredSession.objects.get()).last_seen.timestamp() == START + 300


async def test_se1_a_session_is_never_read_from_a_replica_and_other_reads_still_are(sqlite_url: str) -> None:
    opened = {alias: Database(alias, connect(sqlite_url, root=Path("/"))) for alias in ("default", "replica")}
    app = site(Databases(opened, replicas={"default": ["replica"]}))

    @app.get("/both")
    async def both(user: AbstractUser) -> int:
        return await User.objects.count()

    async with started(app) as client:
        await enter(client)
        with query_log() as log:
            assert (await client.get("/both")).text == "1"
        assert [event.database for event in log] == ["default", "replica"]


# -- what is in it


async def test_se1_what_is_put_in_comes_back_and_a_list_changed_in_place_is_found(database_url: str) -> None:
    app = site(database_url)

    @app.post("/cart")
    async def cart(session: Session) -> Any:
        session.setdefault("cart", []).append(len(session["cart"]))
        return session["cart"]

    async with started(app) as client:
        assert (await client.post("/cart")).json() == [0]
        assert (await client.post("/cart")).json() == [0, 1]
        assert (await client.get("/all")).json() == {"cart": [0, 1]}


async def test_se1_two_requests_at_once_lose_none_of_each_others_keys(database_url: str) -> None:
    app = site(database_url)
    both = asyncio.Barrier(2)

    @app.post("/slow")
    async def slow(session: Session, name: str) -> None:
        session[name] = "set"
        session["last"] = name
        session.pop(f"drop-{name}", None)
        await both.wait()  # both have read the session before either has written it

    async with started(app) as client:
        for name in ("drop-a", "drop-b", "kept"):
            await client.post("/put", query={"name": name, "value": "x"})
        await asyncio.gather(*(client.post("/slow", query={"name": name}) for name in "ab"))
        data = (await client.get("/all")).json()
    assert data.pop("last") in ("a", "b")  # the same key: the last write
    assert data == {"kept": "x", "a": "set", "b": "set"}


async def test_se1_a_session_that_was_ended_elsewhere_is_not_brought_back(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = site(database_url)
    inside, go_on = asyncio.Event(), asyncio.Event()

    @app.post("/slow")
    async def slow(session: Session) -> None:
        session["late"] = 1
        inside.set()
        await go_on.wait()

    async with started(app) as client:
        await enter(client)
        late = asyncio.create_task(client.post("/slow"))
        await inside.wait()
        await StoredSession.objects.all().delete()
        go_on.set()
        answer = await late
        assert "session=;" in (answer.headers.get("set-cookie") or "")
        assert await StoredSession.objects.count() == 0
        assert (await client.get("/me")).status == 401
    assert "not saved: late" in caplog.text  # and not in silence


async def test_se1_it_is_saved_for_error_answers_and_streams(database_url: str) -> None:
    app = site(database_url)

    @app.get("/broken")
    async def broken(session: Session) -> None:
        session["tries"] = session.get("tries", 0) + 1
        raise RuntimeError

    @app.get("/stream")
    async def stream(session: Session) -> Response:
        session["streamed"] = True

        async def pieces() -> AsyncIterator[str]:
            yield "one"
            with pytest.raises(SessionClosed, match="after its answer had begun"):
                session["late"] = True

        return Stream(pieces())

    async with started(app, raise_errors=False) as client:
        assert (await client.get("/broken")).status == 500
        assert (await client.get("/stream")).text == "one"
        assert (await client.get("/all")).json() == {"tries": 1, "streamed": True}


async def test_se1_an_answer_that_the_handler_returns_to_everybody_never_keeps_a_cookie(
    sqlite_url: str,
) -> None:
    app = site(sqlite_url)
    shared = Response("the same for all")

    @app.get("/shared")
    async def same(session: Session) -> Response:
        session["seen"] = True
        return shared

    async with started(app) as client:
        first = await client.get("/shared")
        assert first.headers.get("set-cookie")
        assert shared.headers.get("set-cookie") is None
        client.cookies.clear()
        assert (await client.get("/plain")).headers.get("set-cookie") is None


async def test_se1_a_page_that_was_rendered_for_one_visitor_takes_no_cookie_to_the_next(
    sqlite_url: str, tmp_path: Path
) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text("the same for all")
    app = site(sqlite_url, root=tmp_path)
    pages: list[Response] = []

    @app.get("/page")
    async def page(request: Request, session: Session) -> Response:
        if not pages:
            session["seen"] = True
            pages.append(render(request, "page.html"))
        return pages[0]

    async with started(app) as client:
        assert (await client.get("/page")).headers.get("set-cookie")
        client.cookies.clear()
        second = await client.get("/page")
        assert second.text == "the same for all"
        assert second.headers.get("set-cookie") is None


async def test_se1_answers_that_read_the_session_are_kept_from_caches(sqlite_url: str) -> None:
    app = site(sqlite_url)

    @app.get("/public")
    async def public(session: Session) -> Response:
        return Response(str(len(session)), headers={"cache-control": "public, max-age=60"})

    async with started(app) as client:
        await enter(client)
        for path, expected in (("/me", "private, no-store"), ("/public", "max-age=60, private")):
            answer = await client.get(path)
            assert "Cookie" in (answer.headers.get("vary") or "")
            assert answer.headers.get("cache-control") == expected


# -- the cookie


async def test_se1_the_cookie_is_host_bound_over_https_and_the_plain_name_is_not_read_there(
    sqlite_url: str,
) -> None:
    async with started(site(sqlite_url)) as client:
        planted = await enter(client)  # over http
        assert (await client.get("/me", https=True)).status == 401
        answer = await client.post("/login", query={"email": EMAIL, "password": PASSWORD}, https=True)
        line = answer.headers.get("set-cookie") or ""
        assert line.startswith("__Host-session=")
        for attribute in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
            assert attribute in line
        assert "Domain" not in line
        assert planted not in line


async def test_se1_the_table_holds_no_key(database_url: str) -> None:
    async with started(site(database_url)) as client:
        key = await enter(client)
        row = await StoredSession.objects.get()
        assert row.session_key == hashed(key) != key
        assert key not in row.session_data
        client.cookies.clear()
        assert (await client.get("/me", cookies={"session": row.session_key})).status == 401


@pytest.mark.parametrize(
    "forged", ["", "x", "A" * 43, "\u00e9" * 43, "A" * 4000, "../../etc/passwd", "session=1"]
)
async def test_se1_a_forged_key_is_as_if_there_were_none_and_is_taken_back(
    sqlite_url: str, forged: str
) -> None:
    async with started(site(sqlite_url)) as client:
        answer = await client.get("/who", cookies={"session": forged})
        assert answer.json() == {"email": None}
        if forged:
            assert "Max-Age=0" in (answer.headers.get("set-cookie") or "")


async def test_se1_session_fixation_a_planted_key_is_never_taken_over(database_url: str) -> None:
    async with started(site(database_url)) as attacker:
        await attacker.post("/put", query={"name": "planted", "value": "by the attacker"})
        known = cookie(attacker)  # the attacker makes the victim's browser send this key
        victim = Client(attacker.app, isolate=False)
        victim.cookies.set("session", known)
        own = await enter(victim)
        assert own
        assert own != known
        assert (await victim.get("/me")).json() == {"email": EMAIL}
        assert (await attacker.get("/who")).json() == {"email": None}
        assert await StoredSession.objects.filter(session_key=hashed(known)).count() == 0
        victim.cookies.clear()
        victim.cookies.set("session", "B" * 43)  # a key that nobody has
        await victim.post("/put", query={"name": "a", "value": "1"})
        assert cookie(victim) != "B" * 43


async def test_se1_another_users_login_empties_the_session_and_the_same_ones_keeps_it(
    database_url: str,
) -> None:
    async with started(site(database_url)) as client:
        await User.objects.create_user("bob@example.com", PASSWORD)
        await client.post("/put", query={"name": "cart", "value": "of a visitor"})
        await enter(client)
        assert (await client.get("/all")).json()["cart"] == "of a visitor"
        await enter(client)
        assert (await client.get("/all")).json()["cart"] == "of a visitor"
        await client.post("/login", query={"email": "bob@example.com", "password": PASSWORD})
        data = (await client.get("/all")).json()
        assert "cart" not in data
        assert (await client.get("/me")).json() == {"email": "bob@example.com"}
        assert await StoredSession.objects.count() == 1


# -- the end


@pytest.mark.parametrize("store", ["database", "cookie"])
async def test_se2_a_session_ends_when_idle_and_at_its_absolute_limit(sqlite_url: str, store: Any) -> None:
    clock = Clock()
    settings = SessionSettings(store=store, idle=10 * DAY, absolute=25 * DAY, touch=60.0)
    async with started(site(sqlite_url, auth=Auth(hasher=weak(), clock=clock), sessions=settings)) as client:
        await enter(client)
        for _ in range(2):
            clock.now += 9 * DAY
            assert (await client.get("/me")).status == 200
        clock.now += 8 * DAY  # not idle for ten days, and 26 days old
        assert (await client.get("/me")).status == 401
        client.cookies.clear()
        await enter(client)
        clock.now += 10 * DAY + 1
        assert (await client.get("/me")).status == 401


async def test_se2_to_be_remembered_is_longer_and_not_to_be_ends_with_the_browser(sqlite_url: str) -> None:
    clock = Clock()
    settings = SessionSettings(idle=DAY, remember_idle=30 * DAY, remember_absolute=50 * DAY)
    async with started(site(sqlite_url, auth=Auth(hasher=weak(), clock=clock), sessions=settings)) as client:
        long = await client.post("/login", query={"email": EMAIL, "password": PASSWORD, "remember": "yes"})
        assert f"Max-Age={30 * 86_400}" in (long.headers.get("set-cookie") or "")
        clock.now += 29 * DAY
        assert (await client.get("/me")).status == 200
        short = await client.post("/login", query={"email": EMAIL, "password": PASSWORD, "remember": "no"})
        assert "Max-Age" not in (short.headers.get("set-cookie") or "")
        clock.now += DAY + 1
        assert (await client.get("/me")).status == 401


async def test_se2_a_session_may_set_its_own_end(sqlite_url: str) -> None:
    clock = Clock()
    app = site(sqlite_url, auth=Auth(hasher=weak(), clock=clock))

    @app.post("/for")
    async def soon(session: Session, seconds: float) -> None:
        session.set_expiry(seconds)

    async with started(app) as client:
        answer = await client.post("/for", query={"seconds": "100"})
        assert "Max-Age=100" in (answer.headers.get("set-cookie") or "")
        clock.now += 99
        assert len((await client.get("/all")).json()) == 1
        clock.now += 2
        assert (await client.get("/all")).json() == {}


async def test_se2_logout_ends_the_session_at_once_and_a_stolen_cookie_is_worth_nothing_then(
    database_url: str,
) -> None:
    async with started(site(database_url)) as client:
        stolen = await enter(client)
        thief = Client(client.app, isolate=False)
        thief.cookies.set("session", stolen)
        assert (await thief.get("/me")).status == 200
        await client.post("/logout")
        assert not cookie(client)
        assert (await thief.get("/me")).status == 401
        assert await StoredSession.objects.count() == 0


async def test_se2_a_changed_password_ends_all_other_sessions(database_url: str) -> None:
    app = site(database_url)

    @app.post("/password")
    async def change(request: Request) -> None:
        user: Any = await request.user()
        await user.set_password("another one 8")
        await user.save()
        await update_session_auth_hash(request, user)

    async with started(app) as client:
        await enter(client)
        others = [Client(app, isolate=False) for _ in range(2)]
        for other in others:
            await enter(other)
        before = cookie(client)
        assert (await client.post("/password")).status == 204
        assert cookie(client) != before
        assert (await client.get("/me")).status == 200
        assert [(await other.get("/me")).status for other in others] == [401, 401]
        assert await StoredSession.objects.count() == 1


async def test_se2_a_password_changed_by_somebody_else_ends_the_session(database_url: str) -> None:
    async with started(site(database_url)) as client:
        await enter(client)
        user = await ann()
        await user.set_password("reset by an admin")
        await user.save()
        assert (await client.get("/me")).status == 401
        assert not cookie(client)


async def test_se2_devices_are_listed_and_ended_one_by_one(database_url: str) -> None:
    app = site(database_url)

    @app.get("/devices")
    async def mine(request: Request) -> Any:
        found = await devices(await request.user(), request)
        return [[each.id, each.agent, each.address, each.current] for each in found]

    async with started(app) as client:
        await enter(client)
        other = Client(app, isolate=False, headers={"user-agent": "a phone"}, client=("192.0.2.7", 1))
        await enter(other)
        listed = (await client.get("/devices")).json()
        assert sorted(each[1:] for each in listed) == [
            ["a phone", "192.0.2.7", False],
            ["vivace-test-client", "127.0.0.1", True],
        ]
        phone = next(each[0] for each in listed if each[1] == "a phone")
        user = await ann()
        assert await revoke_session(user, phone)
        assert not await revoke_session(user, phone)
        assert (await other.get("/me")).status == 401
        assert (await client.get("/me")).status == 200


async def test_se2_clear_expired_deletes_what_is_over(database_url: str) -> None:
    clock = Clock()
    app = site(database_url, auth=Auth(hasher=weak(), clock=clock), sessions=SessionSettings(idle=DAY))
    async with started(app) as client:
        await enter(client)
        clock.now += DAY
        await enter(Client(app, isolate=False))
        assert await clear_expired() == 1
        assert await StoredSession.objects.count() == 1


async def test_se2_deleting_a_user_ends_the_sessions(database_url: str) -> None:
    async with started(site(database_url)) as client:
        await enter(client)
        await (await ann()).delete()
        assert (await client.get("/me")).status == 401
        assert await StoredSession.objects.count() == 0


# -- in sockets


async def test_se1_a_sockets_handler_saves_by_hand(sqlite_url: str) -> None:
    app = site(sqlite_url)

    @app.websocket("/socket")
    async def talk(socket: WebSocket, request: Request) -> None:
        session: Session = await request.session()
        session["talked"] = True
        await save_session(request)
        await socket.send("saved")

    async with started(app) as client:
        await client.post("/put", query={"name": "a", "value": "1"})
        async with client.websocket("/socket") as socket:
            assert await socket.receive() == "saved"
        assert (await client.get("/all")).json() == {"a": "1", "talked": True}
        client.cookies.clear()
        with pytest.raises(SessionClosed, match="can be sent none now"):
            async with client.websocket("/socket") as socket:
                await socket.receive()


# -- in a cookie


async def test_se1_a_signed_cookie_holds_the_session_and_cannot_be_changed(sqlite_url: str) -> None:
    async with started(site(sqlite_url, sessions=SessionSettings(store="cookie"))) as client:
        await client.post("/put", query={"name": "a", "value": "1"})
        held = cookie(client)
        assert (await client.get("/all")).json() == {"a": "1"}
        for place in (0, len(held) // 2, len(held) - 1):
            changed = held[:place] + ("A" if held[place] != "A" else "B") + held[place + 1 :]
            client.cookies.clear()
            client.cookies.set("session", changed)
            assert (await client.get("/all")).json() == {}
        client.cookies.clear()
        await enter(client)
        assert (await client.get("/me")).json() == {"email": EMAIL}
        await client.post("/logout")
        assert (await client.get("/me")).status == 401


async def test_se1_logout_by_who_was_not_logged_in_is_no_error(sqlite_url: str) -> None:
    app = site(sqlite_url)

    @app.post("/out")
    async def out(request: Request) -> None:
        await logout(request)

    async with started(app) as client:
        assert (await client.post("/out")).status == 204
