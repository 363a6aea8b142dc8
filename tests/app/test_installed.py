"""``App(installed=[…])``: what a package brings is found by its place."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from vivace import App, Plugin
from vivace.app.plugins import Plugins
from vivace.errors import ConfigurationError
from vivace.testing import Client

PLUGIN = """
from vivace import Plugin, Request, Response, Router, render
from vivace.templates import Library

library = Library()

@library.filter
def shout(value):
    return f"{value}!"

class ShopPlugin(Plugin):
    name = "shop"

    def setup(self, app):
        pages = Router("/shop")

        @pages.get("/")
        async def front(request: Request) -> Response:
            return render(request, "shop/front.html", word="hello")

        app.include(pages)

plugin = ShopPlugin
"""
MODELS = """
from vivace import models

class Article(models.Model):
    name = models.CharField(max_length=20)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package that brings everything."""
    name = f"shop_{tmp_path.name}".replace("-", "_").replace("[", "_").replace("]", "_")
    folder = tmp_path / "python" / name
    (folder / "templates" / "shop").mkdir(parents=True)
    (folder / "static").mkdir()
    (folder / "__init__.py").write_text(PLUGIN)
    (folder / "models.py").write_text(MODELS)
    (folder / "templates" / "shop" / "front.html").write_text("<p>{{ word|shout }}</p>")
    monkeypatch.syspath_prepend(str(tmp_path / "python"))
    yield name
    for loaded in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[loaded]


async def test_mw5_package_brings_plugin_templates_filters_models_and_files(
    package: str, tmp_path: Path
) -> None:
    app = App(root=tmp_path, installed=[package], databases={"default": f"sqlite:///{tmp_path}/a.sqlite3"})
    async with Client(app) as client:
        assert (await client.get("/shop/")).text == "<p>hello!</p>"
    assert [model.__name__ for model in app.models] == ["Article"]
    assert app.installed is not None
    assert [folder.name for folder in app.installed.folders("static")] == ["static"]
    assert app.plugins["shop"].name == "shop"


async def test_tp6_template_of_the_app_overrides_that_of_the_package(package: str, tmp_path: Path) -> None:
    (tmp_path / "templates" / "shop").mkdir(parents=True)
    (tmp_path / "templates" / "shop" / "front.html").write_text("own")
    async with Client(App(root=tmp_path, installed=[package])) as client:
        assert (await client.get("/shop/")).text == "own"


async def test_mw5_objects_are_installed_like_plugins(tmp_path: Path) -> None:
    class Audit:
        name: ClassVar[str] = "audit"
        version: ClassVar[str] = "1"
        requires: ClassVar[dict[str, str]] = {}
        brings: ClassVar[tuple[Plugin, ...]] = ()

        def setup(self, app: App) -> None:
            app.state_of_audit = "set up"  # type: ignore[attr-defined]

    app = App(root=tmp_path, installed=[Audit()])
    async with app:
        assert app.state_of_audit == "set up"  # type: ignore[attr-defined]
    assert isinstance(app.plugins, Plugins)


def test_mw5_what_cannot_be_installed_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be imported"):
        App(root=tmp_path, installed=["vivace.shopp"])
    with pytest.raises(ConfigurationError, match="dotted names"):
        App(root=tmp_path, installed=[42])
