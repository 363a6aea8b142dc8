"""Fields, indexes, constraints and extensions in migrations: files are read back, databases agree with them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.migrations.support import Bench, opened
from vivace import migrations, models
from vivace.errors import ModelError
from vivace.migrations.serializer import text_of
from vivace.models import postgresql
from vivace.models.postgresql import Range

FIELDS: dict[str, Any] = {
    "tags": postgresql.ArrayField(models.CharField(max_length=20), size=4, default=list),
    "grid": postgresql.ArrayField(postgresql.ArrayField(models.IntegerField()), null=True),
    "data": postgresql.HStoreField(default=dict),
    "ages": postgresql.IntegerRangeField(default=Range(1, 5)),
    "span": postgresql.DecimalRangeField(default_bounds="(]", null=True),
    "vector": postgresql.SearchVectorField(null=True),
}
INDEXES = [
    postgresql.GinIndex(fields=["tags"], name="gin", fastupdate=False, gin_pending_list_limit=128),
    postgresql.GinIndex(postgresql.SearchVector("title", config="english"), name="words"),
    postgresql.GinIndex(postgresql.OpClass("title", name="gin_trgm_ops"), name="trigrams"),
    postgresql.GistIndex(fields=["ages"], name="gist", fillfactor=80, buffering=True),
    postgresql.BrinIndex(fields=["number"], name="brin", autosummarize=True, pages_per_range=4),
    postgresql.BTreeIndex(fields=["number"], name="btree", fillfactor=70, deduplicate_items=False),
    postgresql.HashIndex(fields=["title"], name="hash", fillfactor=60),
    postgresql.SpGistIndex(fields=["ages"], name="spgist"),
    postgresql.BloomIndex(fields=["number", "title"], name="bloom", length=80, columns=[2, 4]),
]
CONSTRAINT = postgresql.ExclusionConstraint(
    name="apart",
    expressions=[("ages", postgresql.RangeOperators.OVERLAPS), (models.F("number"), "=")],
    condition=models.Q(number__gt=0),
    include=["title"],
)


@pytest.mark.parametrize(
    "value", [*FIELDS.values(), *INDEXES, CONSTRAINT, Range(1, None), Range[int](empty=True)]
)
def test_pg1_files_say_how_to_make_it_again(value: Any) -> None:
    text, imports = text_of(value)
    assert "from vivace.models import postgresql" in imports
    again = eval(text, {"models": models, "postgresql": postgresql})
    assert text_of(again)[0] == text
    path = value.deconstruct()[-3]
    assert path == f"vivace.models.postgresql.{type(value).__name__}"


def test_pg3_index_names_are_those_of_django() -> None:
    import django.contrib.postgres.indexes as theirs

    def get_field(name: str) -> Any:
        return SimpleNamespace(column=name)

    meta: Any = SimpleNamespace(db_table="shop_long_table_name", get_field=get_field)
    model: Any = SimpleNamespace(_meta=meta)
    for kind in (
        "BloomIndex",
        "BrinIndex",
        "BTreeIndex",
        "GinIndex",
        "GistIndex",
        "HashIndex",
        "SpGistIndex",
    ):
        names: list[str] = []
        for room in (theirs, postgresql):
            made: Any = vars(room)[kind](fields=["somewhat_long"])
            made.set_name_with_model(model)
            names.append(made.name)
        assert names[0] == names[1]


async def test_pg1_pg3_migrations(postgresql_url: str) -> None:
    async with opened(postgresql_url) as database:
        bench = Bench(database)
        await bench.forwards(
            migrations.HStoreExtension(),
            migrations.TrigramExtension(),
            migrations.BloomExtension(),
            migrations.BtreeGistExtension(),
            migrations.CreateExtension("unaccent"),
            migrations.CreateCollation("plain", "C"),
            migrations.CreateModel(
                "Thing",
                [
                    ("id", models.BigAutoField(primary_key=True)),
                    ("title", models.CharField(max_length=20)),
                    ("number", models.IntegerField()),
                ],
            ),
        )
        await bench.execute("INSERT INTO shop_thing (title, number) VALUES ('a', 1)")
        for name, field in FIELDS.items():
            await bench.forwards(migrations.AddField("thing", name, field))
        rows = await bench.rows("SELECT tags, data, ages::text FROM shop_thing")
        assert rows == [([], {}, "[1,5)")]
        for index in INDEXES:
            await bench.forwards(migrations.AddIndex("thing", index))
        await bench.forwards(migrations.AddConstraint("thing", CONSTRAINT))
        table = (await bench.tables())["shop_thing"]
        types = {column.name: column.type for column in table.columns}
        assert types["tags"] == "varchar(20)[]"
        assert types["grid"] == "integer[]"
        assert types["ages"] == "int4range"
        options = {index.name: (index.method, index.options) for index in table.indexes}
        assert options["gin"] == ("gin", "fastupdate=off, gin_pending_list_limit=128")
        assert options["bloom"] == ("bloom", "length=80, col1=2, col2=4")
        assert options["gist"] == ("gist", "fillfactor=80, buffering=on") or options["gist"][0] == "gist"
        assert "gin_trgm_ops" in next(each.parts[0] for each in table.indexes if each.name == "trigrams")
        assert [each.name for each in table.exclusions] == ["apart"]
        await bench.backwards(len(bench.done))
        assert not await bench.rows("SELECT 1 FROM pg_extension WHERE extname IN ('hstore', 'unaccent')")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: postgresql.BrinIndex(fields=["a"], pages_per_range=0), "greater than 0"),
        (lambda: postgresql.BloomIndex(fields=["a"], length=0), "from 1 to 4096"),
        (lambda: postgresql.BloomIndex(fields=["a"], columns=[9999]), "at most 32 numbers"),
        (lambda: postgresql.GinIndex(fields=["a"], colour=1), "no option 'colour'"),  # type: ignore[call-arg]
        (lambda: postgresql.OpClass("a", name="x; DROP"), "no name of an operator class"),
        (lambda: postgresql.ExclusionConstraint(name="n", expressions=[]), "must be pairs"),
        (lambda: postgresql.ExclusionConstraint(name="n", expressions=[("a", "; DROP")]), "no operator"),
        (
            lambda: postgresql.ExclusionConstraint(name="n", expressions=[("a", "=")], index_type="gin"),
            "index of another type",
        ),
        (lambda: postgresql.SearchVector("a", weight="E"), "is a letter"),
        (lambda: postgresql.SearchQuery("a", search_type="x"), "no type of search"),  # type: ignore[arg-type]
        (lambda: postgresql.SearchHeadline("a", "b", colour=1), "no option 'colour'"),
    ],
)
def test_pg2_pg3_refuse_what_cannot_be(make: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        make()


def test_pg_room_is_not_loaded_unless_imported() -> None:
    import subprocess
    import sys

    code = "import sys, vivace.models as m; m.Model, m.CharField; print('vivace.models.postgresql' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "False\n"
    )
