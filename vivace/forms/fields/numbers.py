"""Fields of numbers. Digits of all scripts are read; infinities and what is no number are refused."""

from __future__ import annotations

import math
import re
from decimal import Decimal, DecimalException
from typing import TYPE_CHECKING, Any, ClassVar, Final

from vivace.forms.widgets import NumberInput, Widget
from vivace.models.validators import (
    DecimalValidator,
    MaxValueValidator,
    MinValueValidator,
    StepValueValidator,
)

from .base import Field, FieldOptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack

_TRAILING_ZEROS: Final = re.compile(r"\.0*\s*$")


class NumberOptions(FieldOptions, total=False):
    """What may be said of numbers."""

    max_value: Any
    min_value: Any
    step_size: Any


class IntegerField(Field):
    """A whole number; ``1.0`` is one."""

    widget: Any = NumberInput
    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid": "Enter a whole number."}

    def __init__(self, **options: Unpack[NumberOptions]) -> None:
        given: dict[str, Any] = {**options}
        self.max_value: Any = given.pop("max_value", None)
        self.min_value: Any = given.pop("min_value", None)
        self.step_size: Any = given.pop("step_size", None)
        super().__init__(**given)
        if self.max_value is not None:
            self.validators.append(MaxValueValidator(self.max_value))
        if self.min_value is not None:
            self.validators.append(MinValueValidator(self.min_value))
        if self.step_size is not None:
            self.validators.append(StepValueValidator(self.step_size, offset=self.min_value))

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        try:
            return int(_TRAILING_ZEROS.sub("", str(value)))
        except (ValueError, TypeError):  # over 4,300 digits is a ValueError too
            raise self.refused("invalid") from None

    def widget_attrs(self, widget: Widget) -> dict[str, Any]:
        attrs = super().widget_attrs(widget)
        if isinstance(widget, NumberInput):
            limits = {"min": self.min_value, "max": self.max_value, "step": self.step_size}
            attrs.update({name: limit for name, limit in limits.items() if limit is not None})
        return attrs


class FloatField(IntegerField):
    """A number in binary floating point."""

    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid": "Enter a number."}

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        try:
            return float(value)
        except (ValueError, TypeError, OverflowError):
            raise self.refused("invalid") from None

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value not in self.empty_values and not math.isfinite(value):
            raise self.refused("invalid")

    def widget_attrs(self, widget: Widget) -> dict[str, Any]:
        return _with_step(super().widget_attrs(widget), widget, "any")


class DecimalOptions(NumberOptions, total=False):
    """How many digits a decimal number may have."""

    max_digits: int | None
    decimal_places: int | None


class DecimalField(IntegerField):
    """A decimal number."""

    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid": "Enter a number."}

    def __init__(self, **options: Unpack[DecimalOptions]) -> None:
        given: dict[str, Any] = {**options}
        self.max_digits: int | None = given.pop("max_digits", None)
        self.decimal_places: int | None = given.pop("decimal_places", None)
        super().__init__(**given)
        self.validators.append(DecimalValidator(self.max_digits, self.decimal_places))

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        try:
            return Decimal(str(value))
        except DecimalException:
            raise self.refused("invalid") from None

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value not in self.empty_values and not value.is_finite():
            raise self.refused("invalid", value=value)

    def widget_attrs(self, widget: Widget) -> dict[str, Any]:
        places = self.decimal_places
        step = "any" if places is None else str(Decimal(1).scaleb(-places)).lower()
        return _with_step(super().widget_attrs(widget), widget, step)


def _with_step(attrs: dict[str, Any], widget: Widget, step: str) -> dict[str, Any]:
    if isinstance(widget, NumberInput) and "step" not in widget.attrs:
        attrs.setdefault("step", step)
    return attrs
