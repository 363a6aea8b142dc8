"""Fields whose choices are rows: ``ModelChoiceField``, ``ModelMultipleChoiceField``.

When the rows are fetched:

* Shown in a template: during the render, by the bridge, once for each form.
* Shown anywhere else: after ``await form.load()``; Python code never queries by itself.
* Cleaned: one query for what was sent, however many keys, never one for all rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from vivace.errors import FormError
from vivace.errors.models import ObjectDoesNotExist, ValidationError
from vivace.models.fields.choices import CallableChoices
from vivace.models.shapes import is_listed

from .fields.base import Field, FieldOptions
from .steps import Steps, resumed, waits
from .widgets import HiddenInput, MultipleHiddenInput, RadioSelect, Select, SelectMultiple, Widget

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack

EMPTY_LABEL = "---------"


class ModelChoice:
    """The value of a choice: prints as the key, ``instance`` is the row, for widgets that show more of it."""

    __slots__ = ("instance", "value")

    def __init__(self, value: Any, instance: Any) -> None:
        self.value = value
        self.instance = instance

    def __str__(self) -> str:
        return str(self.value)

    def __eq__(self, other: object) -> bool:
        return bool(self.value == (other.value if isinstance(other, ModelChoice) else other))

    def __hash__(self) -> int:
        return hash(self.value)


class ModelChoices(CallableChoices):
    """The choices of a field, read from its queryset each time they are looked at."""

    def __init__(self, field: ModelChoiceField) -> None:
        super().__init__(self._rows)
        self.field = field
        self.queryset = field.queryset

    def _rows(self) -> list[Any]:
        return list(self)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        if self.field.empty_label is not None:
            yield "", self.field.empty_label
        for row in self.queryset or ():
            yield self.choice(row)

    def choice(self, row: Any) -> tuple[Any, Any]:
        """Return value and label of a row."""
        return ModelChoice(self.field.prepare_value(row), row), self.field.label_from_instance(row)

    def __bool__(self) -> bool:
        return True

    __hash__ = None


class ModelChoiceOptions(FieldOptions, total=False):
    """Which rows may be chosen, and what the empty choice is called."""

    empty_label: str | None
    to_field_name: str | None
    limit_choices_to: Any
    blank: bool


class _Taken(TypedDict):
    empty_label: str | None
    to_field_name: str | None
    limit_choices_to: Any


class ModelChoiceField(Field):
    """One row of ``queryset``; the cleaned value is the object, ``None`` for none.

    ``limit_choices_to`` (a mapping, a ``Q`` or a function that returns one) narrows the rows of each form.
    """

    widget: Any = Select
    hidden_widget: ClassVar[type[Widget]] = HiddenInput
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid_choice": "Select a valid choice. That choice is not one of the available choices.",
    }
    iterator: ClassVar[type[ModelChoices]] = ModelChoices

    def __init__(self, queryset: Any, **options: Unpack[ModelChoiceOptions]) -> None:
        given: dict[str, Any] = {**options}
        taken: _Taken = {
            "empty_label": given.pop("empty_label", EMPTY_LABEL),
            "to_field_name": given.pop("to_field_name", None),
            "limit_choices_to": given.pop("limit_choices_to", None),
        }
        blank = given.pop("blank", False)
        self._queryset: Any = None
        super().__init__(**given)
        without = self.required and self.initial is not None
        if without or (isinstance(self.widget, RadioSelect) and not blank):
            taken["empty_label"] = None
        self.empty_label = taken["empty_label"]
        self.to_field_name = taken["to_field_name"]
        self.limit_choices_to = taken["limit_choices_to"]
        self.queryset = queryset

    def __deepcopy__(self, memo: dict[int, Any]) -> Field:
        twin: Any = super().__deepcopy__(memo)
        twin.queryset = self._queryset
        return twin  # type: ignore[no-any-return]

    @property
    def queryset(self) -> Any:
        """The rows that may be chosen: a queryset of this form's own, a manager gives all of its rows."""
        return self._queryset

    @queryset.setter
    def queryset(self, value: Any) -> None:
        if value is not None and not callable(getattr(value, "all", None)):
            raise FormError(
                "A field of rows was given no queryset.",
                expected="Model.objects.all(), or a manager",
                got=repr(value),
            )
        self._queryset = None if value is None else value.all()
        self.widget.choices = self.choices

    @property
    def choices(self) -> Any:
        """What the widget shows: those that were set, else the rows."""
        return self.__dict__.get("_choices") or self.iterator(self)

    @choices.setter
    def choices(self, value: Any) -> None:
        self._choices = value
        self.widget.choices = value

    def limit(self) -> None:
        """Narrow the rows to ``limit_choices_to``: done once for each form."""
        limit = self.limit_choices_to
        if callable(limit):
            limit = limit()
        if limit and self._queryset is not None:
            allowed = self._queryset.model._base_manager.complex_filter(limit)
            self.queryset = self._queryset.filter(pk__in=allowed.values("pk"))  # a join could show rows twice

    async def load(self) -> None:
        """Fetch the rows, to show the field outside of templates."""
        if self._queryset is not None:
            await self._queryset

    def label_from_instance(self, obj: Any) -> Any:
        """Return what a row is called; override it for other words."""
        return str(obj)

    @property
    def key(self) -> str:
        """The field whose values stand for rows in what is sent."""
        return self.to_field_name or "pk"

    def prepare_value(self, value: Any) -> Any:
        if hasattr(value, "_meta"):
            return getattr(value, self.to_field_name) if self.to_field_name else value.pk
        return super().prepare_value(value)

    # -- cleaning ------------------------------------------------------------------------------------------------

    def clean(self, value: Any) -> Any:
        """Return the object, in a coroutine where rows must be asked for. Raises ``ValidationError``."""
        return resumed(self._cleaning(value))

    def _cleaning(self, value: Any) -> Steps:
        value = yield self.found(value)
        self.validate(value)
        waiting = self.run_validators(value)
        if waits(waiting):
            yield waiting
        return value

    def found(self, value: Any) -> Any:
        """Return the object of what was sent; a coroutine of it unless nothing was."""
        return None if value in self.empty_values else self._row(self._sent(value))

    def _sent(self, value: Any) -> Any:
        """Return the key; of an object its own. Raises ``ValidationError``."""
        text = str(value)
        if "\x00" in text:
            raise self.refused("invalid_choice", value=text.replace("\x00", ""))
        model = getattr(self._queryset, "model", None)
        return getattr(value, self.key) if model is not None and isinstance(value, model) else value

    async def _row(self, key: Any) -> Any:
        try:
            return await self._queryset.get(**{self.key: key})
        except (ValueError, TypeError, ObjectDoesNotExist):
            raise self.refused("invalid_choice", value=key) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        if self.disabled:
            return False
        before = "" if initial is None else initial
        return str(self.prepare_value(before)) != str("" if data is None else data)


class ModelMultipleChoiceField(ModelChoiceField):
    """Some rows of ``queryset``; the cleaned value is an evaluated queryset."""

    widget: Any = SelectMultiple
    hidden_widget = MultipleHiddenInput
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid_list": "Enter a list of values.",
        "invalid_choice": "Select a valid choice. %(value)s is not one of the available choices.",
        "invalid_pk_value": "“%(pk)s” is not a valid value.",
    }

    def __init__(self, queryset: Any, **options: Unpack[ModelChoiceOptions]) -> None:
        given: dict[str, Any] = {**options, "empty_label": None}
        super().__init__(queryset, **given)

    def prepare_value(self, value: Any) -> Any:
        prepare = super().prepare_value
        if not isinstance(value, str) and not hasattr(value, "_meta") and hasattr(value, "__iter__"):
            return [prepare(each) for each in value]
        return prepare(value)

    def found(self, value: Any) -> Any:
        value = value if value is None or isinstance(value, str) else self.prepare_value(value)
        if self.required and not value:
            raise self.refused("required")
        if not value:
            return self._rows_of(self._queryset.none())
        if not is_listed(value):
            raise self.refused("invalid_list")
        return self._rows([self._sent(each) for each in value])

    def validate(self, value: Any) -> None:
        """Do nothing: that something was sent is looked at before the rows are asked for."""

    async def _rows_of(self, queryset: Any) -> Any:
        await queryset
        return queryset

    async def _rows(self, keys: list[Any]) -> Any:
        """Return the rows with these keys, by one query. Raises ``ValidationError`` for the first that is none."""
        try:
            wanted = list(dict.fromkeys(keys))
        except TypeError:
            raise self.refused("invalid_list") from None
        for key in wanted:
            self._check_key(key)
        try:
            found = await self._rows_of(self._queryset.filter(**{f"{self.key}__in": wanted}))
        except (ValueError, TypeError):  # out of the range of the column
            raise self.refused("invalid_choice", value=wanted[0]) from None
        known = {str(getattr(row, self.key)) for row in found}
        for key in wanted:
            if str(key) not in known:
                raise self.refused("invalid_choice", value=key)
        return found

    def _check_key(self, key: Any) -> None:
        """Raise for what no key of the model can be, before it goes into a query with others."""
        options = self._queryset.model._meta
        field = options.get_field(self.to_field_name) if self.to_field_name else options.pk
        try:
            field.target_field.to_python(key)
        except ValidationError:
            raise self.refused("invalid_pk_value", pk=key) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        if self.disabled:
            return False
        before = {str(value) for value in self.prepare_value([] if initial is None else initial)}
        after = {str(value) for value in data or ()}
        return before != after


__all__ = ["ModelChoice", "ModelChoiceField", "ModelChoices", "ModelMultipleChoiceField"]
