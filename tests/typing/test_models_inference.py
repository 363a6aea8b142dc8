"""Type checkers understand models without a plugin: what they infer, and what they refuse."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from tests.typing.test_inference import HERE, ROOT, run

SAMPLE = str(HERE / "models_sample.py")
EXPERIENCE = ROOT / "tests" / "experience"
MODELS = """\
from typing import Self

from vivace import models


class AuthorQuerySet(models.QuerySet["Author"]):
    def short(self) -> Self:
        return self.filter(name="x")


class Author(models.Model):
    name = models.CharField(max_length=80)
    writers = AuthorQuerySet.as_manager()


class Book(models.Model):
    title = models.CharField(max_length=80)
    author = models.ForeignKey(Author, models.CASCADE)


async def mistakes(book: Book) -> None:
    book.title = 3
    book.author = "x"
    book.title.nothing
    book.author.name.nothing
    shown: str = book.id
    Book.objects.filtr(title="x")
    Author.writers.shrt()
    Author.writers.filter(name="x").shrt()
    Author.objects.values_list(Author.nmae).nothing
    models.CharField(max_lenght=3)
    models.CharField(max_length="3")
    models.ForeignKey(Author)
    models.ForeignKey("Author", models.CASCADE, realted_name="x")
    models.ForeignKey("Author", "CASCADE")
    Book.title.startswith(3)
    Book.title > 3
"""
LINES = list(range(MODELS[: MODELS.index("    book.title = 3")].count("\n") + 1, MODELS.count("\n") + 1))


@pytest.fixture
def wrong(tmp_path: Path) -> str:
    """A program that type checkers must refuse, in every line of ``mistakes``."""
    path = tmp_path / "wrong_models.py"
    path.write_text(MODELS, encoding="utf-8")
    return str(path)


def programs() -> list[str]:
    """The programs that users start from: they are clean without strictness."""
    return [str(path) for name in ("library.py",) if (path := EXPERIENCE / name).exists()]


@pytest.mark.timeout(300)
def test_or17_mypy_infers_and_refuses(wrong: str) -> None:
    pytest.importorskip("mypy")
    out = run("mypy", SAMPLE, wrong)  # with the repository's cache: from nothing it takes most of a minute
    assert [line for line in out.splitlines() if "models_sample.py" in line] == []
    assert [
        int(number) for number in dict.fromkeys(re.findall(r"wrong_models\.py:(\d+): error", out))
    ] == LINES


@pytest.mark.timeout(300)
def test_or17_pyright_infers_and_refuses(wrong: str) -> None:
    pytest.importorskip("pyright")
    out = run("pyright", "--outputjson", "--pythonpath", sys.executable, SAMPLE, *programs(), wrong)
    found = json.JSONDecoder().raw_decode(out[out.index("{") :])[0]["generalDiagnostics"]
    errors = [
        (Path(each["file"]).name, each["range"]["start"]["line"] + 1)
        for each in found
        if each["severity"] == "error"
    ]
    assert [place for place in errors if place[0] != "wrong_models.py"] == []
    assert sorted({line for name, line in errors if name == "wrong_models.py"}) == LINES
