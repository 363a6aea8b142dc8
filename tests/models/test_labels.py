"""To which app a model belongs."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from vivace.models.labels import LABEL_FILE, label_of, labelling_folder, words


@pytest.mark.parametrize(
    ("module", "label"),
    [
        ("blog.models", "blog"),
        ("blog.models.post", "blog"),
        ("shop.orders.models", "orders"),
        ("shop.entities", "shop"),
        ("library", "library"),
        ("Blog.models", "blog"),
    ],
)
def test_md_label_of_modules(module: str, label: str) -> None:
    assert label_of(module) == label


@pytest.mark.parametrize(
    ("stem", "label"), [("app", "my_site"), ("main", "my_site"), ("models", "my_site"), ("__main__", "story")]
)
def test_md_label_of_lone_files(
    stem: str, label: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = ModuleType(stem)
    module.__file__ = str(tmp_path / "my-site" / ("story.py" if stem == "__main__" else f"{stem}.py"))
    monkeypatch.setitem(sys.modules, stem, module)
    assert label_of(stem) == label


def test_md_a_noted_label_outlives_the_name_of_the_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = ModuleType("app__app")  # another module is called app
    module.__file__ = str(tmp_path / "release-17" / "app.py")
    monkeypatch.setitem(sys.modules, "app__app", module)
    assert label_of("app__app") == "release_17"
    assert labelling_folder("app__app") == tmp_path / "release-17"
    note = tmp_path / "release-17" / LABEL_FILE
    note.parent.mkdir(parents=True)
    note.write_text("shop\n")
    assert label_of("app__app") == "shop"
    assert label_of("library") == "library"
    assert labelling_folder("library") is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("BookStore", "book store"),
        ("HTTPServer", "http server"),
        ("A", "a"),
        ("Book2Go", "book2 go"),
        ("book", "book"),
    ],
)
def test_md_words_of_a_name(name: str, text: str) -> None:
    assert words(name) == text
