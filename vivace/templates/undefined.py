"""What a template gets for a name that nobody gave: nothing, or an error that knows the names that are near (TP7).

==============================  ===========================================  ================================
what the template does with it  ``{{ titel }}``                              ``{{ titel.upper() }}``
==============================  ===========================================  ================================
production                      shows nothing (as Django)                    ``UndefinedName``
debug                           shows nothing, and says so once in the log   ``UndefinedName``
``strict``                      ``UndefinedName``                            ``UndefinedName``
==============================  ===========================================  ================================

In a condition it is false, in every mode: ``{% if titel %}`` asks whether it is there.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import FrameType
from typing import Any, Final, NoReturn

from jinja2.runtime import Context, Undefined
from jinja2.utils import missing

from vivace.errors import UndefinedName, nearest

from .mistakes import NAMES

logger: Final = logging.getLogger("vivace.templates")
_FRAMES: Final = 12  # how far up the template is looked for
_NOTICED: Final = 1_000  # places of which it is said once


class LenientUndefined(Undefined):
    """Shows nothing; anything else that is done with it raises ``UndefinedName``."""

    __slots__ = ()

    def __init__(
        self,
        hint: str | None = None,
        obj: Any = missing,
        name: str | None = None,
        exc: Any = None,
    ) -> None:
        super().__init__(hint, obj, name, _as_it_is)  # type: ignore[arg-type]

    @property
    def _undefined_message(self) -> Any:  # what Jinja hands to the exception's class: here the error itself
        return _error(self._undefined_hint, self._undefined_obj, self._undefined_name)


class NoticedUndefined(LenientUndefined):
    """Shows nothing, and says so in the log, once for each place."""

    __slots__ = ()

    def __str__(self) -> str:
        error = _error(self._undefined_hint, self._undefined_obj, self._undefined_name)
        _notice(error)
        return ""

    def __iter__(self) -> Iterator[Any]:
        str(self)
        yield from ()


class StrictUndefined(LenientUndefined):
    """Raises ``UndefinedName`` where it is shown or gone through."""

    __slots__ = ()

    def _refuse(self, *args: Any) -> NoReturn:
        raise _error(self._undefined_hint, self._undefined_obj, self._undefined_name)

    __str__ = __iter__ = __len__ = __contains__ = _refuse


def undefined_for(*, strict: bool, debug: bool) -> type[LenientUndefined]:
    """Return the class whose objects an environment gives for unknown names."""
    return StrictUndefined if strict else NoticedUndefined if debug else LenientUndefined


def _as_it_is(error: Any) -> Any:
    return error


def _error(hint: str | None, obj: Any, name: Any) -> UndefinedName:
    """Return the error, with the place in the template that runs now and the names near the one that it uses."""
    frame = _template_frame()
    template, line, filename = place_of(frame) if frame is not None else (None, None, None)
    where = f"{template}:{line}: " if template else ""
    if hint:
        error = UndefinedName(f"{where}{hint}")
    elif obj is missing:
        error = UndefinedName(
            f"{where}{name!r} is undefined.",
            expected="a name that the view, a context provider or the template itself gives",
            fix=NAMES.get(str(name), "")
            or (nearest(str(name), names_in(frame) - {name}) if frame is not None else ""),
        )
    else:
        owner = f"{type(obj).__name__!r}" if not isinstance(obj, Undefined) else "What is undefined"
        is_item = not isinstance(name, str)
        error = UndefinedName(
            f"{where}{owner} has no {'item' if is_item else 'attribute'} {name!r}.",
            expected="an attribute, a method or a key of it",
            fix="" if is_item else nearest(name, _names_of(obj)),
        )
    error.at(template, line, filename)
    return error


def _template_frame() -> FrameType | None:
    """Return the frame of compiled template code that is nearest to the caller."""
    frame: FrameType | None = sys._getframe(2)
    for _ in range(_FRAMES):
        if frame is None or is_template(frame):
            return frame
        frame = frame.f_back
    return None


def is_template(frame: FrameType) -> bool:
    """Return whether a frame runs what a template was compiled to."""
    names = frame.f_globals
    return "debug_info" in names and "blocks" in names and "__jinja_template__" in names


def place_of(frame: FrameType) -> tuple[str | None, int | None, str | None]:
    """Return the name of the template that a frame runs, the line, and the file."""
    template = frame.f_globals.get("__jinja_template__")
    if template is None:
        return None, None, None
    return template.name, template.get_corresponding_lineno(frame.f_lineno), template.filename


def names_in(frame: FrameType) -> set[str]:
    """Return the names that a template knows where a frame stands."""
    found = {
        name.split("_", 2)[2] for name in frame.f_locals if name.startswith("l_") and name.count("_") > 1
    }
    context = frame.f_locals.get("context")
    if isinstance(context, Context):
        found |= {*context.parent, *context.vars, *context.environment.globals}
        scope: Any = getattr(context, "scope", None)
        found |= {*getattr(scope, "providers", ()), *getattr(scope, "built_in", ())}
    return found


def _names_of(value: Any) -> set[str]:
    keys: Iterable[Any] = value if _is_mapping(value) else ()
    return {key for key in keys if isinstance(key, str)} | {
        name for name in dir(value) if not name.startswith("_")
    }


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _notice(error: UndefinedName) -> None:
    """Log an error as a warning, once for each place of each template."""
    frame = _template_frame()
    template: Any = frame.f_globals.get("__jinja_template__") if frame is not None else None
    seen: set[str] = template.__dict__.setdefault("noticed", set()) if template is not None else set()
    if error.what not in seen and len(seen) < _NOTICED:
        seen.add(error.what)
        logger.warning("%s It shows nothing. %s", error.what, error.fix)


__all__ = [
    "LenientUndefined",
    "NoticedUndefined",
    "StrictUndefined",
    "is_template",
    "names_in",
    "place_of",
    "undefined_for",
]
