"""Indexes of a table, declared in ``Meta.indexes``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, cast

from vivace.errors.models import ModelError

from .deconstruct import Deconstructed, public_path
from .expressions.names import F
from .names import digest
from .shapes import is_listed

if TYPE_CHECKING:
    from typing import Self, Unpack

    from .base import Model
    from .expressions.q import Q


class IndexOptions(TypedDict, total=False):
    """What may be said about an index beside its columns."""

    name: str | None
    db_tablespace: str | None
    opclasses: Sequence[str]
    condition: Q | None
    include: Sequence[str] | None


class Index:
    """An index over ``fields`` (a leading ``-``: descending) or over expressions, which need a ``name``.

    ``condition``: only rows that meet it. ``include``: columns that the index carries along. ``opclasses``: PostgreSQL's,
    one per field.
    """

    suffix: ClassVar[str] = "idx"
    max_name_length: ClassVar[int] = 30

    def __init__(
        self, *expressions: Any, fields: Sequence[str] = (), **options: Unpack[IndexOptions]
    ) -> None:
        given = cast("dict[str, Any]", {**options})
        self.name: str = given.pop("name", None) or ""
        self.db_tablespace: str | None = given.pop("db_tablespace", None)
        self.opclasses: Sequence[str] = given.pop("opclasses", ())
        self.condition: Q | None = given.pop("condition", None)
        include: Sequence[str] | None = given.pop("include", None)
        kind = type(self).__name__
        if given:
            raise ModelError(
                f"{kind} has no option {next(iter(given))!r}.",
                expected=", ".join(IndexOptions.__annotations__),
            )
        if include is not None and not is_listed(include):
            raise ModelError(f"{kind}.include must be a list or tuple.", got=repr(include))
        self.include = tuple(include or ())
        self.expressions = as_expressions(expressions)
        self.fields = _checked_fields(kind, fields)
        self.fields_orders = [
            (name.removeprefix("-"), "DESC" if name.startswith("-") else "") for name in self.fields
        ]
        self._check_combination(kind)

    def _check_combination(self, kind: str) -> None:
        named = {
            "expressions": self.expressions,
            "opclasses": self.opclasses,
            "condition": self.condition,
            "include": self.include,
        }
        if not self.expressions and not self.fields:
            raise ModelError(f"{kind} needs at least one field or expression.")
        if self.expressions and self.fields:
            raise ModelError(f"{kind} has either fields or expressions, not both.")
        if self.expressions and self.opclasses:
            raise ModelError(f"{kind}.opclasses cannot be used with expressions.")
        if self.opclasses and len(self.opclasses) != len(self.fields):
            raise ModelError(f"{kind}.opclasses must have one element per field.")
        if not is_condition(self.condition):
            raise ModelError(f"{kind}.condition must be a Q.", got=repr(self.condition))
        for what, given in named.items():
            if given and not self.name:
                raise ModelError(f"{kind} needs a name to have {what}.", fix="Add name=….")

    @property
    def contains_expressions(self) -> bool:
        return bool(self.expressions)

    def set_name_with_model(self, model: type[Model]) -> None:
        """Give the index Django's name: parts of the table's and the first column's, and a hash of all."""
        table = model._meta.db_table
        columns = [
            ("-%s" if order else "%s") % model._meta.get_field(name).column
            for name, order in self.fields_orders
        ]
        hashed = digest(table, *columns, self.suffix, length=6)
        name = f"{table[:11]}_{columns[0].removeprefix('-')[:7]}_{hashed}_{self.suffix}"
        if len(name) > self.max_name_length:
            raise ModelError(
                f"The index name {name!r} is too long.", fix="Use a suffix of at most 3 characters."
            )
        self.name = f"D{name[1:]}" if name[0] == "_" or name[0].isdigit() else name

    def deconstruct(self) -> Deconstructed:
        kwargs: dict[str, Any] = {"name": self.name}
        if self.fields:
            kwargs["fields"] = self.fields
        if self.db_tablespace is not None:
            kwargs["db_tablespace"] = self.db_tablespace
        for option in ("opclasses", "condition", "include"):
            if getattr(self, option):
                kwargs[option] = getattr(self, option)
        return public_path(type(self)), self.expressions, kwargs

    def clone(self) -> Self:
        _, args, kwargs = self.deconstruct()
        return type(self)(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Index)
            and type(self) is type(other)
            and self.deconstruct() == other.deconstruct()
        )

    def __hash__(self) -> int:
        return hash((type(self), self.name, tuple(self.fields)))

    def __repr__(self) -> str:
        _, args, kwargs = self.deconstruct()
        shown = [*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())]
        return f"<{type(self).__name__}: {', '.join(shown)}>"


def as_expressions(given: Sequence[Any]) -> tuple[Any, ...]:
    """Return expressions, those given as text as names of fields."""
    return tuple(F(each) if isinstance(each, str) else each for each in given)


def is_condition(value: Any) -> bool:
    """Say whether it is ``None`` or a condition on rows."""
    return value is None or bool(getattr(value, "conditional", False))


def _checked_fields(kind: str, fields: Any) -> list[str]:
    if not is_listed(fields) or not all(isinstance(name, str) for name in fields):
        raise ModelError(f"{kind}.fields must be a list of names.", got=repr(fields))
    return list(fields)
