"""Primary keys that the database numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from vivace.errors.models import ModelError

from .base import Field, FieldDeconstruction
from .numbers import BIG, SMALL, IntegerField, N
from .options import FieldOptions, Validator

if TYPE_CHECKING:
    from typing import Literal, Unpack

    from vivace.errors import Finding
    from vivace.models.base import Model


class AutoField(IntegerField[N]):
    """A number of 32 bits that an INSERT is given by the database. ``BigAutoField`` is the default primary key."""

    internal_type = "AutoField"
    related_type = "IntegerField"

    @overload
    def __init__(
        self: AutoField[int],
        verbose_name: str | None = None,
        *,
        null: Literal[False] = False,
        **options: Unpack[FieldOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: AutoField[int],
        verbose_name: str | None = None,
        *,
        null: bool,
        **options: Unpack[FieldOptions],
    ) -> None: ...
    def __init__(
        self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[FieldOptions]
    ) -> None:
        options["blank"] = True
        super().__init__(verbose_name, null=null, **options)  # type: ignore[call-overload,misc]

    @property
    def db_returning(self) -> bool:
        return True

    def rel_db_type(self, connection: Any) -> str | None:
        from .dbtypes import DB_TYPES

        return DB_TYPES[connection][self.related_type]

    @property
    def validators(self) -> list[Validator]:
        return Field.validators.fget(self)  # type: ignore[attr-defined,no-any-return]

    def validate(self, value: Any, model_instance: Model | None) -> None:
        """Accept anything: the database gives the value."""

    def contribute_to_class(self, cls: type[Model], name: str, private_only: bool = False) -> None:
        if cls._meta.auto_field is not None and cls._meta.auto_field is not self:
            raise ModelError(
                f"{cls._meta.label} has more than one automatic field.",
                got=f"{cls._meta.auto_field.name} and {name}",
            )
        super().contribute_to_class(cls, name, private_only)
        cls._meta.auto_field = self

    def deconstruct(self) -> FieldDeconstruction:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["blank"]
        kwargs["primary_key"] = self.primary_key
        return name, path, args, kwargs

    def check(self) -> list[Finding]:
        from vivace.models.checks.fields import check_auto

        return [*super().check(), *check_auto(self)]


class BigAutoField(AutoField[N]):
    """A number of 64 bits that an INSERT is given by the database."""

    internal_type = "BigAutoField"
    related_type = "BigIntegerField"
    range = BIG

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: BigAutoField[int],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: BigAutoField[int],
            verbose_name: str | None = None,
            *,
            null: bool,
            **options: Unpack[FieldOptions],
        ) -> None: ...
        def __init__(
            self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[FieldOptions]
        ) -> None: ...


class SmallAutoField(AutoField[N]):
    """A number of 16 bits that an INSERT is given by the database."""

    internal_type = "SmallAutoField"
    related_type = "SmallIntegerField"
    range = SMALL

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: SmallAutoField[int],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: SmallAutoField[int],
            verbose_name: str | None = None,
            *,
            null: bool,
            **options: Unpack[FieldOptions],
        ) -> None: ...
        def __init__(
            self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[FieldOptions]
        ) -> None: ...
