"""A router is added to the file of an app where the syntax tree proves it, and nowhere else."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.cli.scaffold.edits import Inclusion, with_router

POSTS = Inclusion(".posts.views", "pages", "post_pages")
IMPORT = "from .posts.views import pages as post_pages\n"
INCLUDE = "app.include(post_pages)\n"


def test_into_the_order_of_imports_and_behind_the_last_inclusion() -> None:
    text = (
        '"""App."""\nfrom vivace import App\n\nfrom .board.views import pages as board_pages\n'
        "from .settings import load_settings\n\napp = App(\n    settings=load_settings(),\n)\n"
        "app.include(\n    board_pages,\n)\n\n\n@app.get('/')\nasync def home() -> str:\n    return ''\n"
    )
    assert with_router(text, POSTS) == text.replace("from .settings", f"{IMPORT}from .settings").replace(
        "    board_pages,\n)\n", f"    board_pages,\n)\n{INCLUDE}"
    )


def test_as_the_first_of_its_own() -> None:
    assert (
        with_router("from vivace import App\n\napp = App()", POSTS)
        == f"from vivace import App\n\n{IMPORT}\napp = App()\n{INCLUDE}"
    )


def test_windows_line_ends_stay() -> None:
    changed = with_router("from vivace import App\r\n\r\napp = App()\r\n", POSTS)
    assert changed is not None
    assert changed.count("\n") == changed.count("\r\n") == 6


def test_under_another_name() -> None:
    changed = with_router("import vivace\n\nsite: vivace.App = vivace.App()\n", POSTS)
    assert changed is not None
    assert changed.endswith("site.include(post_pages)\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "from vivace import App\n\n\ndef make():\n    return App()\n",
        "from vivace import App\n\na = App()\nb = App()\n",
        "from vivace import App\n\nif True:\n    app = App()\n",
        "from vivace import App\n\napp = wrapped(App())\n",
        "from vivace import App; app = App()\n",
        "from vivace import App\n\napp = App(); app.include(x)\n",
        "from vivace import App\n\napp = App()\npost_pages = 1\n",
        "from vivace import App\nfrom .posts.views import pages as post_pages\n\napp = App()\n",
        "from vivace import App\n\napp = App(\n",
        "from vivace import App\n\napp = App()\nfrom .late import x\n",
    ],
)
def test_what_cannot_be_proved_is_left(text: str) -> None:
    assert with_router(text, POSTS) is None


LINES = (
    "import os",
    "from vivace import App",
    "from .a import b",
    "from .z import y",
    "app = App()",
    "app = App(\n    x=1,\n)",
    "app.include(b)",
    "x = '''\napp.include(b)\n'''",
    "if x:\n    app = App()",
    "# a comment",
    "",
    "post_pages = 1",
    "import os; app = App()",
)


@given(st.lists(st.sampled_from(LINES), max_size=9).map("\n".join))
def test_nothing_but_the_two_statements_is_ever_added(text: str) -> None:
    changed = with_router(text, POSTS)
    if changed is None:
        return
    old, new = ast.parse(text).body, ast.parse(changed).body
    added = [node for node in new if "post_pages" in ast.unparse(node)]
    assert [ast.unparse(node) for node in added] == [IMPORT.strip(), INCLUDE.strip()]
    assert [ast.dump(node) for node in new if node not in added] == [ast.dump(node) for node in old]
    assert (
        text.splitlines()
        == [line for line in changed.splitlines() if line not in (IMPORT.strip(), INCLUDE.strip())]
        or "" in changed.splitlines()
    )
