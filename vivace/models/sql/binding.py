"""Parameters: from the values of a query to what the driver takes, by a function generated once per plan."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from vivace.models.expressions.values import Slot
from vivace.models.sql.outputs import OUTPUTS

Convert = Callable[[Any], Any]


def escaped(value: Any) -> str:
    """Return a text with the signs of LIKE escaped."""
    return str(value).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


FORMS: Final[dict[str, Convert]] = {
    "contains": lambda value: f"%{escaped(value)}%",
    "startswith": lambda value: f"{escaped(value)}%",
    "endswith": lambda value: f"%{escaped(value)}",
    "iexact": escaped,
    "text": str,
    "json_key": lambda value: "." + json.dumps(value),
}


class Binds:
    """The parameters of one statement: each slot, in each way that it is bound, has one name."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self.sources: dict[str, tuple[int | None, Any]] = {}
        self._names: dict[Any, str] = {}
        self.lists: list[int] = []

    def slot(self, slot: Slot) -> Any:
        """Return the parameter of a slot."""
        field = slot.field if slot.field is not None else (OUTPUTS.kind(slot.kind) if _typed(slot) else None)
        form = "" if slot.form in ("any", "nulls") else slot.form
        convert = self._converter(form, field, slot.many)
        if slot.many and slot.index not in self.lists:
            self.lists.append(slot.index)
        return self.named(
            (slot.index, form, slot.many, id(field)), slot.index, convert, self.type_of(field, slot.many)
        )

    def column_of(self, index: int, position: int, field: Any) -> Any:
        """Return the array of one column of a list of tuples (PostgreSQL)."""
        bind = field.binder(self.dialect)

        def convert(rows: Any) -> list[Any]:
            return [row[position] if bind is None else bind(row[position]) for row in rows]

        return self.named((index, "column", position), index, convert, self.type_of(field, True))

    def array(self, index: int, field: Any) -> Any:
        """Return a whole column of values, with NULLs, as one array (PostgreSQL)."""
        texts: Convert | None = getattr(field, "text_of", None)
        bind = _null_safe(field.binder(self.dialect) if texts is None else texts)
        convert: Convert | None = None if bind is None else lambda values: [bind(value) for value in values]
        type_ = self.type_of(field, True) if texts is None else ARRAY(sa.Text())
        return self.named((index, "array", id(field)), index, convert, type_)

    def named(self, key: Any, index: int, convert: Convert | None, type_: Any) -> Any:
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = f"p{len(self._names)}"
            self.sources[name] = (index, convert)
        return sa.bindparam(name, type_=type_)

    def constant(self, value: Any, type_: Any) -> Any:
        """Return a parameter that has the same value in each run."""
        key: Any = ("constant", type(value), value, str(type_))
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = f"p{len(self._names)}"
            self.sources[name] = (None, value)
        return sa.bindparam(name, type_=type_)

    def type_of(self, field: Any, many: bool = False) -> Any:
        """Return the type that a parameter is cast to: without lengths and precisions, which would cut the value."""
        if self.dialect == "sqlite" or field is None:
            return sa.types.NullType()
        type_ = field.sa_type(self.dialect)
        if isinstance(type_, sa.Numeric) and not isinstance(type_, sa.Float):
            type_ = sa.Numeric()
        elif isinstance(type_, sa.String):
            type_ = sa.String()
        return ARRAY(type_) if many else type_

    def _converter(self, form: str, field: Any, many: bool) -> Convert | None:
        if form:
            return str if form == "iexact" and self.dialect == "postgresql" else FORMS[form]
        convert = None if field is None else field.binder(self.dialect)
        if not many:
            return convert
        if self.dialect == "sqlite":
            return lambda values: _json(values, convert)
        return None if convert is None else lambda values: [convert(value) for value in values]

    def function(self, names: Sequence[str]) -> Callable[[Sequence[Any]], Sequence[Any]]:
        """Return what makes the driver's parameters, in the order of ``names``, from a query's values."""
        scope: dict[str, Any] = {}
        parts: list[str] = []
        for position, name in enumerate(names):
            index, convert = self.sources[name]
            if index is None:
                scope[f"k{position}"] = convert
                parts.append(f"k{position}")
            elif convert is None:
                parts.append(f"v[{index}]")
            else:
                scope[f"c{position}"] = convert
                parts.append(f"None if v[{index}] is None else c{position}(v[{index}])")
        if [*parts] == [f"v[{i}]" for i in range(len(parts))] and parts:
            source = f"lambda v: v if len(v) == {len(parts)} else v[:{len(parts)}]"
        else:
            source = f"lambda v: ({''.join(part + ', ' for part in parts)})"
        return eval(source, scope)  # type: ignore[no-any-return]  # noqa: S307 - text made of numbers only


def _typed(slot: Slot) -> bool:
    return bool(slot.kind) and slot.kind != "any"


def _null_safe(convert: Convert | None) -> Convert | None:
    return None if convert is None else lambda value: None if value is None else convert(value)


def _json(values: Any, convert: Convert | None) -> str:
    from vivace.db.sqlite.binding import adapt

    def plain(value: Any) -> Any:
        return value.hex() if isinstance(value, (bytes, bytearray, memoryview)) else adapt(value)

    items = values if convert is None else [convert(value) for value in values]
    return json.dumps(items, default=plain)


__all__ = ["Binds", "escaped"]
