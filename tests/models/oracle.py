"""Django as an oracle: the same models in both, on one database; the same expressions must give the same answers.

``SOURCE`` is a ``models.py`` that is run twice, with ``models`` from Django and from Vivace. A query is text that is
evaluated in both worlds; ``answer`` brings what comes out into a form that can be compared: primary keys and column
values of objects, tuples and dicts of values, plain results of terminal methods, the kind of an error.
"""

from __future__ import annotations

import datetime
import decimal
import inspect
import os
import types
import uuid
from pathlib import Path
from typing import Any

from tests.djangopeer import django_module
from vivace.models.expressions.base import several

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Django is called from tests that run in a loop

SOURCE = """
class Publisher(models.Model):
    name = models.CharField(max_length=80)
    city = models.CharField(max_length=40, blank=True, null=True)

    class Meta:
        app_label = "oracle"


class Author(models.Model):
    name = models.CharField(max_length=80)
    age = models.IntegerField(null=True)
    born = models.DateField(null=True)
    friends = models.ManyToManyField("self", blank=True)
    mentor = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="pupils")

    class Meta:
        app_label = "oracle"
        ordering = ["name"]


class Tag(models.Model):
    name = models.CharField(max_length=40, unique=True)

    class Meta:
        app_label = "oracle"


class Book(models.Model):
    title = models.CharField(max_length=200, db_index=True)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")
    editor = models.ForeignKey(Author, on_delete=models.SET_NULL, null=True, related_name="edited")
    publisher = models.ForeignKey(Publisher, on_delete=models.SET_NULL, null=True)
    tags = models.ManyToManyField(Tag, related_name="books")
    year = models.IntegerField()
    pages = models.PositiveIntegerField(default=0)
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    rating = models.FloatField(null=True)
    published = models.DateTimeField(null=True)
    reading = models.DurationField(null=True)
    wakes = models.TimeField(null=True)
    in_print = models.BooleanField(default=True)
    code = models.UUIDField(null=True)
    data = models.JSONField(null=True)

    class Meta:
        app_label = "oracle"
        ordering = ["year", "title"]


class Review(models.Model):
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="reviews", related_query_name="review")
    stars = models.SmallIntegerField(null=True)
    text = models.TextField(blank=True)

    class Meta:
        app_label = "oracle"


class Cover(models.Model):
    book = models.OneToOneField(Book, on_delete=models.CASCADE, related_name="cover")
    colour = models.CharField(max_length=20)

    class Meta:
        app_label = "oracle"


class Novel(Book):
    genre = models.CharField(max_length=20)

    class Meta:
        app_label = "oracle"


class Loan(models.Model):
    pk = models.CompositePrimaryKey("shelf", "number")
    shelf = models.IntegerField()
    number = models.IntegerField()
    borrower = models.ForeignKey(Author, on_delete=models.CASCADE, null=True)

    class Meta:
        app_label = "oracle"
"""
NAMES = ("Publisher", "Author", "Tag", "Book", "Review", "Cover", "Novel", "Loan")


class World:
    """One of the two: its classes by name, and what else a query may name."""

    def __init__(self, names: dict[str, Any], kind: str) -> None:
        self.names = names
        self.kind = kind

    def model(self, name: str) -> Any:
        return self.names[name]

    def build(self, text: str) -> Any:
        """Evaluate a query without running it."""
        return eval(text, dict(self.names))


def _common() -> dict[str, Any]:
    return {
        "D": decimal.Decimal,
        "date": datetime.date,
        "datetime": datetime.datetime,
        "time": datetime.time,
        "timedelta": datetime.timedelta,
        "utc": datetime.UTC,
        "UUID": uuid.UUID,
    }


def django_world(url: dict[str, Any]) -> World:
    """Configure Django (once per process) for a database, and define the models in it."""
    apps = django_module("django.apps").apps
    connect_django(url)
    from django.db import models
    from django.db.models import functions

    if apps.all_models.get("oracle"):
        module = _django_module[0]
    else:
        module = types.ModuleType("oracle.models")
        module.__dict__["models"] = models
        module.__file__ = __file__
        exec(SOURCE, module.__dict__)
        _install(apps, module)
        _django_module.append(module)
    from django.db.models.expressions import RawSQL
    from django.db.models.fields import json

    names = {**vars(models), **{n: getattr(functions, n) for n in functions.__all__}, **_common()}
    names.update(RawSQL=RawSQL, KT=json.KT)
    names.update({name: getattr(module, name) for name in NAMES}, models=models)
    return World(names, "django")


_django_module: list[Any] = []


def _install(apps: Any, module: types.ModuleType) -> None:
    """Make the models those of an installed app: only then Django knows reverse relations."""
    from django.apps import AppConfig

    config = AppConfig("oracle", module)
    config.apps, config.models, config.models_module = apps, apps.all_models["oracle"], module
    apps.app_configs["oracle"] = config
    apps.clear_cache()


def connect_django(url: dict[str, Any]) -> None:
    """Point Django's default connection to a database."""
    from django.db import connections

    known: Any = connections
    known["default"].close()
    del known["default"]
    known.settings["default"] = known.configure_settings({"default": dict(url)})["default"]


def vivace_world() -> World:
    """Define the models in Vivace (once per process)."""
    from vivace import models
    from vivace.models import functions

    if not _vivace_module:
        module = types.ModuleType("tests_oracle_models")
        module.__dict__["models"] = models
        exec(SOURCE, module.__dict__)
        _vivace_module.append(module)
    module = _vivace_module[0]
    names = {name: getattr(models, name) for name in dir(models) if not name.startswith("_")}
    names.update({n: getattr(functions, n) for n in dir(functions) if n[0].isupper()}, **_common())
    names.update({name: getattr(module, name) for name in NAMES}, models=models)
    return World(names, "vivace")


_vivace_module: list[Any] = []


def create_tables(world: World) -> None:
    """Create the tables with Django's own schema editor."""
    from django.db import connection

    with connection.schema_editor() as editor:
        for name in NAMES:
            editor.create_model(world.model(name))


def fill(world: World) -> None:
    """Insert rows with many coincidences: equal names, NULLs, rows without relations."""
    m = world.names
    utc = datetime.UTC
    publishers = [
        m["Publisher"].objects.create(name=n, city=c)
        for n, c in (("Ace", "Rome"), ("Tor", None), ("Orb", "Oslo"))
    ]
    people = (
        ("Ada", 36, datetime.date(1815, 12, 10)),
        ("Alan", 41, datetime.date(1912, 6, 23)),
        ("Grace", None, None),
        ("Ada", 20, datetime.date(1990, 1, 1)),
        ("Zoe%_", 0, datetime.date(2000, 2, 29)),
    )
    authors = [m["Author"].objects.create(name=n, age=a, born=b) for n, a, b in people]
    authors[1].mentor = authors[0]
    authors[1].save()
    authors[3].mentor = authors[1]
    authors[3].save()
    authors[0].friends.add(authors[1], authors[2])
    tags = [m["Tag"].objects.create(name=n) for n in ("math", "code", "art", "none")]
    rows: list[tuple[Any, ...]] = [
        (
            "Notes",
            0,
            1,
            0,
            1843,
            30,
            "10.50",
            4.5,
            datetime.datetime(1843, 10, 5, 12, 30, 15, tzinfo=utc),
            {"a": 1, "b": {"c": [1, 2, "x"]}, "t": "hello"},
            (0, 1),
        ),
        ("Letters", 0, None, 1, 1852, 120, None, None, None, None, (0,)),
        (
            "Machines",
            1,
            0,
            None,
            1936,
            36,
            "99.99",
            3.25,
            datetime.datetime(1936, 5, 28, 23, 59, 59, 123456, tzinfo=utc),
            {"a": None, "t": True, "n": 2.5},
            (1, 2),
        ),
        (
            "Compilers",
            2,
            2,
            2,
            1952,
            300,
            "20.00",
            -1.5,
            datetime.datetime(1952, 1, 1, tzinfo=utc),
            [1, {"a": 2}, "z"],
            (),
        ),
        (
            "Notes",
            3,
            1,
            0,
            2015,
            30,
            "10.50",
            4.5,
            datetime.datetime(2015, 12, 31, 23, 0, 0, tzinfo=utc),
            {"a": "1", "list": [10, 20, 30], "f": False},
            (0, 1, 2),
        ),
        (
            "notes on_100%",
            3,
            None,
            None,
            2020,
            0,
            "0.00",
            0.0,
            datetime.datetime(2020, 2, 29, 8, 0, 0, tzinfo=utc),
            "text",
            (3,),
        ),
    ]
    books: list[Any] = []
    for position, (
        title,
        author,
        editor,
        publisher,
        year,
        pages,
        price,
        rating,
        published,
        data,
        own,
    ) in enumerate(rows):
        made = m["Book"].objects.create(
            title=title,
            author=authors[author],
            editor=None if editor is None else authors[editor],
            publisher=None if publisher is None else publishers[publisher],
            year=year,
            pages=pages,
            price=None if price is None else decimal.Decimal(price),
            rating=rating,
            published=published,
            reading=None if position == 1 else datetime.timedelta(hours=position, seconds=5),
            wakes=None if position == 2 else datetime.time(position, 30, 10),
            in_print=position % 2 == 0,
            code=uuid.UUID(int=position) if position else None,
            data=data,
        )
        made.tags.add(*(tags[each] for each in own))
        books.append(made)
    for book, stars, text in (
        (0, 5, "fine"),
        (0, 1, ""),
        (2, None, "hm"),
        (3, 3, "ok"),
        (4, 5, "fine"),
        (4, 5, "x"),
    ):
        m["Review"].objects.create(book=books[book], stars=stars, text=text)
    for book, colour in ((0, "red"), (3, "blue")):
        m["Cover"].objects.create(book=books[book], colour=colour)
    m["Novel"].objects.create(
        title="Novel", author=authors[0], year=1999, pages=10, genre="noir", publisher=publishers[0]
    )
    for shelf, number, who in ((1, 1, 0), (1, 2, None), (2, 1, 1)):
        m["Loan"].objects.create(shelf=shelf, number=number, borrower=None if who is None else authors[who])


def shown(value: Any) -> Any:
    """Return a result in a form that both worlds share."""
    if isinstance(value, (list, tuple)):
        return [shown(each) for each in several(value)]
    if isinstance(value, dict):
        return _shown_names(value)
    if hasattr(value, "_meta"):
        return _object(value)
    if isinstance(value, float):
        return round(value, 9)
    if isinstance(value, decimal.Decimal):
        return value.normalize()
    return bytes(value) if type(value) is memoryview else value


def _shown_names(value: Any) -> dict[str, Any]:
    return {name: shown(each) for name, each in value.items()}


def _object(value: Any) -> Any:
    columns = {field.attname for field in value._meta.concrete_fields}
    held: dict[str, Any] = dict(value.__dict__)
    model: Any = value._meta.model
    kept = {
        name: shown(each)
        for name, each in held.items()
        if name[0] != "_" and (name in columns or not hasattr(model, name))
    }
    return {"model": value._meta.object_name, **kept}


async def answer(world: World, text: str) -> Any:
    """Run a query in one world."""
    try:
        result = world.build(text)
        if (world.kind == "vivace" and hasattr(result, "query_state")) or inspect.isawaitable(result):
            result = await result
        if hasattr(result, "_iterable_class"):
            result = list(result)
        return shown(result)
    except Exception as error:
        if os.environ.get("ORACLE_RAISE"):
            raise
        return f"error: {type(error).__name__}"


def sqlite_settings(path: Path) -> dict[str, Any]:
    """Return Django's settings for a file."""
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)}


def disconnect_django() -> None:
    """Close Django's connection, so that a database can be dropped."""
    from django.db import connections

    known: Any = connections
    known["default"].close()
