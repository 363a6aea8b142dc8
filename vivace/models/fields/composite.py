"""CompositePrimaryKey: a primary key of several columns; ``pk`` is their tuple."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, cast

from vivace.errors.models import InvalidValue, ModelError, ValidationError
from vivace.models.shapes import is_listed

from .base import Convert, Field, FieldDeconstruction
from .options import FieldOptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack

    from vivace.errors import Finding
    from vivace.models.base import Model


class CompositePrimaryKey(Field[Any]):
    """``pk = models.CompositePrimaryKey("tenant_id", "number")``: the columns are fields of their own."""

    internal_type = "CompositePrimaryKey"
    empty_strings_allowed = False
    python_type = "a tuple with a value for each field of the key"
    default_error_messages: ClassVar[Mapping[str, str]] = {}

    def __init__(self, *args: str, **options: Unpack[FieldOptions]) -> None:
        given = cast("dict[str, Any]", {**options})
        if len(args) < 2 or not all(map(is_text, args)) or len(set(args)) != len(args):
            raise ModelError(
                "CompositePrimaryKey needs the names of at least two fields, each once.", got=repr(args)
            )
        for option in ("default", "db_default", "db_column", "editable", "blank", "unique"):
            if given.get(option) and not (option == "blank" and given[option] is True):
                raise ModelError(
                    f"CompositePrimaryKey cannot have {option}: its columns are fields of their own."
                )
        if given.get("primary_key", True) is not True:
            raise ModelError("CompositePrimaryKey must be the primary key.")
        verbose_name = given.pop("verbose_name", None)
        given.update(primary_key=True, blank=True, editable=False)
        self.field_names = args
        super().__init__(verbose_name, **given)

    if not TYPE_CHECKING:

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            if instance is None:
                return self.class_attribute(owner)
            return tuple(getattr(instance, field.attname) for field in self.fields)

        def __set__(self, instance: Any, value: Any) -> None:
            values = (None,) * len(self.field_names) if value is None else value
            if not isinstance(values, tuple | list) or len(values) != len(self.field_names):
                raise InvalidValue(
                    f"{self} cannot be set.",
                    expected=f"a tuple of {len(self.field_names)}: {', '.join(self.field_names)}",
                    got=repr(value)[:80],
                )
            for field, part in zip(self.fields, values, strict=True):
                setattr(instance, field.attname, part)

    @property
    def fields(self) -> tuple[Field[Any], ...]:
        return tuple(self.model._meta.get_field(name) for name in self.field_names)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(str(field.column) for field in self.fields)

    def __iter__(self) -> Iterator[Field[Any]]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.field_names)

    def __bool__(self) -> bool:
        return True

    def get_attname_column(self) -> tuple[str, str | None]:
        return self.get_attname(), None

    def contribute_to_class(self, cls: type[Model], name: str, private_only: bool = False) -> None:
        if name != "pk":
            raise ModelError(
                f"{cls.__qualname__}.{name}: a CompositePrimaryKey must be called 'pk'.", got=name
            )
        super().contribute_to_class(cls, name, private_only)
        cls._meta.pk = self
        setattr(cls, self.attname, self)

    def get_default(self) -> Any:
        return None

    def db_type(self, connection: Any) -> str | None:
        return None

    def db_parameters(self, connection: Any) -> dict[str, Any]:
        return {"type": None, "check": None}

    def converter(self, connection: Any) -> Convert | None:
        return None

    def to_python(self, value: Any) -> Any:
        if value is None:
            return None
        value = _listed_in(value)
        if not is_listed(value) or len(value) != len(self.field_names):
            raise ValidationError("Enter a value for each field of the key.", code="invalid")
        return tuple(field.to_python(part) for field, part in zip(self.fields, value, strict=True))

    def value_to_string(self, obj: Model) -> str:
        """Return the key as a JSON list of texts, as Django's fixtures have it."""
        return json.dumps([field.value_to_string(obj) for field in self.fields], ensure_ascii=False)

    def get_prep_value(self, value: Any) -> Any:
        if value is None:
            return None
        if not is_listed(value) or len(value) != len(self.field_names):
            raise self.invalid_value(value)
        return tuple(field.get_prep_value(part) for field, part in zip(self.fields, value, strict=True))

    def validate(self, value: Any, model_instance: Model | None) -> None:
        """Accept anything: the fields of the key are checked on their own."""

    def deconstruct(self) -> FieldDeconstruction:
        name, path, _, kwargs = super().deconstruct()
        for option in ("blank", "editable", "primary_key"):
            kwargs.pop(option, None)
        kwargs.update({"blank": True, "editable": False, "primary_key": True})
        return name, path, list(self.field_names), kwargs

    def check(self) -> list[Finding]:
        from vivace.models.checks.fields import check_composite

        return check_composite(self)


def _listed_in(value: Any) -> Any:
    """Return the list that a text from a fixture is; anything else as it is."""
    if not is_text(value):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def is_text(value: object) -> bool:
    return isinstance(value, str)
