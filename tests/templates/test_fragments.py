"""``{% cache %}``: no key and no time; kept until a commit changes what was read for it (CA5)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cache.shelf import Novel, Writer, filled, queries_of, running, shelf_app, shown, site
from tests.db.backends import DIALECTS, url_of
from vivace import App
from vivace.db import atomic, current_databases

PAGES: Mapping[str, str] = {
    "list.html": "{% cache %}{% for novel in novels %}<i>{{ novel.title }}</i>{% endfor %}{% endcache %}",
    "one.html": "<h1>x</h1>{% cache %}<b>{{ novel.title }} by {{ novel.writer.name }}</b>{% endcache %}",
    "nested.html": (
        "{% cache %}[{% for novel in novels %}{% cache %}<i>{{ novel.title }}, {{ novel.writer.name }}</i>"
        "{% endcache %}{% endfor %}]{% endcache %}"
    ),
    "loop.html": "{% for novel in novels %}{% cache %}{{ loop.index }}:{{ novel.title }};{% endcache %}{% endfor %}",
    "raw.html": "{% cache %}{% for novel in rows() %}<i>{{ novel.title }}</i>{% endfor %}{% endcache %}",
    "timed.html": "{% cache timeout=10 %}{{ clock() }}{% endcache %}",
    "keyed.html": "{% cache key='side', vary=[language] %}{{ thing.text }} {{ language }}{% endcache %}",
    "django.html": "{% cache 10 side language %}{{ thing.text }} {{ language }}{% endcache %}",
    "including.html": "{% cache %}{% include 'row.html' %}{% endcache %}",
    "row.html": "<i>{{ title }}</i>",
    "child.html": "{% extends 'base.html' %}{% block content %}{{ title }}{% endblock %}",
    "base.html": "<main>{% cache %}{% block content %}{% endblock %}{% endcache %}</main>",
    "macro.html": (
        "{% macro show(text) %}<i>{{ text }} {{ suffix }}</i>{% endmacro %}{% cache %}{{ show(title) }}{% endcache %}"
    ),
    "imported.html": "{% import 'macros.html' as m %}{% cache %}{{ m.show(title) }}{% endcache %}",
    "macros.html": "{% macro show(text) %}<i>{{ text }}</i>{% endmacro %}",
    "calling.html": (
        "{% macro box() %}{% cache %}<div>{{ caller() }}</div>{% endcache %}{% endmacro %}"
        "{% call box() %}{{ title }}{% endcall %}"
    ),
    "failing.html": "{% cache %}{{ novels|length }}{{ fail() }}{% endcache %}",
    "setting.html": "{% set x = title %}{% cache %}{% set x = 'in' %}{{ x }}{% endcache %}{{ x }}",
}


async def raw_novels() -> list[Novel]:
    return await Novel.objects.raw("SELECT * FROM shelf_novel")


@pytest.fixture(params=DIALECTS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return url_of(request.param, tmp_path, request)


@pytest.fixture
def sqlite(tmp_path: Path) -> App:
    return shelf_app(f"sqlite:///{tmp_path}/test.sqlite3", PAGES)


async def test_ca5_a_fragment_is_kept_until_a_commit_changes_what_it_read(url: str) -> None:
    async with running(shelf_app(url, PAGES)) as app:
        _, novels = await filled(2)
        assert await queries_of(app, "list.html", novels=Novel.objects.all()) == (
            "<i>Novel 1</i><i>Novel 2</i>",
            1,
        )
        assert await queries_of(app, "list.html", novels=Novel.objects.all()) == (
            "<i>Novel 1</i><i>Novel 2</i>",
            0,
        )
        novels[0].title = "Changed"
        await novels[0].save()
        assert await queries_of(app, "list.html", novels=Novel.objects.all()) == (
            "<i>Changed</i><i>Novel 2</i>",
            1,
        )
        await Novel.objects.filter(pk=novels[1].pk).delete()
        assert await queries_of(app, "list.html", novels=Novel.objects.all()) == ("<i>Changed</i>", 1)
        report = app.dependents.report()
        assert (report.hits, report.misses, report.dropped) == (1, 3, {"shelf_novel": 2})


async def test_ca5_a_fragment_that_is_more_than_ascii_is_encoded_once(sqlite: App) -> None:
    async with running(sqlite) as app:
        await Writer.objects.create(name="ふ")
        await Novel.objects.create(writer_id=1, title="ふみ")
        texts = [await shown(app, "list.html", novels=Novel.objects.all()) for _ in range(2)]
        assert texts == ["<i>ふみ</i>", "<i>ふみ</i>"]
        template = app.templates.get("list.html")
        for _ in range(2):
            assert template.encoded({"novels": Novel.objects.all()}) == texts[0].encode()
        pieces = template.fill([], {"novels": Novel.objects.all()})
        copied = "".join(list(texts[0]))  # whose UTF-8 nobody asked for
        assert pieces[0].__sizeof__() > copied.__sizeof__()


async def test_ca5_a_query_that_narrows_outlives_commits_that_it_does_not_meet(url: str) -> None:
    async with running(shelf_app(url, PAGES)) as app:
        writer, _ = await filled(2)
        other = await Writer.objects.create(name="Bob")
        mine = Novel.objects.filter(writer=writer)
        await shown(app, "list.html", novels=mine)
        await Novel.objects.create(writer=other, title="Elsewhere")
        assert (await queries_of(app, "list.html", novels=Novel.objects.filter(writer=writer)))[1] == 0
        await Novel.objects.filter(title="Elsewhere").update(writer=writer)
        assert "Elsewhere" in await shown(app, "list.html", novels=Novel.objects.filter(writer=writer))


async def test_ca5_an_object_counts_as_its_row_and_what_it_leads_to_is_read(url: str) -> None:
    async with running(shelf_app(url, PAGES)) as app:
        writer, novels = await filled(1)
        load = Novel.objects.get

        async def page() -> tuple[str, int]:
            return await queries_of(app, "one.html", novel=await load(pk=novels[0].pk))

        assert await page() == ("<h1>x</h1><b>Novel 1 by Ada</b>", 1)
        assert await page() == ("<h1>x</h1><b>Novel 1 by Ada</b>", 0)
        writer.name = "Ada L."
        await writer.save()
        assert await page() == ("<h1>x</h1><b>Novel 1 by Ada L.</b>", 1)
        await Novel.objects.update(title="N")
        assert await page() == ("<h1>x</h1><b>N by Ada L.</b>", 1)


async def test_ca5_an_object_that_was_loaded_before_a_commit_is_not_kept_for_those_after(sqlite: App) -> None:
    async with running(sqlite) as app:
        _, novels = await filled(1)
        early = await Novel.objects.get(pk=novels[0].pk)
        await Novel.objects.update(title="New")
        assert "Novel 1" in await shown(app, "one.html", novel=early)
        assert "New" in await shown(app, "one.html", novel=await Novel.objects.get(pk=novels[0].pk))


async def test_ca5_what_a_view_changed_in_an_object_is_shown_to_nobody_else(sqlite: App) -> None:
    async with running(sqlite) as app:
        _, novels = await filled(1)
        mine = await Novel.objects.get(pk=novels[0].pk)
        mine.title = "my draft"
        assert "my draft" in await shown(app, "one.html", novel=mine)
        assert "Novel 1" in await shown(app, "one.html", novel=await Novel.objects.get(pk=novels[0].pk))


async def test_ca5_relations_loaded_by_the_view_are_in_the_key(sqlite: App) -> None:
    async with running(sqlite) as app:
        writer, novels = await filled(1)
        loaded = await Novel.objects.select_related("writer").get(pk=novels[0].pk)
        assert await queries_of(app, "one.html", novel=loaded) == ("<h1>x</h1><b>Novel 1 by Ada</b>", 0)
        writer.name = "Eve"
        await writer.save()
        fresh = await Novel.objects.select_related("writer").get(pk=novels[0].pk)
        assert "Eve" in await shown(app, "one.html", novel=fresh)


async def test_ca5_fragments_in_a_fragment_end_with_it_and_live_without_it(sqlite: App) -> None:
    async with running(sqlite) as app:
        writer, novels = await filled(3)

        async def page() -> str:
            return await shown(app, "nested.html", novels=Novel.objects.all())

        await page()
        assert len(app.dependents) == 4
        await Novel.objects.filter(pk=novels[1].pk).update(title="Second")
        assert len(app.dependents) == 2
        assert "<i>Second, Ada</i>" in await page()
        assert len(app.dependents) == 4
        writer.name = "Eve"
        await writer.save()
        assert len(app.dependents) == 0, "what an inner fragment read counts for the outer one"
        assert (await page()).count("Eve") == 3


async def test_ca5_a_rollback_drops_nothing_and_a_savepoint_only_what_stays(url: str) -> None:
    async with running(shelf_app(url, PAGES)) as app:
        await filled(1)
        await shown(app, "list.html", novels=Novel.objects.all())
        with pytest.raises(RuntimeError):
            async with atomic():
                await Novel.objects.create(title="never")
                raise RuntimeError("undone")
        assert len(app.dependents) == 1
        async with atomic():
            with pytest.raises(RuntimeError):
                async with atomic():
                    await Novel.objects.create(title="never")
                    raise RuntimeError("undone")
            await Writer.objects.create(name="Bob")
        assert len(app.dependents) == 1
        assert (await queries_of(app, "list.html", novels=Novel.objects.all()))[1] == 0


async def test_ca5_a_transaction_sees_its_own_rows_and_keeps_nothing(url: str) -> None:
    async with running(shelf_app(url, PAGES)) as app:
        await filled(1)
        await shown(app, "list.html", novels=Novel.objects.all())
        with pytest.raises(RuntimeError):
            async with atomic():
                await Novel.objects.create(title="mine")
                assert "mine" in await shown(app, "list.html", novels=Novel.objects.all())
                raise RuntimeError("undone")
        assert await shown(app, "list.html", novels=Novel.objects.all()) == "<i>Novel 1</i>"


async def test_ca5_raw_sql_drops_what_it_wrote_or_might_have(url: str) -> None:
    async with running(shelf_app(url, PAGES)) as app:
        await filled(1)
        await shown(app, "list.html", novels=Novel.objects.all())
        await current_databases.get().default.run_script("UPDATE shelf_novel SET title = 'raw'")  # type: ignore[union-attr]
        assert await shown(app, "list.html", novels=Novel.objects.all()) == "<i>raw</i>"
        assert (await queries_of(app, "raw.html", rows=raw_novels)) == ("<i>raw</i>", 1)
        assert (await queries_of(app, "raw.html", rows=raw_novels)) == ("<i>raw</i>", 0)
        await Writer.objects.create(name="anybody")
        assert (await queries_of(app, "raw.html", rows=raw_novels))[1] == 1


async def test_ca5_the_place_in_a_loop_is_in_the_key(sqlite: App) -> None:
    async with running(sqlite) as app:
        _, novels = await filled(3)
        assert await shown(app, "loop.html", novels=novels) == "1:Novel 1;2:Novel 2;3:Novel 3;"
        assert await shown(app, "loop.html", novels=novels[1:]) == "1:Novel 2;2:Novel 3;"
        assert await shown(app, "loop.html", novels=novels) == "1:Novel 1;2:Novel 2;3:Novel 3;"
        assert site(app, "loop.html").hits == 3


async def test_ca5_a_time_limit_holds_for_what_the_clock_decides(sqlite: App) -> None:
    now = [0.0]
    async with running(sqlite) as app:
        app.dependents.clock = lambda: now[0]

        async def page() -> str:
            return await shown(app, "timed.html", clock=clock)

        def clock() -> str:
            return str(now[0])

        assert await page() == "0.0"
        now[0] = 9.9
        assert await page() == "0.0"
        now[0] = 10.0
        assert await page() == "10.0"
        assert app.dependents.report().expired == 1


@pytest.mark.parametrize("template", ["keyed.html", "django.html"])
async def test_ca5_an_explicit_key_stands_for_values_that_have_none(sqlite: App, template: str) -> None:
    class Thing:
        def __init__(self, text: str) -> None:
            self.text = text

    async with running(sqlite) as app:
        assert await shown(app, template, thing=Thing("a"), language="en") == "a en"
        assert await shown(app, template, thing=Thing("b"), language="en") == "a en"
        assert await shown(app, template, thing=Thing("b"), language="de") == "b de"


async def test_ca5_values_without_a_key_are_rendered_each_time_and_counted(sqlite: App) -> None:
    class Thing:
        title = "a"

    async with running(sqlite) as app:
        assert await shown(app, "list.html", novels=[Thing()]) == "<i>a</i>"
        assert len(app.dependents) == 0
        assert [*site(app, "list.html").refused] == ["no key for " + Thing.__qualname__]


@pytest.mark.parametrize(
    ("template", "values", "expected", "other", "changed"),
    [
        ("including.html", {"title": "a"}, "<i>a</i>", {"title": "b"}, "<i>b</i>"),
        ("child.html", {"title": "a"}, "<main>a</main>", {"title": "b"}, "<main>b</main>"),
        (
            "macro.html",
            {"title": "a", "suffix": "!"},
            "<i>a !</i>",
            {"title": "a", "suffix": "?"},
            "<i>a ?</i>",
        ),
        ("imported.html", {"title": "a"}, "<i>a</i>", {"title": "b"}, "<i>b</i>"),
        ("calling.html", {"title": "a"}, "<div>a</div>", {"title": "b"}, "<div>b</div>"),
        ("setting.html", {"title": "a"}, "ina", {"title": "b"}, "inb"),
    ],
)
async def test_ca5_names_that_only_the_render_knows_are_learned(
    sqlite: App,
    template: str,
    values: dict[str, Any],
    expected: str,
    other: dict[str, Any],
    changed: str,
) -> None:
    async with running(sqlite) as app:
        for _ in range(3):
            assert await shown(app, template, **values) == expected
            assert await shown(app, template, **other) == changed
        if template != "calling.html":  # what a caller shows may be anything
            assert app.dependents.report().hits >= 2


async def test_ca5_what_failed_is_not_kept(sqlite: App) -> None:
    fails = [True]

    def fail() -> str:
        if fails[0]:
            raise ValueError("no")
        return "!"

    async with running(sqlite) as app:
        await filled(1)
        with pytest.raises(ValueError, match="no"):
            await shown(app, "failing.html", novels=Novel.objects.all(), fail=fail)
        assert len(app.dependents) == 0
        fails[0] = False
        assert await shown(app, "failing.html", novels=Novel.objects.all(), fail=fail) == "1!"
        assert len(app.dependents) == 1
