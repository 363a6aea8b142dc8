"""What a request asked its databases, in debug mode: warnings with their line, the debug page, and nothing outside of it."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from vivace import App, Request, models, render
from vivace.app.debugpage import debug_page
from vivace.app.queries import KEPT
from vivace.config.settings import Settings
from vivace.db import query_log
from vivace.templates import TemplateOptions
from vivace.testing import Client

HOSTILE = "</td></table><script>alert('x')</script>{0}{nonce}&lt;"
HTML = {"accept": "text/html"}


class Shelf(models.Model):
    name = models.CharField(max_length=80)
    password = models.CharField(max_length=80, default="")


class Item(models.Model):
    shelf = models.ForeignKey(Shelf, on_delete=models.CASCADE, related_name="items")
    name = models.CharField(max_length=80)


def shop(debug: bool = True) -> App:
    app = App(models=[Shelf, Item], debug=debug, settings=Settings())
    app.debug_page = debug_page

    @app.get("/loop")
    async def loop() -> list[str]:
        return [(await Shelf.objects.get(pk=n)).name for n in (1, 2, 3, 1)]  # the loop

    @app.get("/counts")
    async def counts() -> list[int]:
        return [await shelf.items.count() for shelf in await Shelf.objects.all()]  # the counts

    @app.post("/writes")
    async def writes() -> None:
        for number in range(3):
            await Item.objects.create(shelf_id=1, name=f"new {number}")

    @app.get("/twice/{pk}")
    async def twice(pk: int) -> bool:
        first = await Shelf.objects.get(pk=pk)  # asked first
        second = await Shelf.objects.get(pk=pk)
        return first == second

    @app.get("/together")
    async def together() -> Any:
        shelves = await Shelf.objects.prefetch_related("items").order_by("pk")
        return [len(shelf.items.all()) for shelf in shelves]

    @app.get("/rows")
    async def rows() -> Any:
        return Shelf.objects.order_by("pk")

    @app.get("/stream")
    async def stream() -> AsyncIterator[str]:
        for number in (1, 2, 3):
            yield (await Shelf.objects.get(pk=number)).name  # in the stream

    @app.get("/broken/{name}")
    async def broken(name: str) -> None:
        await Shelf.objects.filter(name=name).exists()  # the first
        await Shelf.objects.filter(name="x", password="hunter222").exists()
        async for _ in Item.objects.order_by("pk").iterator():
            raise RuntimeError("it broke")
        raise RuntimeError("it broke, too")

    @app.get("/many")
    async def many() -> None:
        for number in range(KEPT + 5):
            await Shelf.objects.filter(pk=number).exists()
        raise RuntimeError("after many")

    return app


async def fill() -> None:
    await Shelf.objects.bulk_create([Shelf(name=f"shelf {n}") for n in range(3)])


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Any:
    """Return the texts of the warnings so far, and forget them."""
    caplog.set_level(logging.WARNING, "vivace.app")

    def take() -> list[str]:
        texts = [record.getMessage() for record in caplog.records if record.module == "queries"]
        caplog.clear()
        return texts

    return take


def line_of(comment: str) -> str:
    with open(__file__, encoding="utf-8") as file:
        number = next(n for n, text in enumerate(file, 1) if text.rstrip().endswith(f"# {comment}"))
    return f"tests/app/test_queries.py:{number}"


async def test_or18_a_loop_of_queries_is_told_once_with_its_line_and_the_fix(told: Any) -> None:
    async with Client(shop()) as client:
        await fill()
        await client.get("/loop")
        (text,) = told()
        assert text.startswith(f"GET /loop, in {line_of('the loop')}: one query ran 4 times: SELECT ")
        assert "in_bulk()" in text
        await client.get("/loop")
        assert told() == []
        await client.get("/counts")
        (text,) = told()
        assert line_of("the counts") in text
        assert "annotate(Count(" in text
        await client.post("/writes")
        (text,) = told()
        assert text.startswith("POST /writes, in tests/app/test_queries.py:")
        assert "bulk_create()" in text


async def test_or18_a_loop_in_a_template_is_told_with_the_line_of_the_template(
    told: Any, tmp_path: Path
) -> None:
    (tmp_path / "shelves.html").write_text(
        "<ul>\n{% for shelf in shelves %}\n<li>{{ shelf.items.count() }}\n{% endfor %}</ul>", encoding="utf-8"
    )
    app = App(
        models=[Shelf, Item], debug=True, settings=Settings(), templates=TemplateOptions(sources=[tmp_path])
    )

    @app.get("/shelves")
    async def shelves(request: Request) -> Any:
        return render(request, "shelves.html", shelves=Shelf.objects.all())

    async with Client(app) as client:
        await fill()
        await client.get("/shelves")
    (text,) = told()
    assert text.startswith(
        f"GET /shelves, in {tmp_path / 'shelves.html'}:3: one query ran 3 times: SELECT COUNT("
    )


async def test_or18_the_same_question_asked_twice_is_told(told: Any) -> None:
    async with Client(shop()) as client:
        await fill()
        await client.get("/twice/1")
        (text,) = told()
        assert line_of("asked first") in text
        assert "the same query with the same values ran 2 times" in text
        await client.get("/twice/2")
        assert told() == []


async def test_or18_what_is_loaded_at_once_and_answers_are_no_reason_for_a_warning(told: Any) -> None:
    async with Client(shop()) as client:
        await fill()
        for path in ("/together", "/rows"):
            assert (await client.get(path)).status == 200
        assert told() == []


async def test_or18_streams_are_told_when_they_have_ended(told: Any) -> None:
    async with Client(shop()) as client:
        await fill()
        assert (await client.get("/stream")).text == "shelf 0shelf 1shelf 2"
    (text,) = told()
    assert line_of("in the stream") in text


async def test_or18_a_stream_of_rows_counts_as_a_query() -> None:
    async with Client(shop()):
        await fill()
        with query_log() as log:
            assert len([shelf async for shelf in Shelf.objects.order_by("pk").iterator(chunk_size=1)]) == 3
        (event,) = log
        assert event.sql.startswith("SELECT")
        assert __file__ in event.place


async def test_lo3_the_debug_page_lists_the_queries_of_the_request() -> None:
    async with Client(shop(), raise_errors=False, headers=HTML) as client:
        await fill()
        await Item.objects.create(shelf_id=1, name="x")
        page = unescape((await client.get("/broken/tea")).text)
        assert "Queries (3 in " in page
        for part in ("SELECT", "'tea')", " ms</th>", f"{line_of('the first')}</span>"):
            assert part in page, part
        assert page.count("hunter222") == page.count('password="hunter222"') > 0  # in the source alone
        page = unescape((await client.get("/many")).text)
        assert f"Queries ({KEPT + 5:d} in " in page
        assert "more queries …" in page


async def test_lo3_nothing_of_a_query_is_markup_on_the_page() -> None:
    async with Client(shop(), raise_errors=False, headers=HTML) as client:
        page = await client.get(f"/broken/{quote(HOSTILE, safe='')}")
        assert page.status == 500
        assert "<script>" not in page.text
        assert "&lt;script&gt;alert(" in page.text


async def test_or18_outside_debug_nobody_watches(told: Any) -> None:
    app = shop(debug=False)
    async with Client(app) as client:
        await fill()
        await client.get("/loop")
        assert told() == []
    assert app.handle.__qualname__ == "Plan.handle"


def test_or18_outside_debug_nothing_of_it_is_loaded() -> None:
    code = "import sys; from vivace import App, models; App(databases={'default': 'sqlite://:memory:'}).compile(); "
    found = "print([name for name in sys.modules if name in ('vivace.app.queries', 'vivace.app.hiding')])"
    ran = subprocess.run([sys.executable, "-c", code + found], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
