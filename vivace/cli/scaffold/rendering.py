"""From the files of a skeleton to those of a project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

SKELETONS: Final = Path(__file__).parents[1] / "skeletons"
SUFFIX: Final = (
    ".tpl"  # .gitignore, pyproject.toml and test_….py mean nothing to tools while they are skeletons
)


class Planned(NamedTuple):
    """A file to write: its path in the project, and its text."""

    path: PurePosixPath
    text: str


def rendered(skeletons: Iterable[str], names: Mapping[str, str], values: Mapping[str, Any]) -> list[Planned]:
    """Return the files of skeletons, sorted; ``names`` take the place of upper-case words in paths.

    Of two skeletons with the same file the later one is meant.
    """
    environment = _environment()
    found: dict[PurePosixPath, str] = {}
    for skeleton in skeletons:
        for source in sorted((SKELETONS / skeleton).rglob(f"*{SUFFIX}")):
            path = _path(source.relative_to(SKELETONS / skeleton).as_posix(), names)
            found[path] = environment.from_string(source.read_text("utf-8")).render(values)
    return [Planned(path, text) for path, text in sorted(found.items())]


def _path(relative: str, names: Mapping[str, str]) -> PurePosixPath:
    return PurePosixPath("/".join(_part(part, names) for part in relative.removesuffix(SUFFIX).split("/")))


def _part(part: str, names: Mapping[str, str]) -> str:
    for word, name in names.items():
        part = part.replace(word, name)
    return part


def _environment() -> Environment:
    return Environment(  # noqa: S701 - what is written is code, and its values are checked names
        loader=FileSystemLoader(SKELETONS),
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )


__all__ = ["SKELETONS", "Planned", "rendered"]
