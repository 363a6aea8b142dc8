"""Finds and runs the programs in a page of documentation.

The rules, for whoever writes a page:

1. Every fenced ``python`` block of a page runs, from top to bottom, in one namespace and one event loop, in an empty
   folder: a page is one program. ``await`` works at the top level.
2. A block with ``>>>`` is a session: what it prints and the values it shows must be the lines that follow.
3. ``<!-- output -->`` before a block of any language: the block is what the ``python`` or ``console`` block before
   it printed. ``...`` on a line of its own stands for any lines, within a line for any text.
4. ``<!-- file: NAME -->`` before a block: it is written to that file; a ``python`` one is not run by itself.
5. ``<!-- run -->`` before a ``console`` block: its ``$`` lines run in a shell, in the same folder, and must succeed.
   Other ``console`` blocks are only shown.
6. ``<!-- check: CODE -->`` on a line of its own runs that code and is not shown: for calling a test that a page defines.
7. ``<!-- no-run: REASON -->`` before a ``python`` block: it is only shown. The reason is not optional.
8. ``<!-- continues: PAGE -->`` on a line of its own: the files of that page, and of the page that it continues, are there.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
import os
import re
import subprocess
import sys
import traceback
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from importlib.util import cache_from_source
from pathlib import Path
from types import ModuleType
from typing import Any, Final

FENCE: Final = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<info>[^`\n]*)$")
MARK: Final = re.compile(
    r"^\s*<!--\s*(?P<name>output|file|run|check|no-run)\s*(?::\s*(?P<value>.*?)\s*)?-->\s*$"
)
CONTINUES: Final = re.compile(r"^<!-- continues: (\S+) -->$", re.MULTILINE)
ROOT: Final = Path(__file__).parents[2]
LANGUAGES: Final = {"python": "python", "py": "python", "pycon": "python", "console": "console"}


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, text, first line in the page, and the mark that stands before it."""

    language: str
    text: str
    line: int
    mark: str = ""
    value: str = ""


class PageError(Exception):
    """A program in a page did not do what the page says."""


def blocks(page: str) -> list[Block]:
    """Return the fenced blocks of a page, with the mark in the last line of text before each."""
    found: list[Block] = []
    lines = page.split("\n")
    at, mark = 0, None
    directives: list[str] = []  # the ticks of open directives that hold Markdown, to be looked into
    while at < len(lines):
        fence = FENCE.match(lines[at])
        if fence is None:
            mark = MARK.match(lines[at]) if lines[at].strip() else mark
            if mark is not None and mark["name"] == "check":
                found.append(Block("python", f"{mark['value'] or ''}\n", at + 1))
                mark = None
        elif directives and lines[at].strip() == directives[-1]:
            directives.pop()
        elif (language := _language(fence["info"])) == "nested":
            directives.append(fence["ticks"])
        else:
            end = _end(lines, at, fence["ticks"])
            text = "\n".join(line.removeprefix(fence["indent"]) for line in lines[at + 1 : end]) + "\n"
            name, value = (mark["name"], mark["value"] or "") if mark else ("", "")
            found.append(Block(language, text, at + 2, name, value))
            at, mark = end, None
        at += 1
    return found


def _end(lines: list[str], start: int, ticks: str) -> int:
    """Return the line that closes the fence opened at ``start``, or the end of the page."""
    return next((n for n in range(start + 1, len(lines)) if lines[n].strip() == ticks), len(lines))


def files(path: Path) -> Iterator[Block]:
    """Yield the blocks that a page writes to files, after those of the page that it continues."""
    page = path.read_text(encoding="utf-8")
    if (before := CONTINUES.search(page)) is not None:
        yield from files(path.parent / before[1])
    yield from (block for block in blocks(page) if block.mark == "file")


def write(block: Block, folder: Path) -> None:
    """Write a block to the file that it names."""
    target = folder / block.value
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(block.text, encoding="utf-8")
    # bytecode of an older file passes for this one's when size and second are the same
    Path(cache_from_source(str(target))).unlink(missing_ok=True)


def as_python(page: str) -> str:
    """Return the programs of a page as one Python file in which each line keeps its number."""
    lines = [""] * (page.count("\n") + 1)
    for block in blocks(page):
        if block.language == "python" and not block.mark and ">>>" not in block.text:
            text = block.text.splitlines()
            lines[block.line - 1 : block.line - 1 + len(text)] = text
    return "\n".join(lines)


def _language(info: str) -> str:
    words = info.split()
    if not words:
        return ""
    if words[0] in {"{code-block}", "{code}"}:
        words = words[1:] or [""]
    elif words[0].startswith("{") and words[0] not in {"{math}", "{toctree}", "{eval-rst}", "{raw}"}:
        return "nested"
    return LANGUAGES.get(words[0], words[0])


@dataclass
class Program:
    """The program that a page is; ``run`` raises ``PageError``, or what the program raised, with the page's lines."""

    path: str
    page: str
    folder: Path
    printed: str = ""
    module: ModuleType = field(init=False)

    def __post_init__(self) -> None:
        self.module = ModuleType("page_" + re.sub(r"\W", "_", self.path))
        self.source.write_text(as_python(self.page), encoding="utf-8")
        self.module.__file__ = str(self.source)

    @property
    def source(self) -> Path:
        """The file that tracebacks and ``inspect`` show: the page's programs on the page's lines."""
        return self.folder / f"{self.module.__name__}.py"

    def run(self) -> int:
        """Run all blocks; returns how many did something."""
        ran = 0
        if (before := CONTINUES.search(self.page)) is not None:
            for block in files((ROOT / self.path).parent / before[1]):
                write(block, self.folder)
        with _importable(self), contextlib.chdir(self.folder), asyncio.Runner() as runner:
            for block in blocks(self.page):
                try:
                    ran += self._block(block, runner)
                except PageError as error:
                    raise PageError(f"{self.path}:{block.line}: {error}") from None
        return ran

    def _block(self, block: Block, runner: asyncio.Runner) -> bool:
        if block.mark == "output":
            compare(block.text, self.printed)
        elif block.mark == "file":
            write(block, self.folder)
        elif block.language == "console":
            if block.mark != "run":
                return False
            self.printed = _shell(block.text)
        elif block.language != "python":
            return False
        elif block.mark == "no-run":
            if not block.value:
                raise PageError("no-run needs a reason: <!-- no-run: REASON -->")
            return False
        elif block.text.lstrip().startswith(">>>"):
            self._session(block, runner)
        else:
            self.printed = self._execute(block.text, block.line, runner, "exec")
        return True

    def _session(self, block: Block, runner: asyncio.Runner) -> None:
        for example in doctest.DocTestParser().get_examples(block.text):
            try:
                printed = self._execute(example.source, block.line + example.lineno, runner, "single")
            except Exception as error:
                if example.exc_msg is None:
                    raise
                printed = traceback.format_exception_only(error)[-1]
                compare(example.exc_msg, printed.removeprefix(f"{type(error).__module__}."))
                continue
            compare(example.want, printed)

    def _execute(self, text: str, line: int, runner: asyncio.Runner, mode: str) -> str:
        """Run source as if it stood on its line of the page; returns what it printed."""
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | _future_flags(self.module)
        code = compile("\n" * (line - 1) + text, str(self.source), mode, flags, dont_inherit=True)
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            result = eval(code, vars(self.module))
            if inspect.iscoroutine(result):
                runner.run(result)
        return output.getvalue()


def _future_flags(module: ModuleType) -> int:
    """``from __future__ import annotations`` in one block holds for those after it, as it would in one file."""
    feature: Any = vars(module).get("annotations")
    return int(getattr(feature, "compiler_flag", 0))


@contextlib.contextmanager
def _importable(program: Program) -> Generator[None]:
    """While it runs, a page is a module in ``sys.modules``, and the files it wrote can be imported, not those of other tests."""
    for name, module in list(sys.modules.items()):
        if "/pytest-of-" in str(getattr(module, "__file__", None)):  # pytest's temporary folders
            del sys.modules[name]
    before = set(sys.modules)
    sys.modules[program.module.__name__] = program.module
    sys.path.insert(0, str(program.folder))
    try:
        yield
    finally:
        sys.path.remove(str(program.folder))
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", None)).startswith(str(program.folder)):
                del sys.modules[name]


def _shell(text: str) -> str:
    """Run the ``$`` lines and return what they printed; a line that fails is an error."""
    environment = dict(
        os.environ, PATH=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    )
    printed: list[str] = []
    for command in _commands(text):
        result = subprocess.run(
            command, shell=True, capture_output=True, text=True, check=False, timeout=150, env=environment
        )
        if result.returncode != 0:
            raise PageError(f"$ {command}\nexit status {result.returncode}\n{result.stdout}{result.stderr}")
        printed.append(result.stdout + result.stderr)
    return "".join(printed)


def _commands(text: str) -> Iterator[str]:
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            yield line[2:]


def compare(wanted: str, printed: str) -> None:
    """Raise ``PageError`` unless ``printed`` is what is ``wanted``, where ``...`` stands for anything."""
    parts = (re.escape(part) for part in wanted.strip().split("..."))
    if re.fullmatch(".*".join(parts), printed.strip(), re.DOTALL) is None:
        raise PageError(f"other output than the page says\nExpected:\n{wanted}\nGot:\n{printed}")
