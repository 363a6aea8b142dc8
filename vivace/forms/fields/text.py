"""Fields of text, and of what is written as text: addresses, slugs, identifiers."""

from __future__ import annotations

import re
import uuid
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Any, ClassVar, Final

from vivace.errors import FormError
from vivace.errors.models import ValidationError
from vivace.forms.html import encodable
from vivace.forms.widgets import EmailInput, TextInput, URLInput, Widget
from vivace.models.validators import (
    IP_VALIDATORS,
    MaxLengthValidator,
    MinLengthValidator,
    ProhibitNullCharactersValidator,
    RegexValidator,
    URLValidator,
    validate_email,
    validate_slug,
    validate_unicode_slug,
)

from .base import Field, FieldOptions, Validator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Unpack

MAX_IPV6_LENGTH: Final = 39
_WHOLE: Final = re.compile(r"(?:\^|\\A)(.*?)(?<!\\)(?:\$|\\[zZ])\Z", re.DOTALL)
_SHARED_SYNTAX: Final = re.compile(
    r"(?:[A-Za-z0-9 _,:;@%#<>=!-]|\\[.\-+*?()\[\]{}/|^$]"
    r"|\[\^?(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9_ .,:;@%#+*?]|\\[.\-/])+\]|\((?!\?)|\(\?:|\)|[*+?]|\{\d+(?:,\d*)?\})+"
)


class CharOptions(FieldOptions, total=False):
    """What may be said of fields of text."""

    max_length: int | None
    min_length: int | None
    strip: bool
    empty_value: Any


class CharField(Field):
    """A text, without the spaces around it unless ``strip=False``; empty: ``empty_value``."""

    default_error_messages: ClassVar[Mapping[str, str]] = {
        "unencodable": "Half of a character (a lone surrogate) is not allowed.",
    }

    def __init__(self, **options: Unpack[CharOptions]) -> None:
        given: dict[str, Any] = {**options}
        self.max_length: int | None = given.pop("max_length", None)
        self.min_length: int | None = given.pop("min_length", None)
        self.strip: bool = given.pop("strip", True)
        self.empty_value: Any = given.pop("empty_value", "")
        super().__init__(**given)
        if self.min_length is not None:
            self.validators.append(MinLengthValidator(int(self.min_length)))
        if self.max_length is not None:
            self.validators.append(MaxLengthValidator(int(self.max_length)))
        self.validators.append(ProhibitNullCharactersValidator())

    def to_python(self, value: Any) -> Any:
        if value not in self.empty_values:
            value = str(value)
            if self.strip:
                value = value.strip()
        if value in self.empty_values:
            return self.empty_value
        if encodable(value) is not value:
            raise self.refused("unencodable")
        return value

    def widget_attrs(self, widget: Widget) -> dict[str, Any]:
        attrs = super().widget_attrs(widget)
        if not widget.is_hidden:
            if self.max_length is not None:
                attrs["maxlength"] = str(self.max_length)
            if self.min_length is not None:
                attrs["minlength"] = str(self.min_length)
        return attrs


class RegexField(CharField):
    """A text in which ``regex`` is found; spaces around it stay unless ``strip=True``."""

    def __init__(self, regex: str | re.Pattern[str], **options: Unpack[CharOptions]) -> None:
        options.setdefault("strip", False)
        self._regex = re.compile(regex)
        super().__init__(**options)
        self._validator = RegexValidator(self._regex)
        self.validators.append(self._validator)

    @property
    def regex(self) -> re.Pattern[str]:
        return self._regex

    @regex.setter
    def regex(self, regex: str | re.Pattern[str]) -> None:
        self._regex = re.compile(regex)
        if self._validator in self.validators:
            self.validators.remove(self._validator)
        self._validator = RegexValidator(self._regex)
        self.validators.append(self._validator)

    def widget_attrs(self, widget: Widget) -> dict[str, Any]:
        pattern = html_pattern(self._regex)
        return {**super().widget_attrs(widget), **_pattern(widget, pattern)}


def html_pattern(regex: re.Pattern[str]) -> str | None:
    """Return an expression for ``<input pattern>``, or ``None`` when a browser might read it otherwise than Python.

    It must be anchored at both ends and use only what both know and read alike: no ``\\d`` or ``\\w`` (which are ASCII in
    JavaScript), no alternatives (an anchor may belong to one of them only), no flags.
    """
    whole = _WHOLE.match(regex.pattern) if regex.flags == re.UNICODE else None
    if whole is None or not _SHARED_SYNTAX.fullmatch(whole[1]):
        return None
    return whole[1]


def _pattern(widget: Widget, pattern: str | None) -> dict[str, Any]:
    return {"pattern": pattern} if pattern and isinstance(widget, TextInput) else {}


class EmailField(CharField):
    """A mail address."""

    widget: Any = EmailInput
    default_validators: Sequence[Validator] = (validate_email,)

    def __init__(self, **options: Unpack[CharOptions]) -> None:
        options.setdefault("max_length", 320)  # RFC 3696, errata 1690: 64 before the @, 255 behind it
        options["strip"] = True
        super().__init__(**options)


class URLOptions(CharOptions, total=False):
    """What may be said of a URL."""

    assume_scheme: str | None


class URLField(CharField):
    """An absolute URL; one without a scheme gets ``assume_scheme``, ``https`` by default."""

    widget: Any = URLInput
    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid": "Enter a valid URL."}
    default_validators: Sequence[Validator] = (URLValidator(),)

    def __init__(self, **options: Unpack[URLOptions]) -> None:
        given: dict[str, Any] = {**options, "strip": True}
        self.assume_scheme: str = given.pop("assume_scheme", None) or "https"
        super().__init__(**given)

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        if not value or _has_scheme(value):
            return value
        return (
            f"{self.assume_scheme}:{value}" if value.startswith("//") else f"{self.assume_scheme}://{value}"
        )


def _has_scheme(value: str) -> bool:
    scheme, colon, _ = value.partition(":")
    return bool(colon and scheme and scheme[0].isascii() and scheme[0].isalpha() and "/" not in scheme)


class SlugOptions(CharOptions, total=False):
    """What may be said of a slug."""

    allow_unicode: bool


class SlugField(CharField):
    """Letters, digits, underscores and hyphens; with ``allow_unicode`` those of all scripts."""

    default_validators: Sequence[Validator] = (validate_slug,)

    def __init__(self, **options: Unpack[SlugOptions]) -> None:
        given: dict[str, Any] = {**options}
        self.allow_unicode: bool = given.pop("allow_unicode", False)
        if self.allow_unicode:
            self.default_validators = (validate_unicode_slug,)
        super().__init__(**given)

    def widget_attrs(self, widget: Widget) -> dict[str, Any]:
        pattern = None if self.allow_unicode or not self.strip else r"\s*[\-a-zA-Z0-9_]+\s*"
        return {**super().widget_attrs(widget), **_pattern(widget, pattern)}


class AddressOptions(CharOptions, total=False):
    """Which IP addresses a field takes."""

    protocol: str
    unpack_ipv4: bool


class GenericIPAddressField(CharField):
    """An IP address as text. ``protocol``: ``"both"``, ``"IPv4"`` or ``"IPv6"``; ``unpack_ipv4``: ``::ffff:1.2.3.4`` is ``1.2.3.4``."""

    def __init__(self, **options: Unpack[AddressOptions]) -> None:
        given: dict[str, Any] = {**options}
        self.unpack_ipv4: bool = given.pop("unpack_ipv4", False)
        self.protocol: str = given.pop("protocol", "both")
        self.default_validators = (_address_validator(self.protocol, self.unpack_ipv4),)
        given.setdefault("max_length", MAX_IPV6_LENGTH)
        super().__init__(**given)

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return ""
        text = str(value).strip()
        return self._short(text) if ":" in text else text

    def _short(self, text: str) -> str:
        try:
            if self.max_length is not None and len(text) > self.max_length:
                raise ValueError(text)
            address = IPv6Address(int(IPv6Address(text)))  # through int: a zone does not belong to it
        except ValueError:
            raise ValidationError("This is not a valid IPv6 address.", code="invalid") from None
        mapped = address.ipv4_mapped
        if mapped is None:
            return str(address)
        return str(mapped) if self.unpack_ipv4 else f"::ffff:{mapped}"


def _address_validator(protocol: str, unpack_ipv4: bool) -> Validator:
    validator = IP_VALIDATORS.get(protocol.lower())
    if validator is None:
        raise FormError(
            "A field of IP addresses has an unknown protocol.",
            expected="both, IPv4 or IPv6",
            got=repr(protocol),
        )
    if unpack_ipv4 and protocol.lower() != "both":
        raise FormError("unpack_ipv4 needs both protocols.", expected='protocol="both"', got=repr(protocol))
    return validator


class UUIDField(CharField):
    """A UUID, in any of the spellings that Python's reads."""

    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid": "Enter a valid UUID."}

    def prepare_value(self, value: Any) -> Any:
        return str(value) if isinstance(value, uuid.UUID) else value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, uuid.UUID):
            return value
        text = super().to_python(value)
        if text in self.empty_values:
            return None
        try:
            return uuid.UUID(text)
        except ValueError:
            raise self.refused("invalid") from None
