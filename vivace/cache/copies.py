"""Results of functions as they are kept: each caller gets one of its own.

Two callers that share a list of rows would share what one of them loads or changes: the other one would see it, without
having read it. So what can be changed is kept as a pickle (which never leaves the process) and made anew for each caller,
three times as fast as a deep copy; what pickle cannot do is copied.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import FunctionType
from typing import Any, Final
from uuid import UUID

from markupsafe import Markup

from .sizes import size_of

_UNCHANGING: Final = frozenset(
    {
        str,
        int,
        float,
        bool,
        bytes,
        type(None),
        complex,
        Decimal,
        UUID,
        date,
        datetime,
        time,
        timedelta,
        Markup,
    }
)

Copier = Callable[[], Any]
"""Returns the result as one's own."""


class NotKeepable(Exception):
    """A result cannot be had twice; the argument is the name of its class."""


def copier(value: Any) -> tuple[Copier, int]:
    """Return what gives each caller the value, and about how many bytes it takes; raises ``NotKeepable``."""
    if _is_unchanging(value):
        return lambda: value, size_of(value)
    if _runs_once(value):
        raise NotKeepable(type(value).__qualname__)
    try:
        data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        pickle.loads(data)  # noqa: S301 - our own bytes; some classes can only be written
    except Exception:  # a class may raise whatever it likes
        return _copied(value)
    return lambda: _joined(pickle.loads(data)), len(data)  # noqa: S301 - our own bytes


def _copied(value: Any) -> tuple[Copier, int]:
    try:
        kept = copy.deepcopy(value)
    except Exception:
        raise NotKeepable(type(value).__qualname__) from None
    return lambda: _joined(copy.deepcopy(kept)), size_of(kept)


def _is_unchanging(value: Any) -> bool:
    if type(value) in _UNCHANGING or isinstance(value, type | FunctionType):
        return True
    return type(value) in (tuple, frozenset) and all(map(_is_unchanging, value))


def _runs_once(value: Any) -> bool:
    given: Any = value
    return isinstance(value, Iterator | AsyncIterator | Awaitable) and not hasattr(given, "__vivace_key__")


def _joined(value: Any) -> Any:
    """Let the objects of one result be peers again, so that what they lack is loaded for all at once."""
    if value.__class__ is list and value:
        kind: Any = value[0].__class__
        join = getattr(kind, "__vivace_join__", None)
        if join is not None and all(each.__class__ is kind for each in value):
            join(value)
    return value


__all__ = ["Copier", "NotKeepable", "copier"]
