"""``vivace new``: a project that a team can keep."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

import vivace

from .scaffold.names import ProjectName, project_name
from .scaffold.rendering import Planned, rendered
from .scaffold.writing import refuse_used_folder, write
from .terminal import paint, say

# template → (its skeletons, what it is, the commands that come next)
TEMPLATES: Final[Mapping[str, tuple[tuple[str, ...], str, tuple[str, ...]]]] = {
    "site": (
        ("common", "site"),
        "a site with accounts and a first live page",
        ("pip install -e '.[dev]'", "vivace migrate", "vivace createsuperuser", "vivace dev"),
    ),
    "api": (
        ("common", "api"),
        "a JSON service with a first resource",
        ("pip install -e '.[dev]'", "vivace migrate", "vivace dev"),
    ),
    "minimal": (("minimal",), "one file and its test", ("vivace dev", "pytest")),
}


@click.command()
@click.argument("name")
@click.option(
    "--template",
    type=click.Choice(list(TEMPLATES)),
    default="site",
    show_default=True,
    help="; ".join(f"{template}: {about}" for template, (_, about, _) in TEMPLATES.items()) + ".",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FOLDER",
    help="Where to put it; NAME by default. It must be new or empty.",
)
def new(name: str, template: str, folder: Path | None) -> None:
    """Write a project: settings, pages or a JSON resource, tests, migrations, container, service and CI files."""
    names = project_name(name)
    folder = folder if folder is not None else Path(name)
    refuse_used_folder(folder, f"vivace new {name}")
    planned = files_of(names, template)
    write(folder, planned)
    _, about, commands = TEMPLATES[template]
    say(f"{paint(str(folder), bold=True)} is {about}: {len(planned)} files. Next:")
    for command in (f"cd {shlex.quote(str(folder))}", *commands):
        say(f"  {command}")


def files_of(names: ProjectName, template: str) -> list[Planned]:
    """Return the files of a project."""
    skeletons, _, _ = TEMPLATES[template]
    values = {
        **names._asdict(),
        "template": template,
        "version": vivace.__version__,
        "host": names.project,  # of example.com
        "user": names.project,  # of the operating system
    }
    return rendered(skeletons, {"PACKAGE": names.package, "PROJECT": names.project}, values)


__all__ = ["TEMPLATES", "files_of", "new"]
