"""Objects as JSON and back: every kind of field, natural keys, packed files, and Django as the other end."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.models.backing import opened
from tests.models.schemas import dumped
from tests.models.schemas.dumped import ALL, Cell, Country, Everything, Member, Membership, Person
from vivace.db import Database
from vivace.errors import FixtureError
from vivace.migrations.create import create_tables
from vivace.models.fixtures import DumpOptions, dump, in_dependency_order, load, read_file

HERE = Path(__file__).parent
NATURAL = DumpOptions(natural_foreign=True, natural_primary=True)


async def text_of(models: Iterable[Any] = ALL, options: DumpOptions | None = None) -> str:
    return "".join([piece async for piece in dump(models, options)])


async def empty(database: Database) -> None:
    """Drop everything and make the tables anew."""
    for model in (Membership, Everything, Cell, Member):
        await model.objects.all().delete()
    await Country.objects.update(leads=None)
    for table in (Person, Country):
        await table.objects.all().delete()


@pytest.fixture
async def database(database_url: str) -> Any:
    async with opened(database_url, ()) as database:
        await create_tables(database, ALL)
        yield database


async def fill() -> None:
    """Save objects with everything that is hard to write down."""
    home, away = [await Country.objects.create(code=code) for code in ("fr", "é'")]
    ada = await Person.objects.create(name="Ada", home=home, by_code=away)
    bob = await Person.objects.create(name='"\\\n\u2028☃', home=away, boss=ada)
    await Country.objects.filter(pk=home.pk).update(leads=bob)
    member = await Member.objects.create(name="Cy", home=home, since=date(1999, 12, 31), sponsor=ada)
    await ada.friends.add(bob, member)
    await member.visited.add(home, away)
    things = [
        await Everything.objects.create(**values(number), real=real)
        for number, real in enumerate((1.5, -1e300, 5e-324))
    ]
    await Membership.objects.create(person=ada, thing=things[0], role="keeper")
    await Cell.objects.create(row=1, column="a", value=5)
    await Cell.objects.create(row=1, column="b'")


def values(number: int) -> dict[str, Any]:
    return {
        "key": uuid.UUID(int=number + 1),
        "big": -(2**63) if number else 2**63 - 1,
        "raw": bytes(range(256)),
        "truth": (True, False, None)[number],
        "text": "\u00fc\U0001f600\\\"'",
        "day": date(1, 1, 1),
        "moment": datetime(2024, 2, 29, 23, 59, 59, 123_000, tzinfo=UTC),  # Django writes milliseconds
        "exact": Decimal("-123456789.654321"),
        "span": timedelta(days=-3, microseconds=5),
        "mail": "a@example.com",
        "address": ("10.0.0.1", "2001:db8::1", "::1")[number],
        "whole": number,
        "data": ({"a": [1, None, "x", {"é": 0.1}]}, "text", None)[number],
        "positive": 2**31 - 1,
        "positive_big": 2**63 - 1,
        "positive_small": 32767,
        "slug": "a-b_c",
        "small": -32768,
        "long": None if number else "",
        "hour": time(23, 59, 59, 999_000),
        "page": "https://example.com/?a=1&b=2",
        "other": None if number else uuid.UUID(int=99),
    }


# -- round trips --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["json", "jsonl"])
async def test_or19_everything_comes_back(database: Database, form: Any) -> None:
    await fill()
    changed = await Everything.objects.values_list("key", "changed").order_by("key")
    text = await text_of(options=DumpOptions(format=form))
    report = await load(text.encode(), ALL, database)  # over what is there
    assert await text_of(options=DumpOptions(format=form)) == text
    assert report.count == sum(report.models.values()) == 12
    await empty(database)
    assert json.loads(await text_of()) == []
    await load(text.encode(), ALL, database)
    assert await text_of(options=DumpOptions(format=form)) == text
    assert await Everything.objects.values_list("key", "changed").order_by("key") == changed
    thing = await Everything.objects.get(pk=uuid.UUID(int=1))
    given = values(0)
    assert {name: getattr(thing, name) for name in given} == given
    assert (thing.real, thing.twice) == (1.5, 0)
    ada = await Person.objects.get(name="Ada")
    assert await ada.friends.count() == 2
    assert (await Member.objects.select_related("sponsor").get()).sponsor == ada
    assert (
        await Person.objects.create(name="new", home_id=ada.home_id)
    ).pk > ada.pk  # keys go on after the loaded ones


async def test_or19_natural_keys_stand_for_keys(database: Database) -> None:
    await fill()
    records = json.loads(await text_of(options=NATURAL))
    countries = [record for record in records if record["model"] == "dumped.country"]
    assert [record["fields"]["code"] for record in countries] == ["fr", "é'"]
    assert all("pk" not in record for record in countries)
    people = {r["fields"]["name"]: r["fields"] for r in records if r["model"] == "dumped.person"}
    assert (people["Ada"]["home"], people["Ada"]["by_code"]) == (["fr"], ["é'"])
    assert sorted(people["Cy"]["visited"]) == [["fr"], ["é'"]]
    await empty(database)
    await Country.objects.create(code="xx")  # keys are others now
    await load(json.dumps(records[::-1]).encode(), ALL, database)  # all that is pointed to comes later
    ada = await Person.objects.select_related("home", "by_code").get(name="Ada")
    assert (ada.home.code, ada.by_code.code if ada.by_code else "") == ("fr", "é'")
    assert await Country.objects.count() == 3
    again = json.loads(await text_of(options=NATURAL))
    assert sorted(map(_same, again)) == sorted(map(_same, [*records, _country("xx")]))


def _sorted(value: Any) -> Any:
    return sorted(value, key=str) if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _same(record: dict[str, Any]) -> str:
    """Return a record as text that does not depend on the order of its many-to-many lists."""
    fields: dict[str, Any] = {name: _sorted(value) for name, value in record["fields"].items()}
    return json.dumps({**record, "fields": fields}, sort_keys=True)


def _country(code: str) -> dict[str, Any]:
    return {"model": "dumped.country", "fields": {"code": code, "leads": None}}


@pytest.mark.parametrize("real", [float("inf"), float("-inf")])
async def test_or19_infinity_is_not_lost(database: Database, real: float) -> None:
    await Everything.objects.create(**values(0), real=real)
    text = await text_of()
    await empty(database)
    await load(text.encode(), ALL, database)
    assert (await Everything.objects.get()).real == real


async def test_or19_json_may_hold_integers_of_any_size(database: Database) -> None:
    await Everything.objects.create(**{**values(0), "data": {"n": 2**80}}, real=0)
    text = await text_of()
    await empty(database)
    await load(text.encode(), ALL, database)
    assert (await Everything.objects.get()).data == {"n": 2**80}


@pytest.mark.parametrize(
    ("suffix", "pack"), [("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_or19_packed_files_are_unpacked_by_their_suffix(
    tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / f"data.json{suffix}"
    path.write_bytes(pack(b"[]"))
    assert read_file(path) == b"[]"
    path.write_bytes(b"\x00nonsense")
    if suffix:
        with pytest.raises(FixtureError, match=r"data\.json"):
            read_file(path)
    with pytest.raises(FixtureError, match="absent"):
        read_file(tmp_path / f"absent{suffix}")


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".bz2"])
def test_or19_a_packed_file_that_was_cut_off_is_told(tmp_path: Path, suffix: str) -> None:
    packers: dict[str, Any] = {".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress}
    pack = packers[suffix]
    path = tmp_path / f"data{suffix}"
    path.write_bytes(pack(b"[]" * 5000)[:-9])
    with pytest.raises(FixtureError, match="data"):
        read_file(path)


def test_or19_what_is_pointed_to_comes_first() -> None:
    order = in_dependency_order(ALL[::-1])
    assert order.index(Person) < order.index(Member) < len(ALL)
    assert order.index(Everything) < order.index(Membership)
    assert set(order) == set(ALL)


# -- Django -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("natural", ["", "natural"])
async def test_or19_django_loads_ours_and_we_load_djangos(
    database_url: str, database: Database, tmp_path: Path, natural: str
) -> None:
    pytest.importorskip("django")
    await fill()
    text = await text_of(options=DumpOptions(natural_foreign=bool(natural)))
    whole = await text_of()
    (tmp_path / "ours.json").write_text(text)
    await empty(database)
    script = [sys.executable, "-W", "ignore", str(HERE / "django_fixtures.py"), dumped.__file__, database_url]
    files = [str(tmp_path), str(tmp_path / "ours.json"), str(tmp_path / "theirs.json")]
    run = subprocess.run([*script, *files, natural], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert await text_of() == whole  # what Django has stored
    await empty(database)
    await load((tmp_path / "theirs.json").read_bytes(), ALL, database)
    assert _without_changed(await text_of()) == _without_changed(whole)


def _without_changed(text: str) -> list[Any]:
    """Return the records without the field that Django's file has cut to milliseconds."""
    records: list[Any] = json.loads(text)
    for record in records:
        record["fields"].pop("changed", None)
    return records


# -- what is wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Line 1"),
        ("[1]", "list of objects"),
        ("[{}]", "Object 1 .*None"),
        ('[{"model": "dumped.persn"}]', r"Object 1 [\s\S]*dumped\.person"),
        ('[{"model": "dumped.person", "fields": {"nam": 1}}]', r"'nam'[\s\S]*name"),
        ('[{"model": "dumped.person", "pk": "x", "fields": {}}]', r"Object 1 .*id"),
        ('[{"model": "dumped.person", "pk": 1, "fields": {"name": "a"}}]', "Object 1 "),
        ('[{"model": "dumped.person", "pk": 1, "fields": {"name": "a", "home": ["zz"]}}]', "natural key"),
        ('[{"model": "dumped.person", "pk": 1, "fields": {"name": "a", "home": {"a": 1}}}]', "Object 1 "),
        (
            '[{"model": "dumped.person", "pk": 1, "fields": {"name": "a", "home": 1, "friends": 3}}]',
            "Object 1 ",
        ),
        ('[{"model": "dumped.person", "pk": 1, "fields": []}]', "Object 1 "),
        ('[{"model": "dumped.country", "pk": 99999999999999999999, "fields": {"code": "a"}}]', "Object 1 "),
    ],
)
async def test_or19_what_is_wrong_is_told_and_nothing_is_loaded(
    database: Database, text: str, said: str
) -> None:
    first = '[{"model": "dumped.country", "pk": 7, "fields": {"code": "ok"}},'
    if text.startswith("[") and "home" in text:
        text = text.replace('"home": 1', '"home": 7')
        said = said.replace("Object 1", "Object 2")
        text = first + text[1:]
    with pytest.raises(FixtureError, match=said):
        await load(text.encode(), ALL, database, name="the file")
    assert await Country.objects.count() == 0


async def test_or19_unknown_models_and_fields_may_be_left_out(database: Database) -> None:
    text = '[{"model": "gone.model", "pk": 1}, {"model": "dumped.country", "pk": 1, "fields": {"code": "a", "old": 1}}]'
    report = await load(text.encode(), ALL, database, ignore_unknown=True)
    assert report.models == {"dumped.country": 1}
