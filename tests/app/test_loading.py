"""Targets: files, modules, names; and what is said when there is no app."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vivace.app.loading import find_target, load_app, split_target
from vivace.errors import TargetError

APP = "from vivace.app.application import App\napp = App(name='{name}')\n"


@pytest.fixture(autouse=True)
def same_modules() -> Iterator[None]:
    """Forget what a test imports."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if not name.startswith("vivace"):
            del sys.modules[name]


def write(folder: Path, name: str, text: str = "") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text or APP.format(name=name))


@pytest.mark.parametrize(
    ("files", "target"),
    [
        (["shop.py"], "shop.py"),
        (["shop.py"], "shop.py:app"),
        (["shop.py"], "shop"),
        (["shop.py"], "shop:app"),
        (["shop.py"], ""),
        (["deep/down/shop.py"], "deep/down/shop.py"),
        (["house/__init__.py", "house/shop.py"], "house/shop.py"),
        (["house/__init__.py", "house/shop.py"], "house.shop:app"),
        (["code.py"], "code.py"),
    ],
)
def test_targets(tmp_path: Path, files: list[str], target: str) -> None:
    for name in files:
        write(tmp_path, name)
    assert load_app(target, tmp_path).name == files[-1]


def test_siblings_are_imported_first(tmp_path: Path) -> None:
    write(tmp_path, "helper_of_shop.py", "NAME = 'from the sibling'")
    write(
        tmp_path,
        "shop.py",
        "from helper_of_shop import NAME\n" + APP.replace("'{name}'", "NAME"),
    )
    assert load_app("shop.py", tmp_path).name == "from the sibling"
    assert sys.path[0] == str(tmp_path)


def test_relative_imports_of_a_package(tmp_path: Path) -> None:
    write(tmp_path, "house/__init__.py", "# a package")
    write(tmp_path, "house/names.py", "NAME = 'relative'")
    write(tmp_path, "house/app.py", "from .names import NAME\n" + APP.replace("'{name}'", "NAME"))
    assert load_app("house/app.py", tmp_path).name == "relative"


def test_other_names_and_functions(tmp_path: Path) -> None:
    write(
        tmp_path,
        "shop.py",
        APP.format(name="made").replace("app =", "site =") + "def make():\n    return site\n",
    )
    assert load_app("shop.py", tmp_path).name == "made"
    assert load_app("shop.py:make", tmp_path) is load_app("shop.py:site", tmp_path)


def test_the_only_app_of_a_folder_is_found(tmp_path: Path) -> None:
    write(tmp_path, "a.py", "print('no app')")
    with pytest.raises(TargetError, match="no app in"):
        find_target(tmp_path)
    write(tmp_path, "b.py")
    assert find_target(tmp_path) == "b.py"
    write(tmp_path, "c.py")
    with pytest.raises(TargetError, match="several apps") as caught:
        find_target(tmp_path)
    assert caught.value.got == "b.py, c.py"
    write(tmp_path, "main.py")
    assert find_target(tmp_path) == "main.py"


def test_the_only_package_with_an_app_is_found(tmp_path: Path) -> None:
    for name in ("shop", "loose", "empty"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, "app.py", "" if name != "empty" else "print('no app')")
    for name in ("shop", "empty"):
        (tmp_path / name / "__init__.py").write_text("", "utf-8")
    assert find_target(tmp_path) == "shop/app.py"
    assert load_app("", tmp_path).import_name == "shop.app"
    (tmp_path / "loose" / "__init__.py").write_text("", "utf-8")
    with pytest.raises(TargetError, match="several apps") as caught:
        find_target(tmp_path)
    assert caught.value.got == "loose/app.py, shop/app.py"
    write(tmp_path, "web.py")
    assert find_target(tmp_path) == "web.py"


@pytest.mark.parametrize(
    ("target", "what", "fix"),
    [
        ("shp.py", "There is no file", "Did you mean 'shop.py'?"),
        ("elsewhere/blog.py", "There is no file", "name one that is there"),
        ("shop.py:home", "shop:home is no app", "Apps there: app"),
        ("shp:app", "no module 'shp'", "Did you mean 'shop'?"),
        ("shop.py:ap", "no 'ap' in shop", "Did you mean 'app'?"),
        ("shop.py:number", "shop:number is no app", "Apps there: app"),
        ("empty.py", "no app in empty.py", "empty.py:app"),
        ("two.py", "several apps in two.py", "two.py:first"),
    ],
)
def test_mistakes_are_named_with_the_nearest_match(tmp_path: Path, target: str, what: str, fix: str) -> None:
    write(tmp_path, "shop.py", APP + "number = 1\nasync def home(): ...\n")
    write(tmp_path, "empty.py", "x = 1")
    write(tmp_path, "two.py", APP.replace("app =", "first =") + "second = App()\n")
    with pytest.raises(TargetError) as caught:
        load_app(target, tmp_path)
    assert what in caught.value.what
    assert fix in caught.value.fix


def test_errors_of_the_file_come_through(tmp_path: Path) -> None:
    write(tmp_path, "shop.py", "import not_there_at_all")
    write(tmp_path, "broken.py", "def")
    with pytest.raises(ModuleNotFoundError, match="not_there_at_all"):
        load_app("shop.py", tmp_path)
    with pytest.raises(ModuleNotFoundError, match="not_there_at_all"):
        load_app("shop:app", tmp_path)
    with pytest.raises(SyntaxError):
        load_app("broken.py", tmp_path)


def test_split() -> None:
    assert split_target("a.py:b") == ("a.py", "b")
    assert split_target("C:\\a.py") == ("C:\\a.py", "")
    assert split_target(" a.b ") == ("a.b", "")
    assert split_target("") == ("", "")
