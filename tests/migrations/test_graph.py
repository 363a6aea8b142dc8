"""Graph, squashing, merging, rebasing: projects as files."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivace.errors import BadMigration, MigrationConflict, MigrationGraphError, UnserializableValue
from vivace.migrations.differ import changes
from vivace.migrations.executor import plan
from vivace.migrations.loader import Loader
from vivace.migrations.optimizer import optimize
from vivace.migrations.project import Project, merge, rebase
from vivace.migrations.questioner import Answers
from vivace.migrations.squash import squash, squash_project
from vivace.migrations.state import ProjectState
from vivace.migrations.writer import write

HEAD = "from vivace import migrations, models\n\n\nclass Migration(migrations.Migration):\n"
KEY = '("id", models.BigAutoField(primary_key=True))'


def put(folder: Path, app: str, name: str, *operations: str, after: str = "", more: str = "") -> None:
    """Write a migration; ``after``: its dependencies, as Python."""
    place = folder / app
    place.mkdir(exist_ok=True)
    body = f"    dependencies = [{after}]\n    operations = [{', '.join(operations)}]\n{more}"
    (place / f"{name}.py").write_text(HEAD + body)


def folders(folder: Path, *apps: str) -> dict[str, Path]:
    return {app: folder / app for app in apps}


def model(name: str, *fields: str) -> str:
    return f'migrations.CreateModel("{name}", [{", ".join((KEY, *fields))}])'


def key(target: str, name: str = "to") -> str:
    return f'("{name}", models.ForeignKey("{target}", models.CASCADE, null=True))'


def add(owner: str, name: str) -> str:
    return f'migrations.AddField("{owner}", "{name}", models.IntegerField(null=True))'


def shop(folder: Path) -> dict[str, Path]:
    put(folder, "shop", "0001_initial", model("Book"))
    put(folder, "shop", "0002_a", add("Book", "a"), after='("shop", "0001_initial")')
    put(
        folder,
        "shop",
        "0003_b",
        add("Book", "b"),
        'migrations.RemoveField("Book", "a")',
        after='("shop", "0002_a")',
    )
    return folders(folder, "shop")


def test_order_and_circle(tmp_path: Path) -> None:
    put(tmp_path, "one", "0001_x", after='("two", "0001_x")')
    put(tmp_path, "two", "0001_x")
    assert Loader(folders(tmp_path, "one", "two")).graph.full_plan() == [("two", "0001_x"), ("one", "0001_x")]
    put(tmp_path, "two", "0001_x", after='("one", "0001_x")')
    with pytest.raises(MigrationGraphError, match="circle"):
        Loader(folders(tmp_path, "one", "two"))


def test_run_before_and_first(tmp_path: Path) -> None:
    put(tmp_path, "one", "0001_x")
    put(tmp_path, "two", "0001_x", more='    run_before = [("one", "0001_x")]\n')
    put(tmp_path, "three", "0001_x", after='("one", "__first__")')
    order = Loader(folders(tmp_path, "one", "two", "three")).graph.full_plan()
    assert order == [("two", "0001_x"), ("one", "0001_x"), ("three", "0001_x")]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    put(tmp_path, "shop", "0001_initial")
    put(tmp_path, "shop", "0002_x", after='("shop", "0001_initia")')
    with pytest.raises(MigrationGraphError, match=r"shop\.0001_initial"):
        Loader(folders(tmp_path, "shop"))
    (tmp_path / "shop" / "0002_x.py").write_text("x = 1\n")
    with pytest.raises(BadMigration, match="class Migration"):
        Loader(folders(tmp_path, "shop"))


def test_mg4_squash_stands_in(tmp_path: Path) -> None:
    places = shop(tmp_path)
    before = Loader(places).project_state()
    squashed = squash(Loader(places), "shop", "0003")
    assert [operation.describe() for operation in squashed.operations] == ["Create model Book"]
    write(squashed, places["shop"])
    name = "0001_initial_squashed_0003_b"
    assert [step.migration.name for step in plan(Loader(places, set()))] == [name]
    assert changes(before, Loader(places).project_state(), Answers()) == []
    half = Loader(places, {("shop", "0001_initial")})
    assert [step.migration.name for step in plan(half)] == ["0002_a", "0003_b"]
    done = Loader(places, {("shop", "0001_initial"), ("shop", "0002_a"), ("shop", "0003_b")})
    assert plan(done) == []
    put(tmp_path, "shop", "0004_c", add("Book", "c"), after='("shop", "0003_b")')
    assert [step.migration.name for step in plan(Loader(places, set()))] == [name, "0004_c"]
    for old in ("0001_initial", "0002_a", "0003_b"):
        (places["shop"] / f"{old}.py").unlink()
    assert [step.migration.name for step in plan(Loader(places, set()))] == [name, "0004_c"]


def test_mg4_squash_of_a_squash(tmp_path: Path) -> None:
    places = shop(tmp_path)
    write(squash(Loader(places), "shop", "0002", name="two"), places["shop"])
    twice = squash(Loader(places), "shop", "0003")
    assert ("shop", "0002_a") in twice.replaces
    write(twice, places["shop"])
    assert [step.migration.name for step in plan(Loader(places, set()))] == [twice.name]
    assert plan(Loader(places, {("shop", each) for each in ("0001_initial", "0002_a", "0003_b")})) == []


def test_mg4_project_squash_opens_circles_between_apps(tmp_path: Path) -> None:
    put(tmp_path, "one", "0001_x", model("A"))
    put(tmp_path, "two", "0001_x", model("B", key("one.A")), after='("one", "0001_x")')
    put(
        tmp_path, "one", "0002_y",
        'migrations.AddField("A", "to", models.ForeignKey("two.B", models.CASCADE, null=True))',
        after='("one", "0001_x"), ("two", "0001_x")',
    )  # fmt: skip
    places = folders(tmp_path, "one", "two")
    before = Loader(places).project_state()
    found = squash_project(Loader(places))
    assert len(found) == 3
    for migration in found:
        write(migration, places[migration.app_label])
    loader = Loader(places, set())
    assert len(plan(loader)) == 3
    assert plan(Loader(places, {("one", "0001_x"), ("two", "0001_x"), ("one", "0002_y")})) == []
    half = plan(Loader(places, {("one", "0001_x"), ("two", "0001_x")}))
    assert [step.migration.name for step in half] == ["0002_y"]
    assert changes(before, loader.project_state(), Answers()) == []


def test_project_squash_keeps_data_steps(tmp_path: Path) -> None:
    put(tmp_path, "shop", "0001_x", model("A"), 'migrations.RunSQL("SELECT 1")')
    with pytest.raises(MigrationGraphError, match="elidable"):
        squash_project(Loader(folders(tmp_path, "shop")))


def test_mg4_optimizer_keeps_the_result(tmp_path: Path) -> None:
    put(
        tmp_path, "shop", "0001_x",
        model("A"), model("B", key("shop.A")), add("A", "n"), 'migrations.RenameField("A", "n", "m")',
        'migrations.AlterField("A", "m", models.BigIntegerField(null=True))', 'migrations.RenameModel("B", "C")',
        'migrations.AddIndex("A", models.Index(fields=["m"], name="m_idx"))', model("Gone"),
        'migrations.DeleteModel("Gone")', 'migrations.RunSQL("SELECT 1", elidable=True)',
    )  # fmt: skip
    loader = Loader(folders(tmp_path, "shop"))
    operations = loader.on_disk["shop", "0001_x"].operations
    shorter = optimize(operations, "shop")
    state = ProjectState()
    for operation in shorter:
        operation.state_forwards("shop", state)
    assert len(shorter) == 2
    assert changes(loader.project_state(), state, Answers()) == []


def test_mg4_optimizer_takes_operations_on_indexes_alone(tmp_path: Path) -> None:
    put(
        tmp_path, "shop", "0001_x",
        'migrations.AddIndexConcurrently("A", models.Index(fields=["m"], name="m_idx"))', model("B"),
        'migrations.RemoveIndexConcurrently("C", "a")', 'migrations.RemoveIndex("A", "m_idx")', add("B", "n"),
    )  # fmt: skip
    operations = Loader(folders(tmp_path, "shop")).on_disk["shop", "0001_x"].operations
    shorter = [type(each).__name__ for each in optimize(operations, "shop")]
    assert sorted(shorter) == ["CreateModel", "RemoveIndexConcurrently"]


def test_mg1_merge_and_rebase(tmp_path: Path) -> None:
    places = shop(tmp_path)
    put(tmp_path, "shop", "0003_mine", add("Book", "mine"), after='("shop", "0002_a")')
    project = Project((), places)
    (merged,) = merge(project)
    assert merged.name == "0004_merge_b_mine"
    assert merged.dependencies == [("shop", "0003_b"), ("shop", "0003_mine")]
    old, new, text = rebase(project, "shop", "0003_mine")
    new.write_text(text)
    old.unlink()
    assert Loader(places).graph.full_plan()[-1] == ("shop", "0004_mine")


def test_mg1_branches_that_clash_are_not_merged(tmp_path: Path) -> None:
    places = shop(tmp_path)
    put(tmp_path, "shop", "0003_mine", add("Book", "b"), after='("shop", "0002_a")')
    with pytest.raises(MigrationConflict, match="Add field b"):
        merge(Project((), places))


def test_own_functions_are_not_lost(tmp_path: Path) -> None:
    places = shop(tmp_path)
    code = "async def fill(apps, editor): ...\n\n\n"
    put(tmp_path, "shop", "0004_fill", "migrations.RunPython(fill)", after='("shop", "0003_b")')
    path = places["shop"] / "0004_fill.py"
    path.write_text(code + path.read_text())
    migration = Loader(places).find("shop", "0004")
    with pytest.raises(UnserializableValue, match="no package"):
        write(migration, places["shop"])
    assert path.read_text().startswith(code)
