"""The client: calls of many tasks on one connection, refusals, connections that end, come back or never were."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.brokers.proxy import proxy
from tests.brokers.waiting import until
from tests.servers import ValkeyServer
from vivace.brokers.valkey import ValkeyClient, ValkeyOptions, script, valkey_options
from vivace.errors import ValkeyError, ValkeyUnavailable


@asynccontextmanager
async def client(url: str, **handlers: Any) -> AsyncGenerator[ValkeyClient]:
    """Yield a client of a URL."""
    made = ValkeyClient(valkey_options(url), **handlers)
    try:
        yield made
    finally:
        await made.close()


# calls


async def test_values_of_every_kind(valkey_url: str) -> None:
    async with client(valkey_url) as valkey:
        assert await valkey.call("SET", "key", bytes(range(256)), "PX", 100_000) == b"OK"
        assert await valkey.call(b"GET", "key") == bytes(range(256))
        assert await valkey.call("GET", "nothing") is None
        assert await valkey.call("INCRBY", "count", 5) == 5
        await valkey.call("HSET", "hash", "ä", "1", "b", 2.5)
        assert await valkey.call("HGETALL", "hash") == {"ä".encode(): b"1", b"b": b"2.5"}
        await valkey.call("ZADD", "set", 1.5, "x")
        assert await valkey.call("ZSCORE", "set", "x") == 1.5
        assert await valkey.call("RPUSH", "list", "a", "", b"c") == 3
        assert await valkey.call("LRANGE", "list", 0, -1) == [b"a", b"", b"c"]
        large = bytes(5_000_000)
        await valkey.call("SET", "large", large)
        assert await valkey.call("GET", "large") == large


async def test_calls_of_one_turn_travel_together_and_keep_their_order(valkey_url: str) -> None:
    async with client(valkey_url) as valkey:
        await valkey.connect()
        await valkey.call("RPUSH", "list", -1)
        calls = [valkey.call("RPUSH", "list", n) for n in range(1_000)]
        assert await asyncio.gather(*calls) == list(range(2, 1_002))
        reads = await asyncio.gather(*(valkey.call("LINDEX", "list", n) for n in range(1_001)))
        assert [int(value) for value in reads] == list(range(-1, 1_000))


async def test_a_refusal_is_an_error_with_its_code_and_leaves_others_alone(valkey_url: str) -> None:
    async with client(valkey_url) as valkey:
        await valkey.call("SET", "text", "x")
        outcomes = await asyncio.gather(
            valkey.call("LPUSH", "text", "1"),
            valkey.call("GET", "text"),
            valkey.call("NOSUCHCOMMAND"),
            return_exceptions=True,
        )
        assert isinstance(outcomes[0], ValkeyError)
        assert outcomes[0].reply == "WRONGTYPE"
        assert outcomes[1] == b"x"
        assert isinstance(outcomes[2], ValkeyError)
        assert outcomes[2].reply == "ERR"


async def test_a_cancelled_call_does_not_disturb_the_next(valkey_url: str) -> None:
    async with client(valkey_url) as valkey:
        await valkey.connect()
        calls = [valkey.call("ECHO", n) for n in range(100)]
        for call in calls[::2]:
            call.cancel()
        assert await asyncio.gather(*calls[1::2]) == [b"%d" % n for n in range(1, 100, 2)]


async def test_scripts_are_learnt_again(valkey_url: str) -> None:
    sums = script("return tonumber(ARGV[1]) + tonumber(redis.call('GET', KEYS[1]) or 0)")
    async with client(valkey_url) as valkey:
        await valkey.call("SET", "base", 40)
        assert await valkey.run(sums, ["base"], [2]) == 42
        await valkey.call("SCRIPT", "FLUSH")
        assert await valkey.run(sums, ["base"], [3]) == 43
        with pytest.raises(ValkeyError):
            await valkey.run(script("return redis.call('NOSUCH')"))


async def test_messages_of_subscriptions_come_beside_replies(valkey_url: str) -> None:
    heard: list[Any] = []

    def hear(kind: bytes, values: list[Any]) -> None:
        heard.append((kind, values[1:]))

    async with (
        client(valkey_url, on_push=hear) as valkey,
        client(valkey_url) as other,
    ):
        assert await valkey.call("SUBSCRIBE", "news of the client test") == 1
        assert await other.call("PUBLISH", "news of the client test", b"\x00 hello") == 1
        assert await valkey.call("PING") == b"PONG"
        await until(lambda: heard)
        assert heard == [(b"message", [b"news of the client test", b"\x00 hello"])]
        assert await valkey.call("UNSUBSCRIBE", "news of the client test") == 0
        assert await other.call("PUBLISH", "news of the client test", b"unheard") == 0


async def test_more_than_the_socket_takes_waits_until_it_does(valkey_url: str) -> None:
    async with client(valkey_url) as valkey:
        await valkey.connect()
        value = bytes(2_000_000)

        async def one_after_the_other(key: int) -> None:
            for _ in range(4):
                await valkey.call("SET", key, value)

        await asyncio.gather(*(one_after_the_other(key) for key in range(8)))
        assert await valkey.call("DBSIZE") == 8


# where the server is


async def test_databases_are_apart(shared_valkey: ValkeyServer, valkey_url: str) -> None:
    async with client(valkey_url) as valkey, client(f"{shared_valkey.url}/511") as other:
        await valkey.call("SET", "only here", 1)
        assert await other.call("EXISTS", "only here") == 0


async def test_a_unix_socket(shared_valkey: ValkeyServer) -> None:
    async with client(f"valkey://?path={shared_valkey.socket}&client_name=by-socket") as valkey:
        assert await valkey.call("CLIENT", "GETNAME") == b"by-socket"


async def test_passwords(make_valkey: Callable[..., ValkeyServer]) -> None:
    locked = make_valkey(requirepass="opensesame")
    right = locked.url.replace("://", "://:opensesame@")
    async with client(right) as valkey:
        assert await valkey.call("PING") == b"PONG"
    for url in (locked.url, locked.url.replace("://", "://ann:wrong@")):
        async with client(url) as valkey:
            with pytest.raises(ValkeyUnavailable) as caught:
                await valkey.call("PING")
            assert "password" in caught.value.fix
            assert "wrong" not in str(caught.value)


async def test_a_database_that_the_server_has_not(shared_valkey: ValkeyServer) -> None:
    async with client(f"{shared_valkey.url}/100000") as valkey:
        with pytest.raises(ValkeyUnavailable, match="out of range"):
            await valkey.call("PING")


async def test_tls_with_an_authority_of_ones_own(shared_valkey: ValkeyServer, tmp_path: Path) -> None:
    """The wheel's server speaks no TLS: a proxy does it in its place."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    security = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(security)
    async with proxy(shared_valkey.url, security) as network:
        url = network.url.replace("valkey://127.0.0.1", "valkeys://localhost")
        async with client(f"{url}?ca_file={tmp_path / 'authority.pem'}") as valkey:
            assert await valkey.call("PING") == b"PONG"
        for wrong in (url, f"{url}?ca_file={tmp_path / 'missing.pem'}"):
            async with client(wrong) as valkey:
                with pytest.raises(ValkeyUnavailable, match="cannot be used"):
                    await valkey.call("PING")


# connections that end


async def test_a_lost_connection_fails_what_waits_and_opens_again(valkey_url: str) -> None:
    losses: list[int] = []
    async with proxy(valkey_url) as network, client(network.url, on_lost=lambda: losses.append(1)) as valkey:
        await valkey.call("SET", "key", 1)
        network.freeze()
        waiting = [valkey.call("GET", "key") for _ in range(5)]
        network.cut()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(outcome, ValkeyUnavailable) for outcome in outcomes)
        assert losses == [1]
        network.mend()
        assert await valkey.call("GET", "key") == b"1"


async def test_a_server_that_is_away_is_asked_with_pauses(valkey_url: str) -> None:
    clock = Clock()
    async with proxy(valkey_url) as network, client(network.url, clock=clock) as valkey:
        network.cut(refuse=True)
        for _ in range(3):
            with pytest.raises(ValkeyUnavailable, match="cannot be used"):
                await valkey.call("PING")
        assert network.refused == 1  # the second and third were refused by the client
        clock.now += 0.06
        with pytest.raises(ValkeyUnavailable):
            await valkey.call("PING")
        assert network.refused == 2
        network.mend()
        clock.now += 1.0
        outcomes = await asyncio.gather(*(valkey.call("PING") for _ in range(50)))
        assert outcomes == [b"PONG"] * 50
        assert network.connections == 1


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_a_server_that_does_not_answer_is_given_up_after_four_looks(valkey_url: str) -> None:
    async with proxy(valkey_url) as network, client(f"{network.url}?timeout=1000") as valkey:
        await valkey.connect()
        network.freeze()
        waiting = valkey.call("PING")
        for _ in range(4):
            valkey.tick()
            await asyncio.sleep(0)
            assert not waiting.done()
        valkey.tick()
        with pytest.raises(ValkeyUnavailable, match="lost while a command was under way"):
            await waiting
        network.mend()
        assert await valkey.call("PING") == b"PONG"


async def test_an_idle_connection_is_looked_after(valkey_url: str) -> None:
    async with proxy(valkey_url) as network, client(f"{network.url}?timeout=1000") as valkey:
        await valkey.connect()
        for _ in range(20):
            valkey.tick()
            await valkey.call("PING")  # behind the one of the tick
        assert valkey.connected
        network.freeze()
        for _ in range(6):
            valkey.tick()
        assert not valkey.connected


async def test_what_is_no_server_of_this_kind() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        async with client(f"valkey://127.0.0.1:{port}") as valkey:
            with pytest.raises(ValkeyUnavailable, match="cannot be used"):
                await valkey.call("PING")
    finally:
        server.close()


def test_a_client_goes_on_on_another_loop(valkey_url: str) -> None:
    valkey = ValkeyClient(valkey_options(valkey_url))

    async def ask() -> Any:
        return await valkey.call("PING")

    async def end() -> Any:
        answer = await ask()
        await valkey.close()
        return answer

    run: Callable[..., Any] = asyncio.run
    assert run(end()) == b"PONG"
    assert run(end()) == b"PONG"


async def test_eager_clients_wait_to_be_connected(valkey_url: str) -> None:
    async with client(valkey_url, lazy=False) as valkey:
        with pytest.raises(ValkeyUnavailable, match="no connection"):
            await valkey.call("PING")
        await valkey.connect()
        assert await valkey.call("PING") == b"PONG"


def test_options_of_a_client_are_shown_without_password() -> None:
    assert repr(ValkeyClient(ValkeyOptions(password="secret"))) == "<ValkeyClient localhost:6379/0>"
