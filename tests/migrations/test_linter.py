"""What the linter says of each kind of change."""

from __future__ import annotations

from typing import Any

import pytest

from vivace import migrations, models
from vivace.errors import UnsafeMigration
from vivace.migrations.linter import lint, refuse_unsafe, widens
from vivace.migrations.migration import Migration
from vivace.migrations.operations.base import Operation
from vivace.migrations.state import ModelState, ProjectState

KEY = models.BigAutoField(primary_key=True)
BEFORE = ProjectState(
    [
        ModelState("shop", "Author", {"id": KEY, "name": models.CharField(max_length=9)}),
        ModelState(
            "shop",
            "Book",
            {"id": KEY, "title": models.CharField(max_length=9), "year": models.IntegerField(null=True)},
        ),
    ]
)
SHORT = models.CheckConstraint(condition=models.Q(year__lt=3000), name="short")


def migration(*operations: Operation, atomic: bool = True, reviewed: str = "") -> Migration:
    made = Migration("0002_x", "shop")
    made.operations, made.atomic, made.reviewed = list(operations), atomic, reviewed
    return made


async def nothing(apps: Any, rows: Any) -> None: ...


CASES: list[tuple[str, str, Operation, str]] = [
    ("model", "expand", migrations.CreateModel("Tag", [("id", KEY)]), ""),
    ("delete", "contract", migrations.DeleteModel("Author"), "without the model first"),
    ("rename-model", "unsafe", migrations.RenameModel("Author", "Writer"), "db_table"),
    ("rename-field", "unsafe", migrations.RenameField("Book", "title", "name"), "db_column"),
    ("null", "expand", migrations.AddField("Book", "note", models.TextField(null=True)), ""),
    ("db-default", "expand", migrations.AddField("Book", "n", models.IntegerField(db_default=1)), ""),
    ("not-null", "unsafe", migrations.AddField("Book", "n", models.IntegerField(default=1)), "db_default"),
    (
        "unique",
        "unsafe",
        migrations.AddField("Book", "n", models.IntegerField(null=True, unique=True)),
        "concurrently",
    ),
    ("remove", "contract", migrations.RemoveField("Book", "title"), "without the field first"),
    ("wider", "safe", migrations.AlterField("Book", "title", models.CharField(max_length=99)), ""),
    ("narrower", "unsafe", migrations.AlterField("Book", "title", models.CharField(max_length=3)), "batches"),
    (
        "type",
        "unsafe",
        migrations.AlterField("Book", "year", models.BigIntegerField(null=True)),
        "new column",
    ),
    (
        "forbid-null",
        "unsafe",
        migrations.AlterField("Book", "year", models.IntegerField(default=1)),
        "NotValid",
    ),
    (
        "help",
        "safe",
        migrations.AlterField("Book", "year", models.IntegerField(null=True, help_text="x")),
        "",
    ),
    ("index", "unsafe", migrations.AddIndex("Book", models.Index(fields=["year"], name="y")), "Concurrently"),
    ("check", "unsafe", migrations.AddConstraint("Book", SHORT), "NotValid"),
    ("not-valid", "expand", migrations.AddConstraintNotValid("Book", SHORT), ""),
    (
        "key",
        "expand",
        migrations.AddField("Book", "author", models.ForeignKey("shop.author", models.CASCADE, null=True)),
        "",
    ),
    ("options", "safe", migrations.AlterModelOptions("Book", {"ordering": ["year"]}), ""),
    ("sql", "expand", migrations.RunSQL("SELECT 1"), ""),
    ("python", "expand", migrations.RunPython(nothing), "batched"),
    (
        "separate",
        "safe",
        migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("Book", "title")]),
        "",
    ),
]


@pytest.mark.parametrize(
    ("level", "operation", "fix"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_mg7_levels(level: str, operation: Operation, fix: str) -> None:
    (verdict,) = lint([migration(operation)], BEFORE)
    assert (verdict.level, fix in verdict.fix) == (level, True), str(verdict)


def test_mg7_concurrent_index_is_fine() -> None:
    index = migrations.AddIndexConcurrently("Book", models.Index(fields=["year"], name="y"))
    assert lint([migration(index, atomic=False)], BEFORE)[0].level == "expand"


def test_new_tables_are_nobodys() -> None:
    first = migration(migrations.CreateModel("Tag", [("id", KEY), ("name", models.TextField())]))
    then = migration(
        migrations.AddIndex("Tag", models.Index(fields=["name"], name="n")),
        migrations.RenameModel("Tag", "Label"),
        migrations.AddField("Label", "n", models.IntegerField(default=1)),
    )
    assert {verdict.level for verdict in lint([first, then], BEFORE)} <= {"safe", "expand"}


def test_data_beside_schema_in_one_transaction() -> None:
    both = migration(
        migrations.AddField("Book", "n", models.TextField(null=True)), migrations.RunPython(nothing)
    )
    assert lint([both], BEFORE)[1].level == "unsafe"


def test_mg7_unsafe_fails_unless_reviewed() -> None:
    operation = migrations.RenameField("Book", "title", "name")
    with pytest.raises(UnsafeMigration, match="db_column"):
        refuse_unsafe(lint([migration(operation)], BEFORE))
    refuse_unsafe(lint([migration(operation, reviewed="nobody is on it at night")], BEFORE))


def test_types_that_widen() -> None:
    assert widens("varchar(5)", "varchar(9)")
    assert widens("varchar(5)", "text")
    assert not widens("varchar(9)", "varchar(5)")
    assert not widens("integer", "bigint")
