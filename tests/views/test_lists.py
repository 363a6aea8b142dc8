"""Lists and single objects by class: contexts, names of templates, pages, what is not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from vivace import App, Request, models
from vivace.errors import BadView
from vivace.models.pagination import Page
from vivace.templates import TemplateOptions
from vivace.testing import Client
from vivace.views import DetailView, ListView, TemplateView, View, get_list_or_404, get_object_or_404


class Book(models.Model):
    title = models.CharField(max_length=40)
    slug = models.SlugField(unique=True)
    page = models.CharField(max_length=40, default="")

    class Meta:
        app_label = "shelf"
        ordering = ("title",)


ROWS = "{% for book in book_list %}{{ book.title }} {% endfor %}"
TEXTS = {
    "shelf/book_list.html": ROWS + "{% include 'vivace/pagination.html' %}",
    "shelf/book_detail.html": "{{ book.title }}/{{ object.pk }}/{{ view.kwargs|length }}",
    "own.html": "own {{ object.title }}",
    "page.html": "{{ word }} {{ more }} {{ request.path }}",
    "rows.html": "{{ object_list|join(',') }}",
}


def library(*routes: tuple[str, type[View], Mapping[str, Any]], **options: Any) -> App:
    app = App(models=[Book], templates=TemplateOptions(sources=[TEXTS]), **options)
    for path, view, given in routes:
        app.add_route(path, view.as_view(**given))
    return app


async def fill(count: int) -> None:
    await Book.objects.bulk_create([Book(title=f"b{n:02}", slug=f"s{n}") for n in range(1, count + 1)])


# -- templates ----------------------------------------------------------------------------------------------------


async def test_ro9_template_view_shows_path_parameters_and_extra_context() -> None:
    app = library(
        ("/w/{word}", TemplateView, {"template_name": "page.html", "extra_context": {"more": "<b>"}})
    )
    assert (await Client(app).get("/w/hi")).text == "hi &lt;b&gt; /w/hi"


def test_ro9_a_view_without_a_template_is_refused() -> None:
    with pytest.raises(BadView, match="template_name"):
        TemplateView.as_view()


async def test_rs2_middleware_may_still_change_the_context_of_a_view() -> None:
    app = library(("/w/{word}", TemplateView, {"template_name": "page.html"}))

    @app.before_render
    def louder(request: Request, response: Any) -> None:
        response.context["word"] = response.context["word"].upper()

    assert (await Client(app).get("/w/hi")).text.startswith("HI")


async def test_ro9_context_hooks_are_awaited_or_not() -> None:
    class Later(TemplateView):
        template_name = "page.html"

        async def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
            return {**await super().get_context_data(**kwargs), "more": "later"}

    class Plain(TemplateView):
        template_name = "page.html"

        def get_context_data(self, **kwargs: Any) -> Any:
            return {**kwargs, "more": "plain"}

    client = Client(library(("/l/{word}", Later, {}), ("/p/{word}", Plain, {})))
    assert (await client.get("/l/a")).text == "a later /l/a"
    assert (await client.get("/p/a")).text == "a plain /p/a"


def test_ro9_templates_that_are_not_there_are_found_before_somebody_asks() -> None:
    app = library(
        ("/a", TemplateView, {"template_name": "pgae.html"}),
        ("/b", ListView, {"queryset": Book.objects.all(), "template_name_suffix": "_shelf"}),
        ("/c/{pk}", DetailView, {"model": Book}),
        (
            "/d/{pk}",
            DetailView,
            {"model": Book, "template_name_suffix": "_no", "template_name_field": "page"},
        ),
        ("/e", TemplateView, {"template_name": "page.html#part"}),
    )
    found = [finding for finding in app.check() if finding.id == "view-template-missing"]
    assert [(finding.level, finding.message.split("'")[1]) for finding in found] == [
        ("warning", "pgae.html"),
        ("warning", "shelf/book_shelf.html"),
    ]
    assert "page.html" in found[0].hint


# -- lists --------------------------------------------------------------------------------------------------------


async def test_ro9_list_view_on_each_database(database: str) -> None:
    app = library(("/", ListView, {"model": Book}), databases={"default": database})
    async with Client(app) as client:
        assert (await client.get("/")).text == ""
        await fill(3)
        assert (await client.get("/")).text == "b01 b02 b03 "


async def test_ro9_list_options_choose_and_order_rows() -> None:
    class Some(ListView[Book]):
        def get_queryset(self) -> Any:
            return super().get_queryset().exclude(title="b02")

    class Waiting(ListView[Book]):
        async def get_queryset(self) -> Any:  # type: ignore[override]
            return await Book.objects.filter(title="b01")

    async with Client(
        library(
            ("/down", ListView, {"model": Book, "ordering": "-title"}),
            ("/some", Some, {"queryset": Book.objects.filter(title__gt="b01")}),
            ("/list", Waiting, {"template_name": "rows.html"}),
            ("/empty", ListView, {"queryset": Book.objects.none(), "allow_empty": False}),
        )
    ) as client:
        await fill(3)
        assert (await client.get("/down")).text == "b03 b02 b01 "
        assert (await client.get("/some")).text == "b03 "
        assert (await client.get("/list")).text == "Book object (1)"
        assert (await client.get("/empty")).status == 404


async def test_or20_pages_are_numbered_and_keep_the_query(database: str) -> None:
    app = library(("/", ListView, {"model": Book, "paginate_by": 2}), databases={"default": database})
    async with Client(app) as client:
        await fill(5)
        text = (await client.get("/?q=%C3%A4+b&page=2&page=2")).text
        assert text.startswith("b03 b04 ")
        assert 'href="?q=%C3%A4+b&amp;page=3" rel="next"' in text
        assert 'href="?q=%C3%A4+b&amp;page=1" rel="prev"' in text
        assert text.count('aria-current="page"') == 1
        assert 'href="?q=%C3%A4+b&amp;page=2" aria-current="page"' in text
        assert (await client.get("/?page=last")).text.startswith("b05 ")


@pytest.mark.parametrize("page", ["0", "-1", "4", "two", "1.0", "99999999999999999999999", ""])
async def test_or20_wrong_pages_are_404_or_the_nearest(page: str) -> None:
    app = library(
        ("/strict", ListView, {"model": Book, "paginate_by": 2}),
        ("/kind", ListView, {"model": Book, "paginate_by": 2, "wrong_page": "nearest"}),
    )
    async with Client(app) as client:
        await fill(5)
        assert (await client.get(f"/strict?page={page}")).status == (200 if page == "" else 404)
        expected = "b05 " if page in ("0", "-1", "4", "99999999999999999999999") else "b01 b02 "
        assert (await client.get(f"/kind?page={page}")).text.startswith(expected)


async def test_or20_orphans_empty_first_page_and_no_links_for_one_page() -> None:
    app = library(("/", ListView, {"model": Book, "paginate_by": 2, "paginate_orphans": 1}))
    async with Client(app) as client:
        assert (await client.get("/?page=1")).text == ""
        assert (await client.get("/?page=last")).text == ""
        await fill(3)
        assert (await client.get("/")).text == "b01 b02 b03 "


async def test_or20_many_pages_are_elided() -> None:
    async with Client(library(("/", ListView, {"model": Book, "paginate_by": 1}))) as client:
        await fill(30)
        text = (await client.get("/?page=15")).text
        assert text.count("…") == 2
        assert text.count('aria-label="Page ') == 2 + 7 + 2


async def test_or20_page_number_may_be_in_the_path_under_another_name() -> None:
    async with Client(
        library(("/{seite:int}", ListView, {"model": Book, "paginate_by": 2, "page_kwarg": "seite"}))
    ) as client:
        await fill(3)
        text = (await client.get("/2")).text
        assert text.startswith("b03 ")
        assert "?seite=1" in text


async def test_or20_keyset_pages_stay_stable_while_rows_come(database: str) -> None:
    app = library(
        ("/", ListView, {"model": Book, "paginate_by": 2, "keyset": True}), databases={"default": database}
    )
    async with Client(app) as client:
        await fill(5)
        first = (await client.get("/?q=x")).text
        assert first.startswith("b01 b02 ")
        assert "Previous</span>" in first
        link = first.split('href="')[1].split('"')[0].replace("&amp;", "&")
        await Book.objects.create(title="b00", slug="before")
        second = (await client.get(f"/{link}")).text
        assert second.startswith("b03 b04 ")
        assert "before=" in second
        assert "q=x" in second
        assert (await client.get("/?after=nonsense")).status == 400


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({}, "model, queryset"),
        ({"model": Book, "wrong_page": "last"}, "'404' or 'nearest'"),
        ({"model": Book, "keyset": True}, "paginate_by"),
        ({"model": Book, "paginateby": 2}, "Did you mean 'paginate_by'"),
    ],
)
def test_ro9_lists_that_cannot_work_are_refused(given: dict[str, Any], match: str) -> None:
    with pytest.raises(BadView, match=match):
        ListView.as_view(**given)


async def test_ro9_a_queryset_on_the_class_is_asked_anew_for_each_request() -> None:
    class Shared(ListView[Book]):
        queryset = Book.objects.all()

    async with Client(library(("/", Shared, {}))) as client:
        await fill(1)
        assert (await client.get("/")).text == "b01 "
        await Book.objects.create(title="b02", slug="x")
        assert (await client.get("/")).text == "b01 b02 "


async def test_ro9_a_list_is_given_to_templates_lazily_and_pages_as_pages() -> None:
    seen: dict[str, Any] = {}

    class Spy(ListView[Book]):
        template_name = "rows.html"

        async def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
            seen.update(await super().get_context_data(**kwargs))
            return seen

    async with Client(
        library(("/all", Spy, {"model": Book}), ("/p", Spy, {"model": Book, "paginate_by": 2}))
    ) as client:
        await fill(3)
        await client.get("/all")
        assert (seen["is_paginated"], seen["page_obj"], seen["paginator"]) == (False, None, None)
        assert seen["object_list"] is seen["book_list"]
        await client.get("/p")
        assert isinstance(seen["page_obj"], Page)
        assert seen["is_paginated"] is True
        assert [book.title for book in seen["book_list"]] == ["b01", "b02"]


# -- one object ---------------------------------------------------------------------------------------------------


async def test_ro9_detail_view_on_each_database(database: str) -> None:
    app = library(
        ("/b/{pk}", DetailView, {"model": Book}),
        ("/s/{slug}", DetailView, {"queryset": Book.objects.filter(title="b01")}),
        ("/t/{title}", DetailView, {"model": Book, "slug_field": "title", "slug_url_kwarg": "title"}),
        ("/both/{pk}/{slug}", DetailView, {"model": Book, "query_pk_and_slug": True}),
        databases={"default": database},
    )
    async with Client(app) as client:
        await fill(2)
        one, two = await Book.objects.all()
        assert (await client.get(f"/b/{one.pk}")).text == f"b01/{one.pk}/1"
        assert (await client.get("/s/s1")).text.startswith("b01/")
        assert (await client.get("/t/b02")).text.startswith("b02/")
        assert (await client.get(f"/both/{two.pk}/s2")).text == f"b02/{two.pk}/2"
        for missing in ("/b/999999", "/b/abc", "/b/99999999999999999999999", "/s/s2", f"/both/{two.pk}/s1"):
            assert (await client.get(missing)).status == 404, missing


async def test_ro9_a_field_may_name_the_template() -> None:
    app = library(("/{pk:int}", DetailView, {"model": Book, "template_name_field": "page"}))
    async with Client(app) as client:
        book = await Book.objects.create(title="x", slug="x", page="own.html")
        plain = await Book.objects.create(title="y", slug="y")
        assert (await client.get(f"/{book.pk}")).text == "own x"
        assert (await client.get(f"/{plain.pk}")).text.startswith("y/")


async def test_ro9_a_path_that_names_no_object_says_how_to() -> None:
    async with Client(library(("/{id:int}", DetailView, {"model": Book}))) as client:
        with pytest.raises(BadView, match="pk_url_kwarg = 'id'"):
            await client.get("/1")


# -- shortcuts ----------------------------------------------------------------------------------------------------


async def test_ro10_get_object_and_list_or_404(database: str) -> None:
    app = library(databases={"default": database})

    @app.get("/one")
    async def one(title: str) -> str:
        book = await get_object_or_404(Book, title=title)
        return book.title

    @app.get("/many")
    async def many(least: str) -> int:
        return len(await get_list_or_404(Book.objects.all(), title__gte=least))

    @app.get("/value/{pk}")
    async def value(pk: str) -> str:
        return await get_object_or_404(Book.objects.values_list("title", flat=True), pk=pk)

    async with Client(app) as client:
        await fill(2)
        first = await Book.objects.earliest("title")
        assert (await client.get("/one?title=b01")).text == "b01"
        assert (await client.get("/one?title=no")).status == 404
        assert (await client.get("/many?least=b02")).json() == 1
        assert (await client.get("/many?least=z")).status == 404
        assert (await client.get(f"/value/{first.pk}")).text == "b01"
        assert (await client.get("/value/abc")).status == 404
        await Book.objects.create(title="b01", slug="twin")
        with pytest.raises(Book.MultipleObjectsReturned):
            await client.get("/one?title=b01")


async def test_ro10_only_models_managers_and_querysets_are_looked_in() -> None:
    with pytest.raises(TypeError, match="nothing to look in"):
        await get_object_or_404(cast("Any", str), pk=1)
