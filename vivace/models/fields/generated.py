"""GeneratedField: a column that the database computes from others of its row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from vivace.errors.models import ModelError

from .base import Convert, Field, FieldDeconstruction
from .options import FieldOptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack

    from typing_extensions import TypeVar

    from vivace.errors import Finding
    from vivace.models.base import Model

    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")


class GeneratedOptions(FieldOptions, total=False):
    """How the column is computed and kept."""

    expression: Any
    output_field: Any
    db_persist: bool


class GeneratedField(Field[T]):
    """``expression`` over columns of the same row, in the type of ``output_field``; ``db_persist``: stored or virtual."""

    own_options = ("expression", "output_field", "db_persist")
    generated = True
    expression: Any
    output_field: Any
    db_persist: Any

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            expression: Any,
            output_field: Field[T],
            db_persist: bool,
            verbose_name: str | None = None,
            **options: Unpack[FieldOptions],
        ) -> None: ...

    else:

        def __init__(self, **options: Unpack[GeneratedOptions]) -> None:
            given = cast("dict[str, Any]", {**options})
            verbose_name = given.pop("verbose_name", None)
            self.expression = given.pop("expression", None)
            self.output_field = given.pop("output_field", None)
            self.db_persist = given.pop("db_persist", None)
            _check_options(self.db_persist, given)
            given.update(editable=False, blank=True)
            super().__init__(verbose_name, null=given.pop("null", False), **given)

    @property
    def db_returning(self) -> bool:
        return True

    def contribute_to_class(self, cls: type[Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        self.output_field.model = cls
        self.output_field.name = self.name
        self.output_field.attname, self.output_field.column = self.attname, self.column

    def referenced_fields(self) -> frozenset[str]:
        """Return the names of the columns that it is computed from."""
        from vivace.models.naming import names_in

        return names_in(self.expression)

    # -- values: those of the output field -------------------------------------------------------------------------

    def get_prep_value(self, value: Any) -> Any:
        return self.output_field.get_prep_value(value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return self.output_field.get_db_prep_value(value, connection, prepared)

    def binder(self, connection: Any) -> Convert | None:
        bind: Convert | None = self.output_field.binder(connection)
        return bind

    def converter(self, connection: Any) -> Convert | None:
        convert: Convert | None = self.output_field.converter(connection)
        return convert

    def get_lookup(self, name: str) -> type[Any] | None:
        lookup: type[Any] | None = self.output_field.get_lookup(name)
        return lookup

    def get_transform(self, name: str) -> Any:
        return self.output_field.get_transform(name)

    def get_internal_type(self) -> str:
        """Return the internal type of its values."""
        return str(self.output_field.get_internal_type())

    def db_type(self, connection: Any) -> str | None:
        kind: str | None = self.output_field.db_type(connection)
        return kind

    def db_check(self, connection: Any) -> str | None:
        check: str | None = self.output_field.db_check(connection)
        return check

    def db_parameters(self, connection: Any) -> dict[str, Any]:
        parameters: Mapping[str, Any] = self.output_field.db_parameters(connection)
        return {**parameters}

    def sa_type(self, connection: Any) -> Any:
        return self.output_field.sa_type(connection)

    def deconstruct(self) -> FieldDeconstruction:
        name, path, args, kwargs = super().deconstruct()
        for option in ("blank", "editable"):
            kwargs.pop(option, None)
        kwargs["db_persist"] = self.db_persist
        kwargs["expression"] = self.expression
        kwargs["output_field"] = self.output_field
        return name, path, args, kwargs

    def check(self) -> list[Finding]:
        from vivace.models.checks.fields import check_generated

        return [*super().check(), *check_generated(self)]


def _check_options(db_persist: Any, given: Mapping[str, Any]) -> None:
    if db_persist not in (True, False):
        raise ModelError(
            "GeneratedField: db_persist must be said.", expected="True (stored) or False (virtual)"
        )
    wrong = {"editable": True, "blank": False}
    for option, value in wrong.items():
        if given.get(option) is value and option in given:
            raise ModelError(
                f"GeneratedField cannot have {option}={value}: nobody but the database gives its value."
            )
    for option in ("default", "db_default"):
        if option in given:
            raise ModelError(f"GeneratedField cannot have {option}: its value is computed.")
