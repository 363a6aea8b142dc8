"""``vivace makemigrations``, ``migrate`` and what goes with them: thin talk around ``vivace.migrations``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from vivace.errors import MigrationError, TargetError

from . import target
from .group import EXIT_ERROR
from .terminal import paint, say

if TYPE_CHECKING:
    from vivace.app import App
    from vivace.db.database import Database
    from vivace.migrations.executor import Executor, Step
    from vivace.migrations.migration import Migration
    from vivace.migrations.project import Project
    from vivace.migrations.questioner import Answers

T = TypeVar("T")
_NEVER_IN_LABELS = (".", ":", "/", "\\")
database_option = click.option(
    "--database", "alias", default="default", show_default=True, metavar="ALIAS", help="Which database."
)


def _load(name: str) -> tuple[App, Project]:
    from vivace.migrations.project import project_of

    app = target.load(name)
    app.handle  # noqa: B018 - freezes the app: all its models are known then
    project = project_of(app.models)
    if not project.models:
        raise TargetError(
            "The app has no models.",
            fix="Import the module of the models where the app is made, or pass App(models=[…]).",
        )
    return app, project


def _parted(target: str, labels: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return the target and the labels: a file, a dotted module or ``module:name`` that stands first is the target."""
    if target or not labels or not any(mark in labels[0] for mark in _NEVER_IN_LABELS):
        return target, labels
    return labels[0], labels[1:]


def _run(work: Awaitable[T]) -> T:
    async def run() -> T:
        return await work

    return asyncio.run(run())


def _with_database(app: App, alias: str, work: Any) -> Any:
    """Run ``await work(database)`` and close the databases."""

    async def run() -> Any:
        try:
            return await work(app.databases[alias])
        finally:
            await app.databases.close()

    return asyncio.run(run())


# -- making


@click.command()
@click.argument("app_labels", nargs=-1, metavar="[TARGET] [APP]...")
@target.option
@click.option("--name", default="", metavar="NAME", help="The name, without its number.")
@click.option("--check", is_flag=True, help="Write nothing; exit status 1 when migrations are missing.")
@click.option("--dry-run", is_flag=True, help="Print the files instead of writing them.")
@click.option("--empty", is_flag=True, help="Write an empty migration, for SQL or Python of your own.")
@click.option("--merge", is_flag=True, help="Join branches that have met.")
@click.option(
    "--rebase", default="", metavar="NAME", help="Put a last migration of APP behind the other one."
)
@click.option("--update", is_flag=True, help="Put the changes into the last migration instead of a new one.")
@click.option(
    "--lint", is_flag=True, help="Say what each operation means for a running site; fail when unsafe."
)
@click.option(
    "--rename", "renames", multiple=True, metavar="APP.MODEL[.FIELD]=NEW", help="A rename; may be repeated."
)
@click.option("--no-renames", is_flag=True, help="Nothing else was renamed.")
@click.option(
    "--default",
    "defaults",
    multiple=True,
    metavar="APP.MODEL.FIELD=VALUE",
    help="A value for rows that exist.",
)
@click.option(
    "--no-nulls", "keep_null", multiple=True, metavar="APP.MODEL.FIELD", help="No row is empty in this field."
)
@click.option(
    "--answers", type=click.Path(path_type=Path, exists=True), help="A JSON file with such answers."
)
@click.option("--no-header", is_flag=True, help="Leave out the line with version and time.")
def makemigrations(app_labels: Sequence[str], target: str, **options: Any) -> None:
    """Write the migrations that are missing between the models and the migration files. No database is needed."""
    from vivace.migrations.project import empty, merge

    target, app_labels = _parted(target, app_labels)
    _, project = _load(target)
    for label in app_labels:
        project.loader().check_app(label)
    if options["rebase"]:
        _rebase(project, _one(app_labels), options["rebase"])
        return
    if options["empty"]:
        found = [empty(project, _one(app_labels), name=options["name"] or "custom")]
    elif options["merge"]:
        found = merge(project)
    else:
        found = _changes(project, app_labels, options)
    _finish(project, found, options)


def _changes(project: Project, app_labels: Sequence[str], options: dict[str, Any]) -> list[Migration]:
    from vivace.migrations.project import make, no_answers

    questioner = no_answers() if options["check"] else _answers(options)
    return make(project, questioner, app_labels=app_labels, name=options["name"])


def _finish(project: Project, found: list[Migration], options: dict[str, Any]) -> None:
    from vivace.migrations.project import note_label, update
    from vivace.migrations.writer import source_of, write

    if not found:
        say("Nothing has changed.")
        return
    if options["check"]:
        for migration in found:
            _tell(migration, "is missing")
        sys.exit(EXIT_ERROR)
    for migration in found:
        if options["update"]:
            migration, _ = update(project, migration)
        if options["dry_run"]:
            click.echo(source_of(migration, header=not options["no_header"]))
        else:
            path = write(migration, project.folders[migration.app_label], header=not options["no_header"])
            _tell(migration, str(path))
            if noted := note_label(project, migration.app_label):
                say(f"  {noted}  keeps the label {migration.app_label!r}, also in a folder of another name")
    if options["lint"]:
        _lint(project, found)


def _tell(migration: Migration, text: str) -> None:
    say(f"{paint(str(migration), bold=True)}  {text}")
    for operation in migration.operations:
        say(f"  {operation.formatted_description()}")


def _one(app_labels: Sequence[str]) -> str:
    if len(app_labels) != 1:
        raise click.UsageError("Name one app.")
    return app_labels[0]


def _rebase(project: Project, app_label: str, last: str) -> None:
    from vivace.migrations.project import rebase

    old, new, text = rebase(project, app_label, last)
    new.write_text(text, "utf-8")
    old.unlink()
    say(f"{old.name} is {new.name} now.")


def _answers(options: dict[str, Any]) -> Answers:
    from vivace.migrations.questioner import Answers, as_value, read_answers

    given = read_answers(options["answers"].read_bytes()) if options["answers"] else Answers()
    given.renames |= dict(_pairs("--rename", options["renames"]))
    given.defaults |= {name: as_value(text) for name, text in _pairs("--default", options["defaults"])}
    given.keep_null |= set(options["keep_null"])
    if options["no_renames"]:
        given.renamed = False
    if sys.stdin.isatty() and sys.stderr.isatty():
        from .asking import Asking

        return Asking.after(given)
    return given


def _pairs(option: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    for text in texts:
        if "=" not in text:
            raise click.UsageError(f"{option} needs NAME=VALUE, got {text!r}.")
    return [(text.partition("=")[0], text.partition("=")[2]) for text in texts]


def _lint(project: Project, found: Sequence[Migration]) -> None:
    from vivace.migrations.linter import lint, refuse_unsafe

    loader = project.loader()
    nodes = {migration.node for migration in found}
    before = loader.graph.state_at(
        [node for node in loader.graph.full_plan() if not nodes & set(loader.graph.plan_to(node))]
    )
    verdicts = lint([m for m in found if m.node in loader.graph.migrations], before)
    for verdict in verdicts:
        say(str(verdict))
    refuse_unsafe(verdicts)


# -- running


@click.command()
@click.argument("places", nargs=-1, metavar="[TARGET] [APP [NAME]]")
@target.option
@database_option
@click.option("--plan", "only_plan", is_flag=True, help="Say what would be done.")
@click.option("--check", is_flag=True, help="Do nothing; exit status 1 when migrations are not applied.")
@click.option("--fake", is_flag=True, help="Only record: the database is as it should be already.")
@click.option("--fake-initial", is_flag=True, help="Only record first migrations whose tables are there.")
@click.option(
    "--check-safety", is_flag=True, help="Say what each operation means for a running site; fail when unsafe."
)
@click.option(
    "--lock-timeout",
    default=4.0,
    show_default=True,
    help="Seconds that a statement waits for a lock; 0: for ever.",
)
@click.option("--wait", default=60.0, show_default=True, help="Seconds to wait for another deployer.")
@click.option("--prune", is_flag=True, help="Forget migrations of APP whose files are gone.")
def migrate(places: Sequence[str], target: str, alias: str, **options: Any) -> None:
    """Bring the database to the last migrations, or an app to NAME (``zero``: to before its first)."""
    from vivace.migrations.executor import RunOptions
    from vivace.migrations.project import executor_for

    target, places = _parted(target, places)
    if len(places) > 2:
        raise click.UsageError("Name at most an app and one of its migrations.")
    app_label, name = (*places, "", "")[:2]
    app, project = _load(target)
    run = RunOptions(
        lock_timeout=options["lock_timeout"] or None,
        wait=options["wait"],
        fake=options["fake"],
        fake_initial=options["fake_initial"],
    )

    async def work(database: Database) -> int:
        executor = executor_for(project, app.databases, database.alias, run, _report)
        if options["prune"]:
            return await _prune(executor, project, app_label)
        if options["only_plan"] or options["check"] or options["check_safety"]:
            return await _look(executor, project, (app_label, name), options)
        steps = await executor.migrate(await _targets(executor, project, app_label, name))
        if not steps:
            say("Nothing to do.")
            _hint(project)
        return 0

    sys.exit(_with_database(app, alias, work))


def _report(event: str, step: Step) -> None:
    verb = "undo" if step.backwards else "apply"
    if event == "begin":
        click.echo(f"{verb} {step.migration} … ", nl=False, err=True)
    else:
        say(paint(event, fg="green" if event == "done" else "yellow"))


async def _targets(executor: Executor, project: Project, app_label: str, name: str) -> Any:
    from vivace.migrations.executor import Target

    if not app_label:
        return None
    loader = await executor.loader()
    loader.check_app(app_label)
    if name == "zero":
        return [Target(app_label=app_label, name=None)]
    if name:
        return [Target(app_label=app_label, name=loader.find(app_label, name).name)]
    return [Target(app_label=app, name=leaf) for app, leaf in loader.graph.leaves(app_label)]


async def _look(executor: Executor, project: Project, place: tuple[str, str], options: dict[str, Any]) -> int:
    from vivace.migrations.executor import plan

    loader = await executor.loader()
    steps = plan(loader, await _targets(executor, project, *place))
    for step in steps:
        say(f"{'undo' if step.backwards else 'apply'} {paint(str(step.migration), bold=True)}")
        for operation in step.migration.operations:
            say(f"  {operation.formatted_description()}")
    if options["check_safety"]:
        _judge(loader, steps, executor.database.dialect)
    if not steps:
        say("Nothing to do.")
    return EXIT_ERROR if options["check"] and steps else 0


def _judge(loader: Any, steps: Sequence[Step], dialect: Any) -> None:
    from vivace.migrations.executor import states_before
    from vivace.migrations.linter import lint, refuse_unsafe

    migrations = [step.migration for step in steps if not step.backwards]
    if migrations:
        first = states_before(loader, migrations)[migrations[0].node]
        verdicts = lint(migrations, first, dialect)
        for verdict in verdicts:
            say(str(verdict))
        refuse_unsafe(verdicts)


async def _prune(executor: Executor, project: Project, app_label: str) -> int:
    loader = await executor.loader()
    loader.check_app(app_label)
    for node in sorted(set(loader.applied or ())):
        if node[0] == app_label and node not in loader.on_disk and node not in loader.graph.migrations:
            await executor.recorder.forget(node)
            say(f"forgot {node[0]}.{node[1]}")
    return 0


def _hint(project: Project) -> None:
    from vivace.migrations.project import make, no_answers

    try:
        missing = make(project, no_answers())
    except MigrationError:
        return
    if missing:
        say(paint("The models have changed since: run `vivace makemigrations`.", fg="yellow"))


@click.command()
@click.argument("app_labels", nargs=-1, metavar="[TARGET] [APP]...")
@target.option
@database_option
@click.option("--plan", "as_plan", is_flag=True, help="In the order in which they run.")
def showmigrations(app_labels: Sequence[str], target: str, alias: str, as_plan: bool) -> None:
    """List the migrations; [X] is applied."""
    from vivace.migrations.executor import Executor

    target, app_labels = _parted(target, app_labels)
    app, project = _load(target)

    async def work(database: Database) -> None:
        loader = await Executor(database, project.folders).loader()
        applied = loader.applied or set()
        nodes = loader.graph.full_plan()
        if not as_plan:
            nodes = sorted(nodes, key=lambda node: node[0])  # stable: within an app in their order
        shown = ""
        for node in nodes:
            if app_labels and node[0] not in app_labels:
                continue
            if not as_plan and node[0] != shown:
                shown = node[0]
                click.echo(paint(shown, bold=True))
            mark = "X" if node in applied else " "
            click.echo(f"[{mark}] {node[0]}.{node[1]}" if as_plan else f" [{mark}] {node[1]}")

    _with_database(app, alias, work)


@click.command()
@click.argument("app_label", metavar="APP")
@click.argument("name", metavar="NAME")
@target.option
@database_option
@click.option("--backwards", is_flag=True, help="The SQL that undoes it.")
def sqlmigrate(app_label: str, name: str, target: str, alias: str, backwards: bool) -> None:
    """Print the SQL of a migration. The database is not asked."""
    from vivace.migrations.project import sql_of

    app, project = _load(target)
    loader = project.loader()
    loader.check_app(app_label)
    migration = loader.find(app_label, name)
    dialect = app.databases[alias].dialect
    for line in _run(sql_of(loader, migration, dialect, backwards=backwards)):
        click.echo(line)


# -- tidying


@click.command()
@click.argument("app_label", default="", metavar="[APP]")
@click.argument("names", nargs=-1, metavar="[FIRST] LAST")
@target.option
@click.option("--project", "whole", is_flag=True, help="All apps at once: opens circles between them.")
@click.option("--name", default="", help="The name, without its number.")
@click.option("--no-optimize", is_flag=True, help="Keep all operations.")
@click.option("--no-header", is_flag=True, help="Leave out the line with version and time.")
def squashmigrations(
    app_label: str,
    names: Sequence[str],
    target: str,
    whole: bool,
    name: str,
    no_optimize: bool,
    no_header: bool,
) -> None:
    """Write one migration that replaces many. Keep the old files until every database has the new one."""
    from vivace.migrations.squash import squash, squash_project
    from vivace.migrations.writer import write

    _, project = _load(target)
    loader = project.loader()
    if whole:
        found = squash_project(loader)
    elif app_label and names:
        first = names[0] if len(names) > 1 else None
        found = [squash(loader, app_label, names[-1], first=first, name=name, optimized=not no_optimize)]
    else:
        raise click.UsageError("Name an app and its last migration to squash, or say --project.")
    for migration in found:
        path = write(migration, project.folders[migration.app_label], header=not no_header)
        _tell(migration, str(path))


@click.command()
@click.argument("app_label", metavar="APP")
@click.argument("name", metavar="NAME")
@target.option
@click.option("--check", is_flag=True, help="Write nothing; exit status 1 when it can be shorter.")
def optimizemigration(app_label: str, name: str, target: str, check: bool) -> None:
    """Make fewer operations of those of a migration, with the same result."""
    from vivace.migrations.optimizer import optimize
    from vivace.migrations.writer import write

    _, project = _load(target)
    migration = project.loader().find(app_label, name)
    shorter = optimize(migration.operations, app_label)
    if len(shorter) == len(migration.operations):
        say("It cannot be shorter.")
        return
    say(f"{len(migration.operations)} operations become {len(shorter)}.")
    if check:
        sys.exit(EXIT_ERROR)
    migration.operations = shorter
    write(migration, project.folders[app_label])


# -- comparing


@click.command()
@target.option
@database_option
@click.option(
    "--against", type=click.Choice(["models", "migrations"]), default="migrations", show_default=True
)
def drift(target: str, alias: str, against: str) -> None:
    """Report how the live database differs from what migrations (or models) say. Exit status 1 when it does."""
    from vivace.migrations.drift import drift as report
    from vivace.migrations.project import left_out

    app, project = _load(target)
    state = project.state() if against == "models" else project.loader().project_state()
    for key in left_out(project) if against != "models" else ():
        del state.models[key]

    async def work(database: Database) -> int:
        found = await report(database, state)
        for each in found:
            click.echo(str(each))
        say("The database is as it should be." if not found else f"{len(found)} differences.")
        if against == "migrations":
            _hint(project)
        return EXIT_ERROR if any(each.kind != "unknown" for each in found) else 0

    sys.exit(_with_database(app, alias, work))


@click.command()
@click.argument("tables", nargs=-1, metavar="[TABLE]...")
@target.option
@database_option
@click.option("--views", is_flag=True, help="Views too, as models that are not managed.")
@click.option("--unmanaged", is_flag=True, help="Leave the tables to whoever made them: managed = False.")
def inspectdb(tables: Sequence[str], target: str, alias: str, views: bool, unmanaged: bool) -> None:
    """Print models for the tables of a database."""
    from vivace.migrations.inspectdb import inspect

    app = _app(target)

    async def work(database: Database) -> None:
        click.echo(await inspect(database, tables, views=views, managed=not unmanaged), nl=False)

    _with_database(app, alias, work)


def _app(name: str) -> App:
    app = target.load(name)
    app.handle  # noqa: B018 - freezes the app
    return app


__all__ = [
    "drift",
    "inspectdb",
    "makemigrations",
    "migrate",
    "optimizemigration",
    "showmigrations",
    "sqlmigrate",
    "squashmigrations",
]
