"""Every error has a code of its own and a section in the documentation, and every section has its error."""

from __future__ import annotations

import copy
import pickle
import re
from collections import Counter

import pytest

from scripts.errors_page import HEADING, PAGE, code_of, error_classes, lead, render, split
from vivace.errors import (
    MethodNotAllowed,
    NotFound,
    Problem,
    ValidationFailed,
    VivaceError,
    WebSocketDisconnect,
)

CLASSES = error_classes()
DOCUMENT = PAGE.read_text(encoding="utf-8")


def test_each_class_states_its_own_code() -> None:
    assert [
        cls.__name__ for cls in CLASSES if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code_of(cls))
    ] == []


def test_no_code_is_used_twice() -> None:
    counted = Counter(code_of(cls) for cls in CLASSES)
    assert [code for code, count in counted.items() if count > 1] == []


def test_each_error_lives_in_its_room() -> None:
    assert [cls.__qualname__ for cls in CLASSES if not cls.__module__.startswith("vivace.errors.")] == []


def test_each_error_has_a_status_and_a_docstring() -> None:
    statuses = {cls.__name__: getattr(cls, "status", None) for cls in CLASSES}
    assert [
        name for name, status in statuses.items() if not isinstance(status, int) or not 300 <= status < 600
    ] == []
    assert [cls.__name__ for cls in CLASSES if not (cls.__doc__ or "").strip()] == []


def test_each_error_is_documented_and_nothing_else_is() -> None:
    documented = [match["code"] for match in HEADING.finditer(DOCUMENT)]
    assert documented == [code_of(cls) for cls in CLASSES], "Fix: python scripts/errors_page.py --write"


def test_documentation_says_what_the_class_says() -> None:
    _, sections = split(DOCUMENT)
    wrong = [code_of(cls) for cls in CLASSES if not sections.get(code_of(cls), "").startswith(lead(cls))]
    assert wrong == [], "Fix: python scripts/errors_page.py --write"


def test_page_is_written_without_losing_what_was_written_by_hand() -> None:
    page = "# Errors\n\nFront.\n\n## gone\n\nold\n\n## not-found\n\n**stale**\n%\nBy hand.\n\n```python\n## x\n```\n"
    written = render(page, [VivaceError, NotFound])
    assert written.startswith(
        "# Errors\n\nFront.\n\n## vivace-error\n\n**`vivace.errors.VivaceError`**, status 500."
    )
    assert "gone" not in written
    assert "stale" not in written
    assert f"## not-found\n\n{lead(NotFound)}\n\n%\nBy hand." in written
    assert render(written, [VivaceError, NotFound]) == written


@pytest.mark.parametrize("text", ["", "## missing\n"])
def test_page_out_of_step_is_found(text: str) -> None:
    assert [match["code"] for match in HEADING.finditer(text)] != [code_of(cls) for cls in CLASSES]


@pytest.mark.parametrize(
    "error",
    [
        NotFound("gone", got="it"),
        MethodNotAllowed("GET", ["POST"]),
        ValidationFailed([Problem("body", "/a", "a text")]),
        WebSocketDisconnect(1001, "bye"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_survive_copy_and_pickle(error: VivaceError) -> None:
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(twin), str(twin), vars(twin)) == (type(error), str(error), vars(error))
