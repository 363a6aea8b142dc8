"""Field: one column of a model, or a relation; what it accepts, how it is stored and how it comes back.

Theory. A field is an object in ``Model._meta`` and, at the same time, a *non-data descriptor* in the class: values live
in ``instance.__dict__[attname]``, so reading one is an ordinary attribute read that never reaches this module. Only
two reads do: on the class (``Book.title`` gives a ``FieldRef`` to write conditions with) and of a value that no query has
fetched (``NotLoaded``).

A value takes this way:

    assigned ── to_python (cleaning) ── get_prep_value (dialect-free, raises InvalidValue) ── binder(dialect) ── driver
    driver ── converter(dialect) ── instance

``binder`` and ``converter`` return ``None`` where the driver's own value is right, so that nothing is called for it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partialmethod
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, cast, overload

from vivace.errors.models import InvalidValue, ValidationError
from vivace.models.deconstruct import public_path
from vivace.models.expressions.base import is_expression
from vivace.models.expressions.registering import Lookups

from .choices import CallableChoices, flattened, normalized
from .dbtypes import DB_CHECKS, DB_SUFFIXES, DB_TYPES
from .forming import FormFieldSpec
from .options import DECONSTRUCTED, NOT_PROVIDED, FieldOptions, Validator, complete

if TYPE_CHECKING:
    from typing import Unpack

    from typing_extensions import TypeVar

    from vivace.errors import Finding
    from vivace.models.base import Model
    from vivace.models.expressions.base import Expression
    from vivace.models.expressions.names import FieldRef
    from vivace.models.options import Options

    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")

Convert = Callable[[Any], Any]
FieldDeconstruction = tuple[str | None, str, list[Any], dict[str, Any]]
EMPTY_VALUES: Final[tuple[Any, ...]] = (None, "", [], (), {})


class Field(Lookups, Generic[T]):
    """The base of all fields. A custom one overrides ``db_type``, ``get_prep_value``, ``from_db_value`` or ``to_python``.

    ``Field[T]``: ``T`` is what an instance's attribute holds, ``None`` included when ``null=True``.
    """

    creation: ClassVar[Any] = count()
    auto_creation: ClassVar[Any] = count(-1, -1)
    default_validators: ClassVar[Sequence[Validator]] = ()
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid_choice": "Value %(value)r is not a valid choice.",
        "null": "This field cannot be null.",
        "blank": "This field cannot be blank.",
        "unique": "%(model_name)s with this %(field_label)s already exists.",
        "unique_for_date": "%(field_label)s must be unique for %(date_field_label)s %(lookup_type)s.",
    }
    empty_strings_allowed: ClassVar[bool] = True
    empty_values: ClassVar[Sequence[Any]] = EMPTY_VALUES
    python_type: ClassVar[str] = "a value"
    """What is expected, in the words of an error message."""
    internal_type: ClassVar[str] = ""
    """The name by which column types are found; that of the class when it is empty."""
    only_on: ClassVar[str] = ""
    """The one kind of database that has such columns; empty: all have."""
    own_options: ClassVar[tuple[str, ...]] = ()
    """What its constructor takes beside the options of every field."""
    saves_first: ClassVar[bool] = False
    """Whether ``save_first`` has work to do before a row is written."""

    is_relation: bool = False
    many_to_many: bool = False
    many_to_one: bool = False
    one_to_many: bool = False
    one_to_one: bool = False
    related_model: Any = None
    hidden: bool = False
    generated: bool = False
    column: str | None
    model: type[Model]
    name: str
    attname: str

    def __init__(
        self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[FieldOptions]
    ) -> None:
        given = complete(type(self).__name__, cast("Mapping[str, Any]", options), self.own_options)
        self.verbose_name = self._verbose_name = verbose_name
        self.null = null
        self.name = given["name"]
        self.primary_key: bool = given["primary_key"]
        self.max_length: int | None = given["max_length"]
        self._unique: bool = given["unique"]
        self.blank: bool = given["blank"]
        self.db_index: bool = given["db_index"]
        self.default: Any = given["default"]
        self.db_default: Any = given["db_default"]
        self.editable: bool = given["editable"]
        self.serialize: bool = given["serialize"]
        self.unique_for_date: str | None = given["unique_for_date"]
        self.unique_for_month: str | None = given["unique_for_month"]
        self.unique_for_year: str | None = given["unique_for_year"]
        self.choices: Any = normalized(given["choices"])
        self.help_text: str = given["help_text"]
        self.db_column: str | None = given["db_column"]
        self.db_comment: str | None = given["db_comment"]
        self._db_tablespace: str | None = given["db_tablespace"]
        self.auto_created: bool = given["auto_created"]
        self._validators: list[Validator] = list(given["validators"])
        self._error_messages: Mapping[str, str] | None = given["error_messages"]
        self.remote_field: Any = None
        self.creation_counter: int = next(self.auto_creation if self.auto_created else self.creation)
        self._reference: Any = None

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type[Any]) -> FieldRef[T]: ...
        @overload
        def __get__(self, instance: Model, owner: type[Any]) -> T: ...
        def __get__(self, instance: Any, owner: Any = None) -> Any: ...

        def __set__(self, instance: Model, value: T | Expression) -> None: ...

    else:

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            return self.class_attribute(owner) if instance is None else self.unloaded_value(instance)

    # -- where it is ---------------------------------------------------------------------------------------------

    def __str__(self) -> str:
        model = getattr(self, "model", None)
        return f"{model._meta.label}.{self.name}" if model is not None else repr(self)

    def __repr__(self) -> str:
        name = getattr(self, "name", None)
        return f"<{type(self).__qualname__}: {name}>" if name else f"<{type(self).__qualname__}>"

    def __lt__(self, other: Field[Any]) -> bool:
        return self.creation_counter < other.creation_counter

    def __deepcopy__(self, memo: dict[int, Any]) -> Field[T]:
        """Return a copy for another model: what is told of the field is shared, its place is not."""
        twin = copy.copy(self)
        twin._reference = None
        if self.remote_field is not None:
            twin.remote_field = copy.copy(self.remote_field)
            if getattr(self.remote_field, "field", None) is self:
                twin.remote_field.field = twin
        memo[id(self)] = twin
        return twin

    def __copy__(self) -> Field[T]:
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

    def __reduce__(self) -> Any:
        """Be pickled as "the field of this name of this model"."""
        model = getattr(self, "model", None)
        if model is None:
            return _restored, (type(self), dict(self.__dict__))
        return _field_of, (model, self.name)

    def set_attributes_from_name(self, name: str) -> None:
        self.name = self.name or name
        self.attname, self.column = self.get_attname_column()
        self.concrete = self.column is not None
        if self.verbose_name is None and self.name:
            self.verbose_name = self.name.replace("_", " ")

    def get_attname(self) -> str:
        """Return the name of the attribute that holds the value."""
        return self.name

    def get_attname_column(self) -> tuple[str, str | None]:
        attname = self.get_attname()
        return attname, self.db_column or attname

    def contribute_to_class(self, cls: type[Model], name: str, private_only: bool = False) -> None:
        """Become the field ``name`` of the class; the metaclass calls this."""
        self.set_attributes_from_name(name)
        self.model = cls
        cls._meta.add_field(self, private=private_only)
        if self.column:
            setattr(cls, self.attname, self)
        if self.choices is not None and f"get_{self.name}_display" not in cls.__dict__:
            setattr(cls, f"get_{self.name}_display", partialmethod(display, field=self))

    def class_attribute(self, owner: type[Model]) -> FieldRef[T]:
        """Return what ``Model.field`` is: an expression to compare, order and select by."""
        if self._reference is None or self._reference.model is not owner:
            self._reference = self._new_reference(owner)
        return cast("FieldRef[T]", self._reference)

    def _new_reference(self, owner: type[Model]) -> FieldRef[T]:
        from vivace.models.expressions.names import (
            FieldRef,  # expressions load when a program writes the first one
        )

        return FieldRef(owner, self.attname)

    def unloaded_value(self, instance: Model) -> Any:
        """Return the value when another attribute knows it (a child's key), else raise ``NotLoaded``.

        A field that is a class attribute of something else (``output_field`` of an expression) is just itself.
        """
        if not hasattr(instance, "_meta"):
            return self
        link = instance._meta.get_ancestor_link(self.model)
        if link is not None and self.primary_key and link is not self:
            return getattr(instance, link.attname)
        return instance.value_not_loaded(self.attname)

    # -- what it is ----------------------------------------------------------------------------------------------

    @property
    def unique(self) -> bool:
        return self._unique or self.primary_key

    @property
    def db_tablespace(self) -> str | None:
        return self._db_tablespace

    @property
    def flatchoices(self) -> list[tuple[Any, Any]]:
        return flattened(self.choices)

    @property
    def validators(self) -> list[Validator]:
        return [*self.default_validators, *self._validators]

    @property
    def error_messages(self) -> dict[str, str]:
        messages: dict[str, str] = {}
        for cls in reversed(type(self).__mro__):
            messages.update(cls.__dict__.get("default_error_messages", {}))
        messages.update(self._error_messages or {})
        return messages

    @property
    def target_field(self) -> Any:
        """The field whose values this one holds: itself, unless it points to another."""
        return self

    @property
    def db_returning(self) -> bool:
        """Whether an INSERT must tell the value that the database chose."""
        return self.has_db_default()

    def get_internal_type(self) -> str:
        return self.internal_type or type(self).__name__

    def has_default(self) -> bool:
        return self.default is not NOT_PROVIDED

    def has_db_default(self) -> bool:
        return self.db_default is not NOT_PROVIDED

    def get_default(self) -> Any:
        """Return what a new instance starts with: the default, called if it can be, or ``None`` or ``""``."""
        if self.default is not NOT_PROVIDED:
            return self.default() if callable(self.default) else self.default
        if self.db_default is not NOT_PROVIDED:
            from vivace.models.expressions.values import DatabaseDefault

            return DatabaseDefault()
        if self.null or not self.empty_strings_allowed:
            return None
        return ""

    # -- storage -------------------------------------------------------------------------------------------------

    def db_type_parameters(self) -> dict[str, Any]:
        """Return what a column type is filled in with; relations must not be asked for all of ``__dict__``."""
        return {"max_length": self.max_length, "column": getattr(self, "column", None)}

    def db_type(self, connection: Any) -> str | None:
        """Return the column's type in a dialect, ``None`` when the field has no column."""
        template = DB_TYPES[connection].get(self.get_internal_type())
        return None if template is None else template % self.db_type_parameters()

    def rel_db_type(self, connection: Any) -> str | None:
        """Return the type of a column that points to this one."""
        return self.db_type(connection)

    def cast_db_type(self, connection: Any) -> str | None:
        return self.db_type(connection)

    def db_check(self, connection: Any) -> str | None:
        template = DB_CHECKS[connection].get(self.get_internal_type())
        return None if template is None else template % self.db_type_parameters()

    def db_type_suffix(self, connection: Any) -> str | None:
        return DB_SUFFIXES[connection].get(self.get_internal_type())

    def db_parameters(self, connection: Any) -> dict[str, Any]:
        return {"type": self.db_type(connection), "check": self.db_check(connection)}

    def sa_type(self, connection: Any) -> Any:
        """Return the SQLAlchemy type that statements are compiled with."""
        from .satypes import sa_type

        return sa_type(self, connection)

    def get_prep_value(self, value: Any) -> Any:
        """Return the value as a query holds it, on every database. Raises ``InvalidValue``."""
        return value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Return the value as the driver takes it."""
        if not prepared:
            value = self.get_prep_value(value)
        bind = self.binder(connection)
        return value if bind is None or value is None else bind(value)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """Return the value to insert or update with. Expressions pass."""
        if is_expression(value):
            return value
        return self.get_db_prep_value(value, connection, False)

    def binder(self, connection: Any) -> Convert | None:
        """Return what turns a prepared value, never ``None``, into what the driver takes; ``None``: it is right."""
        return None

    def converter(self, connection: Any) -> Convert | None:
        """Return what turns the driver's value (``None`` too) into the attribute's; ``None``: it is right."""
        custom = getattr(self, "from_db_value", None)
        if custom is None:
            return null_safe(self.from_driver(connection))
        first = null_safe(self.from_driver(connection))
        if first is None:
            return lambda value: custom(value, None, connection)
        return lambda value: custom(first(value), None, connection)

    def from_driver(self, connection: Any) -> Convert | None:
        """Return what turns a value that is not null into the attribute's type."""
        return None

    def pre_save(self, instance: Model, add: bool) -> Any:
        """Return the value to save; a field may set it first."""
        return getattr(instance, self.attname)

    async def save_first(self, instance: Model) -> None:
        """Do what must be done before the row is written: files are stored."""

    def value_from_object(self, obj: Model) -> Any:
        return getattr(obj, self.attname)

    def value_to_string(self, obj: Model) -> str:
        return str(self.value_from_object(obj))

    def formfield(
        self, form_class: Any = None, choices_form_class: Any = None, **options: Any
    ) -> FormFieldSpec | None:
        """Say how a form asks for the value; ``None``: not at all. Override it to say otherwise, and call it."""
        return FormFieldSpec(self, form_class, choices_form_class, options)

    def save_form_data(self, instance: Model, data: Any) -> None:
        setattr(instance, self.name, data)

    # -- cleaning ------------------------------------------------------------------------------------------------

    def to_python(self, value: Any) -> Any:
        """Return the value in the attribute's type. Raises ``ValidationError``."""
        return value

    def clean(self, value: Any, model_instance: Model | None) -> Any:
        """Convert, validate and return the value. Raises ``ValidationError``."""
        value = self.to_python(value)
        self.validate(value, model_instance)
        self.run_validators(value)
        return value

    def validate(self, value: Any, model_instance: Model | None) -> None:
        """Check choices, null and blank. Raises ``ValidationError``."""
        if not self.editable:
            return  # no form can set it
        if self.choices is not None and value not in self.empty_values:
            if not any(value == choice for choice, _ in self.flatchoices):
                raise self.refused("invalid_choice", value=value)
            return
        if value is None and not self.null:
            raise self.refused("null")
        if not self.blank and value in self.empty_values:
            raise self.refused("blank")

    def run_validators(self, value: Any) -> None:
        if value in self.empty_values:
            return
        errors: list[Any] = []
        for validator in self.validators:
            try:
                validator(value)
            except ValidationError as error:
                if error.given_code in self.error_messages:
                    error.message = self.error_messages[error.given_code]
                errors.extend(error.error_list)
        if errors:
            raise ValidationError(errors)

    def refused(self, code: str, **params: Any) -> ValidationError:
        """Return the error of this code with the field's own message."""
        return ValidationError(self.error_messages[code], code=code, params=params)

    def prepared(self, value: Any) -> Any:
        """Return what ``to_python`` makes of a value, for a query. Raises ``InvalidValue`` where that refuses."""
        try:
            return self.to_python(value)
        except ValidationError:
            raise self.invalid_value(value) from None

    def invalid_value(self, value: Any, expected: str = "") -> InvalidValue:
        """Return the error that a query raises for a value which cannot be one of this field."""
        shown = repr(value)
        return InvalidValue(
            f"{self} cannot hold this value.",
            expected=expected or self.python_type,
            got=shown if len(shown) <= 80 else shown[:77] + "…",
        )

    # -- description ---------------------------------------------------------------------------------------------

    def deconstruct(self) -> FieldDeconstruction:
        """Return name, path, positional and keyword arguments that make an equal field."""
        kwargs: dict[str, Any] = {}
        for option, attribute, default in DECONSTRUCTED:
            value = getattr(self, attribute)
            if isinstance(value, CallableChoices):
                value = value.function
            by_equality = option in ("choices", "validators")
            if (value != default) if by_equality else (value is not default):
                kwargs[option] = value
        return getattr(self, "name", None), public_path(type(self)), [], kwargs

    def clone(self) -> Field[T]:
        """Return an equal field that belongs to no model."""
        _, _, args, kwargs = self.deconstruct()
        return type(self)(*args, **kwargs)

    def check(self) -> list[Finding]:
        """Return what is wrong with the declaration."""
        from vivace.models.checks.fields import check_field

        return check_field(self)


def null_safe(convert: Convert | None) -> Convert | None:
    return None if convert is None else lambda value: None if value is None else convert(value)


def display(instance: Model, *, field: Field[Any]) -> Any:
    """Return the label of the choice an instance holds: ``get_<name>_display()``."""
    value = getattr(instance, field.attname)
    for choice, label in field.flatchoices:
        if choice == value:
            return label
    return value


def _field_of(model: type[Model], name: str) -> Any:
    options: Options = model._meta
    return options.get_field(name)


def _restored(cls: type[Any], state: dict[str, Any]) -> Any:
    field = object.__new__(cls)
    field.__dict__.update(state)
    return field
