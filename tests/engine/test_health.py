"""Health: what follows from heartbeats, and probes over real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import dataclass

import pytest

from vivace.engine.workers.health import FRESH, HealthServer, Report, WorkerHealth, answer
from vivace.engine.workers.heartbeat import Heartbeat, State, has_too_many


@dataclass
class W:
    state: State = "ready"
    age: float = 0.1
    stuck: bool = False

    def health(self) -> WorkerHealth:
        return WorkerHealth(0, 1, self.age, Heartbeat(self.state), self.stuck)


@pytest.mark.parametrize(
    ("workers", "stopping", "live", "ready"),
    [
        ([W()], False, True, True),
        ([W("starting")], False, True, False),
        ([W("draining")], True, True, False),
        ([W()], True, True, False),
        ([W(age=FRESH + 1)], False, True, False),
        ([W(age=FRESH + 1), W()], False, True, True),
        ([W(age=60, stuck=True)], False, False, False),
        ([W(age=60, stuck=True), W("starting")], False, True, False),
        ([], False, True, False),
    ],
    ids=[
        "well",
        "starting",
        "draining",
        "stopping",
        "blocked",
        "one blocked",
        "stuck",
        "stuck, new comes",
        "none",
    ],
)
def test_rt7_live_and_ready(workers: list[W], stopping: bool, live: bool, ready: bool) -> None:
    report = Report(stopping, [worker.health() for worker in workers])
    assert (report.live, report.ready) == (live, ready)
    assert answer(b"GET /live HTTP/1.1\r\n\r\n", report).startswith(
        b"HTTP/1.1 200" if live else b"HTTP/1.1 503"
    )
    assert answer(b"GET /ready?x HTTP/1.1\r\n\r\n", report)[9:12] == (b"200" if ready else b"503")


def test_probes_of_other_paths_and_head() -> None:
    report = Report(False, [W().health()])
    assert answer(b"GET / HTTP/1.1\r\n\r\n", report).startswith(b"HTTP/1.1 404")
    assert answer(b"POST /live HTTP/1.1\r\n\r\n", report).startswith(b"HTTP/1.1 404")
    head = answer(b"HEAD /live HTTP/1.1\r\n\r\n", report)
    assert head.startswith(b"HTTP/1.1 200")
    assert head.endswith(b"\r\n\r\n")


async def test_silent_probes_do_not_keep_others_waiting() -> None:
    report = Report(False, [W().health()])
    health = HealthServer(lambda: report)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.setblocking(False)
        port = sock.getsockname()[1]
        await health.listen([sock.dup()])
        _, silent = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /ready HTTP/1.1\r\nhost: x\r\n\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert json.loads(body)["workers"][0]["last"]["state"] == "ready"
        writer.close()
        silent.close()
        await silent.wait_closed()
        health.close()
        await asyncio.sleep(0.01)


def test_wk1_workers_leave_connections_to_others_when_they_have_many_more() -> None:
    assert not has_too_many(0, 0)
    assert not has_too_many(16, 0)
    assert has_too_many(17, 0)
    assert not has_too_many(141, 100)
    assert has_too_many(142, 100)
