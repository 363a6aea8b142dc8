"""The same models in Django (``contrib.postgres``) and in Vivace, and rows for both."""

from __future__ import annotations

import datetime
import decimal
import types
from typing import Any, Final

from tests.models import oracle
from vivace.models.expressions.base import several

EXTENSIONS: Final = ("hstore", "pg_trgm", "unaccent", "btree_gist")
SOURCE: Final = """
class Post(models.Model):
    title = models.CharField(max_length=80)
    body = models.TextField(blank=True)
    number = models.SmallIntegerField(default=0)
    score = models.FloatField(null=True)
    weight = models.FloatField(null=True)
    day = models.DateField(null=True)
    at = models.DateTimeField(null=True)
    price = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    flag = models.BooleanField(default=False)
    tags = postgresql.ArrayField(models.CharField(max_length=20), null=True)
    counts = postgresql.ArrayField(models.IntegerField(null=True), default=list)
    grid = postgresql.ArrayField(postgresql.ArrayField(models.IntegerField()), null=True)
    prices = postgresql.ArrayField(models.DecimalField(max_digits=6, decimal_places=2), null=True)
    moments = postgresql.ArrayField(models.DateTimeField(), null=True)
    documents = postgresql.ArrayField(models.JSONField(), null=True)
    data = postgresql.HStoreField(null=True)
    ages = postgresql.IntegerRangeField(null=True)
    big = postgresql.BigIntegerRangeField(null=True)
    span = postgresql.DecimalRangeField(null=True)
    period = postgresql.DateTimeRangeField(null=True)
    days = postgresql.DateRangeField(null=True)
    vector = postgresql.SearchVectorField(null=True)
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="children")

    class Meta:
        app_label = "contrib"
        ordering = ["id"]
"""


def rows(make_range: Any) -> list[dict[str, Any]]:
    """Return the values of the rows; ``make_range(lower, upper, bounds)`` makes a range."""
    utc = datetime.UTC
    noon = datetime.datetime(2020, 5, 1, 12, tzinfo=utc)
    day = datetime.date(2020, 5, 1)
    number = decimal.Decimal
    return [
        {
            "title": "Cats and dogs",
            "body": "The quick brown fox jumps over the lazy dogs. Cats sleep.",
            "number": 3,
            "score": 1.0,
            "weight": 2.0,
            "day": day,
            "at": noon,
            "price": number("1.50"),
            "flag": True,
            "tags": ["a", "b"],
            "counts": [1, 2, 3],
            "grid": [[1, 2], [3, 4]],
            "prices": [number("1.25"), number("2.50")],
            "moments": [noon],
            "documents": [{"a": 1}, [1, "x"], None],
            "data": {"color": "red", "size": "10", "none": None},
            "ages": make_range(1, 10, "[)"),
            "big": make_range(2**40, None, "[)"),
            "span": make_range(number("1.5"), number("2.5"), "(]"),
            "period": make_range(noon, noon + datetime.timedelta(hours=2), "[)"),
            "days": make_range(day, day + datetime.timedelta(days=10), "[)"),
        },
        {
            "title": "Hôtel Ångström",
            "body": "Dogs chase a fox's tail; café crème.",
            "number": 20,
            "score": 2.0,
            "weight": 3.5,
            "day": day + datetime.timedelta(days=30),
            "at": noon + datetime.timedelta(hours=3),
            "price": number("9.99"),
            "tags": ["b", 'q"u,o\\te', "ü"],
            "counts": [None, 5],
            "data": {"color": 'say "hi"', "a=>b": ""},
            "ages": make_range(10, 20, "[]"),
            "days": make_range(None, day, "[)"),
        },
        {
            "title": "Nothing",
            "score": 4.0,
            "weight": 1.0,
            "tags": [],
            "counts": [],
            "data": {},
            "ages": "empty",
        },
        {"title": "dog", "body": "dog", "flag": True},
    ]


def common() -> dict[str, Any]:
    """Return what queries name besides models."""
    noon = datetime.datetime(2020, 5, 1, 12, tzinfo=datetime.UTC)
    return {
        "D": decimal.Decimal,
        "date": datetime.date,
        "noon": noon,
        "hour": datetime.timedelta(hours=1),
    }


def django_world(url: dict[str, Any]) -> oracle.World:
    """Define the models in Django, once per process."""
    world = oracle.django_world(url)
    import django.contrib.postgres as package
    from django.apps import apps
    from django.contrib.postgres import aggregates, expressions, fields, search
    from django.contrib.postgres.apps import PostgresConfig
    from django.db import models

    if not _django:
        namespace: Any = types.SimpleNamespace()
        for module in (aggregates, expressions, fields, search):
            namespace.__dict__.update(
                {name: each for name, each in vars(module).items() if name[0].isupper()}
            )
        if "contrib" not in apps.all_models or not apps.all_models["contrib"]:
            PostgresConfig("django.contrib.postgres", package).ready()
        module = types.ModuleType("contrib.models")
        module.__dict__.update(models=models, postgresql=namespace)
        exec(SOURCE, module.__dict__)
        _django.append((module, namespace))
    module, namespace = _django[0]
    theirs: dict[str, Any] = namespace.__dict__
    names: dict[str, Any] = {**theirs, **world.names, **common(), "Post": module.Post, "R": _psycopg_range}
    return oracle.World(names, "django")


_django: list[Any] = []


def _psycopg_range(lower: Any = None, upper: Any = None, bounds: str = "[)") -> Any:
    from psycopg.types.range import Range

    return Range(lower, upper, bounds)


def vivace_world() -> oracle.World:
    """Define the models in Vivace, once per process."""
    from vivace import models
    from vivace.models import postgresql

    world = oracle.vivace_world()
    if not _vivace:
        module = types.ModuleType("tests_contrib_models")
        module.__dict__.update(models=models, postgresql=postgresql)
        exec(SOURCE, module.__dict__)
        _vivace.append(module)
    own = {name: each for name, each in vars(postgresql).items() if name[0].isupper()}
    names = {**world.names, **own, **common(), "Post": _vivace[0].Post, "R": postgresql.Range}
    return oracle.World(names, "vivace")


_vivace: list[Any] = []


def _shown_pairs(value: Any) -> dict[Any, Any]:
    return {name: shown(each) for name, each in value.items()}


def shown(value: Any) -> Any:
    """Return an answer with ranges in a form that both worlds share."""
    if hasattr(value, "lower_inc") and hasattr(value, "isempty"):
        return (
            "empty"
            if value.isempty
            else (shown(value.lower), shown(value.upper), value.lower_inc, value.upper_inc)
        )
    if isinstance(value, float):
        return round(value, 6)  # PostgreSQL's "real" has seven digits
    if isinstance(value, list):
        return [shown(each) for each in several(value)]
    if isinstance(value, dict):
        return _shown_pairs(value)
    return value
