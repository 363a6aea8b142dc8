"""Directives that write reference tables from the code, so that they cannot go stale.

``{settings} MODULE:NAME`` reads a settings dataclass and its groups: names, variables, defaults and comments.
``{commands} MODULE:NAME`` reads a click command and everything below it: usage, help, arguments and options.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import itertools
from collections.abc import Iterator
from typing import Any, ClassVar, cast

import click
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class MarkdownDirective(SphinxDirective):
    """A directive that produces Markdown."""

    required_arguments = 1
    has_content: ClassVar[bool] = False

    def lines(self) -> Iterator[str]:
        """Yield the Markdown."""
        yield ""

    def run(self) -> list[nodes.Node]:
        """Parse what ``lines`` yields in the place of the directive."""
        return self.parse_text_to_nodes("\n".join(self.lines()), allow_section_headings=True)


class Settings(MarkdownDirective):
    """One section for each group of settings."""

    def lines(self) -> Iterator[str]:
        """Yield a heading, the docstring and a table for each group."""
        yield from self._group(_named(self.arguments[0]), "")

    def _group(self, group: type[Any], path: str) -> Iterator[str]:
        self.env.note_dependency(inspect.getfile(group))
        comments = _comments(group)
        inner = {
            field.name: field.default_factory
            for field in dataclasses.fields(group)
            if dataclasses.is_dataclass(field.default_factory)
        }
        yield from ["", f"## {path.rstrip('.') or 'general'}", "", inspect.getdoc(group) or "", ""]
        yield from ["| setting | default | meaning |", "|---|---|---|"]
        for field in dataclasses.fields(group):
            if field.name not in inner:
                dotted = path + field.name
                variable = field.metadata.get("env") or "VIVACE_" + dotted.replace(".", "_").upper()
                shown = _default(field.default)
                yield f"| `{dotted}`<br>`{variable}` | {shown} | {comments.get(field.name, '')} |"
        for name, kind in inner.items():
            yield from self._group(cast("type[Any]", kind), f"{path}{name}.")


def _default(value: object) -> str:
    if value == () or getattr(value, "reveal", lambda: value)() == "":
        return "none"
    return f"`{value:,}`" if type(value) is int else f"`{value!r}`"


def _comments(group: type[Any]) -> dict[str, str]:
    """Return the comment of each field: behind it, or on the lines before it."""
    lines = inspect.getsource(group).splitlines()
    found: dict[str, str] = {}
    for node in ast.parse("\n".join(lines)).body[0].body:  # type: ignore[attr-defined]
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            behind = [line.partition("  # ")[2] for line in lines[node.lineno - 1 : node.end_lineno]]
            before = list(
                itertools.takewhile(
                    lambda line: line.startswith("# "), map(str.strip, lines[node.lineno - 2 :: -1])
                )
            )
            text = " ".join(filter(None, behind)) or " ".join(line[2:] for line in reversed(before))
            found[node.target.id] = text.replace("``", "`")
    return found


def _named(target: str) -> Any:
    """Return the object that ``module:name`` says."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


class Commands(MarkdownDirective):
    """One section for each command."""

    def lines(self) -> Iterator[str]:
        """Yield usage, help and a table of options, depth first."""
        yield from self._command(_named(self.arguments[0]), "vivace")

    def _command(self, command: click.Command, path: str) -> Iterator[str]:
        context = click.Context(command, info_name=path)
        yield from [
            "",
            f"## {path}",
            "",
            "```text",
            command.get_usage(context).removeprefix("Usage: "),
            "```",
            "",
        ]
        yield from [*inspect.cleandoc(command.help or "").replace("\b\n", "").splitlines(), ""]
        rows = [row for row in (_parameter(one, context) for one in command.get_params(context)) if row]
        if rows:
            yield from ["| option | meaning |", "|---|---|", *rows]
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                if below is not None and not below.hidden:
                    yield from self._command(below, f"{path} {name}")


def _parameter(parameter: click.Parameter, context: click.Context) -> str:
    record = parameter.get_help_record(context)
    if record is None or "--help" in parameter.opts or not record[1]:
        return ""
    return f"| `{record[0]}` | {record[1]} |".replace("\n", " ")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("settings", Settings)
    app.add_directive("commands", Commands)
    return {"version": "1", "parallel_read_safe": True}
