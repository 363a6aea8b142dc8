"""``vivace make``: code that belongs to you, written into a project that is there."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

import click

from .scaffold.edits import with_router
from .scaffold.fieldspec import parse_specs
from .scaffold.kinds import KINDS
from .scaffold.names import model_name
from .scaffold.project import Project, find_project
from .scaffold.rendering import Planned
from .scaffold.resource import Resource
from .scaffold.writing import refuse_existing, write
from .terminal import paint, say

_KINDS = ", ".join(
    f"{name} ({kind.about})" if name not in ("fk", "m2m", "choice") else f"{name}(…) ({kind.about})"
    for name, kind in KINDS.items()
)


@click.group()
def make() -> None:
    """Write code into a project. It is yours: change it as you like."""


@make.command(epilog=f"Kinds: {_KINDS}.")
@click.argument("model")
@click.argument("fields", nargs=-1, required=True, metavar="NAME:KIND...")
@click.option("--live", is_flag=True, help="The list follows what others do while it is open.")
@click.option(
    "--json/--pages",
    "as_json",
    default=None,
    help="Answer JSON, or make pages. Without: pages where the project has templates.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be written.")
def resource(model: str, fields: Sequence[str], live: bool, as_json: bool | None, dry_run: bool) -> None:
    """Write a model with its form, pages or JSON, templates, routes and tests that pass.

    A field is NAME:KIND, such as title:str, with an argument in parentheses ('author:fk(User)', 'state:choice(draft|public)')
    or behind a colon (author:fk:User). A question mark makes it optional (published:date?), =VALUE gives it a default
    (pages:int=0), :unique forbids doubles (slug:slug:unique). Who is signed in becomes what fk(User) is: it is not asked.
    """
    name, specs, project = model_name(model), parse_specs(fields), find_project(Path.cwd())
    pages = project.has_pages if as_json is None else not as_json
    made = Resource(project, name, tuple(specs), live=live, pages=pages)
    made.check()
    planned = made.files()
    refuse_existing(project.root, planned)
    text = project.app_file.read_text("utf-8")
    changed = with_router(text, made.inclusion) if project.package else None
    if dry_run:
        _print(project, planned, text, changed)
    else:
        _write(project, planned, changed)
    _tell(made, changed is not None, [] if dry_run else planned)


def _print(project: Project, planned: Sequence[Planned], text: str, changed: str | None) -> None:
    for file in planned:
        click.echo(f"# {file.path}\n{file.text}")
    if changed is not None:
        path = project.app_file.relative_to(project.root).as_posix()
        click.echo("".join(difflib.unified_diff(text.splitlines(True), changed.splitlines(True), path, path)))


def _write(project: Project, planned: Sequence[Planned], changed: str | None) -> None:
    write(project.root, planned)
    if changed is not None:
        with project.app_file.open("w", encoding="utf-8", newline="") as file:
            file.write(changed)


def _tell(made: Resource, included: bool, written: Sequence[Planned]) -> None:
    project = made.project
    app_file = project.app_file.relative_to(project.root).as_posix()
    for file in written:
        say(f"  {paint('new', fg='green')}      {file.path}")
    if included:
        say(f"  {paint('changed', fg='yellow')}  {app_file}: {made.inclusion.including()}")
    else:
        why = "has another shape than those of `vivace new`" if project.package else "is a single file"
        say(f"{app_file} {why}, so it was left as it is. Add to it:")
        say(f"  {made.inclusion.importing}")
        if not project.package:
            say(f'  app = App(…, models=["{made.model.many}"])')
        say(f"  {made.inclusion.including()}")
    if written:
        test = next(file.path for file in written if file.path.name.startswith("test_"))
        say("Next:")
        for command in ("vivace makemigrations", "vivace migrate", f"pytest {test}", "vivace dev"):
            say(f"  {command}")
        say(f"and look at /{made.model.path}.")
        if project.has_auth:
            say("Who changes something there must be logged in: `vivace createsuperuser` makes a first user.")
        if made.pages:
            _tell_of_link(made)


def _tell_of_link(made: Resource) -> None:
    """Print the link to the list, and where the project's navigation has a place for it."""
    url, words = f"url('{made.model.one}:list')", made.model.plural.capitalize()
    base = made.project.source / "templates" / "base.html"
    line = navigation_end(base.read_text("utf-8")) if base.is_file() else 0
    if not line:
        say(f'A link to it: <a href="{{{{ {url} }}}}">{words}</a>')
        return
    here = f'{{% if request.path.startswith({url}) %}} aria-current="page"{{% endif %}}'
    say(
        f"To have it in the navigation, put this behind line {line} of {base.relative_to(made.project.root).as_posix()}:"
    )
    say(f'  <li><a href="{{{{ {url} }}}}"{here}>{words}</a></li>')


def navigation_end(text: str) -> int:
    """Return the number of the last line of the first run of ``<li><a …>`` lines in a template's ``<nav>``; 0 without any."""
    is_inside, last = False, 0
    for number, line in enumerate(text.splitlines(), 1):
        is_inside = is_inside or "<nav" in line
        if is_inside and line.lstrip().startswith("<li><a "):
            last = number
        elif last or (is_inside and "</nav" in line):
            break
    return last


__all__ = ["make", "navigation_end", "resource"]
