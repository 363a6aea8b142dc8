"""Fields of numbers and truth values."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Final, overload

from vivace.models.validators import MaxValueValidator, MinValueValidator

from .base import Convert, Field, FieldDeconstruction
from .options import FieldOptions, Validator

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal
    from typing import Literal, Unpack

    from typing_extensions import TypeVar

    from vivace.errors import Finding

    N = TypeVar("N", default=int)
    R = TypeVar("R", default=float)
    B = TypeVar("B", default=bool)
    D = TypeVar("D", default=Decimal)
else:
    from typing import TypeVar

    N = TypeVar("N")
    R = TypeVar("R")
    B = TypeVar("B")
    D = TypeVar("D")

SMALL: Final = (-(2**15), 2**15 - 1)
MEDIUM: Final = (-(2**31), 2**31 - 1)
BIG: Final = (-(2**63), 2**63 - 1)


class IntegerField(Field[N]):
    """A whole number of 32 bits."""

    internal_type = "IntegerField"
    empty_strings_allowed = False
    python_type = "a whole number"
    range: ClassVar[tuple[int, int]] = MEDIUM
    """The smallest and largest number that the column holds (SQLite's hold 64 bits all the same)."""
    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid": "“%(value)s” value must be an integer."}

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: IntegerField[int],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: IntegerField[int | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions],
        ) -> None: ...
        def __init__(
            self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[FieldOptions]
        ) -> None: ...

    @property
    def validators(self) -> list[Validator]:
        """Those given, and the column's range where they do not narrow it already."""
        own = super().validators
        low, high = self.range
        if not any(isinstance(each, MinValueValidator) and _limit(each) >= low for each in own):
            own.append(MinValueValidator(low))
        if not any(isinstance(each, MaxValueValidator) and _limit(each) <= high for each in own):
            own.append(MaxValueValidator(high))
        return own

    def to_python(self, value: Any) -> Any:
        if value is None:
            return value
        try:
            return int(value.value if isinstance(value, Enum) else value)
        except (TypeError, ValueError, OverflowError):
            raise self.refused("invalid", value=value) from None

    def get_prep_value(self, value: Any) -> Any:
        if type(value) is int or value is None:
            return value
        try:
            return int(value.value if isinstance(value, Enum) else value)
        except (TypeError, ValueError, OverflowError):
            raise self.invalid_value(value) from None

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        value = super().get_db_prep_save(value, connection)
        if type(value) is int:
            low, high = BIG if connection == "sqlite" else self.range
            if not low <= value <= high:
                raise self.invalid_value(value, f"a whole number from {low} to {high}")
        return value

    def check(self) -> list[Finding]:
        from vivace.models.checks.fields import check_max_length_unused

        return [*super().check(), *check_max_length_unused(self)]


class BigIntegerField(IntegerField[N]):
    """A whole number of 64 bits."""

    internal_type = "BigIntegerField"
    range = BIG
    MAX_BIGINT: ClassVar[int] = BIG[1]

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: BigIntegerField[int],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: BigIntegerField[int | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions],
        ) -> None: ...
        def __init__(
            self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[FieldOptions]
        ) -> None: ...


class SmallIntegerField(IntegerField[N]):
    """A whole number of 16 bits."""

    internal_type = "SmallIntegerField"
    range = SMALL

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: SmallIntegerField[int],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: SmallIntegerField[int | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions],
        ) -> None: ...
        def __init__(
            self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[FieldOptions]
        ) -> None: ...


class PositiveIntegerField(IntegerField[N]):
    """A whole number from 0 to 2147483647; the table has a check."""

    internal_type = "PositiveIntegerField"
    range = (0, MEDIUM[1])
    related_type: ClassVar[str] = "IntegerField"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: PositiveIntegerField[int],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: PositiveIntegerField[int | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions],
        ) -> None: ...
        def __init__(
            self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[FieldOptions]
        ) -> None: ...

    def rel_db_type(self, connection: Any) -> str | None:
        from .dbtypes import DB_TYPES

        return DB_TYPES[connection][self.related_type]

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        value = Field.get_db_prep_save(
            self, value, connection
        )  # below zero is the check's to refuse, as in SQL
        high = BIG[1] if connection == "sqlite" else self.range[1]
        if type(value) is int and not -high - 1 <= value <= high:
            raise self.invalid_value(value, f"a whole number from 0 to {high}")
        return value


class PositiveBigIntegerField(PositiveIntegerField[N]):
    """A whole number from 0 to 9223372036854775807."""

    internal_type = "PositiveBigIntegerField"
    range = (0, BIG[1])
    related_type = "BigIntegerField"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: PositiveBigIntegerField[int],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: PositiveBigIntegerField[int | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions],
        ) -> None: ...
        def __init__(
            self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[FieldOptions]
        ) -> None: ...


class PositiveSmallIntegerField(PositiveIntegerField[N]):
    """A whole number from 0 to 32767."""

    internal_type = "PositiveSmallIntegerField"
    range = (0, SMALL[1])
    related_type = "SmallIntegerField"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: PositiveSmallIntegerField[int],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: PositiveSmallIntegerField[int | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions],
        ) -> None: ...
        def __init__(
            self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[FieldOptions]
        ) -> None: ...


class FloatField(Field[R]):
    """A number in binary floating point."""

    internal_type = "FloatField"
    empty_strings_allowed = False
    python_type = "a number"
    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid": "“%(value)s” value must be a float."}

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: FloatField[float],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: FloatField[float | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions],
        ) -> None: ...
        def __init__(
            self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[FieldOptions]
        ) -> None: ...

    def to_python(self, value: Any) -> Any:
        if value is None:
            return value
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            raise self.refused("invalid", value=value) from None

    def get_prep_value(self, value: Any) -> Any:
        if type(value) is float or value is None:
            return value
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            raise self.invalid_value(value) from None

    def from_driver(self, connection: Any) -> Convert | None:
        return (
            float if connection == "sqlite" else None
        )  # a column without decimals may come as a whole number


class BooleanField(Field[B]):
    """True or false; with ``null=True`` also unknown."""

    internal_type = "BooleanField"
    empty_strings_allowed = False
    python_type = "True or False"
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid": "“%(value)s” value must be either True or False.",
        "invalid_nullable": "“%(value)s” value must be either True, False, or None.",
    }
    words: ClassVar[Mapping[Any, bool]] = {
        True: True, False: False, "t": True, "True": True, "1": True, "f": False, "False": False, "0": False,
    }  # fmt: skip

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: BooleanField[bool],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: BooleanField[bool | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions],
        ) -> None: ...
        def __init__(
            self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[FieldOptions]
        ) -> None: ...

    def to_python(self, value: Any) -> Any:
        if self.null and value in self.empty_values:
            return None
        try:
            return self.words[value]
        except (KeyError, TypeError):
            raise self.refused("invalid_nullable" if self.null else "invalid", value=value) from None

    def get_prep_value(self, value: Any) -> Any:
        if value is None:
            return None
        try:
            return self.words[value]
        except (KeyError, TypeError):
            raise self.invalid_value(value) from None

    def from_driver(self, connection: Any) -> Convert | None:
        return bool if connection == "sqlite" else None

    def validate(self, value: Any, model_instance: Any) -> None:
        """Check as any field, but ``False`` is no blank."""
        blank, self_editable = self.blank, self.editable
        if not self_editable:
            return
        if self.choices is not None or value is None:
            super().validate(value, model_instance)
        elif not blank and value in self.empty_values:
            raise self.refused("blank")


class DecimalOptions(FieldOptions, total=False):
    """What may be said about a decimal number."""

    max_digits: int | None
    decimal_places: int | None


class DecimalField(Field[D]):
    """An exact number of at most ``max_digits`` digits, of which ``decimal_places`` are behind the point."""

    internal_type = "DecimalField"
    own_options = ("max_digits", "decimal_places")
    empty_strings_allowed = False
    python_type = "a decimal number"
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid": "“%(value)s” value must be a decimal number."
    }

    @overload
    def __init__(
        self: DecimalField[Decimal],
        verbose_name: str | None = None,
        *,
        null: Literal[False] = False,
        **options: Unpack[DecimalOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: DecimalField[Decimal | None],
        verbose_name: str | None = None,
        *,
        null: Literal[True],
        **options: Unpack[DecimalOptions],
    ) -> None: ...
    def __init__(
        self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[DecimalOptions]
    ) -> None:
        given: dict[str, Any] = {**options}
        self.max_digits: int | None = given.pop("max_digits", None)
        self.decimal_places: int | None = given.pop("decimal_places", None)
        super().__init__(verbose_name, null=null, **given)

    @property
    def validators(self) -> list[Validator]:
        from vivace.models.validators import DecimalValidator

        return [*super().validators, DecimalValidator(self.max_digits, self.decimal_places)]

    def db_type_parameters(self) -> dict[str, Any]:
        return {
            **super().db_type_parameters(),
            "max_digits": self.max_digits,
            "decimal_places": self.decimal_places,
        }

    def db_type(self, connection: Any) -> str | None:
        if connection == "postgresql" and self.max_digits is None:
            return "numeric"
        return super().db_type(connection)

    def to_python(self, value: Any) -> Any:
        from decimal import Context, Decimal, InvalidOperation

        if value is None:
            return value
        try:
            if isinstance(value, float):
                number = (
                    Context(prec=self.max_digits).create_decimal_from_float(value)
                    if self.max_digits
                    else Decimal(repr(value))
                )
            else:
                number = Decimal(value)
        except (InvalidOperation, TypeError, ValueError):
            raise self.refused("invalid", value=value) from None
        if not number.is_finite():
            raise self.refused("invalid", value=value)
        return number

    def get_prep_value(self, value: Any) -> Any:
        return self.prepared(value)

    def binder(self, connection: Any) -> Convert | None:
        return self.as_text if connection == "sqlite" else None

    def as_text(self, value: Decimal) -> str:
        """Return the digits that SQLite keeps. Raises ``InvalidValue`` when there are too many."""
        from decimal import Decimal, InvalidOperation, getcontext

        context = getcontext().copy()
        context.prec = self.max_digits or context.prec
        if self.decimal_places is not None:
            try:
                value = value.quantize(Decimal(1).scaleb(-self.decimal_places), context=context)
            except InvalidOperation:
                raise self.invalid_value(
                    value, f"at most {self.max_digits} digits, {self.decimal_places} of them behind the point"
                ) from None
        return f"{value:f}"

    def from_driver(self, connection: Any) -> Convert | None:
        return self._from_float() if connection == "sqlite" else None

    def _from_float(self) -> Convert:
        """Return what restores the decimals that SQLite's floating point has: 15 digits are exact."""
        from decimal import Context, Decimal

        create = Context(prec=15).create_decimal_from_float
        if self.decimal_places is None:
            return lambda value: create(value) if isinstance(value, float) else Decimal(value)
        unit = Decimal(1).scaleb(-self.decimal_places)
        context = Context(prec=max(self.max_digits or 0, 28))

        def convert(value: Any) -> Decimal:
            number = create(value) if isinstance(value, float) else Decimal(value)
            return number.quantize(unit, context=context)

        return convert

    def deconstruct(self) -> FieldDeconstruction:
        name, path, args, kwargs = super().deconstruct()
        if self.max_digits is not None:
            kwargs["max_digits"] = self.max_digits
        if self.decimal_places is not None:
            kwargs["decimal_places"] = self.decimal_places
        return name, path, args, kwargs

    def check(self) -> list[Finding]:
        from vivace.models.checks.fields import check_decimal

        return [*super().check(), *check_decimal(self)]


def _limit(validator: Any) -> Any:
    return validator.limit_value() if callable(validator.limit_value) else validator.limit_value
