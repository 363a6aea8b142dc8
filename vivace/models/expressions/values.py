"""Values in expressions: written (``Value``), lifted (``Slot``), constant parts of a shape, raw SQL."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from vivace.models.expressions.base import Expression, field_key

if TYPE_CHECKING:
    from vivace.models.sql.lifting import Lifter
    from vivace.models.sql.outputs import Outputs
    from vivace.models.sql.render import Renderer
    from vivace.models.sql.resolve import Resolver

# What a Python value is in the database. Order matters: bool is an int, datetime a date.
KINDS: Final[tuple[tuple[type, str], ...]] = (
    (str, "CharField"),
    (bool, "BooleanField"),
    (int, "IntegerField"),
    (float, "FloatField"),
    (datetime.datetime, "DateTimeField"),
    (datetime.date, "DateField"),
    (datetime.time, "TimeField"),
    (datetime.timedelta, "DurationField"),
    (decimal.Decimal, "DecimalField"),
    (bytes, "BinaryField"),
    (bytearray, "BinaryField"),
    (memoryview, "BinaryField"),
    (uuid.UUID, "UUIDField"),
)
_SMALL: Final = 2**31


def kind_of(value: Any) -> str:
    """Return the name of the field class for a Python value, "" when there is none."""
    for kind, name in KINDS:
        if isinstance(value, kind):
            if name == "IntegerField" and isinstance(value, int) and not -_SMALL <= value < _SMALL:
                return "BigIntegerField"
            return name
    return ""


class Value(Expression):
    """A constant that the user gave."""

    def __init__(self, value: Any, output_field: Any = None) -> None:
        self.value = value
        self.output_field = output_field

    def lifted(self, lifter: Lifter) -> Expression:
        if self.value is None:
            if lifter.outputs.name(self.output_field) == "JSONField":
                from .functions.json import JSONNull  # which is built on this module

                return JSONNull()  # Django's way to write it before it had JSONNull
            return Null(self.output_field)
        return lifter.slot(self.value, self.output_field)

    def infer(self, outputs: Outputs) -> Any:
        return outputs.kind(kind_of(self.value)) if kind_of(self.value) else None


class Null(Expression):
    """NULL: part of the shape, since SQL treats it in its own way."""

    def __init__(self, output_field: Any = None) -> None:
        self.output_field = output_field

    def render(self, r: Renderer) -> Any:
        return r.null(self.output_field)

    def infer(self, outputs: Outputs) -> Any:
        return None


class Slot(Expression):
    """Where a value was. ``index`` counts within its step; ``kind`` names the field class that its Python type implies.

    ``field`` decides how it is bound, where one is known; ``many`` is a list, bound as one array; ``form`` names what is
    done to the value before it is bound (patterns of LIKE).
    """

    def __init__(
        self, index: int, kind: str = "", field: Any = None, *, many: bool = False, form: str = ""
    ) -> None:
        self.index = index
        self.kind = kind
        self.field = field
        self.many = many
        self.form = form

    def key(self) -> Hashable:
        field = self.field
        of_model = field is None or getattr(field, "model", None) is not None
        return Slot, self.index, self.kind, self.many, self.form, field if of_model else field_key(field)

    def resolved(self, resolver: Resolver) -> Expression:
        return self.but(index=self.index + resolver.base)

    def render(self, r: Renderer) -> Any:
        return r.slot(self)

    def infer(self, outputs: Outputs) -> Any:
        if self.field is not None:
            return self.field
        return outputs.kind(self.kind) if self.kind else None


class Constant(Expression):
    """A value that is part of the shape (a JSON key, a date part): bound, never spliced, but the same in each run."""

    def __init__(self, value: Any, kind: str = "") -> None:
        self.value = value
        self.kind = kind or kind_of(value)

    def render(self, r: Renderer) -> Any:
        return r.constant(self.value, self.kind)

    def infer(self, outputs: Outputs) -> Any:
        return outputs.kind(self.kind) if self.kind else None


class Star(Expression):
    """``*`` in ``Count("*")``."""

    def render(self, r: Renderer) -> Any:
        return r.sql("*")

    def infer(self, outputs: Outputs) -> Any:
        return None


class RawSQL(Expression):
    """SQL as it stands, with ``%s`` for each parameter. The text is the author's: never put a user's input into it."""

    def __init__(self, sql: str, params: Sequence[Any] = (), output_field: Any = None) -> None:
        self.sql = sql
        self.params = tuple(params)
        self.output_field = output_field

    def lifted(self, lifter: Lifter) -> Expression:
        return self.but(params=tuple(lifter.value(each) for each in self.params))

    def render(self, r: Renderer) -> Any:
        r.reads_anything = r.reads_anything or "select" in self.sql.lower()
        return r.sql("(", *r.spliced(self.sql, self.params), ")")

    def infer(self, outputs: Outputs) -> Any:
        return None


class DatabaseDefault(Expression):
    """The column's own default, as a value to insert."""

    output_kind: ClassVar[str] = ""

    def render(self, r: Renderer) -> Any:
        return r.sql("DEFAULT")

    def infer(self, outputs: Outputs) -> Any:
        return None


__all__ = [
    "KINDS",
    "Constant",
    "DatabaseDefault",
    "Null",
    "RawSQL",
    "Slot",
    "Star",
    "Value",
    "kind_of",
]
