"""What expires by itself, on several apps of one database: each hears of the others' commits over the broker (N1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.brokers.waiting import until
from tests.cache.shelf import Novel, shelf_app, shown
from tests.db.backends import DIALECTS, url_of

PAGES = {
    "list.html": "{% cache %}{% for novel in novels %}<i>{{ novel.title }}</i>{% endfor %}{% endcache %}"
}


@pytest.fixture(params=DIALECTS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return url_of(request.param, tmp_path, request)


async def test_n1_a_commit_elsewhere_drops_what_it_meets(url: str) -> None:
    here, there = shelf_app(url, PAGES), shelf_app(url, PAGES, makes_tables=False)
    async with here, there:

        async def page() -> str:
            with here.data.current():
                return await shown(here, "list.html", novels=Novel.objects.all())

        with here.data.current():
            await Novel.objects.create(title="one")
        await until(lambda: here.dependents.feed.started and there.dependents.feed.started)
        assert [await page(), await page()] == ["<i>one</i>"] * 2
        assert len(here.dependents) == 1
        with there.data.current():
            await Novel.objects.create(title="two")
        await until(lambda: len(here.dependents) == 0)
        assert await page() == "<i>one</i><i>two</i>"


async def test_n1_when_changes_may_have_been_missed_everything_goes(url: str) -> None:
    app = shelf_app(url, PAGES)
    async with app:
        await Novel.objects.create(title="one")
        await until(lambda: app.dependents.feed.started)
        assert await shown(app, "list.html", novels=Novel.objects.all()) == "<i>one</i>"
        assert len(app.dependents) == 1
        app.changes.reset(99)
        assert len(app.dependents) == 0
        assert await shown(app, "list.html", novels=Novel.objects.all()) == "<i>one</i>"
        assert len(app.dependents) == 1
