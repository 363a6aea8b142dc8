"""Tracebacks in the terminal of ``dev``: own lines, library frames as a number, the fix last."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable

from vivace.app.folding import folded
from vivace.cli.logs import FORMAT, FoldingFormatter
from vivace.errors import ConfigurationError


def caught(fail: Callable[[], object]) -> Exception:
    try:
        fail()
    except Exception as error:
        return error
    raise AssertionError


NOTHING: dict[str, int] = {}


def deep(count: int) -> int:
    return deep(count - 1) if count else NOTHING["a"]


def three() -> None:
    try:
        json.loads("{")
    except ValueError as error:
        raise ConfigurationError("It is wrong.", expected="right", got="wrong", fix="Turn it.") from error


def test_library_frames_are_counted_and_own_lines_told() -> None:
    error = caught(lambda: asyncio.run(asyncio.to_thread(deep, 3)))
    lines = folded(error).splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert any(line.startswith("  … ") and "asyncio" in line for line in lines)
    assert not any("asyncio/" in line for line in lines)
    assert '", line ' in lines[-4]
    assert lines[-3:] == [
        '    return deep(count - 1) if count else NOTHING["a"]',
        "  … the same 3 times more",
        "KeyError: 'a'",
    ]


def test_the_cause_comes_first_and_the_fix_last() -> None:
    text = folded(caught(three))
    cause, _, error = text.partition(
        "\nThe above exception was the direct cause of the following exception:\n"
    )
    assert "of json" in cause
    assert cause.rstrip().splitlines()[-1].startswith("json.decoder.JSONDecodeError: ")
    assert error.splitlines()[-4:] == ["Expected: right", "Got: wrong", "[configuration]", "Fix: Turn it."]


def test_what_is_all_of_a_library_is_left_whole() -> None:
    error = json.JSONDecodeError("no", "{", 1)
    assert folded(error) == ""
    record = logging.LogRecord("x", logging.ERROR, "", 1, "failed", (), (type(error), error, None))
    assert "JSONDecodeError: no" in FoldingFormatter(FORMAT).format(record)


def test_the_formatter_folds() -> None:
    error = caught(lambda: deep(1))
    record = logging.LogRecord(
        "x", logging.ERROR, "", 1, "failed", (), (type(error), error, error.__traceback__)
    )
    text = FoldingFormatter("%(message)s").format(record)
    assert text.startswith("failed\nTraceback (most recent call last):\n")
    assert "the same 1 time more" in text


def test_members_of_a_group_are_told() -> None:
    def several() -> None:
        raise ExceptionGroup("two", [caught(three), caught(lambda: deep(0))])

    text = folded(caught(several))
    assert "  | Fix: Turn it." in text
    assert "  | KeyError: 'a'" in text


def test_records_without_an_error_are_as_ever() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 1, "plain", (), None)
    assert FoldingFormatter("%(message)s").format(record) == "plain"
