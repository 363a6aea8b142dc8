"""Channels through the test client: what a program writes, and what a page sees of it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from vivace import App, Channel, Request
from vivace.errors import (
    AppFrozen,
    AppNotRunning,
    AskFailed,
    ChannelClosed,
    Forbidden,
    UnknownRoom,
    UnsendableEvent,
)
from vivace.errors.testing import ChannelRefused, WebSocketRejected
from vivace.http.eventstream import Event as Event_
from vivace.http.eventstream import EventStream
from vivace.realtime.channel import Event
from vivace.realtime.options import RealtimeOptions
from vivace.testing import Client, ClientChannel

BOUND = 30.0


class Say(msgspec.Struct):
    """What a member says."""

    text: str
    loud: bool = False


async def out(channel: ClientChannel) -> None:
    """Wait until a member was taken out."""
    await channel.until(lambda: channel.ended is not None, "the end")


async def eventually(condition: Any) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(BOUND):
        while not condition():
            await asyncio.sleep(0.001)


def chat_app(**options: Any) -> App:
    app = App()

    @app.channel("chat/{room}", **options)
    async def chat(room: str, channel: Channel) -> None:
        async with channel.present({"in": room}):
            async for event in channel:
                if event.name == "say":
                    await channel.broadcast("said", event.data)
                    event.ack({"room": room})
                elif event.name == "whisper":
                    await channel.send("whispered", event.data)
                else:
                    event.refuse_unknown()

    return app


async def test_rl3_rl5_what_one_says_reaches_all_in_the_room_and_is_acknowledged() -> None:
    async with Client(chat_app()) as client:
        async with (
            client.channel("chat/lobby") as ada,
            client.channel("chat/lobby") as bob,
            client.channel("chat/attic") as eve,
        ):
            assert await ada.ask("say", {"text": "hello"}) == {"room": "lobby"}
            assert await ada.receive("said") == {"text": "hello"}
            assert await bob.receive("said") == {"text": "hello"}
            await eve.ask("say", "alone")
            assert await eve.receive("said") == "alone"
            assert bob.received() == []


async def test_rl9_bytes_go_as_they_are_both_ways() -> None:
    app = App()

    @app.channel("bin")
    async def echo(channel: Channel) -> None:
        async for event in channel:
            await channel.broadcast("copy", event.data)
            event.ack(event.data + b"!")

    async with Client(app) as client, client.channel("bin") as channel:
        assert await channel.ask("put", b"\0\xff") == b"\0\xff!"
        event = await channel.receive_event()
        assert (event.name, event.data) == ("copy", b"\0\xff")
        assert event.number > 0


async def test_rl4_many_rooms_on_one_socket() -> None:
    async with Client(chat_app()) as client, client.websocket("/_vivace/socket") as socket:
        await socket.send_json(["join", "chat/a", {}])
        await socket.send_json(["join", "chat/b", {}])
        await socket.send_json(["send", "chat/b", "say", "hi", 1])
        seen: set[tuple[str, str]] = set()
        async with asyncio.timeout(BOUND):
            while ("reply", "chat/b") not in seen:
                message = await socket.receive_json()
                seen.add((message[0], message[1]))
        assert {("joined", "chat/a"), ("joined", "chat/b"), ("event", "chat/b")} <= seen
        assert ("event", "chat/a") not in seen


async def test_rl3_event_that_nobody_answers_fails_with_the_nearest() -> None:
    app = App()
    chat = app.channel("chat")

    @chat.on("say")
    async def say(data: Say) -> str:
        return data.text

    async with Client(app) as client, client.channel("chat") as channel:
        with pytest.raises(ChannelRefused) as refused:
            await channel.ask("sya", {})
        assert refused.value.problem["status"] == 400
        assert "say" in refused.value.problem["hint"]


async def test_rl3_typed_events_are_checked_and_answered_in_order() -> None:
    app = App()

    @app.channel("chat/{room}")
    async def chat(room: str, channel: Channel) -> None:
        async for event in channel:
            event.ack(f"the loop has {event.name}")

    @chat.on("say")
    async def say(channel: Channel, room: str, data: Say) -> dict[str, Any]:
        await channel.broadcast("said", data)
        return {"room": room, "text": data.text, "loud": data.loud}

    @chat.on("raise")
    async def fail(event: Event) -> None:
        raise Forbidden(f"No {event.name}.")

    @chat.on("break")
    async def stumble() -> None:
        raise ZeroDivisionError

    async with Client(app) as client, client.channel("chat/x") as channel:
        assert await channel.ask("say", {"text": "a", "loud": True}) == {
            "room": "x",
            "text": "a",
            "loud": True,
        }
        assert await channel.receive("said") == {"text": "a", "loud": True}
        assert await channel.ask("other") == "the loop has other"
        for name, data, status in (("say", {"text": 1}, 400), ("raise", None, 403), ("break", None, 500)):
            with pytest.raises(ChannelRefused) as refused:
                await channel.ask(name, data)
            assert refused.value.problem["status"] == status
        assert await channel.ask("other") == "the loop has other"  # it is still in


async def test_rl3_server_asks_and_is_answered_in_time_or_not() -> None:
    app = App()

    @app.channel("quiz")
    async def quiz(channel: Channel) -> None:
        async for event in channel:
            try:
                event.ack(await channel.ask(event.name, 2, timeout=0.05 if event.name == "slow" else BOUND))
            except AskFailed as error:
                event.fail(error.what)

    def odd(data: Any) -> None:
        raise ValueError("odd")

    async with Client(app) as client, client.channel("quiz") as channel:
        channel.answer("double", lambda data: data * 2)
        channel.answer("raw", lambda data: b"raw")
        channel.answer("odd", odd)
        assert await channel.ask("double") == 4
        assert await channel.ask("raw") == b"raw"
        with pytest.raises(ChannelRefused, match="cannot answer"):
            await channel.ask("odd")
    async with Client(app) as client, client.websocket("/_vivace/socket") as socket:
        await socket.send_json(["join", "quiz", {}])
        await socket.send_json(["send", "quiz", "slow", None, 1])
        async with asyncio.timeout(BOUND):
            while (message := await socket.receive_json())[0] != "failed":
                pass
        assert "did not answer" in message[3]["detail"]


async def test_rl3_question_to_a_member_that_leaves_fails() -> None:
    app, outcome = App(), list[str]()

    @app.channel("quiz")
    async def quiz(channel: Channel) -> None:
        try:
            await channel.ask("anything", timeout=BOUND)
        except ChannelClosed as error:
            outcome.append(error.got)

    async with Client(app) as client:
        async with client.websocket("/_vivace/socket") as socket:
            await socket.send_json(["join", "quiz", {}])
            while (await socket.receive_json())[0] != "ask":
                pass
        await eventually(lambda: outcome)
    assert outcome == ["disconnected"]


async def test_rl10_presence_is_seen_by_all_and_ends_with_the_member() -> None:
    async with Client(chat_app()) as client, client.channel("chat/a") as ada:
        await ada.until(lambda: ada.key in ada.members)
        async with client.channel("chat/a", client="bob's page") as bob:
            await ada.until(lambda: len(ada.members) == 2)
            await bob.until(lambda: len(bob.members) == 2)
            assert ada.members == bob.members == {ada.key: {"in": "a"}, bob.key: {"in": "a"}}
            app: Any = client.app
            assert await app.channels.members("chat/a") == ada.members
        await ada.until(lambda: len(ada.members) == 1)
        assert list(ada.members) == [ada.key]


async def test_rl7_page_that_comes_back_is_never_seen_to_go() -> None:
    async with Client(chat_app()) as client, client.channel("chat/a") as ada:
        async with client.channel("chat/a", client="page") as bob:
            await ada.until(lambda: len(ada.members) == 2)
            async with client.channel(
                "chat/a", client="page"
            ) as again:  # the old connection is not seen as dead yet
                assert again.key == bob.key
                await again.ask("say", 1)
                await ada.receive("said")
                assert len(ada.members) == 2
                assert bob.received() == []


async def test_rl7_page_that_was_alone_in_its_room_is_replaced_by_itself() -> None:
    async with Client(chat_app()) as client:
        async with client.channel("chat/a", client="page") as first:
            await first.ask("say", 1)
            async with client.channel("chat/a", client="page", since=first.position) as again:
                await again.ask("say", 2)
                assert await again.receive("said") == 2
                app: Any = client.app
                assert app.channels.counts["members"] == 1
                await app.channels.emit("chat/a", "note", 3)
                assert await again.receive("note") == 3


async def test_rl7_who_comes_back_gets_what_it_missed_once_and_in_order() -> None:
    async with Client(chat_app()) as client, client.channel("chat/a") as ada:
        async with client.channel("chat/a") as bob:
            await ada.ask("say", 0)
            assert await bob.receive("said") == 0
        for number in range(1, 6):
            await ada.ask("say", number)
        async with client.channel("chat/a", since=bob.position, client=bob.client) as again:
            assert not again.resync
            await ada.ask("say", 6)
            assert [await again.receive("said") for _ in range(6)] == [1, 2, 3, 4, 5, 6]


async def test_rl7_resync_where_the_log_does_not_reach_back() -> None:
    async with Client(chat_app()) as client, client.channel("chat/a") as ada:
        assert ada.position is not None
        log, number = ada.position
        for since in ((log + 1, number), (log, number + 1_000)):
            async with client.channel("chat/a", since=since) as bob:
                assert bob.resync
                assert bob.position == ada.position


async def test_rl7_client_is_told_which_of_its_questions_arrived() -> None:
    async with Client(chat_app()) as client:
        async with client.channel("chat/a") as ada:
            assert ada.about["received"] is None
            await ada.ask("say", 1)
            await ada.ask("say", 2)
        async with client.channel("chat/a", client=ada.client) as again:
            assert again.about["received"] == 2


async def test_rl5_broadcast_to_all_but_me() -> None:
    app = App()

    @app.channel("draw")
    async def draw(channel: Channel) -> None:
        async for event in channel:
            await channel.broadcast(event.name, event.data, but_me=True)
            event.ack()

    async with Client(app) as client, client.channel("draw") as ada, client.channel("draw") as bob:
        await ada.ask("line", 1)
        assert await bob.receive("line") == 1
        await bob.ask("line", 2)
        assert [event.data for event in ada.received()] == [2]
        async with client.channel("draw", client=ada.client, since=ada.position) as again:
            await bob.ask("line", 3)
            assert await again.receive("line") == 3


async def test_rl6_emit_from_anywhere_in_the_program() -> None:
    app = chat_app()

    @app.post("/notify")
    async def notify() -> None:
        await app.channels.emit("chat/a", "note", {"n": 1})

    async with Client(app) as client, client.channel("chat/a") as ada:
        assert (await client.post("/notify")).status == 204
        assert await ada.receive("note") == {"n": 1}
        with pytest.raises(UnknownRoom, match=r"chat/\{room\}"):
            await app.channels.emit("cat/a", "note")
        with pytest.raises(UnsendableEvent, match="cannot be sent"):
            await app.channels.emit("chat/a", "note", object())
        with pytest.raises(UnsendableEvent, match="no name"):
            await app.channels.emit("chat/a", "")


async def test_rl2_guards_of_a_room_decide_with_its_parameters() -> None:
    app, opened = App(), {"lobby"}

    async def is_open(request: Request, room: str) -> bool:
        return room in opened

    @app.channel("chat/{room}", guard=is_open)
    async def chat(room: str, channel: Channel) -> None:
        async for event in channel:
            event.ack(room)

    async with Client(app) as client:
        async with client.channel("chat/lobby") as ada:
            assert await ada.ask("where") == "lobby"
        with pytest.raises(ChannelRefused) as refused:
            async with client.channel("chat/attic"):
                pass
        assert refused.value.problem["status"] == 403
        opened.clear()


async def test_rl5_there_is_one_name_for_each_room_and_no_other() -> None:
    app = App()

    @app.channel("game/{number}")
    async def game(number: int, channel: Channel) -> None:
        async for event in channel:
            event.ack(number)

    @app.channel("doc/{path:path}")
    async def doc(path: str, channel: Channel) -> None:
        async for event in channel:
            event.ack(path)

    async with Client(app) as client:
        async with client.channel("game/7") as joined:
            assert await joined.ask("x") == 7
        async with client.channel("doc/a b/50% ü/?#") as joined:
            assert await joined.ask("x") == "a b/50% ü/?#"
        for room in ("game/07", "game/x", "game/7/", "/game/7", "game", "", "doc/../x", "doc/.", "x" * 600):
            with pytest.raises(ChannelRefused) as refused:
                async with client.channel(room):
                    pass
            assert refused.value.problem["status"] == 404, room
            assert "{number}" not in str(refused.value.problem)


async def test_handler_that_ends_or_fails_takes_its_member_out() -> None:
    app = App()

    @app.channel("once")
    async def once(channel: Channel) -> None:
        async for event in channel:
            if event.name == "fail":
                raise RuntimeError("secret")
            if event.name == "forbid":
                raise Forbidden("Enough.")
            break

    async with Client(app) as client:
        for name, wanted in (("end", "done"), ("forbid", 403), ("fail", 500)):
            async with client.channel("once") as channel:
                await channel.send(name)
                await out(channel)
                assert channel.ended == wanted or channel.ended["status"] == wanted
                assert "secret" not in str(channel.ended)


async def test_handler_goes_on_behind_its_loop_when_the_member_has_left() -> None:
    app, heard = App(), list[str]()

    @app.channel("room")
    async def room(channel: Channel) -> None:
        async for event in channel:
            event.ack()
        heard.append(channel.left)
        with pytest.raises(ChannelClosed):
            await channel.send("too late")
        await channel.broadcast("gone", channel.key)

    async with Client(app) as client, client.channel("room") as bob:
        async with client.channel("room") as ada:
            await ada.leave()
            assert await bob.receive("gone") == ada.key
        async with client.channel("room") as ada:
            pass
        assert await bob.receive("gone") == ada.key
    assert heard[:2] == ["left", "disconnected"]


async def test_rl2_disconnect_takes_people_out_of_one_room_or_of_all() -> None:
    app = chat_app()
    async with Client(app) as client:
        async with (
            client.channel("chat/a") as ada,
            client.channel("chat/a") as bob,
            client.channel("chat/b") as eve,
        ):
            await app.channels.disconnect(member=ada.key)
            await out(ada)
            assert ada.ended == "disconnected"
            assert await bob.ask("say", 1)
            await app.channels.disconnect(room="chat/a", reason="closed for today")
            await out(bob)
            assert bob.ended == "closed for today"
            assert await eve.ask("say", 1)


async def test_rl8_flood_and_strange_messages_are_bounded() -> None:
    app = chat_app()
    async with Client(app) as client:
        for message in ("{}", "[]", "[1]", "no", '["send","a"]', '["join",5]', "[" * 10_000):
            async with client.websocket("/_vivace/socket") as socket:
                await socket.send(message)
                async for _ in socket:
                    pass
                assert socket.close_code == 1007, message
        async with client.websocket("/_vivace/socket") as socket:
            await socket.send_json(["nonsense"])
            assert await socket.receive_json() == ["unknown", "nonsense"]
            await socket.send_json(["send", "chat/a", "say", 1, 5])
            assert (await socket.receive_json())[:3] == ["failed", "chat/a", 5]
            await socket.send_json(["ping"])
            assert await socket.receive_json() == ["pong"]


async def test_one_page_is_in_a_bounded_number_of_rooms() -> None:
    app = chat_app()
    app.realtime.options = RealtimeOptions(rooms=2)
    async with Client(app) as client, client.websocket("/_vivace/socket") as socket:
        for room in ("a", "b", "c"):
            await socket.send_json(["join", f"chat/{room}", {}])
        async with asyncio.timeout(BOUND):
            while (message := await socket.receive_json())[0] != "refused":
                pass
        assert message[1] == "chat/c"
        assert message[2]["status"] == 409


async def test_full_inbox_fails_what_comes_and_says_so() -> None:
    app, go = App(), asyncio.Event()
    app.realtime.options = RealtimeOptions(inbox=2, inbox_patience=0.01)

    @app.channel("busy")
    async def busy(channel: Channel) -> None:
        await go.wait()
        async for event in channel:
            event.ack(event.data)

    async with Client(app) as client, client.websocket("/_vivace/socket") as socket:
        await socket.send_json(["join", "busy", {}])
        for number in (1, 2, 3):
            await socket.send_json(["send", "busy", "x", number, number])
        async with asyncio.timeout(BOUND):
            while (message := await socket.receive_json())[0] != "failed":
                pass
        assert message[2:] == [3, message[3]]
        assert message[3]["status"] == 503
        go.set()
        assert await socket.receive_json() == ["reply", "busy", 1, 1]


async def test_rl2_other_sites_pages_get_no_socket() -> None:
    async with Client(chat_app()) as client:
        with pytest.raises(WebSocketRejected, match="refused"):
            async with client.websocket("/_vivace/socket", headers={"origin": "https://evil.example"}):
                pass


async def test_app_without_channels_has_no_socket() -> None:
    async with Client(App()) as client:
        with pytest.raises(WebSocketRejected):
            async with client.websocket("/_vivace/socket"):
                pass


async def test_rl13_test_client_sees_what_the_program_counts() -> None:
    app = chat_app()
    async with Client(app) as client, client.channel("chat/a") as ada:
        assert app.channels.counts == {"connections": 1, "rooms": 1, "members": 1, "dropped": 0}
        assert isinstance(ada, ClientChannel)
    assert app.channels.counts["members"] == 0


async def test_channels_of_a_mounted_app_are_under_its_prefix() -> None:
    app, inner = App(), chat_app()
    app.mount("/inner", inner)

    async with Client(app) as client, client.websocket("/inner/_vivace/socket") as socket:
        await socket.send_json(["join", "chat/a", {}])
        assert (await socket.receive_json())[0] == "joined"
        await inner.channels.emit("chat/a", "note", 1)
        while (message := await socket.receive_json())[0] != "event":
            pass
        assert message[2:4] == ["note", 1]


async def test_member_whose_handler_lost_the_broker_is_sent_away_to_come_back() -> None:
    app = App()

    @app.channel("room")
    async def room(channel: Channel) -> None:
        async for event in channel:
            await app.messaging.exchange.stop()
            await channel.broadcast(event.name)

    async with Client(app) as client, client.websocket("/_vivace/socket") as socket:
        await socket.send_json(["join", "room", {}])
        await socket.send_json(["send", "room", "x", None, 0])
        async for _ in socket:
            pass
        assert socket.close_code == 1013


async def test_channels_cannot_be_used_before_the_start() -> None:
    app = App()
    with pytest.raises(AppNotRunning, match="no channels"):
        await app.channels.emit("x", "y")
    async with app:
        with pytest.raises(AppFrozen):
            app.channel("late")
        with pytest.raises(AppNotRunning, match="no channels"):
            await app.channels.emit("x", "y")


async def test_rs5_room_as_server_sent_events_with_replay() -> None:
    app = App()
    app.channel("news/{topic}")

    @app.get("/news")
    async def news(request: Request) -> EventStream:
        return EventStream(app.channels.events("news/sport", request.last_event_id))

    async with Client(app) as client:
        async with client.events("/news") as events:
            first = asyncio.ensure_future(anext(events))
            while not first.done():  # nothing is kept for who was never there: until it listens
                await app.channels.emit("news/sport", "goal", {"n": 1})
                await asyncio.sleep(0)
            event = await first
            assert (event.event, event.data) == ("goal", '{"n":1}')
        await app.channels.emit("news/sport", "goal", {"n": 2})
        await app.channels.emit("news/sport", "picture", b"\0\xff")
        async with client.events("/news", last_event_id=event.id or "") as events:
            seen: list[Event_] = []
            async for one in events:
                if one.data != '{"n":1}':
                    seen.append(one)
                if len(seen) == 2:
                    break
            assert [(one.event, one.data) for one in seen] == [("goal", '{"n":2}'), ("picture", "AP8=")]
        for unknown in ("1-5", f"{(event.id or '').split('-')[0]}-999999999"):
            async with client.events("/news", last_event_id=unknown) as events:
                assert (await anext(events)).event == "resync"
        with pytest.raises(UnknownRoom):
            app.channels.events("sport")
