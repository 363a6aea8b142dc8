"""Managers of a program's own: where they count and where not."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.models.query.data import shelf
from tests.models.schemas.library import Author, Book, Caption, Poster
from vivace.db import query_log
from vivace.models import Manager


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
