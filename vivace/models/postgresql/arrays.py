"""``ArrayField``: a list of values of another field, in a column ``varchar(20)[]``."""

from __future__ import annotations

import datetime
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, overload

from vivace.errors.models import ModelError, ValidationError
from vivace.models.fields.base import Convert, Field, FieldDeconstruction
from vivace.models.fields.options import FieldOptions, Validator
from vivace.models.shapes import is_listed
from vivace.models.validators import MaxLengthValidator

from .arraylookups import FIELD_LOOKUPS, IndexTransformFactory, SliceTransform, SliceTransformFactory
from .base import PostgreSQLField

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Literal, Unpack

    from typing_extensions import TypeVar

    from vivace.errors import Finding
    from vivace.models.base import Model
    from vivace.models.expressions.base import Expression

    E = TypeVar("E")
    A = TypeVar("A", default=list[Any])
else:
    from typing import TypeVar

    A = TypeVar("A")

_TOO_LONG = "List contains %(show_value)d items, it should contain no more than %(limit_value)d."


class ArrayField(PostgreSQLField[A], Generic[A]):
    """A list of what ``base_field`` holds, of at most ``size`` items; arrays of arrays are tables of one width."""

    own_options = ("base_field", "size")
    python_type = "a list"
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "item_invalid": "Item %(nth)s in the array did not validate:",
        "nested_array_mismatch": "Nested arrays must have the same length.",
        "invalid": "The value must be a list.",
    }

    @overload
    def __init__(
        self: ArrayField[list[E]],
        base_field: Field[E],
        size: int | None = None,
        verbose_name: str | None = None,
        *,
        null: Literal[False] = False,
        **options: Unpack[FieldOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: ArrayField[list[E] | None],
        base_field: Field[E],
        size: int | None = None,
        verbose_name: str | None = None,
        *,
        null: Literal[True],
        **options: Unpack[FieldOptions],
    ) -> None: ...
    def __init__(
        self,
        base_field: Field[Any],
        size: int | None = None,
        verbose_name: str | None = None,
        *,
        null: bool = False,
        **options: Unpack[FieldOptions],
    ) -> None:
        given: Any = base_field
        if not isinstance(given, Field):
            raise ModelError("ArrayField needs a field for its items.", got=repr(given)[:80])
        self.base_field: Any = base_field  # a field that is read from a field is no descriptor
        self.size = size
        super().__init__(verbose_name, null=null, **options)

    @property
    def validators(self) -> list[Validator]:
        own = super().validators
        return own if self.size is None else [*own, MaxLengthValidator(self.size, message=_TOO_LONG)]

    def set_attributes_from_name(self, name: str) -> None:
        super().set_attributes_from_name(name)
        self.base_field.set_attributes_from_name(name)

    # -- storage -------------------------------------------------------------------------------------------------

    def db_type(self, connection: Any) -> str | None:
        self.need_postgresql(connection)
        return f"{self.base_field.db_type(connection)}[{self.size or ''}]"

    def cast_db_type(self, connection: Any) -> str | None:
        self.need_postgresql(connection)
        return f"{self.base_field.cast_db_type(connection)}[{self.size or ''}]"

    def db_parameters(self, connection: Any) -> dict[str, Any]:
        inner = self.base_field.db_parameters(connection)
        return {**super().db_parameters(connection), "collation": inner.get("collation")}

    def sa_type(self, connection: Any) -> Any:
        """Return the type for casts: without lengths and precisions, which would cut values silently."""
        import sqlalchemy as sa  # with the first statement that is compiled

        self.need_postgresql(connection)
        depth, base = 1, self.base_field
        while isinstance(base, ArrayField):
            depth, base = depth + 1, base.base_field
        item = base.sa_type(connection)
        if isinstance(item, sa.Numeric) and not isinstance(item, sa.Float):
            item = sa.Numeric()
        elif isinstance(item, sa.String) and not isinstance(item, sa.Text):
            item = sa.String()
        return sa.ARRAY(item, dimensions=depth)

    def get_prep_value(self, value: Any) -> Any:
        if value is None:
            return None
        if not is_listed(value):
            raise self.invalid_value(value)
        return [self.base_field.get_prep_value(item) for item in value]

    def binder(self, connection: Any) -> Convert | None:
        bind = self.base_field.binder(connection)
        if bind is None:
            return None
        return lambda values: [None if item is None else bind(item) for item in values]

    def from_driver(self, connection: Any) -> Convert | None:
        convert = self.base_field.converter(connection)
        return None if convert is None else lambda values: [convert(item) for item in values]

    def text_of(self, value: Sequence[Any]) -> str:
        """Return a prepared value as PostgreSQL reads arrays: lists of arrays are sent as such texts."""
        bind = self.base_field.binder("postgresql")
        return "{" + ",".join(self._element(item, bind) for item in value) + "}"

    def _element(self, item: Any, bind: Convert | None) -> str:
        if item is None:
            return "NULL"
        if isinstance(self.base_field, ArrayField):
            return self.base_field.text_of(item)
        own = getattr(item, "as_literal", None)
        text = _text(item if bind is None else bind(item)) if own is None else own()
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'

    def slice_expression(self, expression: Expression, start: int, stop: int | None) -> Expression:
        """Return a part of an array: what ``F("tags")[1:3]`` means."""
        return SliceTransform(start + 1, stop, expression)

    def get_transform(self, name: str) -> Any:
        found = super().get_transform(name)
        if found is not None or self.get_lookup(name) is not None:
            return found
        if name.isdecimal():
            return IndexTransformFactory(int(name) + 1, self.base_field)
        start, _, end = name.partition("_")
        if start.isdecimal() and end.isdecimal():
            return SliceTransformFactory(int(start) + 1, int(end))
        return None

    # -- cleaning ------------------------------------------------------------------------------------------------

    def to_python(self, value: Any) -> Any:
        """Return a list; a text is taken for JSON."""
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except json.JSONDecodeError:
                raise self.refused("invalid") from None
        if value is None:
            return None
        if not is_listed(value):
            raise self.refused("invalid")
        return [self.base_field.to_python(item) for item in value]

    def validate(self, value: Any, model_instance: Model | None) -> None:
        super().validate(value, model_instance)
        self._each(value, lambda item: self.base_field.validate(item, model_instance))
        if isinstance(self.base_field, ArrayField) and len({len(item) for item in value or ()}) > 1:
            raise self.refused("nested_array_mismatch")

    def run_validators(self, value: Any) -> None:
        super().run_validators(value)
        self._each(value, self.base_field.run_validators)

    def _each(self, values: Sequence[Any] | None, check: Convert) -> None:
        """Check each item; what is wrong is told with the number of the item."""
        for position, item in enumerate(values or ()):
            try:
                check(item)
            except ValidationError as error:
                raise ValidationError([self._numbered(each, position) for each in error.flat()]) from None

    def _numbered(self, error: ValidationError, position: int) -> ValidationError:
        prefix = self.error_messages["item_invalid"]
        return ValidationError(
            f"{prefix} {error.message}",
            code="item_invalid",
            params={**(error.params or {}), "nth": position + 1},
        )

    # -- description ---------------------------------------------------------------------------------------------

    def value_to_string(self, obj: Model) -> str:
        values = self.value_from_object(obj)
        if values is None:
            return json.dumps(None)
        return json.dumps([self._item_text(item) for item in values])

    def _item_text(self, item: Any) -> Any:
        if item is None:
            return None
        shim: Any = SimpleNamespace(**{self.base_field.attname: item})
        return self.base_field.value_to_string(shim)

    def deconstruct(self) -> FieldDeconstruction:
        name, path, args, kwargs = super().deconstruct()
        kwargs["base_field"] = self.base_field.clone()
        if self.size is not None:
            kwargs["size"] = self.size
        return name, path, args, kwargs

    def check(self) -> list[Finding]:
        from .checks import check_array

        return [*super().check(), *check_array(self)]


def _text(value: Any) -> str:
    """Return what the driver takes as the text that PostgreSQL reads."""
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, datetime.timedelta):
        return f"{value // datetime.timedelta(microseconds=1)} microseconds"
    return str(value)


for _lookup in FIELD_LOOKUPS:
    ArrayField.register_lookup(_lookup)

__all__ = ["ArrayField"]
