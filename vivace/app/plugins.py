"""Plugins (MW5): parts that others wrote, with a name, a version, and what they require of each other.

An app sets its plugins up at the freeze, once: in the order they were added, except that each comes after those it
requires. Everything that is wrong with the set (missing, wrong version, twice, a circle) is found before the first one
is set up.

A plugin's own routes, hooks and error handlers belong on a ``Router`` of its own, which it includes: they hold there
and nowhere else. What it adds to the app itself holds for the whole app, as it would for anybody::

    class Audit(Plugin):
        name = "audit"
        version = "1.4"
        requires = {"sessions": ">=2.0,<3"}

        def setup(self, app: App) -> None:
            pages = Router("/audit", before=[only_auditors])
            pages.get("/log")(show_log)
            app.include(pages)

    app.install(Audit())
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

from vivace.errors import Finding, PluginError, VivaceError, nearest

if TYPE_CHECKING:
    from .application import App

Version: TypeAlias = tuple[tuple[int, ...], bool, str]
"""Release numbers without trailing zeros, whether it is a final release, and the rest: compares as PEP 440 mostly does."""

# compiled by re when first used: most apps have no plugins
_VERSION: Final = r"(?i)v?(\d+(?:\.\d+)*)((?:[-.]?(?:a|b|rc|dev)[-.]?\d*)*)(?:\+[a-z0-9.]+)?"
_CLAUSE: Final = r"(>=|<=|==|!=|>|<)\s*(\S+)"
_OPERATORS: Final[dict[str, Callable[[Version, Version], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


class Plugin:
    """A part of an app with a name, a version, and ranges of versions that it requires of others; subclass it.

    ``requires`` maps names to ranges such as ``">=1.2,<2"`` (operators ``>= <= > < == !=``; ``""`` or ``"*"`` is any).
    ``brings`` are plugins that are added with it.
    """

    name: ClassVar[str] = ""
    version: ClassVar[str] = "0"
    requires: ClassVar[Mapping[str, str]] = MappingProxyType({})
    brings: Sequence[Plugin] = ()

    def setup(self, app: App) -> None:
        """Register what the plugin adds; called once, at the freeze, after the plugins it requires."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.version}>"


class Plugins:
    """The plugins of one app."""

    __slots__ = ("_findings", "_plugins")

    def __init__(self, initial: Sequence[Plugin] = ()) -> None:
        self._plugins: list[Plugin] = []
        self._findings: list[Finding] | None = None
        self.add(*initial)

    def __len__(self) -> int:
        return len(self._plugins)

    def __getitem__(self, name: str) -> Plugin:
        """Return the plugin of that name; raises ``PluginError`` with the nearest name."""
        by_name = {plugin.name: plugin for plugin in self._plugins}
        if name not in by_name:
            raise PluginError(
                f"There is no plugin {name!r} here.",
                expected=", ".join(by_name) or "an installed plugin",
                got=name,
                fix=nearest(name, by_name) or "Install it with app.install().",
            )
        return by_name[name]

    def add(self, *plugins: Plugin) -> None:
        """Add plugins, and those they bring before them; raises ``PluginError`` once the plugins are set up."""
        for plugin in plugins:
            if self._findings is not None:
                raise PluginError(
                    f"The plugin {plugin.name!r} comes too late: the plugins are being set up.",
                    expected="all plugins before the freeze",
                    fix="A plugin that needs another one lists it in its `brings`.",
                )
            if not any(plugin is other for other in self._plugins):
                self.add(*plugin.brings)
                self._plugins.append(plugin)

    def ordered(self) -> tuple[Plugin, ...]:
        """Return the plugins in the order of their set-up; raises ``PluginError`` when there is none."""
        findings = self.check()
        if findings:
            first = findings[0]
            raise PluginError(first.message, fix=first.hint)
        return tuple(_sorted(self._plugins)[0])

    def check(self) -> list[Finding]:
        """Return everything that is wrong with the set of plugins."""
        findings = [*_wrong_names(self._plugins), *_wrong_requirements(self._plugins)]
        return findings or [_circle(names) for names in _sorted(self._plugins)[1]]

    def setup(self, app: App) -> list[Finding]:
        """Set every plugin up, once, and return what is wrong; nothing is set up when the set is wrong.

        Called again it returns the same. An error that is not one of ours is raised as a ``PluginError`` that names
        the plugin.
        """
        if self._findings is None:
            self._findings = self.check()
            for plugin in () if self._findings else self.ordered():
                self._findings.extend(_set_up(plugin, app))
        return self._findings

    def describe(self) -> str:
        """Return the plugins as a tree: under each those it requires, with the range that it asks for."""
        needed = {name for plugin in self._plugins for name in plugin.requires}
        by_name = {plugin.name: plugin for plugin in self._plugins}
        roots = [plugin for plugin in self._plugins if plugin.name not in needed] or self._plugins
        return "\n".join(line for root in roots for line in _tree(root, by_name, "", ()))


def matches(version: str, wanted: str) -> bool:
    """Return whether a version lies in a range such as ``>=1.2,<2``; raises ``PluginError`` for what is neither."""
    have = parse_version(version)
    clauses = [clause.strip() for clause in wanted.split(",") if clause.strip() not in ("", "*")]
    found = [(re.fullmatch(_CLAUSE, clause), clause) for clause in clauses]
    for match, clause in found:
        if match is None:
            raise PluginError(
                f"{clause!r} is not a range of versions.",
                expected="such as >=1.2,<2",
                got=wanted,
                fix=f">={clause}",
            )
    return all(_OPERATORS[match[1]](have, parse_version(match[2])) for match, _ in found if match)


def parse_version(text: str) -> Version:
    """Return a version such as ``1.4.2`` or ``2.0rc1`` to compare; raises ``PluginError``."""
    match = re.fullmatch(_VERSION, text.strip())
    if match is None:
        raise PluginError(f"{text!r} is not a version.", expected="such as 1.4.2 or 2.0rc1", got=text)
    numbers = [int(part) for part in match[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers), not match[2], match[2].lower()


def _set_up(plugin: Plugin, app: App) -> list[Finding]:
    try:
        plugin.setup(app)
    except VivaceError as error:
        return [Finding.from_error(error, _place(plugin))]
    except Exception as error:
        raise PluginError(
            f"The plugin {plugin.name!r} could not be set up: {error!r}", got=_place(plugin)
        ) from error
    return []


def _place(plugin: Plugin) -> str:
    return f"{type(plugin).__module__}.{type(plugin).__qualname__}"


def _wrong_names(plugins: Sequence[Plugin]) -> list[Finding]:
    findings: list[Finding] = []
    seen: dict[str, Plugin] = {}
    for plugin in plugins:
        if not plugin.name:
            hint = 'Give the class a name: name = "audit".'
            findings.append(Finding("plugin-name", "A plugin has no name.", hint, _place(plugin)))
        elif plugin.name in seen:
            message = (
                f"Two plugins are named {plugin.name!r}: {_place(seen[plugin.name])} and {_place(plugin)}."
            )
            findings.append(Finding("plugin-duplicate", message, "Install one of them.", _place(plugin)))
        seen.setdefault(plugin.name, plugin)
    return findings


def _wrong_requirements(plugins: Sequence[Plugin]) -> list[Finding]:
    versions = {plugin.name: plugin.version for plugin in plugins}
    findings: list[Finding] = []
    for plugin in plugins:
        for name, wanted in plugin.requires.items():
            finding = _wrong_requirement(plugin, name, wanted, versions)
            findings += [finding] if finding is not None else []
    return findings


def _wrong_requirement(plugin: Plugin, name: str, wanted: str, versions: Mapping[str, str]) -> Finding | None:
    needs = f"The plugin {plugin.name!r} requires {f'{name} {wanted}'.strip()}"
    if name not in versions:
        hint = nearest(name, versions) or f"Install the plugin named {name!r} with app.install()."
        return Finding("plugin-missing", f"{needs}, which is not installed.", hint, _place(plugin))
    try:
        fits = matches(versions[name], wanted)
    except PluginError as error:
        return Finding.from_error(error, _place(plugin))
    if fits:
        return None
    message = f"{needs}; installed is {versions[name]}."
    return Finding("plugin-version", message, f"Install a version of {name} that fits.", _place(plugin))


def _circle(names: Sequence[str]) -> Finding:
    message = f"Plugins require each other in a circle: {' → '.join(names)}."
    return Finding("plugin-cycle", message, "Move what both need into a third plugin.")


def _sorted(plugins: Sequence[Plugin]) -> tuple[list[Plugin], list[list[str]]]:
    """Return the plugins, each after what it requires and else as they were added; and the circles among them."""
    by_name = {plugin.name: plugin for plugin in plugins}
    done: dict[str, Plugin] = {}
    circles: list[list[str]] = []

    def visit(plugin: Plugin, path: tuple[str, ...]) -> None:
        if plugin.name in path:
            circles.append([*path[path.index(plugin.name) :], plugin.name])
        elif plugin.name not in done:
            for name in plugin.requires:
                visit(by_name[name], (*path, plugin.name))
            done[plugin.name] = plugin

    for plugin in plugins:
        visit(plugin, ())
    return list(done.values()), circles


def _tree(plugin: Plugin, by_name: Mapping[str, Plugin], indent: str, path: tuple[str, ...]) -> list[str]:
    lines = [f"{plugin.name} {plugin.version}" if not path else ""]
    last = len(plugin.requires) - 1
    for index, (name, wanted) in enumerate(plugin.requires.items()):
        bend, bar = ("└── ", "    ") if index == last else ("├── ", "│   ")
        found = by_name.get(name)
        state = found.version if found is not None else "missing"
        lines.append(f"{indent}{bend}{name} {state}{f' ({wanted})' if wanted else ''}")
        if found is not None and name not in path:
            lines += _tree(found, by_name, indent + bar, (*path, plugin.name))
    return [line for line in lines if line]


__all__ = ["Plugin", "Plugins", "matches", "parse_version"]
