"""A line between a browser and a server that tests may cut, silence, or put something in the way of."""

from __future__ import annotations

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Final

_CHUNK: Final = 65_536
_REFUSAL: Final = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Line:
    """A TCP proxy on ``port``: what comes is carried to ``target``, which may change.

    ``cut`` ends all connections and refuses new ones; ``silent`` carries nothing and ends nothing, ``mute`` nothing that the
    server says; ``blocks_websockets`` answers handshakes with 403, as proxies do.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.silent = self.mute = False
        self.blocks_websockets = False
        self.is_cut = False
        self.handshakes = 0  # of WebSockets that came
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End all connections, and each new one as soon as it comes."""
        self.is_cut = True
        self.break_connections()

    def restore(self) -> None:
        """Carry everything again, that of connections which come now."""
        self.break_connections()
        self.is_cut = self.silent = self.mute = False

    def break_connections(self) -> None:
        """End all connections; new ones may come."""
        with self._lock:
            ends, self._ends = self._ends, set()
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End everything."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.break_connections()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                browser, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(browser,), daemon=True).start()

    def _carry(self, browser: socket.socket) -> None:
        with browser, suppress(OSError):
            if self.is_cut:
                return
            first = browser.recv(_CHUNK)
            if b"upgrade: websocket" in first.lower():
                self.handshakes += 1
                if self.blocks_websockets:
                    browser.sendall(_REFUSAL)
                    return
            with socket.create_connection(("127.0.0.1", self.target)) as server:
                server.sendall(first)
                self._join(browser, server)

    def _join(self, browser: socket.socket, server: socket.socket) -> None:
        with self._lock:
            if self.is_cut:
                return
            self._ends |= {browser, server}
        back = threading.Thread(
            target=self._pump, args=(server, browser), kwargs={"is_answer": True}, daemon=True
        )
        back.start()
        self._pump(browser, server)
        back.join()
        with self._lock:
            self._ends -= {browser, server}

    def _pump(self, source: socket.socket, sink: socket.socket, *, is_answer: bool = False) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                if not (self.silent or (self.mute and is_answer)):
                    sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def line_to(target: int) -> Generator[Line]:
    """Open a line to the server on a port."""
    line = Line(target)
    try:
        yield line
    finally:
        line.close()


__all__ = ["Line", "line_to"]
