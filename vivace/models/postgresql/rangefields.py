"""Fields of ranges. A value is a ``Range``; a pair ``(lower, upper)`` is taken for one."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from vivace.errors.models import ModelError
from vivace.models.fields.base import Convert, FieldDeconstruction
from vivace.models.fields.numbers import BigIntegerField, DecimalField, IntegerField
from vivace.models.fields.times import DateField, DateTimeField
from vivace.models.shapes import is_listed

from .base import PostgreSQLField
from .ranges import BOUNDS, Range

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping
    from decimal import Decimal
    from typing import Unpack

    from typing_extensions import TypeVar

    from vivace.models.base import Model
    from vivace.models.fields.options import FieldOptions

    R = TypeVar("R", default=Range[Any])
    Whole = TypeVar("Whole", default=Range[int])
    Exact = TypeVar("Exact", default=Range[Decimal])
    Days = TypeVar("Days", default=Range[datetime.date])
    Moments = TypeVar("Moments", default=Range[datetime.datetime])

    class RangeOptions(FieldOptions, total=False):
        """How a pair is taken for a range."""

        default_bounds: str
else:
    from typing import TypeVar

    R = TypeVar("R")
    Whole = TypeVar("Whole")
    Exact = TypeVar("Exact")
    Days = TypeVar("Days")
    Moments = TypeVar("Moments")


class RangeField(PostgreSQLField[R], Generic[R]):
    """Base of fields of ranges."""

    base_field: ClassVar[Any]
    range_type: ClassVar[Any] = Range
    python_type = "a Range, or a pair of its ends"
    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid": "The value must be a range."}
    default_bounds: str = "[)"

    def range_of(self, value: Any, convert: Convert) -> Any:
        """Return a value as a ``Range`` whose ends are converted; ``None`` when it is none."""
        given: Any = value  # the check below must not narrow it to ranges of unknown things
        if isinstance(value, Range):
            if given.empty:
                return given
            return Range(self._end(given.lower, convert), self._end(given.upper, convert), given.bounds)
        if is_listed(value) and len(value) == 2:
            return Range(self._end(value[0], convert), self._end(value[1], convert), self.default_bounds)
        return None

    @staticmethod
    def _end(value: Any, convert: Convert) -> Any:
        return None if value is None else convert(value)

    def get_prep_value(self, value: Any) -> Any:
        if value is None:
            return None
        found = self.range_of(value, self.base_field.get_prep_value)
        if found is None:
            raise self.invalid_value(value)
        return found

    def binder(self, connection: Any) -> Convert | None:
        from asyncpg import Range as DriverRange  # the driver is there when a statement is compiled for it

        def bind(value: Range[Any]) -> Any:
            return DriverRange(
                value.lower,
                value.upper,
                lower_inc=value.lower_inc,
                upper_inc=value.upper_inc,
                empty=value.empty,
            )

        return bind

    def from_driver(self, connection: Any) -> Convert | None:
        return _received

    def to_python(self, value: Any) -> Any:
        """Return a ``Range``; a text is taken for JSON: ``{"lower": …, "upper": …, "bounds": "[)"}``."""
        if value is None:
            return None
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except json.JSONDecodeError:
                raise self.refused("invalid") from None
        if isinstance(value, dict):
            given: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType] - its keys are looked at
            known = {name: given[name] for name in ("lower", "upper", "bounds", "empty") if name in given}
            value = Range(**known)
        found = self.range_of(value, self.base_field.to_python)
        if found is None:
            raise self.refused("invalid")
        return found

    def value_to_string(self, obj: Model) -> str:
        value = self.value_from_object(obj)
        if value is None:
            return json.dumps(None)
        if value.empty:
            return json.dumps({"empty": True})
        ends = {name: self._end(getattr(value, name), self._text) for name in ("lower", "upper")}
        return json.dumps({**ends, "bounds": value.bounds})

    def _text(self, value: Any) -> str:
        shim: Any = SimpleNamespace(value=value)
        base = self.base_field.clone()
        base.set_attributes_from_name("value")
        return str(base.value_to_string(shim))


class _Continuous(RangeField[R], Generic[R]):
    """Ranges in which the bounds make a difference: ``default_bounds`` are those of a pair."""

    own_options = ("default_bounds",)

    def __init__(
        self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[RangeOptions]
    ) -> None:
        given: dict[str, Any] = {**options}
        self.default_bounds = given.pop("default_bounds", "[)")
        if self.default_bounds not in BOUNDS:
            raise ModelError(
                "default_bounds must be one of '[)', '(]', '()' or '[]'.", got=self.default_bounds
            )
        super().__init__(verbose_name, null=null, **given)

    def deconstruct(self) -> FieldDeconstruction:
        name, path, args, kwargs = super().deconstruct()
        if self.default_bounds != "[)":
            kwargs["default_bounds"] = self.default_bounds
        return name, path, args, kwargs


class IntegerRangeField(RangeField[Whole], Generic[Whole]):
    """A range of whole numbers of 32 bits."""

    base_field = IntegerField()
    column_type = "int4range"
    sa_name = "INT4RANGE"


class BigIntegerRangeField(RangeField[Whole], Generic[Whole]):
    """A range of whole numbers of 64 bits."""

    base_field = BigIntegerField()
    column_type = "int8range"
    sa_name = "INT8RANGE"


class DecimalRangeField(_Continuous[Exact], Generic[Exact]):
    """A range of decimals."""

    base_field = DecimalField()
    column_type = "numrange"
    sa_name = "NUMRANGE"


class DateTimeRangeField(_Continuous[Moments], Generic[Moments]):
    """A range of moments."""

    base_field = DateTimeField()
    column_type = "tstzrange"
    sa_name = "TSTZRANGE"


class DateRangeField(RangeField[Days], Generic[Days]):
    """A range of days."""

    base_field = DateField()
    column_type = "daterange"
    sa_name = "DATERANGE"


def _received(value: Any) -> Range[Any]:
    bounds = ("[" if value.lower_inc else "(") + ("]" if value.upper_inc else ")")
    return Range(value.lower, value.upper, bounds, value.isempty)


__all__ = [
    "BigIntegerRangeField",
    "DateRangeField",
    "DateTimeRangeField",
    "DecimalRangeField",
    "IntegerRangeField",
    "RangeField",
]
