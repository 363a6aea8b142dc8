"""Settings from their layers: defaults, then ``.env``, then the process environment, then keywords. Later ones win.

The settings class is the schema. Its fields, and the fields of the groups in it, give the names (``limits.json_depth``
is ``VIVACE_LIMITS_JSON_DEPTH``), the types and the defaults; nothing is said twice. A field without a default must be
set. ``NAME_FILE`` names a file with the value (Docker and Kubernetes secrets).

Everything that is wrong is reported at once: lines of ``.env`` that cannot be read, names that begin with ``VIVACE_``
and are no setting, values that do not fit, settings that are missing. Other names are not ours and are left alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar, cast, get_type_hints

import msgspec

from vivace.errors import Finding, SettingsInvalid, nearest

from .env import ENV_FILE, START_KEY, parse_env
from .settings import Settings
from .values import check_value, describe, hides, read_value

S = TypeVar("S")
PREFIX: Final = "VIVACE_"
FILE_SUFFIX: Final = "_FILE"
DEFAULT: Final = "default"
_SHOWN: Final = 80  # characters of a wrong value


class Loaded(msgspec.Struct, Generic[S], frozen=True):
    """Settings, and where each came from: ``origins["limits.json_depth"] == "VIVACE_LIMITS_JSON_DEPTH (.env:3)"``."""

    settings: S
    origins: Mapping[str, str]

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """Yield (setting, value as text with secrets hidden, origin) of every setting, in the order of the classes."""
        for setting, origin in self.origins.items():
            value: Any = self.settings
            for name in setting.split("."):
                value = getattr(value, name)
            yield setting, str(value), origin


class _Slot(msgspec.Struct, frozen=True):
    """One setting: its path, its variable, its type."""

    path: str
    variable: str
    hint: Any
    required: bool


class _Given(msgspec.Struct, frozen=True):
    """A value from one layer, and what to say about where it came from."""

    value: object
    origin: str


def load(
    app_dir: str | os.PathLike[str], environ: Mapping[str, str] = os.environ, **overrides: object
) -> Loaded[Settings]:
    """Return the settings of an app in ``app_dir``; ``overrides`` are settings or, for groups, mappings of settings.

    Raises ``SettingsInvalid`` with everything that is wrong.
    """
    return load_into(Settings, app_dir, environ, **overrides)


def load_into(
    kind: type[S],
    app_dir: str | os.PathLike[str],
    environ: Mapping[str, str] = os.environ,
    **overrides: object,
) -> Loaded[S]:
    """Return settings of your own frozen dataclass, most often a subclass of ``Settings``; raises as ``load`` does."""
    loader = _Loader(kind)
    loader.add_start_key(environ)
    loader.add_env_file(Path(app_dir) / ENV_FILE)
    loader.add_variables(environ, {name: f"{name} (environment)" for name in environ})
    loader.add_overrides(overrides)
    return loader.finish()


class _Loader(Generic[S]):
    """Collects values by setting, layer by layer, and problems; builds the settings when there are none."""

    def __init__(self, kind: type[S]) -> None:
        self._kind = kind
        self._slots = {slot.path: slot for slot in _slots(kind)}
        self._by_variable = {slot.variable: slot for slot in self._slots.values()}
        self._given: dict[str, _Given] = {}
        self._findings: list[Finding] = []

    def add_start_key(self, environ: Mapping[str, str]) -> None:
        """Take the key that the server made for this start; every other layer wins."""
        slot = self._by_variable.get("SECRET_KEY")
        if slot is not None and environ.get(START_KEY):
            self._given[slot.path] = _Given(environ[START_KEY], f"{START_KEY} (made at the start)")

    def add_env_file(self, path: Path) -> None:
        try:
            parsed = parse_env(path.read_bytes())
        except FileNotFoundError:
            return
        except OSError as error:
            self._findings.append(
                Finding("env-file", f"{path.name} cannot be read: {error.strerror}.", place=str(path))
            )
            return
        for problem in parsed.problems:
            message = f"{path.name} line {problem.line} cannot be read: {problem.message}."
            self._findings.append(Finding("env-file", message, place=f"{path}:{problem.line}"))
        places = {name: f"{name} ({path.name}:{line})" for name, line in parsed.lines.items()}
        self.add_variables(parsed.values, places)

    def add_variables(self, variables: Mapping[str, str], origins: Mapping[str, str]) -> None:
        """Take the settings among ``variables``; of the others, those that begin with our prefix are mistakes."""
        for name, value in variables.items():
            slot = self._by_variable.get(name)
            if slot is not None:
                self._given[slot.path] = _Given(value, origins[name])
            elif name.endswith(FILE_SUFFIX) and (base := name.removesuffix(FILE_SUFFIX)) in self._by_variable:
                self._add_secret_file(self._by_variable[base], name, variables, origins[name])
            elif name.startswith(PREFIX) and name != START_KEY:
                known = [*self._by_variable, *(variable + FILE_SUFFIX for variable in self._by_variable)]
                self._findings.append(
                    Finding(
                        "setting-unknown", f"{name} is not a setting.", nearest(name, known), origins[name]
                    )
                )

    def _add_secret_file(self, slot: _Slot, name: str, variables: Mapping[str, str], origin: str) -> None:
        path = Path(variables[name])
        if slot.variable in variables:
            message = f"{slot.variable} and {name} are both set."
            self._findings.append(Finding("setting-value", message, "Set one of them.", origin))
            return
        try:
            self._given[slot.path] = _Given(path.read_text("utf-8").rstrip("\r\n"), f"{origin} → {path}")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            message = f"{name} names a file that cannot be read: {path}: {reason}."
            self._findings.append(Finding("setting-value", message, place=origin))

    def add_overrides(self, overrides: Mapping[str, object], parent: str = "") -> None:
        """Take keywords; a mapping for a group goes one level down."""
        for name, value in overrides.items():
            path = f"{parent}{name}"
            group = {other.removeprefix(f"{path}.") for other in self._slots if other.startswith(f"{path}.")}
            if path in self._slots:
                self._given[path] = _Given(value, "keyword")
            elif group and isinstance(value, Mapping):
                self.add_overrides(cast("Mapping[str, object]", value), f"{path}.")
            elif group and is_dataclass(value) and not isinstance(value, type):
                self.add_overrides({part: getattr(value, part) for part in group}, f"{path}.")
            else:
                known = {other.removeprefix(parent).partition(".")[0] for other in self._slots}
                message = f"{path} is not a setting." if not group else f"{path} is a group of settings."
                hint = nearest(name, known) if not group else "Give a mapping of its settings."
                self._findings.append(Finding("setting-unknown", message, hint, "keyword"))

    def finish(self) -> Loaded[S]:
        values: dict[str, object] = {}
        for path, slot in self._slots.items():
            given = self._given.get(path)
            if given is not None:
                self._read(slot, given, values)
            elif slot.required:
                message = f"{path} is not set. Expected: {describe(slot.hint)}."
                self._findings.append(Finding("setting-missing", message, f"Set {slot.variable}."))
        settings = self._build(values)
        if settings is None or self._findings:
            raise SettingsInvalid(self._findings)
        origins = {path: self._given[path].origin if path in self._given else DEFAULT for path in self._slots}
        return Loaded(settings, MappingProxyType(origins))

    def _read(self, slot: _Slot, given: _Given, values: dict[str, object]) -> None:
        try:
            value = given.value
            values[slot.path] = (
                read_value(value, slot.hint) if isinstance(value, str) else check_value(value, slot.hint)
            )
        except ValueError:
            got = "a value that is not shown" if hides(slot.hint) else repr(given.value)[:_SHOWN]
            message = f"{slot.path} cannot be read. Expected: {describe(slot.hint)}. Got: {got}."
            self._findings.append(Finding("setting-value", message, place=given.origin))

    def _build(self, values: Mapping[str, object]) -> S | None:
        """Make the settings; a ``ValueError`` from ``__post_init__`` is one more problem."""
        if self._findings:
            return None
        try:
            return _build(self._kind, values, "", None)
        except ValueError as error:
            self._findings.append(Finding("setting-value", str(error)))
            return None


def _slots(kind: type[Any], path: str = "", variable: str = PREFIX) -> Iterator[_Slot]:
    """Yield every setting of a class and of the groups in it."""
    hints = get_type_hints(kind, include_extras=True)
    for field in _settable(kind):
        hint, name = hints[field.name], field.metadata.get("env") or f"{variable}{field.name.upper()}"
        if is_dataclass(hint):
            yield from _slots(cast("type[Any]", hint), f"{path}{field.name}.", f"{name}_")
        else:
            required = field.default is MISSING and field.default_factory is MISSING
            yield _Slot(f"{path}{field.name}", name, hint, required)


def _build(kind: type[S], values: Mapping[str, object], path: str, base: object) -> S:
    """Make one class of settings from the values given for it; what is not given is that of ``base``, or has its default."""
    hints = get_type_hints(kind, include_extras=True)
    arguments: dict[str, object] = {}
    for field in _settable(kind):
        place, own = f"{path}{field.name}", getattr(base, field.name, None)
        if is_dataclass(hints[field.name]):
            group = cast("type[Any]", hints[field.name])
            arguments[field.name] = _build(group, values, f"{place}.", own or _default(field, group))
        elif place in values:
            arguments[field.name] = values[place]
        elif base is not None:
            arguments[field.name] = own
    return kind(**arguments)


def _default(field: Field[Any], group: type[Any]) -> object:
    """Return the default of a group that differs from the group's own defaults, ``None`` for none."""
    if field.default is not MISSING:
        return field.default
    return None if field.default_factory in (MISSING, group) else cast("Any", field.default_factory)()


def _settable(kind: type[Any]) -> list[Field[Any]]:
    return [field for field in fields(kind) if field.init]
