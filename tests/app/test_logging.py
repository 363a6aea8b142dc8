"""Logging: request ids, JSON and text, child loggers, a queue that never blocks."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Callable

import msgspec
import pytest

from vivace.app.current import request_variable
from vivace.app.logging import child, configure_logging
from vivace.http.request import Connection, Request

log = logging.getLogger("tests.shop")


def lines(work: Callable[[], None], *, json: bool, level: str = "INFO") -> list[str]:
    stream = io.StringIO()
    with configure_logging(json=json, level=level, stream=stream):
        work()
    return stream.getvalue().splitlines()


def in_request(work: Callable[[], None]) -> Callable[[], None]:
    def inside() -> None:
        token = request_variable.set(Request("GET", "/", [(b"x-request-id", b"abc-1")], Connection()))
        try:
            work()
        finally:
            request_variable.reset(token)

    return inside


def test_lo1_json_lines() -> None:
    (line,) = lines(
        in_request(lambda: log.info("sold %s", "book", extra={"price": 7, "thing": {1}})), json=True
    )
    decoded = msgspec.json.decode(line)
    assert decoded.pop("time").endswith("Z")
    assert decoded == {
        "level": "INFO",
        "logger": "tests.shop",
        "message": "sold book",
        "request_id": "abc-1",
        "price": 7,
        "thing": [1],
    }


def test_lo1_text_lines() -> None:
    (line,) = lines(in_request(lambda: log.info("sold\nbook", extra={"to": "a b"})), json=False)
    assert line.split(" ", 1)[1] == 'INFO tests.shop [abc-1] sold\\nbook to="a b"'


def test_outside_a_request_there_is_no_id() -> None:
    (line,) = lines(lambda: log.info("started"), json=True)
    assert "request_id" not in msgspec.json.decode(line)


def test_level() -> None:
    assert lines(lambda: log.info("hidden"), json=False, level="WARNING") == []
    with pytest.raises(ValueError, match="LOUD"):
        configure_logging(level="LOUD")


def test_lo2_child_loggers_carry_their_fields() -> None:
    def work() -> None:
        order = child(log, order=7, step="new")
        child(order, step="paid").info("hello", extra={"extra": True})

    decoded = msgspec.json.decode(lines(work, json=True)[0])
    assert {key: decoded[key] for key in ("order", "step", "extra")} == {
        "order": 7,
        "step": "paid",
        "extra": True,
    }


@pytest.mark.parametrize("json", [True, False])
def test_tracebacks(json: bool) -> None:
    def work() -> None:
        try:
            raise KeyError("missing")
        except KeyError:
            log.exception("failed")

    written = lines(work, json=json)
    text = msgspec.json.decode(written[0])["traceback"] if json else "\n".join(written[1:])
    assert text.startswith("Traceback")
    assert text.endswith("KeyError: 'missing'")


async def test_lo2_tasks_have_the_id_of_their_request() -> None:
    stream = io.StringIO()

    async def serve(name: str) -> None:
        request_variable.set(Request("GET", "/", [(b"x-request-id", name.encode())], Connection()))
        await asyncio.sleep(0)
        await asyncio.create_task(work())

    async def work() -> None:
        log.warning("work")

    with configure_logging(json=True, stream=stream):
        await asyncio.gather(serve("one"), serve("two"))
    assert [msgspec.json.decode(line)["request_id"] for line in stream.getvalue().splitlines()] == [
        "one",
        "two",
    ]


def test_a_full_queue_drops_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivace.app.logging.QUEUED", 1)
    configured = configure_logging(stream=io.StringIO())
    try:
        configured._listener.stop()
        for _ in range(5):
            log.warning("x")
        assert configured.dropped == 4
        configured._listener.start()
    finally:
        configured.close()


def test_what_was_there_comes_back() -> None:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    with configure_logging(level="ERROR", stream=io.StringIO()):
        assert root.level == logging.ERROR
    assert (root.handlers[:], root.level) == before
