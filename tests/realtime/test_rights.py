"""Who may be in a room is asked again when what the answer rests on changes: sessions that end, rights that are taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.auth.site import EMAIL, Clock, ann, enter, site, started, weak
from vivace import App, Channel
from vivace.auth import AbstractUser, Auth, User, login_not_required, permission_required, signed_in
from vivace.config.settings import SessionSettings
from vivace.errors.testing import ChannelRefused
from vivace.realtime.options import RealtimeOptions
from vivace.testing import Client, ClientChannel


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'site.sqlite3'}"


def chatting(url: str, **options: Any) -> App:
    """Return a site with a room for people who are signed in, and one for everybody."""
    app = site(url, **options)

    @app.channel("chat/{room}", guard=signed_in)
    async def chat(room: str, user: AbstractUser, channel: Channel) -> None:
        async for event in channel:
            event.ack([user.email, channel.user.email])

    @app.channel("lobby")
    async def lobby(channel: Channel) -> None:
        async for event in channel:
            event.ack(channel.user.is_authenticated)

    return app


async def ended(channel: ClientChannel) -> Any:
    """Return why a member was taken out."""
    await channel.until(lambda: channel.ended is not None, "the end")
    return channel.ended


async def test_rl2_room_knows_who_joined(url: str) -> None:
    async with started(chatting(url)) as client:
        with pytest.raises(ChannelRefused) as refused:
            async with client.channel("chat/a"):
                pass
        assert refused.value.problem["status"] == 401
        await enter(client)
        async with client.channel("chat/a") as chat:
            assert await chat.ask("who") == [EMAIL, EMAIL]


async def test_rl2_logout_ends_the_channels_of_that_session_and_no_others(url: str) -> None:
    async with started(chatting(url)) as client:
        await enter(client)
        async with client.channel("chat/a") as here:
            other = Client(client.app, isolate=False)
            await enter(other)
            async with other.channel("chat/a") as there, client.channel("lobby") as lobby:
                assert await lobby.ask("am I known?")
                await client.post("/logout")
                assert (await ended(here))["status"] == 401
                assert (await ended(lobby))["status"] == 409  # it is somebody else now, and may join again
                assert await there.ask("still here?")
                async with client.channel("lobby") as again:
                    assert await again.ask("am I known?") is False


async def test_rl2_user_who_is_deactivated_or_deleted_is_taken_out(url: str) -> None:
    async with started(chatting(url)) as client:
        await enter(client)
        async with client.channel("chat/a") as chat:
            await User.objects.filter(email=EMAIL).update(is_active=False)
            assert (await ended(chat))["status"] == 401
        await User.objects.filter(email=EMAIL).update(is_active=True)
        async with client.channel("chat/a") as chat:
            await User.objects.filter(email=EMAIL).delete()
            assert (await ended(chat))["status"] == 401


async def test_rl2_member_stays_and_is_known_as_it_is_now_when_other_things_change(url: str) -> None:
    app = chatting(url)
    async with started(app) as client:
        await enter(client)
        async with client.channel("chat/a") as chat:
            await User.objects.filter(email=EMAIL).update(email="new@example.com")

            async def known() -> str:
                return str((await chat.ask("who"))[1])

            while await known() != "new@example.com":  # the guards are asked in a task of their own
                pass
            assert chat.ended is None


async def test_rl2_permission_that_is_taken_away_ends_the_channel(url: str) -> None:
    app = site(url)

    @app.channel("staff", guard=permission_required("auth.change_user"))
    async def staff(channel: Channel) -> None:
        async for event in channel:
            event.ack()

    async with started(app) as client:
        user = await ann()
        await enter(client)
        with pytest.raises(ChannelRefused) as refused:
            async with client.channel("staff"):
                pass
        assert refused.value.problem["status"] == 403
        await User.objects.filter(pk=user.pk).update(is_superuser=True)
        async with client.channel("staff") as channel:
            await channel.ask("hello")
            await User.objects.filter(pk=user.pk).update(is_superuser=False)
            assert (await ended(channel))["status"] == 403


async def test_rl2_session_that_ends_by_itself_is_found_by_the_sweep(url: str) -> None:
    app = chatting(url)
    asked: list[str] = []

    async def counts(user: AbstractUser) -> bool:
        asked.append(user.email)
        return len(asked) < 2

    @app.channel("counted", guard=counts)
    async def counted(channel: Channel) -> None:
        async for event in channel:
            event.ack()

    app.realtime.options = RealtimeOptions(recheck=0.0)
    async with started(app) as client:
        await enter(client)
        async with client.channel("counted") as channel:
            app.channels.sweep()
            assert (await ended(channel))["status"] == 403


@pytest.mark.parametrize("path", ["chat/a", "lobby"])
async def test_rl2_session_that_ends_by_its_time_ends_its_channels_at_that_time(url: str, path: str) -> None:
    clock = Clock()
    limits = SessionSettings(idle=3_600.0)
    async with started(chatting(url, auth=Auth(hasher=weak(), clock=clock), sessions=limits)) as client:
        await enter(client)
        clock.now += 3_599.9  # it lasts for a tenth of a second of real time
        async with client.channel(path) as channel:
            clock.now += 1
            assert (await ended(channel))["status"] in (401, 409)


async def test_rl2_guards_whose_reads_keep_changing_are_not_believed_but_asked_again(url: str) -> None:
    app = chatting(url)
    asked: list[int] = []

    async def restless(user: AbstractUser) -> bool:
        asked.append(user.pk)
        if len(asked) <= 3:  # as often as they are asked at once
            await User.objects.filter(pk=user.pk).update(is_staff=len(asked) % 2 == 1)
        return len(asked) <= 3

    @app.channel("restless", guard=restless)
    async def room(channel: Channel) -> None:
        async for event in channel:
            event.ack()

    async with started(app) as client:
        await enter(client)
        async with client.channel("restless") as channel:
            assert len(asked) == 3
            assert (await ended(channel))["status"] == 403


async def test_rl2_forced_disconnect_of_a_user(url: str) -> None:
    app = chatting(url)
    async with started(app) as client:
        await enter(client)
        async with client.channel("chat/a") as chat, client.channel("lobby") as lobby:
            other = Client(app, isolate=False)
            async with other.channel("lobby") as anonymous:
                await app.channels.disconnect(user=await ann(), reason="banned")
                assert await ended(chat) == await ended(lobby) == "banned"
                assert await anonymous.ask("still here?") is False


async def test_rl2_app_in_which_all_routes_need_a_login_asks_for_one_in_channels_too(url: str) -> None:
    app = site(url, auth=Auth(hasher=weak(), login_required=True))

    @app.channel("closed")
    async def closed(channel: Channel) -> None:
        async for event in channel:
            event.ack()

    @app.channel("open")
    @login_not_required
    async def opened(channel: Channel) -> None:
        async for event in channel:
            event.ack(1)

    async with started(app) as client:
        async with client.channel("open") as channel:
            assert await channel.ask("x") == 1
        with pytest.raises(ChannelRefused) as refused:
            async with client.channel("closed"):
                pass
        assert refused.value.problem["status"] == 401
