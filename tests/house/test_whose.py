"""Whose code it is: what stands in tracebacks, checks and warnings as the user's own rests on it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import vivace
from vivace.errors.whose import is_our_file, is_our_module

PACKAGE = Path(vivace.__file__).parent


@pytest.mark.parametrize(
    ("path", "ours"),
    [
        (PACKAGE / "app" / "application.py", True),
        (PACKAGE / "auth" / "templates", True),
        (str(PACKAGE / "forms" / "rendering.py"), True),
        (PACKAGE / "demo" / "app.py", False),
        (PACKAGE / "demo", False),
        (PACKAGE.with_name("vivace_shop") / "app.py", False),
        (__file__, False),
        (os.__file__, False),
        ("<string>", False),
        ("", False),
    ],
)
def test_files(path: str | Path, ours: bool) -> None:
    assert is_our_file(path) is ours


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("vivace.app.data", True),
        ("vivace", True),
        ("vivace.demonstration", True),
        ("vivace.demo", False),
        ("vivace.demo.pages.chat", False),
        ("vivace_shop.app", False),
        ("shop", False),
        ("__main__", False),
        ("", False),
    ],
)
def test_modules(name: str, ours: bool) -> None:
    assert is_our_module(name) is ours
