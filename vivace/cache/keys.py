"""Values as parts of a key: two values have one key only where nobody can tell what is computed from them apart.

That is stricter than ``==``: ``1``, ``True``, ``1.0`` and ``Decimal("1.0")`` are equal and are shown differently, and so
are a text and the same text as ``Markup``. It is looser than identity: two objects of one row, loaded by two requests, have
one key as long as they hold the same values. So what was computed for one key may be shown to whoever has the same key,
whatever changed meanwhile: who loaded a newer row has another key.

A class joins by ``__vivace_key__(self, keying)``, which returns something hashable made of ``keying.of(part)``. Values of
other classes have no key (``NoKey``): what is computed from them is not kept. Rows that a value holds are noted in
``keying``; they count as read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, ClassVar, Final, cast
from uuid import UUID

import msgspec

from vivace.changes import Condition, ReadSet

MOST_ROWS: Final = 100
"""Of more rows of a table the whole table counts as read: as with an IN of more values."""
_MOST_PARTS: Final = 10_000  # of one key: a larger one costs more than what it saves
_type_of: Final = cast("Callable[[Any], Any]", type)


class NoKey(Exception):
    """A value cannot be part of a key; the argument is the name of its class."""


class Keying(msgspec.Struct, eq=False):
    """The making of one key: remembers the rows that were used, and where it is, so that circles end."""

    makers: ClassVar[Mapping[type[Any], Callable[[Any, Any], Hashable]]] = {}
    rows: dict[tuple[str, str], set[Any] | None] | None = None
    parts: int = 0
    _inside: set[int] | None = None

    def of(self, value: Any) -> Hashable:
        """Return the key of a value; raises ``NoKey``."""
        kind: Any = _type_of(value)
        key: Hashable = value  # not by cast(), which is a call: this runs for each value of each fragment
        if kind is str or kind is int or value is None:
            return key
        make = self.makers.get(kind)
        if make is not None:
            return make(value, self)
        own: Callable[[Any, Keying], Hashable] | None = getattr(kind, "__vivace_key__", None)
        return own(value, self) if own is not None else self._of_another(value)

    def _of_another(self, value: Any) -> Hashable:
        """Return the key of a value of an unknown class, which may stand for one of a known class and say that it is one."""
        kind = value.__class__
        if kind is not _type_of(value):
            if kind is str or kind is int:
                return cast("Hashable", value)
            make = self.makers.get(kind) or getattr(kind, "__vivace_key__", None)
            if make is not None:
                return make(value, self)
        return self.other(value)

    def other(self, value: Any) -> Hashable:
        """Return the key of a value of which the class says nothing."""
        return _other(value, self)

    def all_of(self, values: Iterable[Any]) -> tuple[Hashable, ...]:
        """Return the keys of values, in their order."""
        given: Any = values
        if given.__class__ is tuple and len(given) == 1:  # the parameters of most queries
            self.parts += 1
            return (self.of(given[0]),)
        keys = tuple(map(self.of, values))
        self.parts += len(keys)
        if self.parts > _MOST_PARTS:
            raise NoKey("more values than make a key")
        return keys

    def once(self, value: object, make: Callable[[], Hashable], again: Hashable) -> Hashable:
        """Return ``make()``, but ``again`` where that is being made already: for values that lead back to themselves."""
        inside = self._inside
        if inside is None:
            inside = self._inside = set()
        if id(value) in inside:
            return again
        inside.add(id(value))
        try:
            return make()
        finally:
            inside.discard(id(value))

    def used_row(self, table: str, column: str, key: Any) -> None:
        """Note that a row was used."""
        if self.rows is None:
            self.rows = {}
        place = table, column
        known = self.rows.setdefault(place, set())
        if known is None:
            return
        if type(key) is int or type(key) is str:
            known.add(key)
        if len(known) > MOST_ROWS or (type(key) is not int and type(key) is not str):
            self.rows[place] = None  # how a database tells of such a key is its own affair

    def add_to(self, reads: ReadSet) -> None:
        """Record the rows that were used."""
        for (table, column), keys in (self.rows or {}).items():
            reads.add(table, None if keys is None else (Condition(column, frozenset(keys)),))


def _class(value: Any) -> Any:
    return value.__class__


def _tagged(value: Any, keying: Keying) -> Hashable:
    return _class(value), value


def _as_text(value: Any, keying: Keying) -> Hashable:
    return _class(value), str(value)


def _moment(value: Any, keying: Keying) -> Hashable:
    return _class(value), value.isoformat(), str(value.tzinfo), value.fold


def _listed(value: Any, keying: Keying) -> Hashable:
    return keying.once(value, lambda: (_class(value), *keying.all_of(value)), (_class(value), "…"))


def _mapped(value: Any, keying: Keying) -> Hashable:
    def make() -> Hashable:
        return (dict, keying.all_of(value.keys()), keying.all_of(value.values()))

    return keying.once(value, make, (dict, "…"))


def _unordered(value: Any, keying: Keying) -> Hashable:
    return _class(value), frozenset(keying.all_of(value))


def _itself(value: Any, keying: Keying) -> Hashable:
    return cast("Hashable", value)


def _method(value: Any, keying: Keying) -> Hashable:
    return MethodType, keying.of(value.__self__), value.__func__


_MAKERS: Final[dict[type[Any], Callable[[Any, Keying], Hashable]]] = {
    bool: _tagged,
    float: _as_text,
    complex: _as_text,
    Decimal: _as_text,
    bytes: _tagged,
    range: _tagged,
    UUID: _tagged,
    date: _tagged,
    timedelta: _tagged,
    datetime: _moment,
    time: _moment,
    list: _listed,
    tuple: _listed,
    dict: _mapped,
    set: _unordered,
    frozenset: _unordered,
    type(Ellipsis): _itself,
    FunctionType: _itself,
    BuiltinFunctionType: _itself,
    ModuleType: _itself,
    MethodType: _method,
}


Keying.makers = _MAKERS


def _other(value: Any, keying: Keying) -> Hashable:
    """Return the key of a value whose class is not in the table."""
    kind = _class(value)
    if isinstance(value, type):
        return value
    if isinstance(value, Enum):
        return kind, value.name
    if isinstance(value, str):
        return kind, str.__str__(value)
    if issubclass(_class(value), tuple):
        return kind, keying.all_of(value)
    names = getattr(kind, "__struct_fields__", None)
    if isinstance(value, msgspec.Struct) and names is not None:
        return keying.once(
            value, lambda: (kind, *keying.all_of([getattr(value, name) for name in names])), kind
        )
    if dataclasses.is_dataclass(kind):
        fields = [field.name for field in dataclasses.fields(kind)]
        own = {**vars(value)} if hasattr(value, "__dict__") else {}
        parts = {**own, **{name: getattr(value, name, None) for name in fields}}
        return keying.once(value, lambda: (kind, keying.of(parts)), _class(value))
    raise NoKey(kind.__qualname__)


def key_of(*values: Any) -> Hashable:
    """Return the key of several values; raises ``NoKey``."""
    return Keying().all_of(values)


__all__ = ["MOST_ROWS", "Keying", "NoKey", "key_of"]
