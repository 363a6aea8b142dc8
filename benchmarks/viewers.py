"""Open copies of a live page: ``python -m benchmarks.viewers --port P --count N``.

It gets the page once, opens ``N`` sockets that watch it, and says so with a line of JSON. For each line on its standard input
it has somebody write (``POST /say/7``) and tells when the last copy had the change: from the first byte of the request to
the frame at the last socket, which one epoll loop counts as it arrives. It looks at no frame but its length.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import statistics
import sys
import time

from .loadgen import MASK, connect, open_websockets, read_head, watch

SOCKET = "/_vivace/socket"
TIMEOUT = 60.0


def masked(payload: bytes) -> bytes:
    """Return a client's text frame."""
    size = (
        bytes([0xFE]) + len(payload).to_bytes(2, "big")
        if len(payload) > 125
        else bytes([0x80 | len(payload)])
    )
    return b"\x81" + size + MASK + bytes(byte ^ MASK[index % 4] for index, byte in enumerate(payload))


def request(port: int, method: str, path: str) -> bytes:
    """Return the body of an answer."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nSec-Fetch-Site: same-origin\r\n"
    with connect(port) as connection:
        connection.sendall((head + ("Content-Length: 0\r\n\r\n" if method == "POST" else "\r\n")).encode())
        _, body = read_head(connection)
        while chunk := connection.recv(65_536):
            body += chunk
    return body


def message(port: int) -> bytes:
    """Return what a copy of the page says when its socket opens."""
    found = re.search(rb"<!--live:([^:]+):([^:]+):([^>]+)-->", request(port, "GET", "/"))
    if found is None:
        raise ConnectionError("the page has no live region")
    region, shown, token = (each.decode() for each in found.groups())
    return masked(json.dumps(["watch", 1, token, [[region, shown]]]).encode())


def open_copies(port: int, count: int) -> list[socket.socket]:
    """Return sockets that watch, each answered."""
    return open_websockets(port, SOCKET, count, say=message(port), ready=b"watching")


class Inbox:
    """Counts the frames that came to one socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.receive = connection.recv
        self.left = b""

    def frames(self) -> int:
        """Return how many have come by now."""
        data, count = self.left + self.receive(262_144), 0
        while len(data) >= 2:
            size, head = data[1], 2
            if size == 126:
                size, head = int.from_bytes(data[2:4], "big"), 4
            elif size == 127:
                size, head = int.from_bytes(data[2:10], "big"), 10
            if len(data) < head + size:
                break
            data, count = data[head + size :], count + 1
        self.left = data
        return count


def spread(port: int, copies: list[socket.socket], number: int) -> list[float]:
    """Have somebody write; return when each copy had it, in seconds."""
    inboxes = {copy.fileno(): Inbox(copy) for copy in copies}
    poll, times = watch(copies).poll, list[float]()
    started = time.perf_counter()
    with connect(port) as writer:
        writer.sendall(
            f"POST /say/{number} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nSec-Fetch-Site: same-origin\r\n"
            "Content-Length: 0\r\n\r\n".encode()
        )
        while len(times) < len(copies):
            events = poll(TIMEOUT, 1024)
            if not events:
                raise TimeoutError(f"{len(times)} of {len(copies)} copies had it within {TIMEOUT} s")
            for fd, _ in events:
                times += [time.perf_counter() - started] * inboxes[fd].frames()
    return times


def main() -> None:
    """Open the copies, then spread one change for each line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    options = parser.parse_args()
    copies = open_copies(options.port, options.count)
    print(json.dumps({"open": len(copies)}), flush=True)
    for number, _ in enumerate(sys.stdin):
        times = spread(options.port, copies, number)
        print(json.dumps({"last": max(times), "median": statistics.median(times)}), flush=True)


if __name__ == "__main__":
    main()
