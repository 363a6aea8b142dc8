"""Answers in a form that both worlds share, and when two of them are the same.

Types count: ``1``, ``True``, ``1.0`` and ``Decimal(1)`` differ. Floats have a tolerance, since the order in which a database
adds is its own. Rows whose order the query does not determine are a multiset. Errors are compared by kind: both worlds
refuse, or both say that there is no such row; which class and sentence is each one's own affair.
"""

from __future__ import annotations

import datetime
import decimal
import math
from dataclasses import dataclass
from typing import Any, Final

from tests.differential.programs import Case

TOLERANCE: Final = 1e-9
_CRASHES: Final = (
    AttributeError,
    KeyError,
    IndexError,
    RecursionError,
    AssertionError,
    NameError,
    UnboundLocalError,
)


@dataclass(frozen=True, slots=True)
class Refused:
    """A query was answered with an error, of a kind: refused, no row, several rows, protected, crash."""

    kind: str
    said: str


def refusal(error: Exception) -> Refused:
    """Return the kind of an error."""
    name = type(error).__name__
    known = {"DoesNotExist": "no row", "MultipleObjectsReturned": "several rows"}
    known |= {"ProtectedError": "protected", "RestrictedError": "protected"}
    kind = known.get(name) or ("crash" if isinstance(error, _CRASHES) else "refused")
    return Refused(kind, f"{name}: {error}"[:1000])


def canonical(value: Any, touches: tuple[str, ...] = ()) -> Any:
    """Return an answer in a form that both worlds share; ``touches`` are relations that were loaded with objects."""
    if isinstance(value, tuple):
        parts: tuple[Any, ...] = tuple(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        return ("row", *(canonical(each, touches) for each in parts))
    if isinstance(value, list):
        return [canonical(each, touches) for each in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return _mapping(value, touches)  # pyright: ignore[reportUnknownArgumentType]
    if hasattr(value, "_meta"):
        return _object(value, touches)
    if isinstance(value, (bytes, memoryview)):
        return ("bytes", bytes(value))  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, decimal.Decimal):
        return ("decimal", float(value))
    return value if value is None else (type(value).__name__, value)


def _mapping(value: dict[Any, Any], touches: tuple[str, ...]) -> Any:
    """A row of values keeps the order of its names; in_bulk and the counts of a deletion have none."""
    items = [(name, canonical(each, touches)) for name, each in value.items()]
    if any(not isinstance(name, str) or "." in name for name in value):
        items.sort(key=repr)
    return ("dict", *items)


def _object(value: Any, touches: tuple[str, ...]) -> Any:
    held: dict[str, Any] = dict(value.__dict__)
    model: Any = value.__class__
    columns = [field.attname for field in value._meta.concrete_fields]
    kept = [(name, canonical(held.pop(name))) for name in columns if name in held]
    others = [(n, canonical(v)) for n, v in held.items() if n[0] != "_" and not hasattr(model, n)]
    first: dict[str, list[str]] = {}
    for touch in touches:
        name, _, rest = touch.partition("__")
        first.setdefault(name, []).extend([rest] if rest else [])
    related = [(name, _related(value, name, tuple(rest))) for name, rest in sorted(first.items())]
    return ("object", value._meta.object_name, kept, sorted(others, key=repr), related)


def _related(value: Any, name: str, touches: tuple[str, ...]) -> Any:
    try:
        found = getattr(value, name)
    except Exception as error:
        if "DoesNotExist" in type(error).__name__:
            return "none"
        raise
    if hasattr(found, "all"):
        return _sorted([canonical(each, touches) for each in found.all()])
    if isinstance(found, list):
        return [canonical(each, touches) for each in found]  # pyright: ignore[reportUnknownVariableType]
    return canonical(found, touches)


def _sorted(rows: list[Any]) -> list[Any]:
    return sorted(rows, key=_key)


def _key(value: Any) -> str:
    """Rows that differ only in the last digits of a float sort alike."""
    if isinstance(value, (tuple, list)):
        return "(" + ",".join(_key(each) for each in value) + ")"  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, float):
        return f"{value + 0.0:.6g}"
    return repr(value)


def same(case: Case, theirs: Any, ours: Any) -> bool:
    """Tell whether two answers agree."""
    if isinstance(theirs, Refused) or isinstance(ours, Refused):
        return isinstance(theirs, Refused) and isinstance(ours, Refused) and _same_kind(theirs, ours)
    if case.writes:
        return _close(theirs[0], ours[0]) and all(
            _close(_sorted(one), _sorted(other)) for one, other in zip(theirs[1:], ours[1:], strict=True)
        )
    if isinstance(theirs, list) and isinstance(ours, list) and not case.total:
        return theirs == ours or _close(_sorted(theirs), _sorted(ours))  # pyright: ignore[reportUnknownArgumentType]
    return _close(theirs, ours)


def untyped(answer: Any) -> Any:
    """Return an answer in which types of numbers are not told apart, nor a date, its first moment and that without a zone."""
    if isinstance(answer, list):
        return [untyped(each) for each in answer]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(answer, tuple):
        return answer
    parts: tuple[Any, ...] = tuple(answer)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if len(parts) == 2 and parts[0] in ("int", "decimal", "float", "bool"):
        return ("number", float(parts[1]))
    if len(parts) == 2 and parts[0] == "datetime":
        return ("moment", parts[1].replace(tzinfo=None))
    if len(parts) == 2 and parts[0] == "date":
        return ("moment", datetime.datetime.combine(parts[1], datetime.time()))
    return tuple(untyped(each) for each in parts)


def _same_kind(theirs: Refused, ours: Refused) -> bool:
    """A crash of ours is a bug also where Django refuses; what Django crashes on, we may refuse."""
    if ours.kind == "crash":
        return False
    return theirs.kind == ours.kind or theirs.kind == "crash"


def _close(one: Any, other: Any) -> bool:
    if one == other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE) or (
            one != one and other != other
        )
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(_close, one, other))  # pyright: ignore[reportUnknownArgumentType]
    return False
