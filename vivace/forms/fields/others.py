"""Fields of truth values and of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from vivace.forms.html import encodable
from vivace.forms.widgets import CheckboxInput, NullBooleanSelect, Textarea
from vivace.models.shapes import is_listed, is_mapping
from vivace.models.validators import ProhibitNullCharactersValidator

from .base import Field
from .text import CharField, CharOptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack


class BooleanField(Field):
    """True or false; ``required`` means that it must be true."""

    widget: Any = CheckboxInput

    def to_python(self, value: Any) -> Any:
        return value.lower() not in ("false", "0", "") if isinstance(value, str) else bool(value)

    def validate(self, value: Any) -> None:
        if self.required and not value:
            raise self.refused("required")

    def has_changed(self, initial: Any, data: Any) -> bool:
        return not self.disabled and bool(self.to_python(initial) != self.to_python(data))


class NullBooleanField(BooleanField):
    """True, false or ``None``, which is what everything else becomes."""

    widget: Any = NullBooleanSelect

    def to_python(self, value: Any) -> Any:
        if value in (True, "True", "true", "1"):
            return True
        return False if value in (False, "False", "false", "0") else None

    def validate(self, value: Any) -> None:
        """Accept everything."""


class InvalidJSONInput(str):
    """What was sent and is no JSON: shown again as it is."""


class JSONString(str):
    """A JSON value that is a text, told apart from JSON that is still to be read."""


class JSONOptions(CharOptions, total=False):
    """Classes for ``json.dumps`` and ``json.loads``."""

    encoder: type[json.JSONEncoder] | None
    decoder: type[json.JSONDecoder] | None


class JSONField(CharField):
    """A JSON value. Refused beside what is no JSON: NaN, infinities, half characters and U+0000, which no database keeps."""

    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid": "Enter a valid JSON."}
    widget: Any = Textarea

    def __init__(self, **options: Unpack[JSONOptions]) -> None:
        given: dict[str, Any] = {**options}
        self.encoder: type[json.JSONEncoder] | None = given.pop("encoder", None)
        self.decoder: type[json.JSONDecoder] | None = given.pop("decoder", None)
        super().__init__(**given)

    def to_python(self, value: Any) -> Any:
        if self.disabled:
            return value
        if value in self.empty_values:
            return None
        if _is_json(value):
            return value
        try:
            parsed = self._parsed(value)
        except (ValueError, TypeError, RecursionError):
            raise self.refused("invalid", value=value) from None
        if "\\u0000" in value:
            for text in _texts(parsed):
                ProhibitNullCharactersValidator()(text)
        return JSONString(parsed) if isinstance(parsed, str) else parsed

    def _parsed(self, text: str) -> Any:
        """Return the value of a text. Raises ``ValueError``, ``TypeError`` or ``RecursionError``."""
        parsed = json.loads(text, cls=self.decoder, parse_constant=_refuse)
        if "\\u" in text or not text.isascii():
            written = json.dumps(parsed, ensure_ascii=False, cls=self.encoder)
            if encodable(written) is not written:
                raise ValueError(written)
        return parsed

    def bound_data(self, data: Any, initial: Any) -> Any:
        if self.disabled:
            return initial
        if data is None:
            return None
        try:
            return self._parsed(data)
        except (ValueError, TypeError, RecursionError):
            return InvalidJSONInput(data)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, InvalidJSONInput):
            return value
        return json.dumps(value, ensure_ascii=False, cls=self.encoder)

    def has_changed(self, initial: Any, data: Any) -> bool:
        if super().has_changed(initial, data):
            return True
        return self._canonical(initial) != self._canonical(self.to_python(data))

    def _canonical(self, value: Any) -> str:
        """Return the same text for equal values: ``True`` is not 1, the order of keys does not matter."""
        return json.dumps(value, sort_keys=True, cls=self.encoder)


def _is_json(value: Any) -> bool:
    """Say whether it is a JSON value already, and no text to read one from."""
    return isinstance(value, list | dict | int | float | JSONString)


def _texts(value: Any) -> Iterator[str]:
    """Yield all texts of a JSON value, keys too."""
    left: list[Any] = [value]
    while left:
        each = left.pop()
        if isinstance(each, str):
            yield each
        elif is_mapping(each):
            left += [*each, *each.values()]
        elif is_listed(each):
            left += each


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
