"""``{% cache %}`` beside ``{% live %}``: neither shows what the other one changed."""

from __future__ import annotations

from pathlib import Path

from tests.cache.shelf import Novel, filled, shelf_app
from tests.cache.shelf import site as fares
from vivace import App, Request, cache_page, render
from vivace.changes import ReadSet, recording
from vivace.testing import Client

LIST = "{% for novel in novels %}<i>{{ novel.title }}</i>{% endfor %}"
PAGES = {
    "included.html": "{% cache %}{% include 'part.html' %}{% endcache %}",
    "part.html": "{% live %}" + LIST + "{% endlive %}",
    "around.html": "{% live %}{% cache %}" + LIST + "{% endcache %}{% endlive %}",
}


def with_pages(folder: Path) -> App:
    app = shelf_app(f"sqlite:///{folder}/test.sqlite3", PAGES)

    @app.get("/kept/{name}", name="kept")
    @cache_page()
    async def kept(request: Request, name: str) -> object:
        return render(request, f"{name}.html", novels=Novel.objects.all())

    @app.get("/{name}")
    async def page(request: Request, name: str) -> object:
        return render(request, f"{name}.html", novels=Novel.objects.all())

    app.messaging.alone = True
    return app


async def test_ca5_a_live_region_that_a_fragment_includes_is_never_out_of_date(tmp_path: Path) -> None:
    app = with_pages(tmp_path)
    async with Client(app, isolate=False) as client:
        await filled(1)
        for title in ("Novel 1", "II", "III"):
            await Novel.objects.update(title=title)
            for _ in range(3):
                text = (await client.get("/included")).text
                assert f"<i>{title}</i>" in text
                assert "<!--live:" not in text, "it is static in a fragment, or the fragment is not kept"


async def test_ca5_a_live_region_reads_what_its_fragments_read(tmp_path: Path) -> None:
    app = with_pages(tmp_path)
    async with Client(app, isolate=False) as client:
        await filled(1)
        for _ in range(2):
            reads = ReadSet()
            with recording(reads):
                assert "<i>Novel 1</i>" in (await client.get("/around")).text
            assert "shelf_novel" in reads.tables
        assert fares(app, "around.html").hits == 1


async def test_ca4_a_page_with_live_regions_is_kept_until_it_changes(tmp_path: Path) -> None:
    app = with_pages(tmp_path)
    async with Client(app, isolate=False) as client:
        await filled(1)
        texts = {(await client.get("/kept/around")).text for _ in range(3)}
        assert len(texts) == 1
        await Novel.objects.update(title="II")
        assert "<i>II</i>" in (await client.get("/kept/around")).text
