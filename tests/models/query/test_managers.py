"""Managers of a program's own: where they count and where not."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.models.query.data import shelf
from tests.models.schemas.library import Author, Book, Caption, Poster
from vivace import models
from vivace.db import query_log
from vivace.models import Manager, QuerySet


async def test_md_default_manager_restricts_what_is_asked_of_it(database_url: str) -> None:
    async with shelf(database_url):
        ada = await Author.objects.get(name="Ada")
        hidden = await Poster.shown.create(name="hidden", visible=False, author=ada)
        seen = await Poster.shown.create(name="seen", author=ada)
        assert await Poster.shown.all() == [seen]
        assert await Poster.shown.named("hidden") == []
        assert await Poster.everything.count() == 2
        assert Poster._default_manager.name == "shown"
        assert await ada.posters.all() == [seen]
        assert await ada.posters.named("seen") == [seen]
        assert len(await ada.posters(manager="everything").all()) == 2
        (again,) = await Author.objects.filter(pk=ada.pk).prefetch_related("posters")
        assert list(again.posters.all()) == [seen]
        caption = await Caption.objects.create(poster=hidden)
        (found,) = await Caption.objects.prefetch_related("poster")
        assert (found.pk, found.poster) == (caption.pk, hidden)
        hidden.name = "changed"
        with query_log() as log:
            await hidden.save()
        assert len(log) == 1
        await hidden.refresh_from_db()
        assert hidden.name == "changed"
        await ada.delete()
        assert await Poster.everything.count() == 0


def test_md_manager_describes_itself() -> None:
    assert Poster.shown.deconstruct() == (False, "tests.models.schemas.library.VisibleManager", None, (), {})
    as_manager, _, queryset, *_ = cast("Any", Book.objects).deconstruct()
    assert (as_manager, queryset) == (True, "tests.models.schemas.library.BookQuerySet")
    assert str(Poster.shown) == "tests.Poster.shown"
    assert isinstance(Author.objects, Manager)
    with pytest.raises(AttributeError, match="not to its objects"):
        Poster(name="x").shown


class Marked(QuerySet[Any]):
    def get(self, *args: Any, **kwargs: Any) -> Any:
        return "got", args, kwargs

    def all(self) -> Any:
        return "all"


class Marking(Manager[Any]):
    def get_queryset(self) -> Any:
        return Marked(self.model)


@pytest.mark.parametrize("make", [Marked.as_manager, lambda: Manager.from_queryset(Marked)(), Marking])
def test_md_a_queryset_s_own_get_and_all_are_what_a_manager_calls(make: Any) -> None:
    class Sheet(models.Model):
        kept: Any = make()

        class Meta:
            app_label = "marked"

    for _ in range(2):  # the second time from what the first one kept
        assert Sheet.kept.get(1, name="a") == ("got", (1,), {"name": "a"})
        assert Sheet.kept.filter(pk=1).all() == "all"
    if make is not Marking:
        assert [Sheet.kept.all() for _ in range(2)] == ["all", "all"]
