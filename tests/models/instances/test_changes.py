"""What each way of writing reports as changed, when somebody listens."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from tests.models.query.data import shelf
from tests.models.schemas import library
from tests.models.schemas.library import Author, Book, Publisher, Restaurant, Tag
from vivace.changes import Change, WriteSet
from vivace.db import Database, atomic
from vivace.models import F
from vivace.models.adoption import watched_columns


@contextmanager
def listening(database: Database) -> Generator[list[Change]]:
    """Collect the changes of the block."""
    heard: list[Change] = []

    def hear(written: WriteSet) -> None:
        assert not written.everything
        assert not written.tables
        heard.extend(written.changes)

    database.watch(watched_columns(library.ALL))
    stop = database.subscribe(hear)
    try:
        yield heard
    finally:
        stop()


def told(changes: list[Change]) -> list[tuple[str, str]]:
    return sorted((change.table.removeprefix("tests_"), change.operation) for change in changes)


async def test_md_each_way_of_writing_reports_rows(database_url: str) -> None:
    async with shelf(database_url) as database:
        ada = await Author.objects.get(name="Ada")
        press = await Publisher.objects.get()
        with listening(database) as heard:
            book = await Book.objects.create(title="New", author=ada, year=1, pages=1)
        assert told(heard) == [("book", "insert")]
        assert heard[0].key == (book.pk,)
        assert heard[0].new is not None
        assert heard[0].new["author_id"] == ada.pk
        with listening(database) as heard:
            book.publisher = press
            await book.save()
        assert told(heard) == [("book", "update")]
        assert heard[0].old is not None
        assert (heard[0].old["publisher_id"], (heard[0].new or {})["publisher_id"]) == (None, press.pk)
        with listening(database) as heard:
            await Book.objects.filter(author=ada).update(pages=F("pages") + 1)
        assert told(heard) == [("book", "update")] * 3
        with listening(database) as heard:
            tags = await Tag.objects.bulk_create([Tag(name="x"), Tag(name="y")])
        assert told(heard) == [("tag", "insert")] * 2
        with listening(database) as heard:
            for tag in tags:
                tag.name += "!"
            await Tag.objects.bulk_update(tags, ["name"])
        assert told(heard) == [("tag", "update")] * 2
        with listening(database) as heard:
            await book.tags.set(tags)
            await book.tags.remove(tags[0])
        assert told(heard) == [("book_tags", "delete"), ("book_tags", "insert"), ("book_tags", "insert")]
        with listening(database) as heard:
            await Restaurant.objects.create(name="Chez")
        assert told(heard) == [("place", "insert"), ("restaurant", "insert")]
        with listening(database) as heard:
            await Author.objects.filter(pk=ada.pk).delete()
        assert told(heard) == [
            ("author", "delete"),
            *[("book", "delete")] * 3,
            *[("book_tags", "delete")] * 4,
        ]


async def test_md_what_is_rolled_back_is_not_reported(database_url: str) -> None:
    async with shelf(database_url) as database:
        with listening(database) as heard:
            async with atomic():
                await Tag.objects.create(name="kept")
                try:
                    async with atomic():
                        await Tag.objects.create(name="undone")
                        raise RuntimeError("undo")
                except RuntimeError:
                    pass
        assert told(heard) == [("tag", "insert")]
