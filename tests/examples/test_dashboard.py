"""The dashboard of ``examples``: every window shows each order, in any light and on any screen, without a line of script."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import ROOT, Serving, serving
from tests.features.boarding import reader, wait
from tests.features.browsing import needs_chromium

DASHBOARD = ROOT / "examples" / "dashboard"
FILES = ("app.py", "templates/dashboard.html", "static/dashboard.css")

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Serving]:
    folder: Path = tmp_path_factory.mktemp("dashboard")
    shutil.copytree(DASHBOARD, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sqlite3*"))
    with serving(
        "run", "app.py", "--workers", "0", folder=folder, tmp=folder, SECRET_KEY="k" * 40
    ) as running:
        yield running


def test_it_is_under_200_lines_and_has_no_script() -> None:
    assert sum((DASHBOARD / name).read_text("utf-8").count("\n") for name in FILES) < 200
    assert not list(DASHBOARD.rglob("*.js"))
    assert "<script" not in (DASHBOARD / FILES[1]).read_text("utf-8")


@needs_chromium
def test_every_window_shows_each_order(browser: Any, server: Serving) -> None:
    with (
        reader(browser, server.port) as (one, of_one),
        reader(browser, server.port) as (two, of_two),
    ):
        two.evaluate("window.same = document.querySelector('rect')")
        for _ in range(12):  # more than are listed
            one.locator("form[action='/sell/cocoa'] button").click()
            wait(one, "!document.querySelector('[aria-busy]')")
        for page in (one, two):
            wait(page, "document.querySelectorAll('tr[data-key=cocoa] td')[1].textContent >= 12")
        assert two.evaluate("same === document.querySelector('rect')")
        wait(two, "[...document.querySelectorAll('rect')].some(each => each.height.baseVal.value > 100)")
        assert of_one == of_two == []


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_it_looks_right_everywhere(browser: Any, server: Serving, scheme: Any, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    size = {"width": width, "height": 900}
    with reader(browser, server.port, color_scheme=scheme, viewport=size, bypass_csp=True) as (page, _):
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        found = axe.Axe().run(page).response["violations"]
        assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
