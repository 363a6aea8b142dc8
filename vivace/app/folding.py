"""A traceback for the terminal of ``dev``: the lines of one's own, the frames of libraries as a number, the fix last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from vivace.errors import VivaceError

from .evidence import Frame, Shown, gather
from .hiding import Hider

_LINKS: Final = {  # in Python's words, which people and editors know
    "caused by": "\nThe above exception was the direct cause of the following exception:\n",
    "while handling": "\nDuring handling of the above exception, another exception occurred:\n",
}


def folded(error: BaseException) -> str:
    """Return the traceback of an error and its causes; ``""`` where all of it is a library's, so that nothing may be left out."""
    errors = gather(error, Hider()).errors
    if not isinstance(error, VivaceError) and not any(frame.own for one in errors for frame in one.frames):
        return ""
    lines: list[str] = []
    for shown in reversed(errors):
        lines += _told(shown)
        if shown.relation:
            lines.append(_LINKS[shown.relation])
    return "\n".join(lines)


def _told(error: Shown) -> Iterator[str]:
    if error.frames:
        yield "Traceback (most recent call last):"
        yield from _frames(error.frames)
    if error.left_out:
        yield f"  … {error.left_out:,} more frames in the middle"
    yield f"{error.kind}: {error.message}"
    parts = dict(error.parts)
    fix, code = parts.pop("Fix", ""), parts.pop("Code", "")
    yield from (f"{label}: {text}" for label, text in parts.items())
    if code:
        yield f"[{code}]"
    yield from error.notes
    for member in error.members:
        yield from (f"  | {line}" for line in _told(member))
    if fix:
        yield f"Fix: {fix}"


def _frames(frames: Sequence[Frame]) -> Iterator[str]:
    """Yield own frames with their lines and the others as a number; where all are others, the last one is told."""
    last = None if any(frame.own for frame in frames) else frames[-1]
    for told, run in groupby(frames, key=lambda frame: frame.own or frame is last):
        if told:
            yield from _own(list(run))
        else:
            yield _count(list(run))


def _own(frames: Sequence[Frame]) -> Iterator[str]:
    for (path, line, function), same in groupby(
        frames, key=lambda frame: (frame.path, frame.line, frame.function)
    ):
        first, *again = same
        yield f'  File "{path}", line {line}, in {function}'
        yield from (f"    {one.text.strip()}" for one in first.source if one.current)
        if again:
            yield f"  … the same {len(again)} time{'' if len(again) == 1 else 's'} more"


def _count(frames: Sequence[Frame]) -> str:
    named = (Path(frame.short).parts[0].removesuffix(".py") for frame in frames if frame.path[:1] != "<")
    packages = ", ".join(dict.fromkeys(named)) or "vivace"
    return f"  … {len(frames)} frame{'' if len(frames) == 1 else 's'} of {packages}"


__all__ = ["folded"]
