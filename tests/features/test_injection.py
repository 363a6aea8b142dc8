"""Whatever a client sends as a name, an alias, a key or a value: an error of ours or a right answer, never SQL.

Each entry point takes a hostile text where programs put names and values by mistake or on purpose. What must not happen:
SQL that the database cannot read (then the text was in it), an error of somebody else, a changed table, a wrong answer.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.db.backends import DIALECTS, url_of
from vivace import App, models
from vivace.db import Database, Databases, Statement, atomic, current_databases
from vivace.db.urls import connect
from vivace.errors import (
    DataError,
    FieldError,
    InvalidValue,
    ProgrammingError,
    VivaceError,
)
from vivace.migrations.create import create_tables
from vivace.models import functions
from vivace.testing import Client


class Owner(models.Model):
    name = models.CharField(max_length=200)


class Thing(models.Model):
    name = models.CharField(max_length=200)
    number = models.IntegerField(default=1)
    made = models.DateTimeField(default=lambda: datetime(2024, 1, 1, tzinfo=UTC))
    data: Any = models.JSONField(default=dict)
    owner = models.ForeignKey(Owner, models.CASCADE, null=True, related_name="things")


PIECES: Final = [
    *(
        "'",
        '"',
        "`",
        "\\",
        "%",
        "_",
        "__",
        "--",
        "/*",
        "*/",
        ";",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ".",
        "$",
        "$1",
    ),
    *(
        "?",
        ":x",
        "%s",
        "%(x)s",
        "{0}",
        "\x00",
        "\n",
        "\ud800",
        "\u2019",
        "\u02bc",
        "\uff07",
        " ",
        "0",
        "-",
        "#",
        "@",
    ),
    *(
        "name",
        "number",
        "data",
        "owner",
        "owner__name",
        "pk",
        "id",
        "made",
        "things",
        "_connector",
        "_negated",
    ),
    *(
        "contains",
        "exact",
        "in",
        "isnull",
        "date",
        "year",
        "self",
        "using",
        "None",
        "class",
        "_state",
        "OR 1=1",
        "DROP TABLE",
        "SELECT",
    ),
    *(
        "__class__",
        "__dict__",
        "\ufb01",
        "'; DROP TABLE features_thing; --",
        '"; DROP TABLE features_thing; --',
        ") OR 1=1 --",
        "E'\\''",
        "$$",
    ),
]
hostile: Final = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join) | st.text(
    st.characters(exclude_categories=()), max_size=12
)
EXAMPLES: Final = int(os.environ.get("FUZZ_EXAMPLES", "10"))  # thousands once, a few each time
OF_TYPES: Final = ("42804", "42883", "42704")  # types that cannot be compared, a collation that is not there
ALLOWED: Final[dict[str, type[Exception]]] = {  # Django's own errors for these
    "bulk_update": ValueError,
    "collate": ValueError,
    "conflicts": ValueError,
    "refresh": ValueError,
}
Entry = Callable[[str], Awaitable[Any] | Any]
T: Final[Any] = Thing.objects
Q: Final[Any] = models.Q  # names that its signature would not take


def _window(text: str) -> Any:
    return T.annotate(**{text: models.Window(functions.RowNumber(), order_by=[text])})


def _conditions(text: str) -> Any:
    return T.filter(Q(**{text: text}) | ~Q(**{f"name__{text}": 1}))


NAMES: Final[dict[str, Entry]] = {
    "filter": lambda text: T.filter(**{text: 1}),
    "filter texts": lambda text: T.filter(**{text: "x"}),
    "lookup": lambda text: T.filter(**{f"name__{text}": "x"}),
    "path": lambda text: T.filter(**{f"owner__{text}": "x"}),
    "exclude": lambda text: T.exclude(**{text: 1}),
    "q": _conditions,
    "connector": lambda text: T.filter(_connector=text, name="x", number=1),  # Django's CVE-2025-64459
    "connector of q": lambda text: T.filter(Q(Q(name="x"), number=1, _connector=text)),
    "get": lambda text: T.get(**{text: 1}),
    "order_by": lambda text: T.order_by(text),
    "order_by down": lambda text: T.order_by(f"-{text}"),
    "order_by f": lambda text: T.order_by(models.F(text).desc(nulls_last=True)),
    "order_by key": lambda text: T.order_by(f"data__{text}"),
    "values": lambda text: T.values(text),
    "values key": lambda text: T.values(f"data__{text}"),
    "values_list": lambda text: T.values_list(text, flat=True),
    "values named": lambda text: T.values_list(text, named=True),
    "values alias": lambda text: T.values(**{text: models.F("name")}),
    "annotate": lambda text: T.annotate(**{text: models.F("name")}),
    "annotate count": lambda text: (
        T.annotate(**{text: models.Count("pk")}).filter(**{f"{text}__gte": 0}).order_by(text)
    ),
    "alias": lambda text: T.alias(**{text: models.Value(1)}).order_by(text),
    "alias twice": lambda text: T.annotate(**{text: models.F("name")}).values_list(text, "name").distinct(),
    "group": lambda text: T.values(**{text: models.F("name")}).annotate(**{f"{text}2": models.Count("pk")}),
    "filtered relation": lambda text: T.annotate(**{text: models.FilteredRelation("owner")}).filter(
        **{f"{text}__name": 1}
    ),
    "aggregate": lambda text: T.aggregate(**{text: models.Count("pk")}),
    "aggregate of": lambda text: T.aggregate(x=models.Max(text)),
    "f": lambda text: T.filter(number=models.F(text)),
    "outer ref": lambda text: T.filter(models.Exists(Owner.objects.filter(pk=models.OuterRef(text)))),
    "subquery": lambda text: T.annotate(**{text: models.Subquery(Owner.objects.values("name")[:1])}),
    "window": _window,
    "json object": lambda text: T.annotate(x=functions.JSONObject(**{text: "name"})).values_list(
        "x", flat=True
    ),
    "kt": lambda text: T.annotate(x=functions.KT(f"data__{text}")),
    "trunc": lambda text: T.annotate(x=functions.Trunc("made", text)),
    "extract": lambda text: T.annotate(x=functions.Extract("made", text)),
    "collate": lambda text: T.annotate(x=functions.Collate("name", text)),
    "select_related": lambda text: T.select_related(text),
    "prefetch_related": lambda text: T.prefetch_related(text),
    "only": lambda text: T.only(text),
    "defer": lambda text: T.defer(text),
    "distinct": lambda text: T.distinct(text),
    "in_bulk": lambda text: T.in_bulk([1], field_name=text),
    "dates": lambda text: T.dates(text, "day"),
    "dates kind": lambda text: T.dates("made", text),
    "datetimes": lambda text: T.datetimes("made", text),
    "earliest": lambda text: T.earliest(text),
    "explain": lambda text: T.all().explain(format=text),
    "explain options": lambda text: T.all().explain(**{text: True}),
    "explain value": lambda text: T.all().explain(timing=text),
    "extra": lambda text: T.extra(order_by=[text]),
    "lock": lambda text: T.select_for_update(of=(text,)),
    "using": lambda text: T.using(text),
    "union": lambda text: T.values("name").union(T.values("name")).order_by(text),
    "update": lambda text: T.filter(pk=0).update(**{text: 1}),
    "create": lambda text: Thing(**{text: 1}),
    "bulk_update": lambda text: T.bulk_update([Thing(pk=0)], [text]),
    "update_fields": lambda text: Thing(pk=0).save(update_fields=[text]),
    "conflicts": lambda text: T.bulk_create(
        [], update_conflicts=True, unique_fields=[text], update_fields=[text]
    ),
    "translations": lambda text: T.raw("SELECT id, 1 AS x FROM features_thing", translations={"x": text}),
    "load": lambda text: Thing(pk=1).load(text),
    "refresh": lambda text: Thing(pk=1).refresh_from_db(fields=[text]),
}


class Stage:
    """An open database on a loop of its own, and what must not change in it."""

    def __init__(self, url: str) -> None:
        self.runner = asyncio.Runner()
        self.database = Database("default", connect(url, root=Path("/")))
        self.runner.run(self.open())
        self.before = self.runner.run(self.state())

    async def open(self) -> None:
        current_databases.set(Databases({"default": self.database}))
        await create_tables(self.database, [Owner, Thing])
        owner = await Owner.objects.create(name="owner")
        await Thing.objects.bulk_create(
            [
                Thing(name="plain", owner=owner, data={"a": 1}),
                Thing(name="100%", number=2),
                Thing(name="a_b'c\"\\", number=3),
            ]
        )

    async def state(self) -> Any:
        rows = await self.database.fetch(Statement(sql="SELECT * FROM features_thing ORDER BY id"))
        names = "SELECT name FROM sqlite_master ORDER BY 1"
        if self.database.dialect == "postgresql":
            names = (
                "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
            )
        return [tuple(row) for row in rows], [
            row[0] for row in await self.database.fetch(Statement(sql=names))
        ]

    def close(self) -> None:
        assert self.runner.run(self.state()) == self.before
        self.runner.run(self.database.close())
        self.runner.close()


@pytest.fixture(scope="module", params=DIALECTS)
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with ExitStack() as stack:
        if request.param == "postgresql":
            url = stack.enter_context(request.getfixturevalue("postgresql_databases").fresh())
        else:
            url = f"sqlite:///{tmp_path_factory.mktemp('injection')}/test.sqlite3"
        stage = Stage(url)
        stack.callback(stage.close)
        yield stage


def _filtered(name: str, value: Any) -> Any:
    return T.filter(**{name: value})


async def attempt(entry: Callable[..., Any], *given: Any) -> Any:
    """Let an entry point have a text; errors of ours are returned."""
    try:
        async with atomic():
            made = entry(*given)
            rows: Any = await made if hasattr(made, "__await__") else made
            return list(rows) if isinstance(made, models.QuerySet) else rows
    except ProgrammingError as error:
        if error.sqlstate in OF_TYPES:
            return error
        raise AssertionError(f"the database got SQL that it cannot read: {error}") from error
    except VivaceError as error:
        return error


fuzz: Final = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("name", NAMES)
@fuzz
@given(text=hostile)
def test_names_are_names_or_errors(stage: Stage, name: str, text: str) -> None:
    try:
        stage.runner.run(attempt(NAMES[name], text))
    except (VivaceError, ALLOWED.get(name, VivaceError)):
        pass
    except TypeError:
        assert "self" in text  # Python's own: the argument is there already


@fuzz
@given(text=hostile, key=hostile)
def test_json_keys_are_keys(stage: Stage, text: str, key: str) -> None:
    stage.runner.run(_json_keys(text, key))


async def _json_keys(text: str, key: str) -> None:
    queries: list[Callable[[], Any]] = [
        lambda: T.filter(**{f"data__{key}": text}),
        lambda: T.filter(**{f"data__{key}__icontains": text}),
        lambda: T.filter(data__has_key=text),
        lambda: T.filter(data__has_any_keys=[text, key]),
        lambda: T.filter(data__has_keys=[text, key]),
        lambda: T.filter(data={key: text}),
        lambda: T.annotate(x=functions.KT(f"data__{key}")).filter(x=text),
    ]
    for query in queries:
        found = await attempt(query)
        if not isinstance(found, VivaceError):
            assert found == [] or "a" in (text, key), (text, key)


@fuzz
@given(text=hostile)
def test_values_are_values(stage: Stage, text: str) -> None:
    stage.runner.run(_values(stage, text))


async def _values(stage: Stage, text: str) -> None:
    storable = _storable(text, stage.database.dialect)
    names = [row[1] for row in (await stage.state())[0]]
    try:
        async with atomic():
            made = await Thing.objects.create(name=text[:200], data={text: text})
            names.append(made.name)
            again = await Thing.objects.get(pk=made.pk)
            assert (again.name, again.data) == (text[:200], {text: text})
            assert [row.pk for row in await T.filter(data__has_key=text)] == [made.pk] or text == "a"
            for lookup, matches in LOOKUPS.items():
                fold = _ascii_lower if stage.database.dialect == "sqlite" and lookup != "exact" else str
                if stage.database.dialect == "sqlite" and lookup != "exact" and "\x00" in text:
                    continue  # SQLite's LIKE ends at a NUL
                found = sorted(await T.filter(**{f"name__{lookup}": text}).values_list("name", flat=True))
                assert found == sorted(name for name in names if matches(fold(name), fold(text))), (
                    lookup,
                    text,
                )
            assert await T.filter(name__in=[text, "plain"]).count() == sum(
                name in (text, "plain") for name in names
            )
            (row,) = await T.raw(
                "SELECT id, name FROM features_thing WHERE id = %s AND name = %s", [made.pk, text]
            )
            assert row.name == text
            raise _Undo
    except _Undo:
        assert storable
    except (DataError, InvalidValue):
        assert not storable


class _Undo(Exception):
    """Leaves the transaction."""


LOOKUPS: Final[dict[str, Callable[[str, str], bool]]] = {
    "exact": lambda name, text: name == text,
    "contains": lambda name, text: text in name,
    "startswith": lambda name, text: name.startswith(text),
    "endswith": lambda name, text: name.endswith(text),
}


def _ascii_lower(text: str) -> str:
    """Return a text as SQLite's LIKE compares it."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def _storable(text: str, dialect: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return dialect == "sqlite" or "\x00" not in text


@fuzz
@given(text=hostile)
def test_patterns_never_fail(stage: Stage, text: str) -> None:
    for lookup in ("icontains", "istartswith", "iexact", "iendswith", "regex", "iregex"):
        found = stage.runner.run(attempt(partial(_filtered, f"name__{lookup}"), text))
        if isinstance(found, VivaceError):
            assert isinstance(found, DataError | InvalidValue), (lookup, found)


@fuzz
@given(
    value=st.integers()
    | st.floats()
    | st.binary(max_size=5)
    | hostile
    | st.none()
    | st.lists(hostile, max_size=2)
)
def test_values_of_any_kind_are_compared_or_refused(stage: Stage, value: Any) -> None:
    for name in (
        "pk",
        "number",
        "name",
        "made",
        "owner",
        "owner_id",
        "data",
        "number__lt",
        "number__gte",
        "pk__in",
    ):
        found = stage.runner.run(attempt(partial(_filtered, name), value))
        assert isinstance(found, list | InvalidValue | DataError | FieldError) or value is None, (
            name,
            value,
            found,
        )


# -- through an app -----------------------------------------------------------------------------------------------


def shop(url: str) -> App:
    app = App(models=[Owner, Thing], databases={"default": url})

    @app.get("/things/{id}")
    async def by_key(id: int) -> Any:
        return await Thing.objects.filter(pk=id)

    @app.get("/one/{id}")
    async def one(id: int) -> Any:
        return await Thing.objects.get(pk=id)

    @app.get("/named/{name}")
    async def named(name: str) -> Any:
        return await Thing.objects.filter(name__icontains=name)

    @app.get("/search")
    async def search(sort: str = "pk", field: str = "name", q: str = "") -> Any:
        return await Thing.objects.filter(**{field: q}).order_by(sort)[:10]

    return app


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_no_path_makes_an_error_of_the_server(
    dialect: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    async with Client(shop(url_of(dialect, tmp_path, request)), raise_errors=False) as client:
        await Thing.objects.create(name="plain")
        for number in (2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**20, -(10**20), 10**400):
            answer = await client.get(f"/things/{number}")
            assert (answer.status, answer.text) in ((200, "[]"), (404, answer.text), (422, answer.text)), (
                number
            )
        for name in ("%00", "a%00b", "%25", "_", "%5C", "%27", "%22", "%F0%9F%98%80", "%ED%A0%80", "%FF"):
            answer = await client.get(f"/named/{name}")
            assert answer.status < 500, (name, answer.text)
        for query in ("q=%00", "field=number&q=99999999999999999999", "field=number&q=x", "field=made&q=%00"):
            answer = await client.get(f"/search?{query}")
            assert answer.status < 500, (query, answer.text)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_key_out_of_range_matches_nothing(
    dialect: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    async with Client(shop(url_of(dialect, tmp_path, request))) as client:
        await Thing.objects.create(name="plain")
        assert (await client.get("/one/99999999999999999999")).status == 404
        assert await Thing.objects.filter(number__lt=10**30).count() == 1
        assert await Thing.objects.filter(number__gt=10**30).count() == 0
        assert await Thing.objects.exclude(number=10**30).count() == 1
