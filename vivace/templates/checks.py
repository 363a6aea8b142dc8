"""What can be wrong with templates, found without rendering them (TP7): for ``vivace check``.

=====================================  =====================================================================
finding                                what was looked at
=====================================  =====================================================================
``template-syntax`` and other codes    compiling every template
``template-syntax``                    filters and tests, also those of branches that never ran
``template-not-found``                 ``extends``, ``include``, ``import`` of a name that is written there
``unknown-route``,                     ``url()`` and ``{% url %}`` of a name that is written there, and the names
``wrong-route-parameters``             of its parameters
``unknown-static``                     ``static()`` and ``{% static %}``
``template-variable`` (a warning)      names that nothing in the app's Python code is called, nor any template sets
=====================================  =====================================================================

The last one is a guess: what a view gives is only known when it runs. A name that stands nowhere in the code, in no
template and in no provider can hardly be given by anybody.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from jinja2 import nodes

from vivace.errors import Finding, TemplateError, VivaceError, WrongRouteParameters, nearest

from .environment import TemplateEnvironment
from .mistakes import NAMES, unknown_name
from .tags import TagExtension

MOST: Final = 5_000  # folders of a project that are looked through
_WORD: Final = re.compile(r"\b[A-Za-z_]\w*")
_LOADING: Final = (nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)
_LEFT_OUT: Final = frozenset("node_modules __pycache__ venv site-packages build dist".split())
GIVEN: Final = frozenset(  # what generic views, forms and Jinja give
    "form formset object object_list page page_obj paginator is_paginated view loop self super caller varargs kwargs "
    "true false none field widget errors exception title next protected_objects".split()
)


class Call(NamedTuple):
    """A function or tag that is called with a name written in the template."""

    function: str
    name: str
    positional: int
    keywords: tuple[str, ...]
    line: int
    is_open: bool  # ``**values``: there may be more


@dataclass(frozen=True, slots=True)
class Questions:
    """What a check asks the app. ``route`` raises for a name and parameters that do not fit, ``place`` shortens paths."""

    route: Callable[[str, int, tuple[str, ...]], None]
    static: Callable[[str], VivaceError | None]
    place: Callable[[str], str] = os.path.relpath
    provided: frozenset[str] = field(default=frozenset())
    code: Callable[[], frozenset[str] | None] = lambda: None


def check_templates(
    environment: TemplateEnvironment, names: Iterable[str], questions: Questions
) -> list[Finding]:
    """Return everything that is wrong with the templates of these names."""
    known = set(environment.list_templates())
    checks = [_Check(environment, name, known, questions) for name in names]
    findings = [finding for check in checks for finding in check.run()]
    given = {name for check in checks for name in check.assigned}
    return [*findings, *(one for check in checks for one in check.unknown_variables(given))]


class _Check:
    """The look at one template."""

    def __init__(
        self, environment: TemplateEnvironment, name: str, known: set[str], questions: Questions
    ) -> None:
        self.environment = environment
        self.name = name
        self.known = known
        self.questions = questions
        self.tree: nodes.Template | None = None
        self.filename = name
        self.is_sound = False

    @property
    def assigned(self) -> set[str]:
        """The names that the template sets, for itself or for what it includes."""
        if self.tree is None:
            return set()
        names = {node.name for node in self.tree.find_all(nodes.Name) if node.ctx != "load"}
        names |= {node.name for node in self.tree.find_all(nodes.Macro)}
        names |= {node.target for node in self.tree.find_all(nodes.Import)}
        imported = (name for node in self.tree.find_all(nodes.FromImport) for name in node.names)
        return names | {name if isinstance(name, str) else name[1] for name in imported}

    def run(self) -> Iterator[Finding]:
        """Yield what is wrong."""
        source, filename, _ = self.environment.loader.get_source(self.environment, self.name)
        self.filename = filename or self.name
        try:
            self.tree = self.environment.parse(source, self.name, filename)
        except TemplateError as error:
            yield self._of(error)
            return
        found = [*self._names(self.tree), *self._loaded(self.tree), *self._calls(self.tree)]
        found = found or self._compiled(source, filename)
        self.is_sound = not found
        yield from found

    def _compiled(self, source: str, filename: str | None) -> list[Finding]:
        try:
            self.environment.compile(source, self.name, filename, raw=True)
        except VivaceError as error:
            return [self._of(error)]
        return []

    def _names(self, tree: nodes.Template) -> Iterator[Finding]:
        kinds: tuple[tuple[type[nodes.Filter | nodes.Test], str, Mapping[str, Any]], ...] = (
            (nodes.Filter, "filter", self.environment.filters),
            (nodes.Test, "test", self.environment.tests),
        )
        for kind, word, table in kinds:
            for node in tree.find_all(kind):
                if node.name not in table:
                    fix = unknown_name(self.environment, word, node.name)
                    yield self._finding(
                        "template-syntax", f"There is no {word} {node.name!r}.", fix, node.lineno
                    )

    def _loaded(self, tree: nodes.Template) -> Iterator[Finding]:
        """Yield the templates that are asked for and are not there."""
        for node in tree.find_all(_LOADING):
            if getattr(node, "ignore_missing", False):
                continue
            asked: nodes.Expr = getattr(node, "template")  # noqa: B009 - all four have it, their base does not
            names = [name.partition("#")[0] for name in _constants(asked)]
            if names and not any(name in self.known for name in names):
                message = f"There is no template {' or '.join(map(repr, names))}."
                fix = nearest(names[0], self.known)
                yield self._finding("template-not-found", message, fix, node.lineno)

    def _calls(self, tree: nodes.Template) -> Iterator[Finding]:
        for call in _calls(tree):
            if call.function == "url":
                yield from self._route(call)
            elif (error := self.questions.static(call.name)) is not None:
                yield self._of(error, call.line)

    def _route(self, call: Call) -> Iterator[Finding]:
        try:
            self.questions.route(call.name, call.positional, call.keywords)
        except WrongRouteParameters as error:
            if not call.is_open:
                yield self._of(error, call.line)
        except VivaceError as error:
            yield self._of(error, call.line)

    def unknown_variables(self, given: set[str]) -> Iterator[Finding]:
        """Yield names that nobody can have given; ``given`` are those that templates set."""
        if self.tree is None or not self.is_sound:
            return
        sure = {*given, *GIVEN, *self.environment.globals, *self.questions.provided}
        lines: dict[str, int] = {}
        for node in self.tree.find_all(nodes.Name):
            if node.ctx == "load":
                lines.setdefault(node.name, node.lineno)
        unsure = sorted(lines.keys() - sure)
        code = self.questions.code() if unsure else None
        for name in unsure:
            if code is not None and name not in code:
                fix = NAMES.get(name, "") or nearest(name, sure | code)
                message = f"Nothing in the app's code is called {name!r}, so nobody gives it to the template."
                yield self._finding("template-variable", message, fix, lines[name], level="warning")

    def _of(self, error: VivaceError, line: int | None = None) -> Finding:
        number = line or getattr(error, "lineno", None)
        return Finding.from_error(error, self._place(number))

    def _finding(self, code: str, message: str, fix: str, line: int, level: Any = "error") -> Finding:
        return Finding(code, message, fix, self._place(line), level)

    def _place(self, line: int | None) -> str:
        return (
            f"{self.questions.place(self.filename)}:{line}" if line else self.questions.place(self.filename)
        )


def _constants(node: nodes.Expr) -> list[str]:
    """Return the names of templates that are written down; none when one is computed."""
    if isinstance(node, nodes.Const):
        return [node.value] if isinstance(node.value, str) else list(node.value)
    if isinstance(node, (nodes.Tuple, nodes.List)):
        return [item.value for item in node.items if isinstance(item, nodes.Const)]
    return []


def _calls(tree: nodes.Template) -> Iterator[Call]:
    """Yield the calls of ``url`` and ``static``, as functions and as tags, whose first argument is written down."""
    for node in tree.find_all(nodes.Call):
        function = _called(node.node)
        if function not in ("url", "static", "static_integrity") or not node.args:
            continue
        name = node.args[0]
        if isinstance(name, nodes.Const) and isinstance(name.value, str):
            keywords = tuple(keyword.key for keyword in node.kwargs)
            is_open = node.dyn_args is not None or node.dyn_kwargs is not None
            yield Call(function, name.value, len(node.args) - 1, keywords, node.lineno, is_open)


def _called(node: nodes.Expr) -> str:
    if isinstance(node, nodes.Name):
        return node.name
    if not (isinstance(node, nodes.Getitem) and isinstance(node.node, nodes.ExtensionAttribute)):
        return ""
    is_tag = node.node.identifier == TagExtension.identifier
    return str(node.arg.value) if is_tag and isinstance(node.arg, nodes.Const) else ""


def words_of(folders: Iterable[Path], most: int = MOST) -> frozenset[str] | None:
    """Return every word of the Python files below folders, and what generic views make of the names of models.

    ``None`` when there are more than ``most`` folders below one: that is no project, but a whole disk.
    """
    words: set[str] = set()
    for folder in folders:
        files = _python_files(folder, most)
        if files is None:
            return None
        for file in files:
            words.update(_WORD.findall(file.read_text(encoding="utf-8", errors="replace")))
    lower = {word.lower() for word in words}
    return frozenset(words | lower | {f"{word}_list" for word in lower})


def _python_files(folder: Path, most: int) -> list[Path] | None:
    found: list[Path] = []
    for count, (place, folders, files) in enumerate(os.walk(folder)):
        if count > most:
            return None
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _LEFT_OUT]
        found += (Path(place, name) for name in files if name.endswith(".py"))
    return found


__all__ = ["Questions", "check_templates", "words_of"]
