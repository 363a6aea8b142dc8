"""The chat program as it stands in two browsers: on four workers without infrastructure, and on two supervisors that are
joined by PostgreSQL or by Valkey; and what a killed worker costs.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import Serving, until
from tests.features.browsing import needs_chromium
from tests.features.chatting import chat_served, person, wait, write_chat
from tests.features.lines import line_to

pytestmark = [needs_chromium, pytest.mark.timeout(180)]


@contextmanager
def two_people(browser: Any, one: int, other: int) -> Generator[tuple[Any, Any]]:
    with person(browser, one, "ada") as (ada, of_ada), person(browser, other, "bob") as (bob, of_bob):
        yield ada, bob
        assert [said for said in of_ada + of_bob if not said.startswith("WebSocket connection to")] == []


def talk(ada: Any, bob: Any) -> None:
    """Let both speak, and see that both hear and see the same."""
    for page in (ada, bob):
        wait(page, "chat.members.size === 2")
    for turn in range(5):
        for name, page in (("ada", ada), ("bob", bob)):
            assert page.evaluate("(text) => say(text)", f"{name} {turn}") == "taken"
    expected = [f"{name} {turn}" for turn in range(5) for name in ("ada", "bob")]
    for page in (ada, bob):
        wait(page, "said.length === 10")
        assert page.evaluate("[said, resyncs]") == [expected, 0]


def prepared(folder: Path, settings: Mapping[str, str] | None = None) -> Path:
    """Write the program, and let one process make tables and accounts."""
    write_chat(folder)
    with chat_served(folder, settings=settings) as running:
        assert running.ask("/")[0] == 200  # answered when it has started
    return folder


def test_rl6_two_people_talk_over_four_workers_without_infrastructure(browser: Any, tmp_path: Path) -> None:
    with chat_served(prepared(tmp_path), workers=4) as server, line_to(server.port) as line:
        for transport in ("websocket", "events"):
            line.blocks_websockets = (
                transport == "events"
            )  # then what is sent may reach another worker than the stream's
            with two_people(browser, line.port, server.port) as (ada, bob):
                assert ada.evaluate("socket.transport") == transport
                talk(ada, bob)
                bob.evaluate("chat.leave()")
                wait(ada, "chat.members.size === 1")


def workers_of(server: Serving, count: int) -> list[int] | None:
    """Return the processes that the log says are ready, if they are so many."""
    found = [int(pid) for pid in re.findall(r"\(pid (\d+)\) is ready", server.said)]
    return found if len(found) >= count else None


def test_rl7_killed_workers_lose_and_double_nothing_or_say_so(browser: Any, tmp_path: Path) -> None:
    with (
        chat_served(prepared(tmp_path), workers=2) as server,
        two_people(browser, server.port, server.port) as (ada, bob),
    ):
        taken = list[str]()
        for worker in until(lambda: workers_of(server, 2)):
            os.kill(worker, signal.SIGKILL)
            for page in (ada, bob):
                text = f"{len(taken)} after {worker}"
                if page.evaluate("(text) => say(text)", text) == "taken":
                    taken.append(text)
        for page in (ada, bob):
            wait(page, "chat.state === 'joined'")
        assert ada.evaluate("say('end')") == "taken"
        for page in (ada, bob):
            wait(page, "said.at(-1) === 'end' && chat.members.size === 2")
            said, resyncs = page.evaluate("[said, resyncs]")
            assert len(said) == len(set(said))
            heard = [text for text in said if text in taken]
            assert heard == [text for text in taken if text in said]
            assert resyncs or heard == taken


@pytest.mark.parametrize(
    ("setting", "server"), [("DATABASE_URL", "postgresql_url"), ("VIVACE_BROKER", "valkey_url")]
)
def test_rl6_two_supervisors_are_joined(
    browser: Any, tmp_path: Path, request: pytest.FixtureRequest, setting: str, server: str
) -> None:
    settings = {setting: request.getfixturevalue(server)}
    folder = prepared(tmp_path, settings)
    with (
        chat_served(folder, workers=1, settings=settings) as one,
        chat_served(folder, workers=1, log=tmp_path / "other", settings=settings) as other,
        two_people(browser, one.port, other.port) as (ada, bob),
    ):
        talk(ada, bob)
