"""What ``{% vivace_head %}`` brings to pages with live regions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import vivace
from tests.live.pages import Note, make_app
from vivace import Request, Response, render
from vivace.templates.standard import LIVE, LIVE_PARTS
from vivace.testing import Client

ROOMS = [Path(vivace.__file__).parent / room / "static" for room in ("live", "realtime")]
PAGE = "<!doctype html><title>t</title>{% vivace_head %}{% live %}{{ notes | length }}{% endlive %}"


def imported(name: str, known: set[str]) -> set[str]:
    """Return a module with all that it imports."""
    if name not in known:
        known.add(name)
        text = next(room / name for room in ROOMS if (room / name).exists()).read_text("utf-8")
        for other in re.findall(r'^(?:import|export) [^;]* from "\./(\w+\.js)"', text, re.MULTILINE):
            imported(f"vivace/{other}", known)
    return known


def test_lv7_all_modules_that_live_pages_import_are_known() -> None:
    assert imported(LIVE, set()) == {LIVE, *LIVE_PARTS}


@pytest.mark.parametrize("debug", [True, False])
async def test_lv7_modules_are_asked_for_at_once_under_the_names_by_which_they_import_each_other(
    debug: bool,
) -> None:
    app = make_app(PAGE, debug=debug)

    @app.get("/")
    async def page(request: Request) -> Response:
        return render(request, "page.html", notes=Note.objects.all())

    async with Client(app) as client:
        head = (await client.get("/")).text
        (entry,) = re.findall(r'<script type="module" src="([^"]+)">', head)
        preloaded = re.findall(r'<link rel="modulepreload" href="([^"]+)"', head)
        assert len(preloaded) == len(LIVE_PARTS)
        texts = [(await client.get(address)).text for address in (entry, *preloaded)]
        names = {name for text in texts for name in re.findall(r'from "\./([^"]+)"', text)}
        assert names == {address.rpartition("/")[2] for address in preloaded}
