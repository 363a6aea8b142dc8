"""Errors of the test client and of the pytest plugin."""

from __future__ import annotations

from typing import Any, ClassVar

from .base import VivaceError


class ClientMisuse(VivaceError):
    """The test client was asked for something that cannot be."""

    code: ClassVar[str] = "client-misuse"


class TooManyRedirects(VivaceError):
    """A chain of redirects did not end."""

    code: ClassVar[str] = "too-many-redirects"


class CutOff(VivaceError):
    """The answer broke off before its end; ``__cause__`` is what the handler raised."""

    code: ClassVar[str] = "answer-cut-off"


class WebSocketRejected(VivaceError):
    """The handshake was answered with an ordinary response, which is ``response``."""

    code: ClassVar[str] = "websocket-rejected"

    def __init__(self, what: str, response: Any, *, got: str = "") -> None:
        super().__init__(what, expected="101 Switching Protocols", got=got)
        self.response = response


class ChannelRefused(VivaceError):
    """The server refused a room or an event; ``problem`` is what it told."""

    code: ClassVar[str] = "channel-refused"

    def __init__(self, what: str, problem: Any) -> None:
        super().__init__(what, got=str(problem))
        self.problem = problem


class NothingReceived(VivaceError):
    """What a test waits for did not come."""

    code: ClassVar[str] = "nothing-received"


class AsyncTestFailed(VivaceError):
    """A test left something behind: a task that still runs, or an exception that nobody looked at."""

    code: ClassVar[str] = "async-test-failed"


class TestDatabaseTaken(VivaceError):
    """The database that tests would drop and make anew was not made by tests."""

    __test__: ClassVar[bool] = False  # pytest: no test in spite of its name

    code: ClassVar[str] = "test-database-taken"
