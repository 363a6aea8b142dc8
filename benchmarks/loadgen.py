"""The load generator for WebSockets (and for HTTP where wrk is missing): ``python -m benchmarks.loadgen KIND …``.

Theory of operation. The generator must never be what is measured, so it does nothing but system calls: one epoll
loop, raw non-blocking sockets, frames masked once before the clock starts, replies recognised by their length.
A client message costs one ``recv`` and one ``send`` and about a microsecond of Python, less than any server spends on
it; the benchmark prints how busy the server was, so a reader sees which side was the limit.

Kinds: ``echo`` keeps one message in flight on each connection; ``fan`` has one sender and counts what all receivers
get, with ``WINDOW`` messages under way so that the server never waits for us; ``room-…`` does the same with members of a
room, who speak one of the ``DIALECTS``; ``idle`` opens sockets and holds them until its standard input closes; ``http``
repeats one request.
Each prints one line of JSON: ``{"count": …, "seconds": …, "cpu": …}``.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import socket
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

PAYLOAD = b"0123456789abcdef0123456789abcdef"  # 32 bytes of text
MASK = b"\x37\xfa\x21\x3d"
REPLY = bytes([0x81, len(PAYLOAD)]) + PAYLOAD
WINDOW = 4  # messages of a fan-out under way
BATCH = 200  # handshakes under way
SOCKETS_PER_ADDRESS = 5_000  # loopback source addresses have 28,000 ports each; stay far below
TIMEOUT = 30.0
SENDERS = 16  # members of a room who speak: servers bound how fast one of them may
MARK = b"~"  # is in each message once, whatever a server puts around it


@dataclass(frozen=True, slots=True)
class Dialect:
    """How members of a room speak: what they say first, what a server has said when they are in, what they say then."""

    first: bytes
    ready: bytes
    message: bytes
    back: bool = True  # whether who says something gets it, too


DIALECTS = {
    "plain": Dialect(b"", b"", PAYLOAD[1:] + MARK, back=False),
    "vivace": Dialect(
        b'["join","bench/room",{}]',
        b'["joined"',
        b'["send","bench/room","say",{"text":"%b~"},0]' % PAYLOAD[1:],
    ),
    "socketio": Dialect(b"40", b"40{", b'42["say",{"text":"%b~"}]' % PAYLOAD[1:]),
}


def masked_frame(payload: bytes) -> bytes:
    """Return a client's text frame with ``payload`` (at most 125 bytes)."""
    masked = bytes(byte ^ MASK[index % 4] for index, byte in enumerate(payload))
    return bytes([0x81, 0x80 | len(payload)]) + MASK + masked


def handshake(port: int, path: str) -> bytes:
    """Return the opening request of a WebSocket; the key is the one of RFC 6455 section 1.3."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


def connect(port: int, index: int = 0) -> socket.socket:
    """Return a blocking connection; every ``SOCKETS_PER_ADDRESS`` connections have a source address of their own."""
    source = (f"127.0.0.{2 + index // SOCKETS_PER_ADDRESS}", 0)
    connection = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT, source_address=source)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def read_head(connection: socket.socket) -> tuple[bytes, bytes]:
    """Return the head of a response and the bytes that came after it; raises ``ConnectionError`` at an early end."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65_536)
        if not chunk:
            raise ConnectionError(f"the server closed the connection after {data!r}")
        data += chunk
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def open_websockets(
    port: int, path: str, count: int, first: int = 0, *, say: bytes = b"", ready: bytes = b""
) -> list[socket.socket]:
    """Return ``count`` open WebSockets; ``first`` is how many this process opened before.

    Each sends the frame ``say``, if one is given, and is open when the server has sent what contains ``ready``.
    """
    opened: list[socket.socket] = []
    request = handshake(port, path)
    while len(opened) < count:
        start = first + len(opened)
        batch = [connect(port, start + index) for index in range(min(BATCH, count - len(opened)))]
        for connection in batch:
            connection.sendall(request)
        for connection in batch:
            head, got = read_head(connection)
            if b" 101 " not in head:
                raise ConnectionError(f"expected 101, got {head!r} {got!r}")
            if say:
                connection.sendall(say)
            while ready not in got:
                got += connection.recv(65_536)
            connection.setblocking(False)
        opened += batch
    return opened


def watch(connections: Iterable[socket.socket]) -> select.epoll:
    """Return an epoll object that reports what can be read."""
    poller = select.epoll()
    for connection in connections:
        poller.register(connection.fileno(), select.EPOLLIN)
    return poller


def ping_pong(
    connections: list[socket.socket], message: bytes, reply_length: int, seconds: float
) -> dict[str, float]:
    """Send ``message`` on each connection whenever a reply of ``reply_length`` bytes came; count the replies."""
    by_fd = {connection.fileno(): (connection.recv, connection.send) for connection in connections}
    missing: dict[int, int] = {}
    poll = watch(connections).poll
    for connection in connections:
        connection.send(message)
    count = 0
    started = now = time.perf_counter()
    while now - started < seconds:
        events = poll(TIMEOUT)
        if not events:
            raise TimeoutError(f"no reply within {TIMEOUT} s")
        for fd, _ in events:
            receive, send = by_fd[fd]
            got = len(receive(65_536))
            if got != reply_length:
                if not got:
                    raise ConnectionError("the server closed a connection")
                got += missing.pop(fd, 0)
                if got < reply_length:
                    missing[fd] = got
                    continue
                if got > reply_length:
                    raise ConnectionError(f"a reply of {got} bytes instead of {reply_length}")
            send(message)
            count += 1
        now = time.perf_counter()
    return {"count": count, "seconds": now - started}


def echo(port: int, path: str, connections: int, seconds: float) -> dict[str, float]:
    """Echo over ``connections`` WebSockets, one message in flight on each."""
    return ping_pong(open_websockets(port, path, connections), masked_frame(PAYLOAD), len(REPLY), seconds)


def deliveries(
    senders: list[socket.socket],
    receivers: list[socket.socket],
    message: bytes,
    weigh: Callable[[bytes], int],
    per_message: int,
    seconds: float,
) -> dict[str, float]:
    """Let ``senders`` speak in turn, ``WINDOW`` messages under way; count by ``weigh`` what ``receivers`` get."""
    by_fd = {receiver.fileno(): receiver.recv for receiver in receivers}
    poll = watch(receivers).poll
    sent = delivered = 0
    started = now = time.perf_counter()
    while now - started < seconds:
        while delivered > (sent - WINDOW) * per_message:
            senders[sent % len(senders)].send(message)
            sent += 1
        events = poll(TIMEOUT, 1024)
        if not events:
            raise TimeoutError(f"no delivery within {TIMEOUT} s")
        for fd, _ in events:
            data = by_fd[fd](65_536)
            if not data:
                raise ConnectionError("the server closed a receiver")
            delivered += weigh(data)
        now = time.perf_counter()
    return {"count": delivered, "seconds": now - started}


def fan(port: int, path: str, connections: int, seconds: float) -> dict[str, float]:
    """Send from one WebSocket to ``connections`` others; count deliveries."""
    receivers = open_websockets(port, path, connections)
    senders = open_websockets(port, path, 1, first=connections)
    found = deliveries(senders, receivers, masked_frame(PAYLOAD), len, len(REPLY) * connections, seconds)
    return {**found, "count": found["count"] // len(REPLY)}


def room(dialect: Dialect, port: int, path: str, connections: int, seconds: float) -> dict[str, float]:
    """Let members of a room with ``connections`` members speak in turn; count what all of them get.

    They are in when the first line is printed, and speak after one was read: what a server spends on joining is not counted.
    """
    first = masked_frame(dialect.first) if dialect.first else b""
    members = open_websockets(port, path, connections, say=first, ready=dialect.ready)
    print(json.dumps({"open": len(members)}), flush=True)
    sys.stdin.readline()
    per_message = connections if dialect.back else connections - 1

    def marks(data: bytes) -> int:
        return data.count(MARK)

    return deliveries(members[:SENDERS], members, masked_frame(dialect.message), marks, per_message, seconds)


def idle(port: int, path: str, connections: int, _seconds: float) -> dict[str, float]:
    """Open WebSockets, say so, and hold them until standard input closes."""
    started = time.perf_counter()
    opened = open_websockets(port, path, connections)
    print(json.dumps({"open": len(opened), "seconds": time.perf_counter() - started}), flush=True)
    sys.stdin.buffer.read()
    return {"count": len(opened), "seconds": time.perf_counter() - started}


def one_request(port: int, request: bytes) -> int:
    """Return how many bytes the response to ``request`` has; 0 when the server closes the connection after it."""
    with connect(port) as connection:
        connection.sendall(request)
        head, rest = read_head(connection)
        fields = [line.partition(b":") for line in head.lower().split(b"\r\n")[1:]]
        if any(name == b"connection" and value.strip() == b"close" for name, _, value in fields):
            return 0
        length = int(next(value for name, _, value in fields if name == b"content-length"))
        while len(rest) < length:
            rest += connection.recv(65_536)
        return len(head) + 4 + length


def http(port: int, request: bytes, connections: int, seconds: float) -> dict[str, float]:
    """Repeat one request on ``connections`` kept-alive connections; counts nothing when the server closes them."""
    length = one_request(port, request)
    if not length:
        return {"count": 0, "seconds": 0.0}
    opened = [connect(port, index) for index in range(connections)]
    for connection in opened:
        connection.setblocking(False)
    return ping_pong(opened, request, length, seconds)


KINDS: dict[str, Callable[[int, str, int, float], dict[str, float]]] = {
    "echo": echo,
    "fan": fan,
    "idle": idle,
    **{f"room-{name}": partial(room, dialect) for name, dialect in DIALECTS.items()},
}


def main() -> None:
    """Read the command line, run one load, print its result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=[*KINDS, "http"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    before = os.times()
    if options.kind == "http":
        result = http(options.port, sys.stdin.buffer.read(), options.connections, options.seconds)
    else:
        result = KINDS[options.kind](options.port, options.path, options.connections, options.seconds)
    after = os.times()
    result["cpu"] = after.user + after.system - before.user - before.system
    print(json.dumps(result), flush=True)
    if options.kind.startswith("room-"):
        sys.stdin.read()  # nor on leaving


if __name__ == "__main__":
    main()
