"""The tables that Django makes (on the other database we do), and the rows, random but full of coincidences.

Rows come from small pools of values per kind of column, the same from which queries take theirs: so filters match,
groups have several members, and NULLs, empty strings and missing relations are common.
"""

from __future__ import annotations

import datetime
import decimal
import random
import uuid
from collections.abc import Sequence
from typing import Any, Final

from tests.differential import django_side

_DATES: Final = ("2000-02-29", "1843-10-05", "2015-12-31", "2016-01-01", "2020-06-15")
_MOMENTS: Final = (
    *("2000-02-29T12:30:15", "1843-10-05T00:00:00", "2015-12-31T23:59:59.123456", "2016-01-01T00:00:00"),
    "2020-06-15T08:05:00.500000",
)
POOLS: Final[dict[str, Sequence[Any]]] = {
    "int": (0, 1, 2, 3, 5, 7, 30, 100, 1843, 2000, -1, -7),
    "float": (0.0, 1.0, 2.5, -1.5, 4.5, 0.1, 1e6, 3.0),
    "decimal": tuple(decimal.Decimal(each) for each in ("0.00", "10.50", "20.00", "99.99", "-3.25", "0.10")),
    "text": (
        "",
        "a",
        "Ada",
        "ada",
        "Alan",
        "Notes",
        "notes on 100%",
        "a_b",
        "x\\y",
        "Zoë",
        "O'Neil",
        " pad ",
        "42",
    ),
    "bool": (True, False),
    "date": tuple(map(datetime.date.fromisoformat, _DATES)),
    "datetime": tuple(datetime.datetime.fromisoformat(each + "+00:00") for each in _MOMENTS),
    "time": tuple(map(datetime.time.fromisoformat, ("00:00:00", "12:30:15", "23:59:59.123456", "08:05:00"))),
    "duration": tuple(
        datetime.timedelta(**each)
        for each in (
            {},
            {"seconds": 5},
            {"hours": 3},
            {"days": 2, "microseconds": 7},
            {"days": -1, "hours": 1},
        )
    ),
    "uuid": tuple(uuid.UUID(int=each) for each in (1, 2, 3, 2**127)),
    "json": (
        {},
        {"a": 1, "b": {"c": [1, 2, "x"]}, "t": "hello"},
        {"a": None, "t": True, "n": 2.5},
        {"a": "1", "list": [10, 20, 30], "f": False},
        [1, {"a": 2}, "z"],
        "hello",
        3,
        {"a": {"b": 1}, "t": "Hello", "n": 30},
    ),
}
COLLATION: Final = "BINARY"  # SQLite's name of "C", which PostgreSQL gets too, so that queries can name one
KINDS: Final[dict[str, str]] = {
    "AutoField": "int",
    "BigAutoField": "int",
    "IntegerField": "int",
    "BigIntegerField": "int",
    "PositiveIntegerField": "int",
    "SmallIntegerField": "int",
    "FloatField": "float",
    "DecimalField": "decimal",
    "CharField": "text",
    "TextField": "text",
    "BooleanField": "bool",
    "DateField": "date",
    "DateTimeField": "datetime",
    "TimeField": "time",
    "DurationField": "duration",
    "UUIDField": "uuid",
    "JSONField": "json",
}


def make_djangos_tables() -> None:
    """Let Django make the tables in an empty database."""
    from django.db import connection

    with connection.schema_editor() as editor:
        for model in django_side.models():
            editor.create_model(model)
        editor.execute(f'CREATE COLLATION "{COLLATION}" FROM "C"')


def fill(seed: int) -> None:
    """Replace all rows by random ones."""
    from django.db import transaction

    block: Any = transaction.atomic()
    with block:
        _empty()
        Rows(random.Random(seed)).insert()


def _empty() -> None:
    from django.core.management.color import no_style
    from django.db import connection

    models = django_side.models()
    tables = [model._meta.db_table for model in models]
    tables += [field.m2m_db_table() for model in models for field in model._meta.local_many_to_many]
    with connection.cursor() as cursor:
        for statement in connection.ops.sql_flush(
            no_style(), list(dict.fromkeys(tables)), reset_sequences=True
        ):
            cursor.execute(statement)


class Rows:
    """Random rows of all models."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.keys: dict[str, list[Any]] = {}
        self.covered: set[Any] = set()

    def insert(self) -> None:
        """Insert them, parents first."""
        for model in django_side.models():
            name = model._meta.object_name
            count = self.chance.randint(3, 6) if name == "Publisher" else self.chance.randint(5, 12)
            self.keys[name] = []
            for number in range(count):
                self._insert(model, name, number)
        for model in django_side.models():
            self._connect(model)

    def _insert(self, model: Any, name: str, number: int) -> None:
        values = {
            field.attname: self._value(field, number)
            for field in model._meta.concrete_fields
            if not field.primary_key or name == "Shelf"
        }
        if name == "Novel":
            values.pop("book_ptr_id", None)
        if name == "Cover":
            free = [key for key in self.keys["Book"] if key not in self.covered]
            if not free:
                return
            values["book_id"] = self.chance.choice(free)
            self.covered.add(values["book_id"])
        made = model(**values)
        made.save(force_insert=True)
        self.keys[name].append(made.pk)
        if name == "Novel":
            self.keys["Book"].append(made.pk)

    def _value(self, field: Any, number: int) -> Any:
        if field.is_relation:
            keys = self.keys[field.related_model._meta.object_name]
            if field.null and (not keys or self.chance.random() < 0.3):
                return None
            return self.chance.choice(keys)
        if field.null and self.chance.random() < 0.25:
            return None
        if field.model._meta.object_name == "Shelf" and field.name in ("room", "number"):
            return number // 3 if field.name == "room" else number % 3
        pool = [each for each in POOLS[KINDS[field.get_internal_type()]] if _fits(field, each)]
        value = self.chance.choice(pool)
        return f"{value[:30]}{number}" if field.unique else value

    def _connect(self, model: Any) -> None:
        for field in model._meta.local_many_to_many:
            through = field.remote_field.through
            if not through._meta.auto_created:
                continue
            targets = self.keys[field.related_model._meta.object_name]
            for key in self.keys[model._meta.object_name]:
                held = self.chance.sample(targets, self.chance.randint(0, min(3, len(targets))))
                getattr(model(pk=key), field.name).add(*held)


def _fits(field: Any, value: Any) -> bool:
    return not (field.get_internal_type().startswith("Positive") and value < 0)
