"""A forgotten ``await``: the error says what to write and where; what never happened is logged with its line."""

from __future__ import annotations

import gc
import logging
import re
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from vivace.app import App
from vivace.app.debugpage import debug_page
from vivace.app.forgotten import watch
from vivace.http.request import Request
from vivace.testing import Client


async def count() -> int:
    return 3


def forgetful(*, debug: bool = True) -> App:
    app = App(debug=debug)
    app.debug_page = debug_page

    @app.get("/attribute")
    async def attribute() -> str:
        made: Any = count()
        return str(made.text)

    @app.get("/sum")
    async def add() -> int:
        made: Any = 1
        return int(made + count())

    @app.get("/json")
    async def inside() -> dict[str, Any]:
        return {"n": count()}

    @app.get("/itself")
    async def itself() -> Any:
        return count()

    @app.post("/form")
    async def form(request: Request) -> str:
        data: Any = request.form()
        return str(data["name"])

    @app.get("/nothing")
    async def nothing() -> str:
        count()  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
        return "done"

    return app


async def traceback(method: str, path: str) -> list[str]:
    """Return what a client is told, and keep nothing else: an error keeps its coroutines alive."""
    async with Client(forgetful(), raise_errors=False) as client:
        lines: list[str] = (await client.request(method, path)).json()["traceback"]
        return lines


@contextmanager
def watched(caplog: pytest.LogCaptureFixture) -> Generator[None]:
    """What ``dev`` sets for its process, for one test; the coroutines are gone at the end of it."""
    depth = sys.get_coroutine_origin_tracking_depth()
    with warnings.catch_warnings():
        watch()
        try:
            yield
        finally:
            sys.set_coroutine_origin_tracking_depth(depth)
            for record in caplog.records:
                record.exc_info = None
            gc.collect()


@pytest.mark.parametrize(
    ("method", "path", "name", "source"),
    [
        ("GET", "/attribute", "`count(…)`", "`made: Any = count()`"),
        ("GET", "/sum", "the call that made the coroutine", "`return int(made + count())`"),
        ("GET", "/json", "`count(…)`", '`return {"n": count()}`'),
        ("GET", "/itself", "`count(…)`", "`return count()`"),
        ("POST", "/form", "`Request.form(…)`", "`data: Any = request.form()`"),
    ],
)
async def test_the_error_says_what_to_await_and_where(
    method: str, path: str, name: str, source: str, caplog: pytest.LogCaptureFixture
) -> None:
    with watched(caplog):
        told = await traceback(method, path)
    fix = next(line for line in told if line.startswith("Fix: "))
    assert fix.startswith(f"Fix: Write `await` before {name}: ")
    assert "test_forgotten.py:" in fix
    assert fix.endswith(f": {source}")
    assert fix in caplog.text


async def test_the_page_shows_the_line_that_lacks_it(caplog: pytest.LogCaptureFixture) -> None:
    with watched(caplog):
        async with Client(forgetful(), raise_errors=False, headers={"accept": "text/html"}) as client:
            page = (await client.get("/json")).text
    assert re.search(r'<p class="where">.*test_forgotten\.py:\d+', page)
    assert re.search(r'class="line current"><b> *\d+</b> +return \{&#34;n&#34;: count\(\)\}', page)


async def test_in_production_nothing_is_added(caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        async with Client(forgetful(debug=False), raise_errors=False) as client:
            assert (await client.get("/sum")).status == 500
    assert "and 'coroutine'" in caplog.text
    assert "Fix:" not in caplog.text


async def test_what_was_never_awaited_is_logged_with_its_line_each_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with watched(caplog):
        async with Client(forgetful()) as client:
            for _ in range(2):
                assert (await client.get("/nothing")).text == "done"
    said = [record for record in caplog.records if "`count()  #" in record.getMessage()]
    assert [record.levelno for record in said] == [logging.WARNING] * 2
    text = said[0].getMessage()
    assert text.startswith(
        "coroutine 'count' was never awaited, so it did not happen. Fix: Write `await` before it: "
    )
    assert "test_forgotten.py:" in text


def test_other_warnings_go_where_they_went(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.warns(UserWarning, match="another"), watched(caplog):
        warnings.warn("another", stacklevel=1)
