"""What ``Model(…)`` does with its arguments, by a function that is written once per model.

A loop that asks of each field what kind it is costs twice as much as lines that were written for just these fields. The
text contains only numbers, names that are checked to be identifiers, and literals written by ``repr``; all else is bound
by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from .options import InitField

Fill: TypeAlias = Callable[[Any, dict[str, Any]], None]
"""Takes an object and its arguments by name: sets its columns, and takes out of the arguments what belongs to them."""


class _Mark:
    def __init__(self, shown: str) -> None:
        self.shown = shown

    def __repr__(self) -> str:
        return self.shown


DEFERRED: Any = _Mark("<Deferred field>")
"""Given to ``Model(…)`` or ``from_db`` in place of a value that was not fetched."""
_UNSET: Final = _Mark("<not given>")


def fill_of(model: Any, fields: Iterable[InitField]) -> Fill:
    """Return the function that gives a new object of a model its columns."""
    ordinary = model.__setattr__ is object.__setattr__
    lines = ["def fill(new, given):", "    pop = given.pop"]
    names: dict[str, Any] = {"deferred": DEFERRED, "unset": _UNSET, "set": setattr}
    for number, field in enumerate(fields):
        names[f"d{number}"] = field.default
        indent = "    "
        if field.relation is not None:
            lines.append(
                f"    if {field.relation!r} in given: set(new, {field.relation!r}, pop({field.relation!r}))"
            )
            lines.append("    else:")
            indent *= 2
        if field.constant:
            lines.append(f"{indent}value = pop({field.attname!r}, d{number})")
        else:
            lines.append(f"{indent}value = pop({field.attname!r}, unset)")
            lines.append(f"{indent}if value is unset: value = d{number}()")
        lines.append(f"{indent}if value is not deferred: {_stored(field, ordinary)}")
    exec(compile("\n".join(lines), "<vivace fill>", "exec"), names)  # noqa: S102 - see above
    fill: Fill = names["fill"]
    return fill


def _stored(field: InitField, ordinary: bool) -> str:
    """Return the statement that sets a column: as an attribute where nothing but the object itself would see that."""
    name = field.attname
    if not field.plain:
        return f"set(new, {name!r}, value)"
    if ordinary and name.isidentifier() and name.isascii() and not iskeyword(name):
        return f"new.{name} = value"
    return f"new.__dict__[{name!r}] = value"


__all__ = ["DEFERRED", "Fill", "fill_of"]
