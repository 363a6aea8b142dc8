"""Finds the app that a target names.

===================  ==============================================================================================
``file.py``          the app in that file; its folder is put on ``sys.path`` first (of a package: the package's)
``file.py:name``     the app, or a function without parameters that makes one, of that name
``package.module``   the same for a module; ``package.module:name``
nothing              ``app.py``, ``main.py``, or the only file in the current folder that makes an App; else the only
                     package there with an ``app.py`` that does
===================  ==============================================================================================

Without a name it is ``app``, or the only app in the module. What the file itself raises comes through as it is.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from vivace.errors import TargetError, nearest

USUAL_FILES: Final = ("app.py", "main.py")
USUAL_NAME: Final = "app"
_MAKES_APP: Final = re.compile(r"^\s*\w+[^=\n#]*=\s*(vivace\.)?App\(", re.MULTILINE)
_PARTS: Final = ("handle", "startup", "shutdown")


def load_app(target: str = "", folder: str | Path = ".") -> Any:
    """Return the app that ``target`` names; paths are relative to ``folder``. Raises ``TargetError``."""
    place, name = split_target(target)
    if not place:
        place = find_target(folder)
    module = load_file(Path(folder, place)) if place.endswith(".py") else _import(place, Path(folder))
    return _pick(module, name, place)


def split_target(target: str) -> tuple[str, str]:
    """Return what to load and the name in it, ``""`` where the target does not say."""
    place, colon, name = target.strip().rpartition(":")
    if not colon or name.startswith(("/", "\\")) or name.endswith(".py"):  # C:\folder\file.py
        return target.strip(), ""
    return place, name


def find_target(folder: str | Path = ".") -> str:
    """Return the file in ``folder``, or in a package there, that makes an App; raises ``TargetError`` for none or several."""
    folder = Path(folder)
    for usual in USUAL_FILES:
        if (folder / usual).is_file():
            return usual
    found = sorted(path.name for path in folder.glob("*.py") if _MAKES_APP.search(_text(path)))
    if not found:
        found = sorted(
            path.relative_to(folder).as_posix()
            for path in folder.glob("*/app.py")
            if path.with_name("__init__.py").is_file() and _MAKES_APP.search(_text(path))
        )
    if len(found) == 1:
        return found[0]
    raise TargetError(
        f"There {'are several apps' if found else 'is no app'} in {folder.resolve()}.",
        expected="app.py, main.py, or one file that makes an App; or one package with such an app.py",
        got=", ".join(found),
        fix="Name it: vivace run file.py, or vivace run package.module:app.",
    )


def load_file(path: Path) -> ModuleType:
    """Return the module that is in a file, as part of its package if it has one."""
    path = path.resolve()
    if not path.is_file():
        others = [other.name for other in path.parent.glob("*.py")] if path.parent.is_dir() else []
        fix = nearest(path.name, others) or "Write the file, or name one that is there."
        raise TargetError(f"There is no file {path}.", got=path.name, fix=fix)
    root, names = path.parent, [path.stem]
    while (root / "__init__.py").is_file() and root.name.isidentifier():
        root, names = root.parent, [root.name, *names]
    _put_first(root)
    name = ".".join(names)
    if len(names) > 1:
        return importlib.import_module(name.removesuffix(".__init__"))
    return _load_single(path, name)


def _load_single(path: Path, name: str) -> ModuleType:
    """Load a file that is in no package under its own name, unless another module has that (``code.py``)."""
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == str(path):
        return known
    if known is not None or name in sys.stdlib_module_names:
        name = f"{name}__app"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TargetError(f"{path} cannot be loaded as Python.", expected="a .py file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _import(name: str, folder: Path) -> ModuleType:
    _put_first(folder.resolve())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not error.name or not f"{name}.".startswith(f"{error.name}."):
            raise  # the module is there; what it imports is not
        here = [path.stem for path in folder.glob("*.py")] + [
            path.parent.name for path in folder.glob("*/__init__.py")
        ]
        raise TargetError(
            f"There is no module {error.name!r}.",
            expected="file.py, package.module or package.module:app",
            got=name,
            fix=nearest(name, here)
            or f"It is looked for in {folder.resolve()} and where Python is installed.",
        ) from error


def _pick(module: ModuleType, name: str, place: str) -> Any:
    """Return the app of that name in a module, or the one that must be meant."""
    apps = {key: value for key, value in vars(module).items() if is_app(value)}
    if name:
        return _named(module, name, apps)
    different = {id(value) for value in apps.values()}
    if USUAL_NAME in apps:
        return apps[USUAL_NAME]
    if len(different) == 1:
        return next(iter(apps.values()))
    raise TargetError(
        f"There {'are several apps' if apps else 'is no app'} in {place}.",
        expected="app = App()",
        got=", ".join(apps),
        fix=f"Name it: {place}:{next(iter(apps), USUAL_NAME)}.",
    )


def _named(module: ModuleType, name: str, apps: dict[str, Any]) -> Any:
    value: Any = module
    for part in name.removesuffix("()").split("."):
        if not hasattr(value, part):
            fix = nearest(part, [*apps, *getattr(value, "__dict__", ())])
            raise TargetError(f"There is no {part!r} in {module.__name__}.", got=name, fix=fix)
        value = getattr(value, part)
    if not is_app(value) and callable(value) and not isinstance(value, type):
        value = value()
    if is_app(value):
        return value
    if inspect.iscoroutine(value):
        value.close()  # a handler was named: it was not meant to run, and Python need not warn of it
    raise TargetError(
        f"{module.__name__}:{name} is no app.",
        expected="an App, or a function without parameters that makes one",
        got=type(value).__name__,
        fix=f"Apps there: {', '.join(apps)}." if apps else "",
    )


def is_app(value: object) -> bool:
    """Return whether a value can be served; asks its class only, because ``handle`` freezes an App."""
    return not isinstance(value, type) and all(hasattr(type(value), part) for part in _PARTS)


def _put_first(folder: Path) -> None:
    text = str(folder)
    if text in sys.path:
        sys.path.remove(text)
    sys.path.insert(0, text)


def _text(path: Path) -> str:
    return path.read_text("utf-8", errors="replace")


__all__ = ["find_target", "is_app", "load_app", "load_file", "split_target"]
