"""Each operation on both databases, with rows, there and back; after each the database is what the state says."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.migrations.support import APP, DIALECTS, Bench, opened, url_of
from vivace import migrations, models
from vivace.db.types import Dialect
from vivace.errors import IrreversibleMigration, NotNullViolation, StateError
from vivace.migrations.drift import drift
from vivace.migrations.operations.base import Operation
from vivace.migrations.schema.names import object_name

KEY = models.BigAutoField(primary_key=True)
BOOKS = 'SELECT id, title, author_id FROM "shop_book" ORDER BY id'


def author() -> migrations.CreateModel:
    return migrations.CreateModel(
        "Author",
        [("id", KEY), ("name", models.CharField(max_length=40)), ("age", models.IntegerField(null=True))],
    )


def book() -> migrations.CreateModel:
    return migrations.CreateModel(
        "Book",
        [
            ("id", KEY),
            ("title", models.CharField(max_length=40, db_index=True)),
            ("pages", models.PositiveIntegerField(default=1)),
            ("author", models.ForeignKey("shop.author", on_delete=models.CASCADE)),
        ],
        options={"indexes": [models.Index(fields=["pages"], name="pages_idx")]},
    )


@asynccontextmanager
async def library(dialect: str, folder: Path, request: pytest.FixtureRequest) -> AsyncGenerator[Bench]:
    """Two authors and three books."""
    async with opened(url_of(dialect, folder, request)) as database:
        bench = Bench(database)
        await bench.forwards(author(), book())
        await bench.execute(
            "INSERT INTO \"shop_author\" (name, age) VALUES ('Ada', 36), ('Alan', NULL)",
            "INSERT INTO \"shop_book\" (title, pages, author_id) VALUES ('Notes', 3, 1), ('Letters', 12, 1), "
            "('Machines', 5, 2)",
        )
        yield bench


async def both_ways(bench: Bench, *operations: Operation) -> None:
    """Run operations, look whether the database is as the state says, undo them, look again; then run them once more."""
    rows = await bench.rows(BOOKS)
    await bench.forwards(*operations)
    assert [str(each) for each in await drift(bench.database, bench.state)] == []
    await bench.backwards(len(operations))
    assert [str(each) for each in await drift(bench.database, bench.state)] == []
    assert await bench.rows(BOOKS) == rows
    await bench.forwards(*operations)
    assert [str(each) for each in await drift(bench.database, bench.state)] == []


def text(**options: Any) -> Any:
    return models.CharField(max_length=40, **options)


# name → operations whose result the state describes completely; the books stay what they are
CASES: dict[str, list[Operation]] = {
    "create": [migrations.CreateModel("Shelf", [("id", KEY), ("book", models.OneToOneField("shop.book", models.CASCADE))])],
    "create-m2m": [migrations.CreateModel("Shelf", [("id", KEY), ("books", models.ManyToManyField("shop.book"))])],
    "create-child": [
        migrations.CreateModel(
            "Novel",
            [("book_ptr", models.OneToOneField("shop.book", models.CASCADE, primary_key=True, parent_link=True))],
            bases=("shop.book",),
        )
    ],
    "delete": [
        migrations.CreateModel("Shelf", [("id", KEY), ("books", models.ManyToManyField("shop.book"))]),
        migrations.DeleteModel("Shelf"),
    ],
    "rename-model": [
        migrations.CreateModel("Shelf", [("id", KEY), ("books", models.ManyToManyField("shop.book"))]),
        migrations.RenameModel("Shelf", "Rack"),
    ],
    "rename-referred": [migrations.RenameModel("Author", "Person")],
    "rename-self": [
        migrations.AddField("Author", "friends", models.ManyToManyField("self")),
        migrations.AddField("Author", "teacher", models.ForeignKey("self", models.SET_NULL, null=True)),
        migrations.RenameModel("Author", "Writer"),
    ],
    "table": [migrations.AlterModelTable("Author", "people")],
    "table-of-m2m": [
        migrations.AddField("Book", "fans", models.ManyToManyField("shop.author", related_name="+")),
        migrations.AlterModelTable("Author", "people"),
    ],
    "table-case": [migrations.AlterModelTable("Author", "Shop_Author")],
    "comment": [migrations.AlterModelTableComment("Author", "who writes")],
    "unique-together": [migrations.AlterUniqueTogether("Book", {("title", "author"), ("pages", "title")})],
    "unique-together-less": [
        migrations.AlterUniqueTogether("Book", {("title", "author"), ("pages", "title")}),
        migrations.AlterUniqueTogether("Book", {("pages", "title")}),
    ],
    "order": [migrations.AlterOrderWithRespectTo("Book", "author")],
    "options": [migrations.AlterModelOptions("Book", {"ordering": ["title"], "verbose_name": "tome"})],
    "managers": [migrations.AlterModelManagers("Book", [("objects", models.Manager())])],
    "add-null": [migrations.AddField("Book", "note", models.TextField(null=True))],
    "add-blank": [migrations.AddField("Book", "note", models.TextField(blank=True))],
    "add-default": [migrations.AddField("Book", "year", models.IntegerField(default=1843))],
    "add-filled": [migrations.AddField("Book", "year", models.IntegerField(default=1843), preserve_default=False)],
    "add-db-default": [migrations.AddField("Book", "year", models.IntegerField(db_default=1843))],
    "add-positive": [migrations.AddField("Book", "year", models.PositiveSmallIntegerField(null=True))],
    "add-unique": [migrations.AddField("Book", "code", text(null=True, unique=True))],
    "add-indexed": [migrations.AddField("Book", "code", text(null=True, db_index=True))],
    "add-json": [migrations.AddField("Book", "data", models.JSONField(default=dict))],
    "add-uuid": [migrations.AddField("Book", "token", models.UUIDField(null=True))],
    "add-moment": [migrations.AddField("Book", "made", models.DateTimeField(auto_now_add=True))],
    "add-key": [migrations.AddField("Book", "editor", models.ForeignKey("shop.author", models.CASCADE, null=True, related_name="+"))],
    "add-filled-key": [
        migrations.AddField("Book", "editor", models.ForeignKey("shop.author", models.CASCADE, default=2, related_name="+"))
    ],
    "add-cascade": [
        migrations.AddField("Book", "editor", models.ForeignKey("shop.author", models.DB_CASCADE, null=True, related_name="+"))
    ],
    "add-m2m": [migrations.AddField("Book", "fans", models.ManyToManyField("shop.author", related_name="+"))],
    "add-generated": [
        migrations.AddField(
            "Book",
            "twice",
            models.GeneratedField(
                expression=models.F("pages") * 2, output_field=models.IntegerField(), db_persist=True
            ),
        )
    ],
    "remove-plain": [migrations.RemoveField("Author", "age")],
    "remove-positive": [migrations.RemoveIndex("Book", "pages_idx"), migrations.RemoveField("Book", "pages")],
    "remove-m2m": [
        migrations.AddField("Book", "fans", models.ManyToManyField("shop.author", related_name="+")),
        migrations.RemoveField("Book", "fans"),
    ],
    "remove-checked": [
        migrations.AddField("Book", "year", models.PositiveIntegerField(default=1)),
        migrations.RemoveField("Book", "year"),
    ],
    "type": [migrations.AlterField("Author", "age", models.CharField(max_length=9, null=True))],
    "type-indexed": [migrations.AlterField("Book", "title", models.TextField(db_index=True))],
    "longer": [migrations.AlterField("Book", "title", models.CharField(max_length=200, db_index=True))],
    "not-null": [migrations.AlterField("Author", "age", models.IntegerField(default=7))],
    "not-null-filled": [migrations.AlterField("Author", "age", models.IntegerField(default=7), preserve_default=False)],
    "null": [migrations.AlterField("Book", "pages", models.PositiveIntegerField(null=True))],
    "unique": [migrations.AlterField("Book", "title", text(unique=True))],
    "not-unique": [
        migrations.AlterField("Book", "title", text(unique=True)),
        migrations.AlterField("Book", "title", text()),
    ],
    "index": [migrations.AlterField("Author", "name", text(db_index=True))],
    "no-index": [migrations.AlterField("Book", "title", text())],
    "check": [migrations.AlterField("Author", "age", models.PositiveIntegerField(null=True))],
    "no-check": [migrations.AlterField("Book", "pages", models.IntegerField(default=1))],
    "db-default": [
        migrations.AlterField("Book", "pages", models.PositiveIntegerField(db_default=4)),
        migrations.AlterField("Book", "pages", models.PositiveIntegerField(db_default=5)),
        migrations.AlterField("Book", "pages", models.PositiveIntegerField()),
    ],
    "column": [migrations.AlterField("Book", "pages", models.PositiveIntegerField(db_column="n", default=1))],
    "key-to-no-constraint": [
        migrations.AlterField("Book", "author", models.ForeignKey("shop.author", models.CASCADE, db_constraint=False))
    ],
    "key-cascade": [migrations.AlterField("Book", "author", models.ForeignKey("shop.author", models.DB_CASCADE))],
    "key-to-one": [
        migrations.AddField("Book", "cover", models.ForeignKey("shop.author", models.CASCADE, null=True, related_name="+")),
        migrations.AlterField("Book", "cover", models.OneToOneField("shop.author", models.CASCADE, null=True, related_name="+")),
    ],
    "key-type": [migrations.AlterField("Author", "id", models.AutoField(primary_key=True))],
    "key-to-integer": [migrations.AlterField("Author", "id", models.IntegerField(primary_key=True))],
    "key-to-text": [migrations.AlterField("Author", "id", models.CharField(max_length=20, primary_key=True))],
    "rename-field": [migrations.RenameField("Author", "age", "years")],
    "rename-indexed": [
        migrations.AlterUniqueTogether("Book", {("title", "pages")}),
        migrations.RenameField("Book", "pages", "length"),
    ],
    "rename-m2m": [
        migrations.AddField("Book", "fans", models.ManyToManyField("shop.author", related_name="+")),
        migrations.RenameField("Book", "fans", "readers"),
    ],
    "rename-key": [migrations.RenameField("Author", "id", "number")],
    "comment-column": [migrations.AlterField("Author", "age", models.IntegerField(null=True, db_comment="in years"))],
    "add-index": [migrations.AddIndex("Book", models.Index(fields=["-pages", "title"], name="two_idx"))],
    "add-part-index": [
        migrations.AddIndex("Book", models.Index(fields=["title"], name="part_idx", condition=models.Q(pages__gt=2)))
    ],
    "add-expression-index": [migrations.AddIndex("Book", models.Index(models.F("pages") + 1, name="plus_idx"))],
    "remove-index": [migrations.RemoveIndex("Book", "pages_idx")],
    "rename-index": [migrations.RenameIndex("Book", new_name="length_idx", old_name="pages_idx")],
    "add-check": [
        migrations.AddConstraint("Book", models.CheckConstraint(condition=models.Q(pages__lt=99), name="short"))
    ],
    "add-unique-constraint": [
        migrations.AddConstraint("Book", models.UniqueConstraint(fields=["title", "author"], name="once"))
    ],
    "add-part-unique": [
        migrations.AddConstraint(
            "Book", models.UniqueConstraint(fields=["author"], name="one_long", condition=models.Q(pages__gt=10))
        )
    ],
    "remove-check": [
        migrations.AddConstraint("Book", models.CheckConstraint(condition=models.Q(pages__lt=99), name="short")),
        migrations.RemoveConstraint("Book", "short"),
    ],
    "rename-checked": [
        migrations.AddConstraint("Book", models.CheckConstraint(condition=models.Q(pages__lt=99), name="short")),
        migrations.RenameField("Book", "pages", "length"),
    ],
    "alter-constraint": [
        migrations.AddConstraint("Book", models.UniqueConstraint(fields=["title"], name="once")),
        migrations.AlterConstraint(
            "Book", "once", models.UniqueConstraint(fields=["title"], name="once", violation_error_message="no")
        ),
    ],
    "separate": [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.AddField("Book", "note", models.TextField(null=True))],
            state_operations=[migrations.AddField("Book", "note", models.TextField(null=True))],
        )
    ],
    "not-valid": [
        migrations.AddConstraintNotValid(
            "Book", models.CheckConstraint(condition=models.Q(pages__lt=99), name="short")
        ),
        migrations.ValidateConstraint("Book", "short"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("case", CASES)
async def test_mg2_there_and_back(
    dialect: str, case: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async with library(dialect, tmp_path, request) as bench:
        await both_ways(bench, *CASES[case])


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_values_survive(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    async with library(dialect, tmp_path, request) as bench:
        await bench.forwards(
            migrations.AddField("Book", "year", models.IntegerField(default=1843), preserve_default=False),
            migrations.AlterField("Author", "age", models.IntegerField(default=7), preserve_default=False),
            migrations.RenameField("Book", "pages", "length"),
            migrations.RenameModel("Author", "Person"),
            migrations.AlterField("Person", "age", models.CharField(max_length=9)),
        )
        rows = await bench.rows('SELECT title, length, year, author_id FROM "shop_book" ORDER BY id')
        assert rows == [("Notes", 3, 1843, 1), ("Letters", 12, 1843, 1), ("Machines", 5, 1843, 2)]
        people = await bench.rows('SELECT id, name, age FROM "shop_person" ORDER BY id')
        assert [(key, name, str(age)) for key, name, age in people] == [(1, "Ada", "36"), (2, "Alan", "7")]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_new_keys_follow_old_ones_after_a_rebuild(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async with library(dialect, tmp_path, request) as bench:
        await bench.execute('DELETE FROM "shop_book" WHERE id = 3')
        await bench.forwards(migrations.AlterField("Book", "pages", models.IntegerField(null=True)))
        await bench.execute("INSERT INTO \"shop_book\" (title, author_id) VALUES ('New', 1)")
        assert (await bench.rows('SELECT max(id) FROM "shop_book"'))[0][0] == 4


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_null_without_default_is_refused(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async with library(dialect, tmp_path, request) as bench:
        with pytest.raises(NotNullViolation):
            await bench.forwards(migrations.AlterField("Author", "age", models.IntegerField()))
        assert await drift(bench.database, bench.state) == []


async def test_sqlite_rebuild_keeps_children_triggers_and_foreign_indexes(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async with library("sqlite", tmp_path, request) as bench:
        await bench.forwards(
            migrations.AlterField("Book", "author", models.ForeignKey("shop.author", models.DB_CASCADE))
        )
        await bench.execute(
            "CREATE TABLE log (what text)",
            "CREATE TRIGGER logged AFTER INSERT ON shop_author BEGIN INSERT INTO log VALUES (new.name); END",
            "CREATE INDEX by_hand ON shop_author (age, name)",
            "CREATE VIEW names AS SELECT name FROM shop_author",
        )
        await bench.forwards(migrations.AlterField("Author", "name", models.TextField()))
        assert len(await bench.rows(BOOKS)) == 3  # dropping the old table deleted none of them
        await bench.execute("INSERT INTO shop_author (name) VALUES ('Grace')")
        assert await bench.rows("SELECT what FROM log") == [("Grace",)]
        assert await bench.rows("SELECT count(*) FROM names") == [(3,)]
        assert await bench.rows("SELECT name FROM sqlite_master WHERE name = 'by_hand'") == [("by_hand",)]


async def test_postgresql_drops_what_it_named_itself_or_django_named(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async with library("postgresql", tmp_path, request) as bench:
        await bench.forwards(migrations.AlterField("Book", "title", text(unique=True)))
        await bench.execute(
            'ALTER TABLE "shop_book" RENAME CONSTRAINT "shop_book_title_key" TO "shop_book_title_8a9b_uniq"',
            'ALTER TABLE "shop_book" RENAME CONSTRAINT "shop_book_pages_check" TO "old_check"',
            f'ALTER INDEX "{object_name("postgresql", "shop_book", ["author_id"])}" RENAME TO "old_index"',
        )
        await bench.forwards(
            migrations.AlterField("Book", "title", text()),
            migrations.AlterField("Book", "pages", models.IntegerField()),
            migrations.AlterField(
                "Book", "author", models.ForeignKey("shop.author", models.CASCADE, db_index=False)
            ),
        )
        assert await drift(bench.database, bench.state) == []


async def test_postgresql_sequence_follows_its_key_after_a_rename(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async with library("postgresql", tmp_path, request) as bench:
        await bench.forwards(
            migrations.AlterField("Author", "id", models.AutoField(primary_key=True)),
            migrations.RenameModel("Author", "Person"),
            migrations.AlterField("Person", "id", models.BigAutoField(primary_key=True, db_column="Key")),
        )
        kinds = await bench.rows("SELECT data_type::text FROM pg_sequences ORDER BY 1")
        assert kinds == [("bigint",), ("bigint",)]


async def test_state_errors_name_the_nearest() -> None:
    bench_state = migrations.RemoveField("Book", "titel")
    from vivace.migrations.state import ProjectState

    state = ProjectState()
    author().state_forwards(APP, state)
    book().state_forwards(APP, state)
    with pytest.raises(StateError, match="'title'"):
        bench_state.state_forwards(APP, state)
    with pytest.raises(StateError, match="'author'"):
        migrations.DeleteModel("Autor").state_forwards(APP, state)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_mg5_data_in_a_migration(
    dialect: Dialect, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async def shout(apps: Any, editor: Any) -> None:
        for each in await apps.get_model("shop", "Book").objects.order_by("id"):
            each.title = each.title.upper()
            await each.save()

    async with library(dialect, tmp_path, request) as bench:
        await bench.forwards(
            migrations.RunPython(shout),
            migrations.RunSQL(
                "UPDATE shop_book SET pages = 9", reverse_sql=migrations.RunSQL.noop, tables=["shop_book"]
            ),
            migrations.AlterField("Book", "pages", models.IntegerField(null=True)),
        )
        assert await bench.rows('SELECT title, pages FROM "shop_book" ORDER BY id') == [
            ("NOTES", 9), ("LETTERS", 9), ("MACHINES", 9)
        ]  # fmt: skip
        await bench.backwards(2)
        with pytest.raises(IrreversibleMigration, match="reverse_code"):
            await bench.backwards()
