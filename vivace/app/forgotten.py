"""A forgotten ``await``: which line of the user's made the coroutine that nobody waited for. While developing only.

Python itself only says that a coroutine has no attribute, or, wherever the garbage happened to be collected, that one was
never awaited. Since it can note where each was made, which costs every call its stack, ``dev`` lets it (``watch``).
"""

from __future__ import annotations

import linecache
import logging
import re
import sys
import warnings
from collections.abc import Iterator
from functools import partial
from inspect import CORO_CLOSED, CORO_CREATED, getcoroutinestate
from traceback import walk_tb
from types import CoroutineType
from typing import Any, Final, TypeAlias

from vivace.errors import VivaceError, WrongResult

from .evidence import is_own, short_path

logger = logging.getLogger("vivace.app")

DEPTH: Final = (
    8  # frames that are noted per coroutine: from ours to the user's there are at most three or four
)
_NEVER: Final = r"coroutine '.*' was never awaited"
_MADE: Final = re.compile(r'^  File "(.+)", line (\d+), in ', re.MULTILINE)
_SIGNS: Final = ("coroutine", "awaitable that nobody awaited")
_Made: TypeAlias = "CoroutineType[Any, Any, Any]"
_FIX: Final = "Write `await` before"


def watch() -> None:
    """Let Python note where coroutines are made, in this thread, and log those that were never awaited with that place."""
    sys.set_coroutine_origin_tracking_depth(DEPTH)
    warnings.filterwarnings("always", _NEVER, RuntimeWarning)  # each time, not once per place of the garbage
    warnings.showwarning = partial(_show, warnings.showwarning)


def explain(error: BaseException) -> None:
    """Add the fix to an error that speaks of a coroutine: in place of the fix of one of ours, as a note to any other."""
    if not isinstance(error, (TypeError, AttributeError, VivaceError)) or _is_explained(error):
        return
    text = str(error)
    if not any(sign in text for sign in _SIGNS):
        return
    made = next(_forgotten(error), None)
    origin = made.cr_origin or () if made is not None else ()
    place = next((each for each in origin if is_own(each[0])), None) or _innermost(error)
    if place is None or (made is None and isinstance(error, VivaceError)):
        return
    # it is gone already where it stood in the line that failed
    name = f"`{made.__qualname__}(…)`" if made is not None else "the call that made the coroutine"
    fix = f"{_FIX} {name}: {_told(*place[:2])}"
    if isinstance(error, VivaceError):
        error.fix = fix
        # for the error page, which shows the place that an error names
        vars(error).update(zip(("filename", "lineno", "asked_by"), place, strict=True))
    else:
        error.add_note(f"Fix: {fix}")


def _is_explained(error: Exception) -> bool:
    return any(note.startswith(f"Fix: {_FIX}") for note in getattr(error, "__notes__", ()))


def _forgotten(error: BaseException | None) -> Iterator[_Made]:
    """Yield coroutines that were not begun and that the error, or a frame that it and its causes went through, has."""
    while error is not None:
        frames = [frame for frame, _ in walk_tb(error.__traceback__)]
        values = [getattr(error, "obj", None)]
        for frame in reversed(frames):
            values += frame.f_locals.values()
        states = (
            (CORO_CREATED, CORO_CLOSED) if isinstance(error, WrongResult) else (CORO_CREATED,)
        )  # it closes it
        for value in values:
            made: Any = value
            if isinstance(value, CoroutineType) and getcoroutinestate(made) in states:
                yield made
        error = error.__cause__


def _innermost(error: BaseException) -> tuple[str, int, str] | None:
    """Return the innermost place in the user's code that an error went through."""
    places = [(frame.f_code, line) for frame, line in walk_tb(error.__traceback__)]
    own = ((code, line) for code, line in reversed(places) if is_own(code.co_filename))
    return next(((code.co_filename, line, code.co_qualname) for code, line in own), None)


def _told(path: str, line: int) -> str:
    linecache.checkcache(path)
    source = linecache.getline(path, line).strip()
    return f"{short_path(path)}:{line}" + (f": `{source}`" if source else "")


def _show(before: Any, message: Warning | str, category: type[Warning], *rest: Any, **options: Any) -> None:
    """Log what was never awaited; all other warnings, and what is none of the user's, go where they went before."""
    text = str(message)
    head = text.partition("\n")[0]
    if re.fullmatch(_NEVER, head):
        made = [(path, int(line)) for path, line in _MADE.findall(text) if is_own(path)]
        if made:
            logger.warning("%s, so it did not happen. Fix: %s it: %s", head, _FIX, _told(*made[-1]))
            return
    before(message, category, *rest, **options)


__all__ = ["explain", "watch"]
