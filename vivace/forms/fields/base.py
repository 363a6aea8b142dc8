"""Field: what a form accepts under one name, how it is cleaned and with which widget it is shown.

Theory. A value takes this way; each step may be overridden alone:

    widget.value_from_datadict ── to_python (or refuses) ── validate (required, choices) ── run_validators ── cleaned

A validator may be ``async def``: then ``clean`` returns a coroutine of the value instead of the value (``steps.py``), and the
form awaits it. Nothing else in a field knows about waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypedDict, cast

from vivace.errors.models import ValidationError
from vivace.forms.boundfield import BoundField
from vivace.forms.options import complete
from vivace.forms.steps import Steps, resumed
from vivace.forms.widgets import HiddenInput, TextInput, Widget
from vivace.models.validators import EMPTY_VALUES

if TYPE_CHECKING:
    from typing import Unpack

Validator = Callable[[Any], Any]


class FieldOptions(TypedDict, total=False):
    """What may be said of every field."""

    required: bool
    widget: Widget | type[Widget] | None
    label: str | None
    initial: Any
    help_text: str
    error_messages: Mapping[str, str] | None
    show_hidden_initial: bool
    validators: Iterable[Validator]
    localize: bool
    disabled: bool
    label_suffix: str | None
    template_name: str | None
    bound_field_class: Any
    autocomplete: str | None


DEFAULTS: Final[Mapping[str, Any]] = {
    "required": True,
    "widget": None,
    "label": None,
    "initial": None,
    "help_text": "",
    "error_messages": None,
    "show_hidden_initial": False,
    "validators": (),
    "localize": False,
    "disabled": False,
    "label_suffix": None,
    "template_name": None,
    "bound_field_class": None,
    "autocomplete": None,
}


class Field:
    """Base of all fields of forms. A custom one overrides ``to_python``, ``validate`` or ``clean``."""

    widget: Any = TextInput
    """The class of widget that shows the field; in an instance the widget itself."""
    hidden_widget: ClassVar[type[Widget]] = HiddenInput
    default_validators: Sequence[Validator] = ()
    default_error_messages: ClassVar[Mapping[str, str]] = {"required": "This field is required."}
    empty_values: ClassVar[Sequence[Any]] = EMPTY_VALUES
    bound_field_class: Any = None

    def __init__(self, **options: Unpack[FieldOptions]) -> None:
        given = complete(type(self).__name__, cast("Mapping[str, Any]", options), DEFAULTS)
        self.required: bool = given["required"]
        self.label: str | None = given["label"]
        self.initial: Any = given["initial"]
        self.show_hidden_initial: bool = given["show_hidden_initial"]
        self.help_text: str = given["help_text"]
        self.disabled: bool = given["disabled"]
        self.label_suffix: str | None = given["label_suffix"]
        self.template_name: str | None = given["template_name"]
        self.bound_field_class = given["bound_field_class"] or self.bound_field_class
        self.localize: bool = given["localize"]
        self.autocomplete: str | None = given["autocomplete"]
        self.error_messages: dict[str, str] = self._messages(given["error_messages"])
        self.validators: list[Validator] = [*self.default_validators, *given["validators"]]
        self.widget = self._own_widget(given["widget"] or self.widget)

    def _messages(self, own: Mapping[str, str] | None) -> dict[str, str]:
        messages: dict[str, str] = {}
        for cls in reversed(type(self).__mro__):
            messages.update(cls.__dict__.get("default_error_messages", {}))
        messages.update(own or {})
        return messages

    def _own_widget(self, given: Any) -> Widget:
        widget: Widget = given() if isinstance(given, type) else given.__deepcopy__({})
        widget.is_localized = widget.is_localized or self.localize
        widget.is_required = self.required
        widget.attrs.update(self.widget_attrs(widget) or {})
        if self.autocomplete and not widget.is_hidden:
            widget.attrs.setdefault("autocomplete", self.autocomplete)
        return widget

    def __deepcopy__(self, memo: dict[int, Any]) -> Field:
        """Return the field of one form: what a form may change is its own."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        memo[id(self)] = twin
        twin.widget = self.widget.__deepcopy__(memo)
        twin.error_messages = self.error_messages.copy()
        twin.validators = self.validators[:]
        return twin

    # -- cleaning ------------------------------------------------------------------------------------------------

    def to_python(self, value: Any) -> Any:
        """Return the value in the field's type. Raises ``ValidationError``."""
        return value

    def validate(self, value: Any) -> None:
        """Check what no validator does. Raises ``ValidationError``."""
        if self.required and value in self.empty_values:
            raise self.refused("required")

    def run_validators(self, value: Any) -> Any:
        """Run all validators and raise what they found together; an awaitable where one of them must be awaited."""
        if value in self.empty_values or not self.validators:
            return None
        return resumed(self._validation(value))

    def _validation(self, value: Any) -> Steps:
        errors: list[ValidationError] = []
        for validator in self.validators:
            try:
                yield validator(value)
            except ValidationError as error:
                code = getattr(error, "given_code", None)
                if code in self.error_messages:
                    error.message = self.error_messages[code]
                errors.extend(error.flat())
        if errors:
            raise ValidationError(errors)

    def clean(self, value: Any) -> Any:
        """Return the cleaned value, or a coroutine of it where a validator is ``async def``. Raises ``ValidationError``."""
        value = self.to_python(value)
        self.validate(value)
        waiting = self.run_validators(value)
        return value if waiting is None else _after(waiting, value)

    def clean_bound(self, bound: BoundField) -> Any:
        """Clean what was sent for the field, or its initial value when it is disabled."""
        return self.clean(bound.initial if self.disabled else bound.data)

    def refused(self, code: str, **params: Any) -> ValidationError:
        """Return the error of this code with the field's own message."""
        return ValidationError(self.error_messages[code], code=code, params=params or None)

    # -- showing -------------------------------------------------------------------------------------------------

    def prepare_value(self, value: Any) -> Any:
        """Return a cleaned or initial value as the widget takes it."""
        return value

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return what a bound form shows: what was sent."""
        return initial if self.disabled else data

    def widget_attrs(self, widget: Widget) -> dict[str, Any]:
        """Return the HTML attributes that follow from the field's options."""
        return {}

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Say whether what was sent differs from the initial value."""
        if self.disabled:
            return False
        try:
            value = self.to_python(data)
        except ValidationError:
            return True
        return bool(("" if initial is None else initial) != ("" if value is None else value))

    def get_bound_field(self, form: Any, field_name: str) -> BoundField:
        """Return the field together with the data of a form."""
        chosen: type[BoundField] = self.bound_field_class or form.bound_field_class or BoundField
        return chosen(form, self, field_name)


async def _after(waiting: Any, value: Any) -> Any:
    await waiting
    return value
