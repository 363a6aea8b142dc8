"""Validators: functions and callable objects that raise ``ValidationError`` for a value. Django's names and codes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from vivace.errors.models import ValidationError

from .deconstruct import deconstructible

if TYPE_CHECKING:
    from decimal import Decimal

EMPTY_VALUES: Final[tuple[Any, ...]] = (None, "", [], (), {})


@deconstructible
class RegexValidator:
    """The text must match ``regex`` somewhere; with ``inverse_match`` it must not."""

    pattern: str = ""
    message = "Enter a valid value."
    code = "invalid"
    inverse_match = False
    flags: int = 0

    def __init__(
        self,
        regex: str | re.Pattern[str] | None = None,
        message: str | None = None,
        code: str | None = None,
        inverse_match: bool | None = None,
        flags: int | None = None,
    ) -> None:
        self._pattern: str | re.Pattern[str] = self.pattern if regex is None else regex
        self.message = self.message if message is None else message
        self.code = self.code if code is None else code
        self.inverse_match = self.inverse_match if inverse_match is None else inverse_match
        self.flags = self.flags if flags is None else flags
        if self.flags and not isinstance(self._pattern, str):
            raise TypeError("If the flags are set, regex must be a text and not a compiled pattern.")

    @property
    def regex(self) -> re.Pattern[str]:
        """The compiled pattern: compiled when first needed (that of URLs takes 20 ms, as long as the rest of a start)."""
        if isinstance(self._pattern, str):
            self._pattern = re.compile(self._pattern, self.flags)
        return self._pattern

    def __call__(self, value: Any) -> None:
        if bool(self.regex.search(str(value))) is self.inverse_match:
            raise ValidationError(self.message, code=self.code, params={"value": value})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RegexValidator) and _facts(self) == _facts(other)

    def __hash__(self) -> int:
        return hash(_facts(self))


def _facts(validator: RegexValidator) -> tuple[Any, ...]:
    regex = validator.regex
    return (
        type(validator),
        regex.pattern,
        regex.flags,
        validator.message,
        validator.code,
        validator.inverse_match,
    )


def _label_pattern(letters: str) -> str:
    return rf"[{letters}0-9](?:[{letters}0-9-]{{0,61}}[{letters}0-9])?"


_LETTERS: Final = "a-z\u00a1-\uffff"
_TOP_LEVEL: Final = rf"\.(?!-)(?:[{_LETTERS}-]{{2,63}}|xn--[a-z0-9]{{1,59}})(?<!-)"
_MAIL_DOMAIN: Final = rf"{_label_pattern(_LETTERS)}(?:\.(?!-)[{_LETTERS}0-9-]{{1,63}}(?<!-))*{_TOP_LEVEL}"
_DOMAIN: Final = rf"{_MAIL_DOMAIN}\.?"  # a dot at the end: from the root on


@deconstructible
class DomainNameValidator(RegexValidator):
    """A domain name; ``accept_idna``: with letters beyond ASCII."""

    message = "Enter a valid domain name."
    max_length: ClassVar[int] = 255

    def __init__(
        self, *, accept_idna: bool = True, message: str | None = None, code: str | None = None
    ) -> None:
        self.accept_idna = accept_idna
        pattern = _DOMAIN if accept_idna else _DOMAIN.replace(_LETTERS, "a-z")
        super().__init__(rf"^(?:{pattern})\Z", message, code, flags=re.IGNORECASE)

    def __call__(self, value: Any) -> None:
        if not isinstance(value, str) or len(value) > self.max_length:
            raise ValidationError(self.message, code=self.code, params={"value": value})
        if (
            not self.accept_idna and not value.isascii()
        ):  # without regard to case, [a-z] has the Kelvin sign too
            raise ValidationError(self.message, code=self.code, params={"value": value})
        super().__call__(value)


@deconstructible
class URLValidator(RegexValidator):
    """An absolute URL with one of ``schemes``."""

    message = "Enter a valid URL."
    schemes: Sequence[str] = ("http", "https", "ftp", "ftps")
    unsafe_chars: ClassVar[frozenset[str]] = frozenset("\t\r\n")
    max_length: ClassVar[int] = 2048

    def __init__(
        self, schemes: Sequence[str] | None = None, *, message: str | None = None, code: str | None = None
    ) -> None:
        self.schemes = self.schemes if schemes is None else schemes
        host = rf"(?:{_IPV4}|\[[0-9a-f:.]+\]|{_DOMAIN}|localhost)"
        pattern = (
            rf"^(?:[a-z0-9.+-]*)://(?:[^\s:@/]+(?::[^\s:@/]*)?@)?{host}(?::[0-9]{{1,5}})?(?:[/?#][^\s]*)?\Z"
        )
        super().__init__(pattern, message, code, flags=re.IGNORECASE)

    def __call__(self, value: Any) -> None:
        if (
            not isinstance(value, str)
            or len(value) > self.max_length
            or self.unsafe_chars.intersection(value)
        ):
            raise self._refused(value)
        if value.partition("://")[0].lower() not in self.schemes:
            raise self._refused(value)
        super().__call__(value)
        bracketed = re.search(r"^[^/]*//[^/?#]*?\[([^\]]*)\]", value)
        if bracketed and not _is_ip(bracketed[1], 6):
            raise self._refused(value)
        host = re.match(r"^[^/]*//(?:[^/?#@]*@)?([^/?#:]*)", value)
        if host is not None and len(host[1]) > 253:
            raise self._refused(value)

    def _refused(self, value: Any) -> ValidationError:
        return ValidationError(self.message, code=self.code, params={"value": value})


_IPV4: Final = r"(?:0|25[0-5]|2[0-4][0-9]|1[0-9]?[0-9]?|[1-9][0-9]?)(?:\.(?:0|25[0-5]|2[0-4][0-9]|1[0-9]?[0-9]?|[1-9][0-9]?)){3}"

_USER: Final = (
    r"^[-!#$%&'*+/=?^_`{}|~0-9A-Z]+(?:\.[-!#$%&'*+/=?^_`{}|~0-9A-Z]+)*\Z"
    r'|^"(?:[\001-\010\013\014\016-\037!#-\[\]-\177]|\\[\001-\011\013\014\016-\177])*"\Z'
)


@deconstructible
class EmailValidator:
    """An address for mail; hosts of ``allowlist`` pass without a dot."""

    message = "Enter a valid email address."
    code = "invalid"
    domain_allowlist: Sequence[str] = ("localhost",)

    def __init__(
        self, message: str | None = None, code: str | None = None, allowlist: Sequence[str] | None = None
    ) -> None:
        self.message = self.message if message is None else message
        self.code = self.code if code is None else code
        self.domain_allowlist = self.domain_allowlist if allowlist is None else allowlist

    def __call__(self, value: Any) -> None:
        if not isinstance(value, str) or len(value) > 320 or not self._is_valid(value):
            raise ValidationError(self.message, code=self.code, params={"value": value})

    def _is_valid(self, value: str) -> bool:
        user, at, domain = value.rpartition("@")
        if not at or not re.match(_USER, user, re.IGNORECASE):
            return False
        return domain in self.domain_allowlist or self._valid_domain(domain)

    def _valid_domain(self, domain: str) -> bool:
        literal = re.match(r"\[([A-F0-9:.]+)\]\Z", domain, re.IGNORECASE)
        if literal:
            return _is_ip(literal[1], 4) or _is_ip(literal[1], 6)
        return bool(re.match(rf"{_MAIL_DOMAIN}\Z", domain, re.IGNORECASE))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EmailValidator) and (
            (self.message, self.code, set(self.domain_allowlist))
            == (other.message, other.code, set(other.domain_allowlist))
        )

    def __hash__(self) -> int:
        return hash((self.message, self.code))


def _is_ip(text: str, version: int) -> bool:
    from ipaddress import ip_address

    try:
        return ip_address(text).version == version
    except ValueError:
        return False


def validate_ipv4_address(value: Any) -> None:
    _check_ip(value, (4,), "Enter a valid IPv4 address.")


def validate_ipv6_address(value: Any) -> None:
    _check_ip(value, (6,), "Enter a valid IPv6 address.")


def validate_ipv46_address(value: Any) -> None:
    _check_ip(value, (4, 6), "Enter a valid IPv4 or IPv6 address.")


def _check_ip(value: Any, versions: tuple[int, ...], message: str) -> None:
    if not isinstance(value, str) or "%" in value or not any(_is_ip(value, version) for version in versions):
        raise ValidationError(message, code="invalid", params={"value": value})


IP_VALIDATORS: Final[dict[str, Callable[[Any], None]]] = {
    "both": validate_ipv46_address,
    "ipv4": validate_ipv4_address,
    "ipv6": validate_ipv6_address,
}


@deconstructible
class BaseValidator:
    """Base of those that compare with a limit, which may be a function."""

    message = "Ensure this value is %(limit_value)s (it is %(show_value)s)."
    code = "limit_value"
    message_for_one: ClassVar[str] = ""
    """The text for a limit of 1, where the other speaks of several."""

    def __init__(self, limit_value: Any, message: str | None = None) -> None:
        self.limit_value = limit_value
        self.message = self.message if message is None else message

    def __call__(self, value: Any) -> None:
        cleaned = self.clean(value)
        limit = self.limit_value() if callable(self.limit_value) else self.limit_value
        if self.compare(cleaned, limit):
            params = {"limit_value": limit, "show_value": cleaned, "value": value}
            raise ValidationError(self.worded(limit), code=self.code, params=params)

    def worded(self, limit: Any) -> str:
        """Return the text for a limit: one of the caller's own is the same for all."""
        only_one = limit == 1 and self.message_for_one and self.message == type(self).message
        return self.message_for_one if only_one else self.message

    def compare(self, a: Any, b: Any) -> bool:
        """Say whether ``a`` is against the limit ``b``."""
        return bool(a is not b)

    def clean(self, x: Any) -> Any:
        return x

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, BaseValidator)
            and type(self) is type(other)
            and (
                (self.limit_value, self.message, self.code) == (other.limit_value, other.message, other.code)
            )
        )

    def __hash__(self) -> int:
        return hash((type(self), self.message, self.code))


@deconstructible
class MaxValueValidator(BaseValidator):
    """At most the limit."""

    message = "Ensure this value is less than or equal to %(limit_value)s."
    code = "max_value"

    def compare(self, a: Any, b: Any) -> bool:
        return bool(a > b)


@deconstructible
class MinValueValidator(BaseValidator):
    """At least the limit."""

    message = "Ensure this value is greater than or equal to %(limit_value)s."
    code = "min_value"

    def compare(self, a: Any, b: Any) -> bool:
        return bool(a < b)


STARTING_FROM: Final = (
    ", starting from %(offset)s, e.g. %(offset)s, %(valid_value1)s, %(valid_value2)s, and so on."
)


@deconstructible
class StepValueValidator(BaseValidator):
    """A multiple of the limit, counted from ``offset``."""

    message = "Ensure this value is a multiple of step size %(limit_value)s."
    code = "step_size"

    def __init__(self, limit_value: Any, message: str | None = None, offset: Any = None) -> None:
        super().__init__(limit_value, message)
        self.offset = offset

    def __call__(self, value: Any) -> None:
        try:
            super().__call__(value)
        except ValidationError as error:
            if self.offset is not None and error.params:
                error.message = self.message.removesuffix(".") + STARTING_FROM
                error.params = {**error.params, **self._examples(value, error.params["limit_value"])}
            raise

    def _examples(self, value: Any, limit: Any) -> dict[str, Any]:
        """Return the first values that are right, in the type of the one that is not."""
        first = type(value)(self.offset)
        return {"offset": first, "valid_value1": first + limit, "valid_value2": first + 2 * limit}

    def compare(self, a: Any, b: Any) -> bool:
        from math import isclose, remainder

        distance = a - (self.offset or 0)
        if isinstance(distance, int) and isinstance(b, int):
            return distance % b != 0  # exact: a float has no place for a long number
        try:
            return not isclose(remainder(distance, b), 0, abs_tol=1e-9)
        except (OverflowError, ValueError):  # beyond the range of floats
            return True


@deconstructible
class MinLengthValidator(BaseValidator):
    """At least so many characters."""

    message = "Ensure this value has at least %(limit_value)d characters (it has %(show_value)d)."
    message_for_one = "Ensure this value has at least %(limit_value)d character (it has %(show_value)d)."
    code = "min_length"

    def compare(self, a: Any, b: Any) -> bool:
        return bool(a < b)

    def clean(self, x: Any) -> Any:
        return len(x)


@deconstructible
class MaxLengthValidator(BaseValidator):
    """At most so many characters."""

    message = "Ensure this value has at most %(limit_value)d characters (it has %(show_value)d)."
    message_for_one = "Ensure this value has at most %(limit_value)d character (it has %(show_value)d)."
    code = "max_length"

    def compare(self, a: Any, b: Any) -> bool:
        return bool(a > b)

    def clean(self, x: Any) -> Any:
        return len(x)


@deconstructible
class DecimalValidator:
    """Not more digits than the column has."""

    messages: ClassVar[dict[str, str]] = {
        "invalid": "Enter a number.",
        "max_digits": "Ensure that there are no more than %(max)s digits in total.",
        "max_decimal_places": "Ensure that there are no more than %(max)s decimal places.",
        "max_whole_digits": "Ensure that there are no more than %(max)s digits before the decimal point.",
    }
    messages_for_one: ClassVar[dict[str, str]] = {
        "max_digits": "Ensure that there are no more than %(max)s digit in total.",
        "max_decimal_places": "Ensure that there are no more than %(max)s decimal place.",
        "max_whole_digits": "Ensure that there are no more than %(max)s digit before the decimal point.",
    }

    def __init__(self, max_digits: int | None, decimal_places: int | None) -> None:
        self.max_digits = max_digits
        self.decimal_places = decimal_places

    def __call__(self, value: Decimal) -> None:
        _, digits, exponent = value.as_tuple()
        if not isinstance(exponent, int):
            raise ValidationError(self.messages["invalid"], code="invalid", params={"value": value})
        if exponent >= 0:
            count = len(digits) + (exponent if digits != (0,) else 0)
            decimals = 0
        else:
            decimals = -exponent
            count = max(len(digits), decimals)
        whole = count - decimals
        self._check("max_digits", count, self.max_digits, value)
        self._check("max_decimal_places", decimals, self.decimal_places, value)
        if self.max_digits is not None and self.decimal_places is not None:
            self._check("max_whole_digits", whole, self.max_digits - self.decimal_places, value)

    def _check(self, code: str, count: int, limit: int | None, value: Any) -> None:
        if limit is not None and count > limit:
            worded = self.messages_for_one if limit == 1 else self.messages
            raise ValidationError(worded[code], code=code, params={"max": limit, "value": value})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DecimalValidator) and (
            (self.max_digits, self.decimal_places) == (other.max_digits, other.decimal_places)
        )

    def __hash__(self) -> int:
        return hash((self.max_digits, self.decimal_places))


@deconstructible
class FileExtensionValidator:
    """A file whose name ends with one of the extensions."""

    message = "File extension “%(extension)s” is not allowed. Allowed extensions are: %(allowed_extensions)s."
    code = "invalid_extension"

    def __init__(
        self,
        allowed_extensions: Iterable[str] | None = None,
        message: str | None = None,
        code: str | None = None,
    ) -> None:
        allowed = None if allowed_extensions is None else [each.lower() for each in allowed_extensions]
        self.allowed_extensions = allowed
        self.message = self.message if message is None else message
        self.code = self.code if code is None else code

    def __call__(self, value: Any) -> None:
        extension = str(value.name).rpartition(".")[2].lower() if "." in str(value.name) else ""
        if self.allowed_extensions is not None and extension not in self.allowed_extensions:
            params = {
                "extension": extension,
                "allowed_extensions": ", ".join(self.allowed_extensions),
                "value": value,
            }
            raise ValidationError(self.message, code=self.code, params=params)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FileExtensionValidator) and (
            (self.allowed_extensions, self.message, self.code)
            == (other.allowed_extensions, other.message, other.code)
        )

    def __hash__(self) -> int:
        return hash((self.message, self.code))


@deconstructible
class ProhibitNullCharactersValidator:
    """A text without U+0000."""

    message = "Null characters are not allowed."
    code = "null_characters_not_allowed"

    def __init__(self, message: str | None = None, code: str | None = None) -> None:
        self.message = self.message if message is None else message
        self.code = self.code if code is None else code

    def __call__(self, value: Any) -> None:
        if "\x00" in str(value):
            raise ValidationError(self.message, code=self.code, params={"value": value})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProhibitNullCharactersValidator) and (
            (self.message, self.code) == (other.message, other.code)
        )

    def __hash__(self) -> int:
        return hash((self.message, self.code))


def int_list_validator(
    sep: str = ",", message: str | None = None, code: str = "invalid", allow_negative: bool = False
) -> RegexValidator:
    """Return a validator of whole numbers between separators."""
    number = "(?:-)?[0-9]+" if allow_negative else "[0-9]+"
    pattern = rf"^{number}(?:{re.escape(sep)}{number})*\Z"
    return RegexValidator(pattern, message or "Enter only digits separated by commas.", code)


validate_email: Final = EmailValidator()
validate_domain_name: Final = DomainNameValidator()
validate_slug: Final = RegexValidator(
    r"^[-a-zA-Z0-9_]+\Z", "Enter a valid “slug” consisting of letters, numbers, underscores or hyphens."
)
validate_unicode_slug: Final = RegexValidator(
    r"^[-\w]+\Z", "Enter a valid “slug” consisting of Unicode letters, numbers, underscores, or hyphens."
)
validate_integer: Final = RegexValidator(r"^-?[0-9]+\Z", "Enter a valid integer.")
validate_comma_separated_integer_list: Final = int_list_validator()
