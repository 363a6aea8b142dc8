"""What there is to know about an error, as values: for the debug page, and for what is copied from it.

Everything is read at once and bounded, because the error goes on living and its frames with it: nothing here keeps a
frame, a traceback or a local. Code is *own* unless it lies in Python's library, in site-packages or in Vivace; own
frames come with source and locals, the others with their place alone.
"""

from __future__ import annotations

import asyncio
import linecache
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import CodeType, FrameType, ModuleType, TracebackType
from typing import Any, Final

from vivace.errors import VivaceError
from vivace.errors.whose import is_our_file

from .hiding import Hider

AROUND: Final = 5  # source lines before and after the one
MAX_FRAMES: Final = 40  # of one exception, half from each end: recursion has a thousand
MAX_VARIABLES: Final = 40
MAX_CHAIN: Final = 10
MAX_MEMBERS: Final = 10  # of an exception group
MAX_TASKS: Final = 20
MAX_MESSAGE: Final = 4_000  # characters


@dataclass(frozen=True, slots=True)
class Line:
    """One line of source; ``marked`` is the part (from, to) in it that raised."""

    number: int
    text: str
    current: bool = False
    marked: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """One place in the code. ``short`` is the path for people, ``path`` the one for the editor."""

    path: str
    short: str
    line: int
    function: str
    own: bool
    source: tuple[Line, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """One exception. ``relation`` says how it belongs to the one before; ``members`` are those of a group."""

    kind: str
    message: str
    parts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = ()
    left_out: int = 0
    relation: str = ""
    members: tuple[Shown, ...] = ()

    @property
    def place(self) -> Frame | None:
        """The innermost own frame, else the innermost one."""
        return next((frame for frame in reversed(self.frames) if frame.own), (self.frames or (None,))[-1])


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task of the loop, and the places where it waits, outermost first."""

    name: str
    current: bool
    waits: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known: the error and its causes, who called, the tasks of the loop."""

    errors: tuple[Shown, ...]
    callers: tuple[Frame, ...] = ()
    tasks: tuple[TaskView, ...] = field(default=())


def gather(error: BaseException, hider: Hider) -> Evidence:
    """Return the evidence of an error that was just caught."""
    trace = error.__traceback__
    return Evidence(tuple(_chain(error, hider)), _callers(trace.tb_frame if trace else None), tuple(_tasks()))


# -- exceptions -------------------------------------------------------------------------------------------------------


def _chain(error: BaseException, hider: Hider) -> Iterator[Shown]:
    """Yield the error, its cause, the cause of that …, each once."""
    relation, seen = "", set[int]()
    following: BaseException | None = error
    while following is not None and id(following) not in seen and len(seen) < MAX_CHAIN:
        seen.add(id(following))
        yield shown(following, hider, relation)
        if following.__cause__ is not None:
            relation, following = "caused by", following.__cause__
        elif following.__suppress_context__:
            return
        else:
            relation, following = "while handling", following.__context__


def shown(error: BaseException, hider: Hider, relation: str = "", depth: int = 3) -> Shown:
    """Return one exception with its frames, notes and members."""
    frames, left_out = _frames(error, hider)
    members: Sequence[BaseException] = getattr(error, "exceptions", ()) if _is_group(error) else ()
    return Shown(
        kind=_kind(type(error)),
        message=hider.text(_message(error), MAX_MESSAGE),
        parts=tuple(_parts(error, hider)),
        notes=tuple(hider.text(str(note)) for note in getattr(error, "__notes__", ())),
        frames=frames,
        left_out=left_out,
        relation=relation,
        members=tuple(shown(member, hider, "member", depth - 1) for member in members[:MAX_MEMBERS])
        if depth
        else (),
    )


def _is_group(error: BaseException) -> bool:
    return isinstance(error, BaseExceptionGroup)


def _kind(cls: type[BaseException]) -> str:
    name = cls.__qualname__
    return name if cls.__module__ in ("builtins", "__main__") else f"{cls.__module__}.{name}"


def _message(error: BaseException) -> str:
    try:
        return error.what if isinstance(error, VivaceError) else str(error)
    except Exception as failure:  # a __str__ of the user's
        return f"<its text raised {type(failure).__name__}>"


def _parts(error: BaseException, hider: Hider) -> Iterator[tuple[str, str]]:
    if isinstance(error, VivaceError):
        said = (("Expected", error.expected), ("Got", error.got), ("Fix", error.fix), ("Code", error.code))
        yield from ((label, hider.text(text)) for label, text in said if text)


def _frames(error: BaseException, hider: Hider) -> tuple[tuple[Frame, ...], int]:
    """Return the frames, outermost first, and how many were left out in the middle."""
    traces = list(_traces(error.__traceback__))
    left_out = max(0, len(traces) - MAX_FRAMES)
    if left_out:
        traces = [*traces[: MAX_FRAMES // 2], *traces[-MAX_FRAMES // 2 :]]
    frames = [_traced(trace, hider) for trace in traces]
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        frames.append(_misspelt(error, hider))
    frames += _named(error, frames, hider)
    return tuple(frames), left_out


def _traces(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _traced(trace: TracebackType, hider: Hider) -> Frame:
    code = trace.tb_frame.f_code
    if not is_own(code.co_filename):
        return _place(code, trace.tb_lineno)
    source = _source(code.co_filename, trace.tb_lineno, hider, _marked(code, trace.tb_lasti))
    names = trace.tb_frame.f_locals
    return _place(code, trace.tb_lineno, source, tuple(_variables(names, hider)))


def _place(
    code: CodeType, line: int, source: tuple[Line, ...] = (), variables: tuple[tuple[str, str], ...] = ()
) -> Frame:
    path = code.co_filename
    # a line of a template says in its name alone which block it is in
    function = code.co_name if code.co_qualname == "<module>" else code.co_qualname
    return Frame(path, short_path(path), line, function, is_own(path), source, variables)


def _misspelt(error: SyntaxError, hider: Hider) -> Frame:
    """Return the place that a syntax error talks about, which no traceback has."""
    path, line, start = error.filename or "", error.lineno or 1, max((error.offset or 1) - 1, 0)
    end = error.end_offset - 1 if error.end_offset and (error.end_lineno or line) == line else 0  # 0: unknown
    marked = (start, max(end, start + 1))
    linecache.checkcache(path)
    return Frame(path, short_path(path), line, "<syntax>", True, _source(path, line, hider, (line, marked)))


def _named(error: BaseException, known: Sequence[Frame], hider: Hider) -> Iterator[Frame]:
    """Yield the place that an error names, where the traceback does not lead there: a template that never ran, a handler."""
    path, line = getattr(error, "filename", None), getattr(error, "lineno", None)
    if not isinstance(error, VivaceError) or not path or not line:
        return
    if not any(frame.path == path and frame.line == line for frame in known):
        name: str = getattr(error, "template", None) or getattr(error, "asked_by", None) or "<template>"
        yield Frame(path, short_path(path), line, name, True, _source(path, line, hider, None))


def _marked(code: CodeType, instruction: int) -> tuple[int, tuple[int, int]] | None:
    """Return the line and the columns (in characters of UTF-8) of an instruction, when it lies on one line."""
    positions = list(code.co_positions())
    index = instruction // 2
    if not 0 <= index < len(positions):
        return None
    line, end_line, column, end_column = positions[index]
    if line is None or line != end_line or column is None or end_column is None:
        return None
    return line, (column, end_column)


def _source(
    path: str, line: int, hider: Hider, marked: tuple[int, tuple[int, int]] | None
) -> tuple[Line, ...]:
    linecache.checkcache(path)
    lines = linecache.getlines(path)
    first = max(1, line - AROUND)
    found: list[Line] = []
    for number, text in enumerate(lines[first - 1 : line + AROUND], first):
        shown, current = hider.known(text.rstrip("\n")), number == line
        intact = current and marked is not None and marked[0] == number and shown == text.rstrip("\n")
        found.append(Line(number, shown, current, _columns(text, marked) if intact else None))
    return tuple(found)


def _columns(text: str, marked: tuple[int, tuple[int, int]] | None) -> tuple[int, int] | None:
    """Return byte columns as columns of characters; ``None`` where the whole line would be marked."""
    if marked is None:
        return None
    encoded = text.encode()
    start, end = (len(encoded[:offset].decode("utf-8", "ignore")) for offset in marked[1])
    whole = text[:start].strip() == "" and text[end:].strip() == ""
    return None if whole or start >= end else (start, end)


def _variables(names: Mapping[str, Any], hider: Hider) -> Iterator[tuple[str, str]]:
    wanted = [
        name
        for name, value in names.items()
        if not (name.startswith("__") and name.endswith("__")) and not isinstance(value, ModuleType)
    ]
    for name in wanted[:MAX_VARIABLES]:
        yield name, hider.named(name, names[name])


# -- the loop ---------------------------------------------------------------------------------------------------------


def _callers(frame: FrameType | None) -> tuple[Frame, ...]:
    """Return who awaited the code that caught the error, outermost first: middleware, the plan, the engine."""
    found: list[Frame] = []
    frame = frame.f_back if frame is not None else None
    while frame is not None and len(found) < MAX_FRAMES:
        found.append(_place(frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return tuple(reversed(found))


def _tasks() -> Iterator[TaskView]:
    """Yield the tasks of the running loop, this one first."""
    try:
        current = asyncio.current_task()
    except RuntimeError:
        return
    tasks = sorted(asyncio.all_tasks(), key=lambda task: (task is not current, task.get_name()))
    for task in tasks[:MAX_TASKS]:
        yield TaskView(task.get_name(), task is current, tuple(_waits(task.get_coro())))


def _waits(awaited: Any) -> Iterator[Frame]:
    """Yield the frames of a suspended coroutine and of those it awaits, outermost first."""
    for _ in range(MAX_FRAMES):
        for kind in ("cr", "gi", "ag"):
            frame = getattr(awaited, f"{kind}_frame", None)
            if isinstance(frame, FrameType):
                yield _place(frame.f_code, frame.f_lineno)
                awaited = getattr(awaited, {"cr": "cr_await", "gi": "gi_yieldfrom", "ag": "ag_await"}[kind])
                break
        else:
            return


# -- places -----------------------------------------------------------------------------------------------------------


@cache
def _library_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    folders = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return tuple(folder.rstrip("/\\") for folder in folders if folder)


def is_own(path: str) -> bool:
    """Return whether a file of source is the user's: not Python's, not installed, not ours."""
    if path.startswith("<") or "site-packages" in path or "dist-packages" in path or is_our_file(path):
        return False
    parents = Path(path).parents
    return not any(Path(folder) in parents for folder in _library_folders())


def short_path(path: str) -> str:
    """Return a path as people say it: from the current folder, or from where modules are found."""
    file = Path(path)
    if is_own(path) and file.is_relative_to(Path.cwd()):
        return str(file.relative_to(Path.cwd()))
    for folder in sorted((folder for folder in sys.path if folder), key=len, reverse=True):
        if file.is_relative_to(folder):
            return str(file.relative_to(folder))
    return path


def as_text(evidence: Evidence) -> str:
    """Return the errors as a traceback without values, for a message to somebody else."""
    return "\n".join(_written(error, "") for error in evidence.errors)


def from_own(evidence: Evidence) -> Evidence:
    """Return evidence without the library frames that led to the first own one: who loaded it does not matter."""
    return replace(evidence, errors=tuple(_from_own(error) for error in evidence.errors))


def _from_own(error: Shown) -> Shown:
    own = [index for index, frame in enumerate(error.frames) if frame.own]
    return replace(error, frames=error.frames[own[0] :]) if own else error


def _written(error: Shown, indent: str) -> str:
    lines = [f"({error.relation})"] if error.relation else []
    for frame in error.frames:
        lines.append(f"  {frame.short}:{frame.line} in {frame.function}")
        lines += [f"    {line.text.strip()}" for line in frame.source if line.current]
    lines += [f"{error.kind}: {error.message}", *(f"{label}: {text}" for label, text in error.parts)]
    lines += error.notes
    text = "\n".join(indent + line for line in "\n".join(lines).split("\n"))
    return "\n".join([text, *(_written(member, f"{indent}  | ") for member in error.members)])


__all__ = [
    "Evidence",
    "Frame",
    "Line",
    "Shown",
    "TaskView",
    "as_text",
    "from_own",
    "gather",
    "is_own",
    "short_path",
]
