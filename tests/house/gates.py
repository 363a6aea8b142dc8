"""The rules of the house as functions: source text or tree in, findings out (``path:line what``). No pytest in here.

The numbers come from codebases that people like to read: median functions of 4 to 9 lines, 99 of 100 under 60,
files of one concept. Each rule is shown to fail on a bad sample in ``test_gates.py``.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

ROOT: Final = Path(__file__).parents[2]
FILE_LINES: Final = 600
FUNCTION_LINES: Final = 100
FUNCTION_LINES_P99: Final = 60
PARAMETERS: Final = 8
UNFINISHED: Final = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
MUTABLE_CALLS: Final = frozenset(
    "list dict set bytearray defaultdict deque OrderedDict Counter ChainMap WeakKeyDictionary WeakValueDictionary "
    "WeakSet SimpleNamespace".split()
)
MUTATORS: Final = frozenset(
    "append add update extend insert setdefault pop popitem clear remove discard appendleft".split()
)
FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One file: its path from the root, its text, its tree."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return _parsed(self.text, self.path)

    @property
    def module(self) -> str:
        parts = Path(self.path).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.lru_cache(maxsize=1)
def _parsed(text: str, path: str) -> ast.Module:
    """Parse once for all rules that look at a file in turn; the trees of all files would be half a gigabyte."""
    return ast.parse(text, path)


def sources(*folders: str) -> list[Source]:
    """Read all Python files below the folders, in a stable order; hidden and built folders are left out."""
    found: list[Source] = []
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            relative = path.relative_to(ROOT)
            if not any(part.startswith((".", "_build", "node_modules")) for part in relative.parts):
                found.append(Source(relative.as_posix(), path.read_text(encoding="utf-8")))
    return found


def functions(source: Source) -> Iterator[FunctionNode]:
    """Yield every function and method, nested ones too."""
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def lines_of(node: FunctionNode) -> int:
    """Return how many lines a function takes, from ``def`` to its end, docstring and comments included."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def long_files(found: Iterable[Source]) -> list[str]:
    """Files over the limit."""
    counted = ((source.path, source.text.count("\n")) for source in found)
    return [f"{path}: {lines} lines" for path, lines in counted if lines > FILE_LINES]


def long_functions(found: Iterable[Source]) -> list[str]:
    """Functions over the hard limit."""
    return [
        f"{source.path}:{node.lineno} {node.name}: {lines_of(node)} lines"
        for source in found
        for node in functions(source)
        if lines_of(node) > FUNCTION_LINES
    ]


def function_lengths(found: Iterable[Source]) -> list[int]:
    """Return how long each function is."""
    return [lines_of(node) for source in found for node in functions(source)]


def p99(lengths: Iterable[int]) -> int:
    """Return the length that 99 of 100 do not exceed."""
    ordered = sorted(lengths)
    return ordered[len(ordered) * 99 // 100] if ordered else 0


def crowded_functions(found: Iterable[Source]) -> list[str]:
    """Functions with more parameters than the limit; ``self`` and ``cls`` do not count."""
    findings: list[str] = []
    for source in found:
        for node in functions(source):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            count = sum(argument.arg not in {"self", "cls"} for argument in arguments)
            if count > PARAMETERS:
                findings.append(f"{source.path}:{node.lineno} {node.name}: {count} parameters")
    return findings


def asserts(found: Iterable[Source]) -> list[str]:
    """``assert`` statements: ``python -O`` removes them, so they may not check anything."""
    return [
        f"{source.path}:{node.lineno} assert"
        for source in found
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Assert)
    ]


def unfinished(found: Iterable[Source]) -> list[str]:
    """Marks of work that was left undone."""
    return [
        f"{source.path}:{number} {match.group()}"
        for source in found
        for number, line in enumerate(source.text.splitlines(), 1)
        if (match := UNFINISHED.search(line))
    ]


def _is_mutable(value: ast.expr | None) -> bool:
    if isinstance(value, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)):
        return True
    if not isinstance(value, ast.Call):
        return False
    callee = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
    return callee in MUTABLE_CALLS


def _is_final(annotation: ast.expr | None) -> bool:
    return annotation is not None and "Final" in ast.unparse(annotation)


def _globals(tree: ast.Module) -> Iterator[tuple[str, int, bool]]:
    """Yield name, line and whether it is meant as a constant, for each module-level mutable value."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            targets, final = node.targets, False
        elif isinstance(node, ast.AnnAssign):
            targets, final = [node.target], _is_final(node.annotation)
        else:
            continue
        if _is_mutable(node.value):
            for target in targets:
                if isinstance(target, ast.Name) and not target.id.startswith("__"):
                    yield target.id, node.lineno, final or target.id.isupper()


def _changed_names(tree: ast.Module) -> set[str]:
    """Return the plain names that some code in a function changes in place."""
    names: set[str] = set()
    for function in ast.walk(tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, (ast.Store, ast.Del)):
                names.add(getattr(node.value, "id", ""))
            elif (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in MUTATORS
            ):
                names.add(getattr(node.func.value, "id", ""))
    return names


def mutable_globals(found: Iterable[Source]) -> list[str]:
    """Module-level values that can change, or constants that do: state that all apps and tests would share."""
    findings: list[str] = []
    for source in found:
        tree = source.tree
        changed = _changed_names(tree)
        for name, line, constant in _globals(tree):
            if not constant:
                findings.append(f"{source.path}:{line} {name}: module-level mutable value, not a constant")
            elif name in changed:
                findings.append(f"{source.path}:{line} {name}: a constant that a function changes")
        findings += [f"{source.path} {name}: rebound with global" for name in _rebound(tree)]
    return findings


def _rebound(tree: ast.Module) -> list[str]:
    return [name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names]


def registry_addresses(texts: Mapping[str, str]) -> list[str]:
    """Addresses of package indexes and archives: they tie a clone to one place."""
    address = re.compile(
        r"https?://[^ )\"']*(/simple/?|/packages/|//registry\.)|(?m:^\s*(-i|--(extra-)?index-url)\b)"
    )
    return [f"{path}: {match.group()}" for path, text in texts.items() if (match := address.search(text))]
