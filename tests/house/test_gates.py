"""The house rules on our own code, and each rule on a bad sample: a gate that cannot fail is no gate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from . import gates
from .gates import ROOT, Source, sources
from .imports import cycles, load_graph

CODE = sources("vivace")
ALL = sources("vivace", "tests", "benchmarks", "docs", "scripts")


@pytest.fixture(scope="module")
def found() -> dict[str, list[Any]]:
    """What each rule finds in our code; all of them look at a file while its tree is there."""
    rules = (
        *(gates.long_functions, gates.function_lengths, gates.crowded_functions, gates.asserts),
        *(gates.unfinished, gates.mutable_globals),
    )
    made: dict[str, list[Any]] = {rule.__name__: [] for rule in rules}
    for source in CODE:
        for rule in rules:
            made[rule.__name__] += rule([source])
    return made


def sample(text: str, path: str = "vivace/sample.py") -> list[Source]:
    return [Source(path, text)]


def test_there_is_code_to_check() -> None:
    assert len(CODE) > 10
    assert any(source.path == "vivace/__init__.py" for source in CODE)


def test_files_are_short() -> None:
    assert gates.long_files(ALL) == []


def test_long_file_is_found() -> None:
    assert gates.long_files(sample("x = 1\n" * 600)) == []
    assert gates.long_files(sample("x = 1\n" * 601)) == ["vivace/sample.py: 601 lines"]


def test_functions_are_short(found: dict[str, list[Any]]) -> None:
    assert found["long_functions"] == []
    assert gates.p99(found["function_lengths"]) <= gates.FUNCTION_LINES_P99


def test_long_function_is_found() -> None:
    body = "    x = 1\n"
    assert gates.long_functions(sample("def f():\n" + body * 99)) == []
    assert gates.long_functions(sample("class A:\n async def f(self):\n" + body * 100)) == [
        "vivace/sample.py:2 f: 101 lines"
    ]
    assert gates.p99(gates.function_lengths(sample("def f():\n" + body * 69))) == 70


def test_functions_take_few_parameters(found: dict[str, list[Any]]) -> None:
    assert found["crowded_functions"] == []


def test_crowded_function_is_found() -> None:
    assert gates.crowded_functions(sample("def f(self, a, b, c, d, /, e, f, *, g, h): ...")) == []
    assert gates.crowded_functions(sample("def f(a, b, c, d, /, e, f, *, g, h, i): ...")) == [
        "vivace/sample.py:1 f: 9 parameters"
    ]


def test_nothing_is_checked_with_assert(found: dict[str, list[Any]]) -> None:
    assert found["asserts"] == []


def test_assert_is_found() -> None:
    assert gates.asserts(sample("def f(x):\n    assert x\n")) == ["vivace/sample.py:2 assert"]


def test_nothing_is_left_unfinished(found: dict[str, list[Any]]) -> None:
    assert found["unfinished"] == []


@pytest.mark.parametrize("line", ["# TODO later", "raise NotImplementedError", "# FIXME", "# XXX"])
def test_unfinished_mark_is_found(line: str) -> None:
    assert len(gates.unfinished(sample(f"x = 1\n{line}\n"))) == 1


def test_no_module_keeps_changing_state(found: dict[str, list[Any]]) -> None:
    assert found["mutable_globals"] == []


@pytest.mark.parametrize(
    "text",
    [
        "cache = {}",
        "seen: set[str] = set()",
        "registry = weakref.WeakValueDictionary()",
        "HANDLERS = []\ndef register(f):\n    HANDLERS.append(f)",
        "CACHE: Final = {}\ndef get(x):\n    CACHE[x] = 1",
        "current = None\ndef use(app):\n    global current\n    current = app",
    ],
)
def test_mutable_global_is_found(text: str) -> None:
    assert gates.mutable_globals(sample(text)) != []


@pytest.mark.parametrize("text", ["TABLE = {1: 2}", "table: Final = [1]", "__all__ = ['x']", "x = (1, 2)"])
def test_constant_is_no_mutable_global(text: str) -> None:
    assert gates.mutable_globals(sample(text)) == []


def test_modules_load_without_cycles() -> None:
    assert cycles(load_graph(CODE)) == []


def test_cycle_is_found() -> None:
    found = [
        Source("vivace/__init__.py", ""),
        Source("vivace/a/__init__.py", "from .b import x"),
        Source("vivace/a/b.py", "import json\nfrom vivace import c"),
        Source("vivace/c.py", "try:\n    from vivace.a import b\nexcept ImportError: ..."),
        Source("vivace/d.py", "def f():\n    import vivace.e"),
        Source("vivace/e.py", "import vivace.d"),
        Source("vivace/f.py", "if TYPE_CHECKING:\n    import vivace.g"),
        Source("vivace/g.py", "import vivace.f"),
    ]
    assert cycles(load_graph(found)) == [["vivace.a.b", "vivace.c"]]


def test_nothing_ties_a_clone_to_one_place() -> None:
    names = ["constraints.txt", "pyproject.toml", *(path.relative_to(ROOT).as_posix() for path in _scripts())]
    assert gates.registry_addresses({name: (ROOT / name).read_text(encoding="utf-8") for name in names}) == []
    assert [name for name in ("uv.lock", "poetry.lock", "package-lock.json") if (ROOT / name).exists()] == []


def _scripts() -> list[Path]:
    return [path for path in (ROOT / "scripts").iterdir() if path.is_file()]


def test_registry_address_is_found() -> None:
    address = "https://" + "pypi.example/simple/"
    assert gates.registry_addresses({"x": f"pip install --index-url {address}"}) != []
    assert gates.registry_addresses({"x": "-i mirror"}) != []
    assert gates.registry_addresses({"x": "see https://example.org/packaging"}) == []
