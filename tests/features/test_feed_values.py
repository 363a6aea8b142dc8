"""CH2: values of conditions and values of changes are the same values, for each type of column on each database: whatever
form the program gave them, and whatever form the database gives them back.

For each column: rows with some values, and conditions that name these values in any form that the field takes. A row that
the condition finds must meet it when it is written; where the type narrows, other rows must not.
"""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Sequence
from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Any, Final

from vivace import models
from vivace.changes import ReadSet, WriteSet, recording
from vivace.db import Database, Databases, current_databases
from vivace.db.urls import connect
from vivace.errors import DatabaseError
from vivace.migrations.create import create_tables
from vivace.models.adoption import watched_columns

D = decimal.Decimal
IDS: Final = [uuid.UUID(int=n) for n in (0, 5, 2**128 - 1)]
MOMENT: Final = datetime.datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)
EARLY: Final = datetime.datetime(1, 1, 1, tzinfo=UTC)
TOKYO: Final = timezone(timedelta(hours=9))


class Size(models.TextChoices):
    SMALL = "s", "small"
    LARGE = "l", "large"


class Rank(models.IntegerChoices):
    LOW = -1, "low"
    HIGH = 1, "high"


class Folded(models.CharField):
    """A user's field, which the database compares without regard to case."""

    def db_type(self, connection: Any) -> str | None:
        dialect = connection if isinstance(connection, str) else connection.dialect
        return "text COLLATE NOCASE" if dialect == "sqlite" else 'text COLLATE "NOCASE"'


class Keyed(models.Model):
    id = models.UUIDField(primary_key=True)
    slug = models.SlugField(unique=True)

    class Meta:
        app_label = "feedvalues"


class Held(models.Model):
    note = models.TextField(default="")
    flag = models.BooleanField(null=True, db_index=True)
    char = models.CharField(max_length=40, null=True, db_index=True)
    size = models.CharField(max_length=4, choices=Size.choices, null=True, db_index=True)
    rank = models.IntegerField(choices=Rank.choices, null=True, db_index=True)
    text = models.TextField(null=True, db_index=True)
    email = models.EmailField(null=True, db_index=True)
    url = models.URLField(null=True, db_index=True)
    slug = models.SlugField(null=True)
    day = models.DateField(null=True, db_index=True)
    moment = models.DateTimeField(null=True, db_index=True)
    time = models.TimeField(null=True, db_index=True)
    span = models.DurationField(null=True, db_index=True)
    price = models.DecimalField(max_digits=10, decimal_places=3, null=True, db_index=True)
    ratio = models.FloatField(null=True, db_index=True)
    small = models.SmallIntegerField(null=True, db_index=True)
    number = models.IntegerField(null=True, db_index=True)
    big = models.BigIntegerField(null=True, db_index=True)
    positive = models.PositiveIntegerField(null=True, db_index=True)
    code = models.UUIDField(null=True, db_index=True)
    address = models.GenericIPAddressField(null=True, db_index=True)
    blob = models.BinaryField(null=True)
    data = models.JSONField(null=True)
    folded = Folded(max_length=40, default="")
    collated = models.CharField(max_length=40, null=True, db_collation="NOCASE")
    keyed = models.ForeignKey(Keyed, models.CASCADE, null=True, related_name="+")
    slugged = models.ForeignKey(Keyed, models.CASCADE, null=True, related_name="+", to_field="slug")

    class Meta:
        app_label = "feedvalues"
        indexes = [
            models.Index(fields=["blob"], name="feedvalues_blob"),
            models.Index(fields=["folded", "collated"], name="feedvalues_text"),
        ]


NARROWS: Final = True
CASES: Final[Sequence[tuple[str, bool, Sequence[Any], Sequence[Any]]]] = (
    # column, whether conditions on it narrow, values of rows, forms of values that conditions name
    ("flag", NARROWS, [True, False, None], [True, False, 1, 0, "True", None]),
    (
        "char",
        NARROWS,
        ["a", "A", "é", "e\u0301", "", " a", "5", None],
        ["a", "A", "é", "e\u0301", "", " a", 5, None],
    ),
    ("size", NARROWS, [Size.SMALL, "l", None], [Size.SMALL, "s", Size.LARGE, "x"]),
    ("rank", NARROWS, [Rank.LOW, 1, None], [Rank.LOW, -1, Rank.HIGH, "1", 7]),
    ("text", NARROWS, ["a", "A", "a\nb", ""], ["a", "A", "a\nb", ""]),
    ("email", NARROWS, ["a@b.c", "A@b.c"], ["a@b.c", "A@b.c"]),
    ("url", NARROWS, ["https://a/", "https://a"], ["https://a/", "https://a"]),
    ("slug", NARROWS, ["a", "b"], ["a", "b"]),
    ("day", NARROWS, [MOMENT.date(), EARLY.date()], [MOMENT.date(), "2026-03-01", MOMENT, EARLY.date()]),
    (
        *("moment", NARROWS, [MOMENT, EARLY, MOMENT.replace(microsecond=0)]),
        [
            MOMENT,
            MOMENT.astimezone(TOKYO),
            "2026-03-01T12:00:00Z",
            MOMENT.isoformat(),
            EARLY,
            MOMENT.replace(microsecond=0),
        ],
    ),
    (
        "time",
        False,
        [datetime.time(1), datetime.time(1, microsecond=5)],
        [datetime.time(1), "01:00", "01:00:00.000005"],
    ),
    ("span", False, [timedelta(days=-1), timedelta(hours=24)], [timedelta(days=-1), timedelta(days=1)]),
    ("price", False, [D("1.5"), D("-2"), D("0")], [D("1.50"), D("1.500"), "1.5", 1.5, -2, D("-0")]),
    (
        "ratio",
        False,
        [1.5, -0.0, float("inf"), 1e300],
        [1.5, "1.5", 0, 0.0, float("inf"), float("nan"), 10**300],
    ),
    ("small", NARROWS, [-5, 5], [-5, 5, "5", 70000]),
    ("number", NARROWS, [-5, 0, 5], [-5, 0, "5", True, 5.0]),
    ("big", NARROWS, [-(2**63), 2**63 - 1], [-(2**63), 2**63 - 1, 2**70]),
    ("positive", NARROWS, [0, 5], [0, 5, -1]),
    ("code", NARROWS, IDS, [*IDS, str(IDS[1]), IDS[1].hex, IDS[1].int, f"{{{IDS[1]}}}".upper()]),
    (
        "address",
        False,
        ["::1", "10.0.0.1", "2001:db8::1"],
        ["::1", "0:0:0:0:0:0:0:1", "10.0.0.1", "2001:DB8::1"],
    ),
    ("blob", False, [b"a", b"\x00\xff"], [b"a", memoryview(b"\x00\xff"), bytearray(b"a")]),
    ("data", False, [{"a": 1.0}, [1], "x"], [{"a": 1}, [1], "x"]),
    ("folded", False, ["a", "A", "b"], ["a", "A"]),
    ("collated", False, ["a", "A", "b"], ["a", "A"]),
    ("keyed", NARROWS, [IDS[0], IDS[1]], [IDS[0], str(IDS[1]), IDS[1].hex]),
    ("slugged", NARROWS, ["one", "two"], ["one", "two"]),
)
LOOKUPS: Final = ("exact", "in", "iexact", "date", "icontains", "gte")
"""Beside equality, some that look like it: they must not narrow as it does."""


async def test_ch2_conditions_hold_the_values_that_changes_tell_on_sqlite(tmp_path: Path) -> None:
    await _hold(f"sqlite:///{tmp_path / 'values.sqlite3'}")


async def test_ch2_conditions_hold_the_values_that_changes_tell_on_postgresql(
    every_postgresql_url: str,
) -> None:
    await _hold(every_postgresql_url)


async def _hold(url: str) -> None:
    database = Database("default", connect(url, root=Path("/")))
    current_databases.set(Databases({"default": database}))
    try:
        if database.dialect == "postgresql":
            await _make_collation(database)
        await create_tables(database, [Keyed, Held])
        database.watch(watched_columns([Keyed, Held]))
        await Keyed.objects.create(id=IDS[0], slug="one")
        await Keyed.objects.create(id=IDS[1], slug="two")
        for column, narrows, values, forms in CASES:
            await _column(database, column, narrows, values, forms)
    finally:
        await database.close()


async def _make_collation(database: Database) -> None:
    made = 'CREATE COLLATION "NOCASE"'
    try:
        await database.run_script(
            f"{made} (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
        )
    except DatabaseError:  # a server without ICU has no collation that folds case
        await database.run_script(f"{made} (locale = 'C')")


async def _column(
    database: Database, column: str, narrows: bool, values: Sequence[Any], forms: Sequence[Any]
) -> None:
    name = Held._meta.get_field(column).attname
    rows = [await Held.objects.create(**{name: value}) for value in values]
    told = [await _told(database, row) for row in rows]
    unrelated = met = 0
    for form in forms:
        for given in ({name: form}, {f"{name}__in": [form]}, {f"{column}__in": [form, values[0]]}):
            found, reads = await _asked(given)
            for row, written in zip(rows, told, strict=True):
                meets = reads.meets(written)
                assert meets or row.pk not in found, (column, given, reads.tables, written)
                if form is not None and row.pk not in found:
                    unrelated += 1
                    met += meets
        for lookup in LOOKUPS[2:]:
            await _looks_alike(f"{name}__{lookup}", form, rows, told)
    if narrows:
        assert met == 0, (column, met)
    await Held.objects.all().delete()


async def _told(database: Database, row: Held) -> WriteSet:
    """Return what is told when a row is written and its column stays as it was."""
    heard: list[WriteSet] = []
    stop = database.subscribe(heard.append)
    await Held.objects.filter(pk=row.pk).update(note="written")
    stop()
    (written,) = heard
    assert len(written.changes) == 1
    return written


async def _asked(given: dict[str, Any]) -> tuple[list[Any], ReadSet]:
    with recording(ReadSet()) as reads:
        found = await Held.objects.filter(**given).values_list("pk", flat=True)
    return list(found), reads


async def _looks_alike(lookup: str, form: Any, rows: Sequence[Held], told: Sequence[WriteSet]) -> None:
    try:
        found, reads = await _asked({lookup: form})
    except Exception:
        return  # no such lookup for this column, or not with this value
    for row, written in zip(rows, told, strict=True):
        assert row.pk not in found or reads.meets(written), (lookup, form, reads.tables, written)
