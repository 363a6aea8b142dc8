"""Fields of what only PostgreSQL has columns for: arrays and hstore, written as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from vivace.errors.models import ValidationError
from vivace.forms.steps import Steps, resumed
from vivace.models.shapes import is_listed, is_mapping

from .base import Field, FieldOptions
from .others import JSONField

if TYPE_CHECKING:
    from typing import Unpack


class ArrayOptions(FieldOptions, total=False):
    """What stands between the items, and how many there may be."""

    delimiter: str
    max_length: int | None
    min_length: int | None


class SimpleArrayField(Field):
    """A list, written with a delimiter between the items; each is cleaned by ``base_field``."""

    default_error_messages: ClassVar[Mapping[str, str]] = {
        "item_invalid": "Item %(nth)s in the array did not validate:",
        "max_length": "List contains %(show_value)d items, it should contain no more than %(limit_value)d.",
        "min_length": "List contains %(show_value)d items, it should contain no fewer than %(limit_value)d.",
    }

    def __init__(self, base_field: Field, **options: Unpack[ArrayOptions]) -> None:
        given: dict[str, Any] = {**options}
        self.base_field = base_field
        self.delimiter: str = given.pop("delimiter", ",")
        self.max_length: int | None = given.pop("max_length", None)
        self.min_length: int | None = given.pop("min_length", None)
        super().__init__(**given)

    def __deepcopy__(self, memo: dict[int, Any]) -> Field:
        twin: Any = super().__deepcopy__(memo)
        twin.base_field = self.base_field.__deepcopy__(memo)
        return twin  # type: ignore[no-any-return]

    def items(self, value: Any) -> list[Any]:
        """Return the texts of the items."""
        if is_listed(value):
            return list(value)
        return str(value).split(self.delimiter) if value not in self.empty_values else []

    def clean(self, value: Any) -> Any:
        return resumed(self._cleaning(self.items(value)))

    def _cleaning(self, items: list[Any]) -> Steps:
        cleaned: list[Any] = []
        errors: list[ValidationError] = []
        for index, item in enumerate(items):
            try:
                cleaned.append((yield self.base_field.clean(item)))
            except ValidationError as error:
                errors += [self._of_item(index, each) for each in error.flat()]
        if errors:
            raise ValidationError(errors)
        self.validate(cleaned)
        yield self.run_validators(cleaned)
        return cleaned

    def _of_item(self, index: int, error: ValidationError) -> ValidationError:
        text = self.error_messages["item_invalid"] % {"nth": index + 1}
        escaped = error.text.replace("%", "%%")
        return ValidationError(f"{text} {escaped}", code="item_invalid", params={"nth": index + 1})

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value and self.max_length is not None and len(value) > self.max_length:
            raise self.refused("max_length", show_value=len(value), limit_value=self.max_length)
        if value and self.min_length is not None and len(value) < self.min_length:
            raise self.refused("min_length", show_value=len(value), limit_value=self.min_length)

    def prepare_value(self, value: Any) -> Any:
        if not is_listed(value):
            return value
        return self.delimiter.join(str(self.base_field.prepare_value(each)) for each in value)

    def has_changed(self, initial: Any, data: Any) -> bool:
        if self.disabled:
            return False
        before, after = self.items(initial), self.items(data)
        if len(before) != len(after):
            return True
        return any(self.base_field.has_changed(old, new) for old, new in zip(before, after, strict=True))


class HStoreField(JSONField):
    """Texts by key, written as a JSON object; other values become texts."""

    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid_json": "Could not load JSON data.",
        "invalid_format": "Input must be a JSON dictionary.",
    }

    def to_python(self, value: Any) -> Any:
        if not value:
            return {}
        try:
            parsed = super().to_python(value)
        except ValidationError as error:
            if error.given_code != "invalid":
                raise
            raise self.refused("invalid_json") from None
        if not is_mapping(parsed):
            raise self.refused("invalid_format")
        return {str(key): None if each is None else str(each) for key, each in parsed.items()}

    def has_changed(self, initial: Any, data: Any) -> bool:
        return not self.disabled and self.to_python(initial) != self.to_python(data)


__all__ = ["HStoreField", "SimpleArrayField"]
