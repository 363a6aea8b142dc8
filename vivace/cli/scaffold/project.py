"""What is there already: the app, its package, its models. Read from the source; nothing of it is imported or run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vivace.app.loading import find_target
from vivace.errors import NoProject, TargetError, nearest

_LEFT_OUT = frozenset({"tests", "migrations", "node_modules", "__pycache__"})
_AUTH = "vivace.auth"


@dataclass(frozen=True)
class Project:
    """A folder with an app. ``package`` is the dotted path of its code, ``""`` for an app in a single file."""

    root: Path
    app_file: Path
    package: str
    models: Mapping[str, str]  # class → the module it is in
    has_auth: bool
    has_pages: bool

    @property
    def source(self) -> Path:
        """The folder of the code."""
        return self.root / self.package if self.package else self.root

    @property
    def app_module(self) -> str:
        """The module that makes the app."""
        return f"{self.package}.{self.app_file.stem}" if self.package else self.app_file.stem

    def module_of(self, model: str) -> str:
        """Return the module that a model is imported from. Raises ``NoProject`` for one that is not there."""
        if model in self.models:
            module = self.models[model]
            if not self.package and module == self.app_module:
                raise NoProject(
                    f"{model} lives in {self.app_file.name}, the file that makes the app: importing it would go in a circle.",
                    expected="models in a module of their own",
                    got=self.app_file.name,
                    fix=f"Move {model} to a file models.py, and name it in App(models=[…]).",
                )
            return module
        if model == "User" and self.has_auth:
            return _AUTH
        known = [*self.models, *(["User"] if self.has_auth else [])]
        raise NoProject(
            f"There is no model {model!r} in {self.package or self.app_file.name}.",
            expected=", ".join(known) or "a model that is there already",
            got=model,
            fix=nearest(model, known)
            or (
                'User comes with App(installed=["vivace.auth"]).'
                if model == "User"
                else f"vivace make resource {model} … first."
            ),
        )


def find_project(folder: Path) -> Project:
    """Return the project in a folder. Raises ``NoProject``."""
    try:
        app_file = folder / find_target(folder)
    except TargetError as error:
        raise NoProject(
            f"There is no project in {folder}: {error.what}",
            expected="the folder of a project: one that `vivace new` wrote, or with an app.py",
            got=error.got,
            fix="cd into the project, or begin one: vivace new NAME.",
        ) from error
    package = app_file.parent.name if (app_file.parent / "__init__.py").is_file() else ""
    source = app_file.parent
    templates = (source / "templates").is_dir()
    return Project(
        folder,
        app_file,
        package,
        dict(_models(source, package)),
        _names_auth(parsed(app_file)),
        has_pages=templates or not package,
    )


def parsed(path: Path) -> ast.Module:
    """Return the tree of a file. Raises ``NoProject`` for one that is no Python."""
    try:
        return ast.parse(path.read_text("utf-8"), str(path))
    except (SyntaxError, UnicodeDecodeError, ValueError) as error:
        raise NoProject(
            f"{path} cannot be read as Python: {error}.", expected="a file that runs", fix="Mend it first."
        ) from error


def _models(source: Path, package: str) -> Iterator[tuple[str, str]]:
    """Yield the classes that are models as far as their bases tell, each with its module."""
    for path in sorted(source.rglob("*.py")):
        relative = path.relative_to(source).with_suffix("")
        if _LEFT_OUT.intersection(relative.parts) or any(part.startswith(".") for part in relative.parts):
            continue
        parts = relative.parts[:-1] if relative.name == "__init__" else relative.parts
        for node in parsed(path).body:
            if isinstance(node, ast.ClassDef) and any(_is_model(base) for base in node.bases):
                yield node.name, ".".join([*([package] if package else []), *parts])


def _is_model(base: ast.expr) -> bool:
    return ast.unparse(base) in (
        "models.Model",
        "Model",
        "AbstractUser",
        "auth.AbstractUser",
        "vivace.models.Model",
    )


def _names_auth(tree: ast.Module) -> bool:
    """Return whether a module installs ``vivace.auth``: by its name, or by an ``Auth`` of it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value == _AUTH:
            return True
        if (
            isinstance(node, ast.ImportFrom)
            and node.module == _AUTH
            and any(a.name == "Auth" for a in node.names)
        ):
            return True
    return False


__all__ = ["Project", "find_project", "parsed"]
