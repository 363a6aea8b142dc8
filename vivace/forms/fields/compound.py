"""Fields made of fields."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from vivace.errors import FormError
from vivace.errors.models import ValidationError
from vivace.forms.steps import Steps, resumed
from vivace.forms.widgets import SplitDateTimeWidget, SplitHiddenDateTimeWidget, Widget
from vivace.forms.zones import from_current_timezone
from vivace.models.shapes import is_listed

from .base import Field, FieldOptions
from .times import DateField, TimeField

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack


class ComboField(Field):
    """A value that must pass several fields, one after the other."""

    def __init__(self, fields: Sequence[Field], **options: Unpack[FieldOptions]) -> None:
        super().__init__(**options)
        for field in fields:
            field.required = False  # this field itself asks for a value
        self.fields = fields

    def clean(self, value: Any) -> Any:
        return resumed(self._cleaning(value))

    def _cleaning(self, value: Any) -> Steps:
        yield super().clean(value)
        for field in self.fields:
            value = yield field.clean(value)
        return value


class MultiOptions(FieldOptions, total=False):
    """Whether a value needs all of its parts."""

    require_all_fields: bool


class MultiValueField(Field):
    """A value made of several: each is cleaned by a field of its own, a subclass's ``compress`` makes one of them."""

    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid": "Enter a list of values.",
        "incomplete": "Enter a complete value.",
    }

    def __init__(self, fields: Sequence[Field], **options: Unpack[MultiOptions]) -> None:
        given: dict[str, Any] = {**options}
        self.require_all_fields: bool = given.pop("require_all_fields", True)
        super().__init__(**given)
        for field in fields:
            field.error_messages.setdefault("incomplete", self.error_messages["incomplete"])
            field.disabled = field.disabled or self.disabled
            if self.require_all_fields:
                field.required = False  # this field itself asks for all of them
        self.fields = fields

    def __deepcopy__(self, memo: dict[int, Any]) -> Field:
        twin: Any = super().__deepcopy__(memo)
        twin.fields = tuple(field.__deepcopy__(memo) for field in self.fields)
        return twin  # type: ignore[no-any-return]

    def compress(self, data_list: list[Any]) -> Any:
        """Return the value made of cleaned parts; of an empty list: the value of nothing."""
        raise FormError(
            f"{type(self).__name__} does not say how its parts become a value.",
            fix=f"give {type(self).__name__} a method compress(data_list)",
        )

    def validate(self, value: Any) -> None:
        """Accept the whole: its parts were checked."""

    def clean(self, value: Any) -> Any:
        return resumed(self._cleaning(value))

    def _cleaning(self, value: Any) -> Steps:
        parts = self._parts(value)
        if not any(part not in self.empty_values for part in parts):
            if self.required:
                raise self.refused("required")
            return self.compress([])
        cleaned: list[Any] = []
        errors: list[Any] = []
        for index, field in enumerate(self.fields):
            part = parts[index] if index < len(parts) else None
            if self._is_missing(field, part, errors):
                continue
            try:
                cleaned.append((yield field.clean(part)))
            except ValidationError as error:
                errors.extend(each for each in error.flat() if each not in errors)
        if errors:
            raise ValidationError(errors)
        whole = self.compress(cleaned)
        self.validate(whole)
        yield self.run_validators(whole)
        return whole

    def _parts(self, value: Any) -> Sequence[Any]:
        if self.disabled and not isinstance(value, list):
            value = self.widget.decompress(value)
        if not value:
            return []
        if not is_listed(value):
            raise self.refused("invalid")
        return value

    def _is_missing(self, field: Field, part: Any, errors: list[Any]) -> bool:
        """Say whether a part that must be there is not, and note it. Raises when all of them must."""
        if part not in self.empty_values:
            return False
        if self.require_all_fields:
            if self.required:
                raise self.refused("required")
            return False
        if field.required:
            message = field.error_messages["incomplete"]
            if message not in errors:
                errors.append(message)
            return True
        return False

    def has_changed(self, initial: Any, data: Any) -> bool:
        if self.disabled:
            return False
        sent: Sequence[Any] = data if is_listed(data) else []
        before: Sequence[Any] = [""] * len(sent)
        if initial is not None:
            before = initial if is_listed(initial) else self.widget.decompress(initial)
        for field, old, new in zip(self.fields, before, sent, strict=False):
            try:
                known = field.to_python(old)
            except ValidationError:
                return True
            if field.has_changed(known, new):
                return True
        return False


class SplitOptions(MultiOptions, total=False):
    """In which formats date and time may be written."""

    input_date_formats: Sequence[str] | None
    input_time_formats: Sequence[str] | None


class SplitDateTimeField(MultiValueField):
    """A moment, its date and time entered apart."""

    widget: Any = SplitDateTimeWidget
    hidden_widget: ClassVar[type[Widget]] = SplitHiddenDateTimeWidget
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid_date": "Enter a valid date.",
        "invalid_time": "Enter a valid time.",
    }

    def __init__(self, **options: Unpack[SplitOptions]) -> None:
        given: dict[str, Any] = {**options}
        messages = self._messages(given.get("error_messages"))
        localize: bool = given.get("localize", False)
        date = DateField(
            input_formats=given.pop("input_date_formats", None),
            error_messages={"invalid": messages["invalid_date"]},
            localize=localize,
        )
        time = TimeField(
            input_formats=given.pop("input_time_formats", None),
            error_messages={"invalid": messages["invalid_time"]},
            localize=localize,
        )
        super().__init__((date, time), **given)

    def compress(self, data_list: list[Any]) -> Any:
        if not data_list:
            return None
        for part, code in zip(data_list, ("invalid_date", "invalid_time"), strict=True):
            if part in self.empty_values:  # possible when the field is not required
                raise self.refused(code)
        return from_current_timezone(dt.datetime.combine(data_list[0], data_list[1]))
