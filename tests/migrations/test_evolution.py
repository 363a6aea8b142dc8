"""Random models that become other random models: the differ's operations lead from the schema of one to that of the other.

The names are few, so that fields, models, indexes and constraints come, go, change and change places often.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.migrations.support import Bench, differing, opened, tables
from vivace import models
from vivace.migrations.create import create_state
from vivace.migrations.differ import arrange, changes
from vivace.migrations.drift import drift
from vivace.migrations.questioner import Answers
from vivace.migrations.state import ModelState, ProjectState
from vivace.migrations.writer import source_of

MODELS = ("A", "B", "C")
PLAIN = ("f", "g", "h")
QUIET = [
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
    HealthCheck.function_scoped_fixture,
    HealthCheck.filter_too_much,
]


def _default(value: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(
        [{"default": value}, {"null": True}, {"db_default": value}, {"default": value, "db_index": True},
         {"null": True, "unique": True}]
    )  # fmt: skip


def plain_fields() -> st.SearchStrategy[Any]:
    return st.one_of(
        _default(3).map(lambda given: models.IntegerField(**given)),
        _default(3).map(lambda given: models.PositiveIntegerField(**given)),
        _default(3).map(lambda given: models.BigIntegerField(**given)),
        st.tuples(st.sampled_from([5, 9]), _default("3")).map(
            lambda pair: models.CharField(max_length=pair[0], **pair[1])
        ),
        _default("3").map(lambda given: models.TextField(**given)),
    )


@st.composite
def relations(draw: st.DrawFn, targets: list[str]) -> Any:
    target = f"shop.{draw(st.sampled_from(targets)).lower()}"
    rule = draw(st.sampled_from([models.CASCADE, models.DB_CASCADE]))
    kind = draw(st.sampled_from(["key", "key", "one", "many", "free"]))
    if kind == "many":
        return models.ManyToManyField(target, related_name="+")
    if kind == "one":
        return models.OneToOneField(target, rule, null=True, related_name="+")
    return models.ForeignKey(target, rule, null=True, related_name="+", db_constraint=kind != "free")


KEYS = (models.BigAutoField(primary_key=True), models.CharField(max_length=7, primary_key=True),
        models.IntegerField(primary_key=True))  # fmt: skip


@st.composite
def one_model(draw: st.DrawFn, name: str, targets: list[str]) -> ModelState:
    fields: dict[str, Any] = {"id": draw(st.sampled_from(KEYS))}
    for field in draw(st.lists(st.sampled_from(PLAIN), unique=True)):
        fields[field] = draw(plain_fields())
    for field in draw(st.lists(st.sampled_from(("r", "s")), unique=True)):
        fields[field] = draw(relations(targets))
    columns = [each for each, field in fields.items() if not field.many_to_many and each != "id"]
    return ModelState("shop", name, fields, draw(options(columns, fields)))


@st.composite
def options(draw: st.DrawFn, columns: list[str], fields: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    flags: list[bool] = draw(st.lists(st.booleans(), min_size=3, max_size=3))
    if len(columns) > 1 and flags[0]:
        found["unique_together"] = {tuple(columns[:2])}
    if columns and flags[1]:
        names = draw(st.sampled_from(["one_idx", "two_idx"]))
        found["indexes"] = [
            models.Index(
                fields=[draw(st.sampled_from(columns))], name=f"{draw(st.sampled_from('xyz'))}_{names}"
            )
        ]
    numbers = [each for each in columns if isinstance(fields[each], models.IntegerField)]
    if numbers and draw(st.sampled_from((True, False))):
        found["constraints"] = [
            models.CheckConstraint(
                condition=models.Q((f"{numbers[0]}__lt", draw(st.sampled_from([10, 20])))), name="small"
            )
        ]
    if flags[2]:
        found["db_table"] = "other"
    return found


@st.composite
def projects(draw: st.DrawFn) -> ProjectState:
    names: list[str] = list(draw(st.lists(st.sampled_from(MODELS), unique=True, min_size=1)))
    found = ProjectState(draw(one_model(name, names)) for name in names)
    tables_seen: set[str] = set()
    checks = 0
    for model in list(found.models.values()):
        given = dict(model.options)
        if model.table in tables_seen:
            given.pop("db_table", None)
        tables_seen.add(model.table)
        given["indexes"] = [_own_name(each, model.name) for each in given["indexes"]]
        if given["constraints"]:
            checks += 1
        found.put(model.replace(options=given))
    return found


def _own_name(index: Any, model: str) -> Any:
    index = index.clone()
    index.name = f"{model.lower()}_{index.name}"
    return index


def answers(state: ProjectState) -> Answers:
    """Return a value for every field, and renames of nothing."""
    values = {
        f"shop.{model.name}.{name}": f"{number}"
        if isinstance(field, (models.CharField, models.TextField))
        else number
        for number, model in enumerate(state.models.values(), 1)
        for name, field in model.fields.items()
    }
    return Answers(defaults=values, renamed=False)


@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
@given(projects(), projects())
def test_states_lead_to_each_other(old: ProjectState, new: ProjectState) -> None:
    """Without a database: the operations make the wanted state, a second run finds nothing, all of it can be written."""
    planned = changes(old, new, answers(new))
    state = old.clone()
    for each in planned:
        each.operation.state_forwards(each.app_label, state)
    assert changes(state, new, answers(new)) == []
    for migration in arrange(planned, None, old):
        compile(source_of(migration), "migration", "exec")


@settings(max_examples=25, deadline=None, suppress_health_check=QUIET)
@given(projects(), projects())
def test_mg1_sqlite_schemas_lead_to_each_other(
    tmp_path_factory: pytest.TempPathFactory, old: ProjectState, new: ProjectState
) -> None:
    folder = tmp_path_factory.mktemp("evolution")
    asyncio.run(_evolve(f"sqlite:///{folder / 'a'}", f"sqlite:///{folder / 'b'}", old, new))


async def _evolve(url: str, other: str, old: ProjectState, new: ProjectState) -> None:
    planned = changes(old, new, answers(new))
    async with opened(url) as database, opened(other) as fresh:
        bench = Bench(database)
        await create_state(database, old)
        bench.states = [old]
        await bench.forwards(*(each.operation for each in planned))
        await create_state(fresh, new)
        assert "\n".join(differing(await tables(database), await tables(fresh))) == ""
        await bench.backwards(len(planned))
        assert [str(each) for each in await drift(database, old)] == []


@settings(max_examples=15, deadline=None, suppress_health_check=QUIET)
@given(projects(), projects())
def test_mg1_postgresql_schemas_lead_to_each_other(
    postgresql_databases: Any, old: ProjectState, new: ProjectState
) -> None:
    with postgresql_databases.fresh() as url:
        asyncio.run(_evolve_in_place(url, old, new))


async def _evolve_in_place(url: str, old: ProjectState, new: ProjectState) -> None:
    planned = changes(old, new, answers(new))
    async with opened(url) as database:
        bench = Bench(database)
        await create_state(database, old)
        bench.states = [old]
        await bench.forwards(*(each.operation for each in planned))
        assert [str(each) for each in await drift(database, new)] == []
        await bench.backwards(len(planned))
        assert [str(each) for each in await drift(database, old)] == []


def test_sources_are_stable(tmp_path: Path) -> None:
    state = ProjectState([ModelState("shop", "A", {"id": KEYS[0], "f": models.IntegerField()})])
    texts = {
        source_of(each, header=False)
        for _ in range(3)
        for each in arrange(changes(ProjectState(), state, answers(state)), None, ProjectState())
    }
    assert len(texts) == 1
