"""From a model's name and its fields to the files of a resource: what the skeletons ``pages`` and ``json`` are filled with."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from vivace.errors import FieldSpecInvalid, NameRefused, WouldOverwrite

from .edits import Inclusion
from .fieldspec import FieldSpec
from .kinds import json_sample, quoted
from .names import ModelName
from .project import Project
from .rendering import Planned, rendered

WIDTH: Final = 110  # of the generated projects' lines
_USER: Final = "User"
_NUMBERS: Final = frozenset({"int", "float", "decimal"})
_CLOCKS: Final = frozenset({"date", "datetime", "time"})


@dataclass(frozen=True)
class FieldCode:
    """A field as the skeletons see it."""

    spec: FieldSpec
    model: ModelName

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def kind(self) -> str:
        return self.spec.kind

    @property
    def optional(self) -> bool:
        return self.spec.optional

    @property
    def required(self) -> bool:
        """Whether a form without it is refused."""
        return not (self.spec.optional or self.kind == "bool")

    @property
    def label(self) -> str:
        """What people read."""
        return self.name.replace("_", " ").capitalize()

    @property
    def target(self) -> str:
        """The model that a relation leads to."""
        return self.spec.arguments[0] if self.kind in ("fk", "m2m") else ""

    @property
    def is_owner(self) -> bool:
        """Whether it is who is signed in, and so is not asked for."""
        return self.kind == "fk" and self.target == _USER

    @property
    def in_table(self) -> bool:
        return self.spec.about.in_table

    @property
    def is_number(self) -> bool:
        """Whether a column of it is read from the right."""
        return self.kind in _NUMBERS

    @property
    def wrong(self) -> str:
        """What no form takes for it."""
        return self.spec.about.wrong

    # -- the model -------------------------------------------------------------------------------------------------

    @property
    def choices(self) -> str:
        """The class of the choices."""
        name = "".join(word.capitalize() for word in self.name.split("_"))
        return f"{name}Choice" if name == self.model.model else name

    @property
    def words(self) -> list[tuple[str, str]]:
        """The choices, each as the name of a member and its value."""
        return [(word.upper(), word) for word in self.spec.arguments]

    @property
    def definition(self) -> str:
        """The line, or lines, of the model's class."""
        start, options = f"{self.name}{self._annotation} = models.{self.spec.about.field}(", self._options()
        line = f"    {start}{', '.join(options)})"
        if len(line) <= WIDTH:
            return line
        return "\n".join([f"    {start}", *(f"        {option}," for option in options), "    )"])

    @property
    def is_own(self) -> bool:
        """Whether it leads to the model itself."""
        return self.target == self.model.model

    @property
    def _annotation(self) -> str:
        """What type checkers cannot see: a model that is not there yet while its own class is made."""
        if not self.is_own:
            return ""
        own = f"{self.target} | None" if self.optional and self.kind == "fk" else self.target
        return f": models.{self.spec.about.field}[{own}]"

    def _options(self) -> list[str]:
        about, spec = self.spec.about, self.spec
        options = list(about.options)
        if self.kind == "str":
            options.append(f"max_length={spec.arguments[0] if spec.arguments else 200}")
        elif self.kind == "choice":
            options += [f"max_length={max(map(len, spec.arguments))}", f"choices={self.choices}"]
        elif self.kind == "fk":
            rule = "SET_NULL" if spec.optional else "CASCADE"
            options += [self._to, f"on_delete=models.{rule}", 'related_name="+"']
        elif self.kind == "m2m":
            options += [self._to, 'related_name="+"']
        elif self.kind == "file":
            options.append(f'upload_to="{self.model.many}/"')
        return [*options, *self._emptiness(), *self._default()]

    @property
    def _to(self) -> str:
        return '"self"' if self.is_own else self.target

    def _emptiness(self) -> list[str]:
        spec = self.spec
        null = ["null=True"] if spec.optional and self._is_null else []
        blank = ["blank=True"] if spec.optional else []
        return [*null, *blank, *(["unique=True"] if spec.unique else [])]

    @property
    def _is_null(self) -> bool:
        """Whether empty is NULL: texts are "" then, unless they are unique (any number of rows may be empty)."""
        if self.kind in ("m2m", "file"):
            return False
        return self.spec.unique or not (self.spec.about.is_text or self.kind == "choice")

    def _default(self) -> list[str]:
        spec = self.spec
        if spec.default is None:
            return ["default=False"] if self.kind == "bool" else []
        if self.kind == "choice":
            return [f"default={self.choices}.{spec.default.upper()}"]
        return [f"default={self._literal}"]

    @property
    def _literal(self) -> str:
        literal, default = self.spec.about.literal, self.spec.default
        return literal(default, self.spec.arguments) if literal is not None and default is not None else ""

    # -- tests -----------------------------------------------------------------------------------------------------

    def sample(self, which: int = 0) -> str:
        """Return what a test's form sends."""
        if self.kind == "choice":
            return self.spec.arguments[min(which, len(self.spec.arguments) - 1)]
        text = (self.spec.about.sample, self.spec.about.other)[which]
        return text[: int(self.spec.arguments[0])] if self.kind == "str" and self.spec.arguments else text

    @property
    def form_code(self) -> str:
        """The value in a test's form, as code."""
        return quoted(self.sample())

    @property
    def json_code(self) -> str:
        """The value in a test's JSON, as code."""
        if self.kind == "json":
            return self.sample()
        value = json_sample(self.kind, self.sample())
        return str(value) if isinstance(value, (bool, int, float)) else quoted(str(value))

    @property
    def json_type(self) -> str:
        """The annotation in what clients send, with its limits."""
        spec = self.spec
        if self.kind == "choice":
            return f"{self.model.model}.{self.choices}{' | None' if spec.optional else ''}"
        base = {"fk": "int", "m2m": "list[int]"}.get(self.kind, spec.about.type)
        limits = ["min_length=1"] if base == "str" and self.required and self.spec.default is None else []
        limits += [f"max_length={self._longest}"] if self._longest else []
        limited = f"Annotated[{base}, msgspec.Meta({', '.join(limits)})]" if limits else base
        return f"{limited} | None" if spec.optional and self._is_null and base != "Any" else limited

    @property
    def _longest(self) -> int:
        """How many characters of text there may be; 0: as many as you like."""
        if self.kind == "str" and self.spec.arguments:
            return int(self.spec.arguments[0])
        return {"str": 200, "slug": 50, "email": 254, "url": 200}.get(self.kind, 0)

    @property
    def json_default(self) -> str:
        """The default in what clients send, as code behind the annotation."""
        spec = self.spec
        if spec.default is not None:
            return (
                f" = {self.model.model}.{self.choices}.{spec.default.upper()}"
                if self.kind == "choice"
                else f" = {self._literal}"
            )
        if self.kind == "bool":
            return " = False"
        if not spec.optional:
            return ""
        if self.kind == "m2m":
            return " = []"
        return " = None" if self._is_null or self.kind == "choice" else ' = ""'

    @property
    def json_value(self) -> str:
        """What the model takes over, as code."""
        return f'given.{self.name} or ""' if self.kind == "choice" and self.optional else f"given.{self.name}"


@dataclass(frozen=True)
class Resource:
    """What is asked for: a model, its fields, where it goes."""

    project: Project
    model: ModelName
    specs: Sequence[FieldSpec]
    live: bool = False
    pages: bool = True

    @property
    def fields(self) -> list[FieldCode]:
        return [FieldCode(spec, self.model) for spec in self.specs]

    @property
    def inclusion(self) -> Inclusion:
        """What the file of the app needs."""
        dot = "." if self.project.package else ""
        router = "pages" if self.pages else "routes"
        return Inclusion(f"{dot}{self.model.many}.views", router, f"{self.model.one}_{router}")

    @property
    def title(self) -> FieldCode | None:
        """The field that names an object, if one does."""
        named = [
            field
            for field in self.fields
            if field.kind in ("str", "slug", "email", "url") and not field.optional
        ]
        return named[0] if named else None

    def check(self) -> None:
        """Refuse what cannot work here: raises ``NameRefused``, ``WouldOverwrite`` or ``FieldSpecInvalid``."""
        self._check_name()
        if all(field.is_owner for field in self.fields):
            raise FieldSpecInvalid(
                f"Nobody could fill in {self.model.article} {self.model.words}: who is signed in is not asked.",
                expected="a field beside those that lead to User",
                got=" ".join(str(spec) for spec in self.specs),
                fix="Add one, such as text:str.",
            )
        for field in self.fields:
            if field.is_own and not field.optional and field.kind == "fk":
                raise FieldSpecInvalid(
                    f"The field {str(field.spec)!r} cannot be made: the first {self.model.words} would need another one.",
                    expected="an optional relation to the model itself",
                    got=str(field.spec),
                    fix=f"Write '{field.spec}?'.",
                )
            if not self.pages and field.kind in ("m2m", "file"):
                raise FieldSpecInvalid(
                    f"The field {str(field.spec)!r} is not made for JSON.",
                    expected="fields whose value is in the row",
                    got=field.kind,
                    fix="Leave it out and write it yourself, or make pages: --pages.",
                )

    def _check_name(self) -> None:
        project, model = self.project, self.model
        if model.model in project.models or (model.model == _USER and project.has_auth):
            raise NameRefused(
                f"There is a model {model.model} already, in {project.models.get(model.model, 'vivace.auth')}.",
                expected="a name that no model has",
                got=model.model,
                fix="Take another name, or change the model that is there.",
            )
        taken = [
            path
            for path in (project.source / model.many, project.source / f"{model.many}.py")
            if path.exists()
        ]
        if taken:
            raise WouldOverwrite(
                f"{taken[0].relative_to(project.root)} is there already, and nothing is ever overwritten.",
                expected=f"no {model.many} yet",
                got="a folder" if taken[0].is_dir() else "a file",
                fix="Take another name, or move what is there away.",
            )
        if not project.package and model.many in sys.stdlib_module_names:
            raise NameRefused(
                f"Beside a single file {model.model} would be the module {model.many!r}, which Python's library has.",
                expected="another name",
                got=model.model,
                fix=f"vivace make resource {model.model}Item …",
            )

    def files(self) -> list[Planned]:
        """Return the files to write, their paths from the project's folder. Raises ``NoProject`` for an unknown model."""
        names = {"RESOURCE": self.model.many, "MODEL": self.model.model.lower()}
        planned = rendered(["pages" if self.pages else "json"], names, self._values())
        source = self.project.package
        return [
            Planned(
                file.path if file.path.parts[0] == "tests" or not source else source / file.path, file.text
            )
            for file in map(self._placed, planned)
        ]

    def _placed(self, file: Planned) -> Planned:
        """Put tests where the project has them: in ``tests``, or beside a single file."""
        if file.path.parts[0] == "tests" and not (
            self.project.package or (self.project.root / "tests").is_dir()
        ):
            return Planned(file.path.relative_to("tests"), file.text)
        return file

    def _values(self) -> dict[str, Any]:
        project, fields = self.project, self.fields
        asked = [field for field in fields if not field.is_owner]
        targets = sorted(
            {field.target for field in fields if field.target and field.target != self.model.model}
        )
        return {
            "m": self.model,
            "fields": fields,
            "asked": asked,
            "owner": next((field for field in fields if field.is_owner), None),
            "owners": [field for field in fields if field.is_owner],
            "title": self.title,
            "columns": [field for field in fields if field.in_table][:4],
            "live": self.live,
            "has_auth": project.has_auth,
            "app_module": project.app_module,
            "has_base": (project.source / "templates" / "base.html").is_file(),
            "v": self.model.model.lower(),
            "plural_class": "".join(word.capitalize() for word in self.model.plural.split()),
            "wrong": self._wrong(),
            "form_fields": self._form_fields(),
            "model_imports": self._model_imports(targets),
            "view_imports": self._view_imports(),
            "test_imports": self._test_imports(),
        }

    def _model_imports(self, targets: Sequence[str]) -> dict[str, list[str]]:
        """Return the import lines of ``models.py``, in the blocks and the order that ruff wants."""
        third, own = [("vivace", "models")], list[tuple[str, str]]()
        package = self.project.package
        for target in targets:
            module = self.project.module_of(target)
            if module.startswith("vivace."):
                third.append((module, target))
            else:
                own.append((f"..{module.removeprefix(package).lstrip('.')}" if package else module, target))
        decimal = any(field.kind == "decimal" and field.spec.default is not None for field in self.fields)
        standard = ["from decimal import Decimal"] if decimal else []
        return {"standard": standard, "third": _from_lines(third), "own": _from_lines(own)}

    def _test_imports(self) -> list[str]:
        """Return the import lines of the project's models in the tests, but that of the app."""
        asked = {field.target for field in self.fields if field.target and not field.is_owner}
        found = [(self.project.module_of(target), target) for target in asked - {self.model.model}]
        prefix = f"{self.project.package}." if self.project.package else ""
        own = [(f"{prefix}{self.model.many}.models", self.model.model)]
        own += [(module, target) for module, target in found if not module.startswith("vivace.")]
        return _from_lines(own)

    def _wrong(self) -> tuple[str, str] | None:
        """Return a field and, as code, what no form takes for it; ``None`` where everything is taken."""
        asked = [field for field in self.fields if not field.is_owner and field.kind not in ("file", "m2m")]
        required = [(field.name, '""') for field in asked if field.required]
        refused = [(field.name, quoted(field.wrong)) for field in asked if field.wrong]
        return next(iter([*required, *refused]), None)

    def _view_imports(self) -> list[str]:
        """Return the import lines that the types of JSON need, sorted; dates by a short name, since fields are called so."""
        kinds = {field.kind for field in self.fields}
        lines = [
            ("import datetime as dt", bool(kinds & _CLOCKS)),
            ("from decimal import Decimal", "decimal" in kinds),
            (f"from typing import Annotated{', Any' if 'json' in kinds else ''}", True),
            ("from uuid import UUID", "uuid" in kinds),
        ]
        return [line for line, needed in lines if needed]

    def _form_fields(self) -> str:
        """Return the list of the form's fields, on one line where it fits."""
        names = [f'"{field.name}"' for field in self.fields if not field.is_owner]
        line = f"        fields = [{', '.join(names)}]"
        if len(line) <= WIDTH:
            return line
        return "\n".join(["        fields = [", *(f"            {name}," for name in names), "        ]"])


def _from_lines(names: Sequence[tuple[str, str]]) -> list[str]:
    """Return one import line for each module, sorted."""
    modules: dict[str, list[str]] = {}
    for module, name in names:
        modules.setdefault(module, []).append(name)
    return [f"from {module} import {', '.join(sorted(found))}" for module, found in sorted(modules.items())]


__all__ = ["FieldCode", "Resource"]
