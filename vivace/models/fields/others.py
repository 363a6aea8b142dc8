"""Fields of bytes, unique identifiers, addresses and JSON."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, ClassVar, overload

from vivace.errors.models import ValidationError
from vivace.models.validators import IP_VALIDATORS, MaxLengthValidator

from .base import Convert, Field, FieldDeconstruction
from .options import FieldOptions, Validator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Literal, Unpack

    from typing_extensions import TypeVar

    from vivace.errors import Finding
    from vivace.models.base import Model

    Raw = TypeVar("Raw", default=bytes)
    U = TypeVar("U", default=uuid.UUID)
    S = TypeVar("S", default=str)
    J = TypeVar("J", default=Any)
else:
    from typing import TypeVar

    Raw = TypeVar("Raw")
    U = TypeVar("U")
    S = TypeVar("S")
    J = TypeVar("J")


class BinaryField(Field[Raw]):
    """Bytes."""

    internal_type = "BinaryField"
    empty_values: ClassVar[Sequence[Any]] = [None, b""]
    python_type = "bytes"

    @overload
    def __init__(
        self: BinaryField[bytes],
        verbose_name: str | None = None,
        *,
        null: Literal[False] = False,
        **options: Unpack[FieldOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: BinaryField[bytes | None],
        verbose_name: str | None = None,
        *,
        null: Literal[True],
        **options: Unpack[FieldOptions],
    ) -> None: ...
    def __init__(
        self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[FieldOptions]
    ) -> None:
        given: dict[str, Any] = {"editable": False, **options}
        super().__init__(verbose_name, null=null, **given)

    @property
    def validators(self) -> list[Validator]:
        own = super().validators
        return [*own, MaxLengthValidator(self.max_length)] if self.max_length is not None else own

    def get_default(self) -> Any:
        if self.has_default() or self.has_db_default():
            return super().get_default()
        return None if self.null else b""

    def to_python(self, value: Any) -> Any:
        """Return bytes; a text is taken for base64."""
        if isinstance(value, str):
            from base64 import b64decode

            return memoryview(b64decode(value.encode("ascii")))
        return value

    def get_prep_value(self, value: Any) -> Any:
        if value is None or type(value) is bytes:
            return value
        if isinstance(value, bytes | bytearray):
            return bytes(value)
        if isinstance(value, memoryview):
            return value.tobytes()
        raise self.invalid_value(value)

    def value_to_string(self, obj: Model) -> str:
        from base64 import b64encode

        return b64encode(self.value_from_object(obj)).decode("ascii")

    def deconstruct(self) -> FieldDeconstruction:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("editable", None)
        if self.editable:
            kwargs["editable"] = True
        return name, path, args, kwargs


class UUIDField(Field[U]):
    """A universally unique identifier."""

    internal_type = "UUIDField"
    empty_strings_allowed = False
    python_type = "a UUID"
    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid": "“%(value)s” is not a valid UUID."}

    @overload
    def __init__(
        self: UUIDField[uuid.UUID],
        verbose_name: str | None = None,
        *,
        null: Literal[False] = False,
        **options: Unpack[FieldOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: UUIDField[uuid.UUID | None],
        verbose_name: str | None = None,
        *,
        null: Literal[True],
        **options: Unpack[FieldOptions],
    ) -> None: ...
    def __init__(
        self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[FieldOptions]
    ) -> None:
        super().__init__(verbose_name, null=null, **options)
        self.max_length = 32

    def to_python(self, value: Any) -> Any:
        if value is None or isinstance(value, uuid.UUID):
            return value
        try:
            return uuid.UUID(int=value) if isinstance(value, int) else uuid.UUID(value)
        except (AttributeError, ValueError, TypeError):
            raise self.refused("invalid", value=value) from None

    def get_prep_value(self, value: Any) -> Any:
        return self.prepared(value)

    def binder(self, connection: Any) -> Convert | None:
        return _hex if connection == "sqlite" else None

    def from_driver(self, connection: Any) -> Convert | None:
        return uuid.UUID if connection == "sqlite" else None

    def deconstruct(self) -> FieldDeconstruction:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("max_length", None)
        return name, path, args, kwargs


def _hex(value: uuid.UUID) -> str:
    return value.hex


class AddressOptions(FieldOptions, total=False):
    """Which addresses are meant."""

    protocol: str
    unpack_ipv4: bool


class GenericIPAddressField(Field[S]):
    """An IP address, as text. ``protocol``: ``"both"``, ``"IPv4"`` or ``"IPv6"``."""

    internal_type = "GenericIPAddressField"
    own_options = ("protocol", "unpack_ipv4")
    empty_strings_allowed = False
    python_type = "an IP address"
    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid": "Enter a valid %(protocol)s address."}

    @overload
    def __init__(
        self: GenericIPAddressField[str],
        verbose_name: str | None = None,
        *,
        null: Literal[False] = False,
        **options: Unpack[AddressOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: GenericIPAddressField[str | None],
        verbose_name: str | None = None,
        *,
        null: Literal[True],
        **options: Unpack[AddressOptions],
    ) -> None: ...
    def __init__(
        self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[AddressOptions]
    ) -> None:
        given: dict[str, Any] = {**options}
        self.protocol: str = given.pop("protocol", "both")
        self.unpack_ipv4: bool = given.pop("unpack_ipv4", False)
        super().__init__(verbose_name, null=null, **given)
        self.max_length = 39

    @property
    def validators(self) -> list[Validator]:
        return [IP_VALIDATORS[self.protocol.lower()], *super().validators]

    def to_python(self, value: Any) -> Any:
        if value is None:
            return value
        text = str(value).strip()
        return self._ipv6(text) if ":" in text else text

    def _ipv6(self, text: str) -> str:
        """Return an IPv6 address in its short form. Raises ``ValidationError``."""
        from ipaddress import IPv6Address

        try:
            address = IPv6Address(text)
        except ValueError:
            raise self.refused(
                "invalid", protocol="IPv4 or IPv6" if self.protocol == "both" else self.protocol
            ) from None
        mapped = address.ipv4_mapped
        if mapped is None:
            return str(address)
        return str(mapped) if self.unpack_ipv4 else f"::ffff:{mapped}"

    def get_prep_value(self, value: Any) -> Any:
        if value is None:
            return None
        text = str(value)
        if ":" not in text:
            return text
        try:
            return self._ipv6(text)
        except ValidationError:
            return text  # as Django: lookups by a part of an address

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        return super().get_db_prep_save(value or None, connection)

    def from_driver(self, connection: Any) -> Convert | None:
        return str if connection == "postgresql" else None

    def deconstruct(self) -> FieldDeconstruction:
        name, path, args, kwargs = super().deconstruct()
        if self.unpack_ipv4:
            kwargs["unpack_ipv4"] = True
        if self.protocol != "both":
            kwargs["protocol"] = self.protocol
        if kwargs.get("max_length") == 39:
            del kwargs["max_length"]
        return name, path, args, kwargs

    def check(self) -> list[Finding]:
        from vivace.models.checks.fields import check_address

        return [*super().check(), *check_address(self)]


class JSONOptions(FieldOptions, total=False):
    """How values become text and back."""

    encoder: Any
    decoder: Any


class JSONField(Field[J]):
    """Anything that JSON can say. ``models.JSONField[dict[str, int]]`` declares what."""

    internal_type = "JSONField"
    own_options = ("encoder", "decoder")
    empty_strings_allowed = False
    python_type = "a value that JSON can express"
    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid": "Value must be valid JSON."}

    @overload
    def __init__(
        self: JSONField[Any],
        verbose_name: str | None = None,
        *,
        null: bool = False,
        **options: Unpack[JSONOptions],
    ) -> None: ...
    @overload
    def __init__(  # pyright: ignore[reportOverlappingOverload] - chosen where a type is declared
        self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[JSONOptions]
    ) -> None: ...
    def __init__(
        self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[JSONOptions]
    ) -> None:
        given: dict[str, Any] = {**options}
        self.encoder: Any = given.pop("encoder", None)
        self.decoder: Any = given.pop("decoder", None)
        for option in ("encoder", "decoder"):
            if getattr(self, option) is not None and not callable(getattr(self, option)):
                raise ValueError(f"The {option} parameter must be a callable object.")
        super().__init__(verbose_name, null=null, **given)

    def binder(self, connection: Any) -> Convert | None:
        return self.dumps

    def dumps(self, value: Any) -> str:
        """Return the JSON text. Raises ``InvalidValue``."""
        try:
            return json.dumps(value, cls=self.encoder)
        except (TypeError, ValueError):
            raise self.invalid_value(value) from None

    def from_driver(self, connection: Any) -> Convert | None:
        return self.loads

    def loads(self, value: Any) -> Any:
        """Return what a JSON text says; parts that SQLite extracted already are returned as they are."""
        if not isinstance(value, str | bytes):
            return value
        try:
            return json.loads(value, cls=self.decoder)
        except json.JSONDecodeError:
            return value

    def validate(self, value: Any, model_instance: Model | None) -> None:
        super().validate(value, model_instance)
        try:
            json.dumps(value, cls=self.encoder)
        except (TypeError, ValueError):
            raise self.refused("invalid", value=value) from None

    def value_to_string(self, obj: Model) -> Any:
        return self.value_from_object(obj)

    def deconstruct(self) -> FieldDeconstruction:
        name, path, args, kwargs = super().deconstruct()
        if self.encoder is not None:
            kwargs["encoder"] = self.encoder
        if self.decoder is not None:
            kwargs["decoder"] = self.decoder
        return name, path, args, kwargs

    def check(self) -> list[Finding]:
        from vivace.models.checks.fields import check_mutable_default

        return [*super().check(), *check_mutable_default(self)]
