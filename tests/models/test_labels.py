"""To which app a model belongs."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from vivace.models.labels import label_of, words


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
