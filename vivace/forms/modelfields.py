"""From the field of a model to the field of a form: Django's mapping, as a table.

``formfield_for(field)`` asks ``field.formfield()``, which a custom field may override, and makes what it says:

1. a field with choices becomes a ``TypedChoiceField``, whatever its kind;
2. else ``KINDS`` tells class and options by the nearest class of the field that stands in it; ``None``: no form asks for it;
3. label, help text, ``required`` and initial value are those of the field, unless the caller says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from vivace.errors import FormError
from vivace.models.fields.choices import flattened
from vivace.models.fields.forming import FormFieldSpec

from . import fields as forms
from .fields.files import FileField
from .fields.postgresql import HStoreField, SimpleArrayField
from .modelchoices import ModelChoiceField, ModelMultipleChoiceField
from .widgets import Textarea

Kind: TypeAlias = "tuple[type[forms.Field], dict[str, Any]] | None"

BLANK: Final = ("", "---------")
BIG: Final = 9_223_372_036_854_775_807
# What a choice field takes of the options that were meant for a field without choices.
CHOICE_OPTIONS: Final = frozenset(
    "coerce empty_value choices required widget label initial help_text error_messages show_hidden_initial "
    "disabled".split()
)


def formfield_for(field: Any, **options: Any) -> forms.Field | None:
    """Return the form field for a model's field, ``None`` where no form asks for it."""
    return made(field.formfield(**options))


def made(spec: Any) -> forms.Field | None:
    """Return what ``formfield()`` of a model's field said: made of a description, or as it is."""
    if spec is None or isinstance(spec, forms.Field):
        return spec
    if not isinstance(spec, FormFieldSpec):
        raise FormError(
            "formfield() of a model's field returned something else than a form field.",
            expected="what super().formfield(…) returns, a form field, or None",
            got=repr(spec),
        )
    kind = _kind_of(spec)
    if kind is None:
        return None
    form_class, own = kind
    field = spec.field
    if field.choices is not None and not field.is_relation:
        return _of_choices(spec, form_class, own)
    given = {**_common(field), **own, **spec.options}
    return (spec.form_class or form_class)(**given)


def _kind_of(spec: FormFieldSpec) -> Kind:
    for cls in type(spec.field).__mro__:
        make = KINDS.get(cls.__name__)
        if make is not None and cls.__module__.startswith("vivace.models."):
            return make(spec.field)
    if spec.form_class is not None or spec.field.choices is not None:
        return forms.CharField, {}
    raise FormError(
        f"No form field is known for {spec.field} ({type(spec.field).__name__}).",
        fix="name one in Meta.field_classes, override formfield() of the field, or leave it out of Meta.fields",
    )


def _common(field: Any) -> dict[str, Any]:
    """Return what every form field takes over."""
    label = str(field.verbose_name or "")
    common: dict[str, Any] = {
        "required": not field.blank,
        "label": label[:1].upper() + label[1:],
        "help_text": field.help_text,
    }
    if field.has_default():
        if callable(field.default):
            common.update(initial=field.default, show_hidden_initial=True)
        else:
            common["initial"] = field.get_default()
    return common


def _of_choices(spec: FormFieldSpec, form_class: type[forms.Field], own: Mapping[str, Any]) -> forms.Field:
    field = spec.field
    nullable = form_class is forms.NullBooleanField or form_class is forms.BooleanField
    known = field.has_default() or "initial" in spec.options
    blank = not known if nullable else (field.blank or not known)
    given: dict[str, Any] = {**_common(field), "choices": choices_of(field, blank), "coerce": field.to_python}
    if field.null:
        given["empty_value"] = None
    given.update((name, value) for name, value in own.items() if name in CHOICE_OPTIONS and name != "widget")
    given.update((name, value) for name, value in spec.options.items() if name in CHOICE_OPTIONS)
    chosen = spec.choices_form_class or forms.TypedChoiceField
    return chosen(**given)


def choices_of(field: Any, include_blank: bool) -> Any:
    """Return a field's choices, with an empty one in front if asked for and none is there."""
    if not include_blank or any(key in ("", None) for key, _ in flattened(field.choices)):
        return field.choices

    def with_blank() -> list[Any]:
        return [BLANK, *field.choices]

    return with_blank if hasattr(field.choices, "function") else with_blank()  # a function is asked each time


# -- kinds -----------------------------------------------------------------------------------------------------------


def _text(field: Any) -> Kind:
    own: dict[str, Any] = {"max_length": field.max_length}
    if field.null:
        own["empty_value"] = None
    return forms.CharField, own


def _long_text(field: Any) -> Kind:
    return forms.CharField, {"max_length": field.max_length, "widget": Textarea}


def _as(form_class: type[forms.Field], **own: Any) -> Callable[[Any], Kind]:
    return lambda field: (form_class, dict(own))


def _slug(field: Any) -> Kind:
    return forms.SlugField, {**_text_options(field), "allow_unicode": field.allow_unicode}


def _like_text(form_class: type[forms.Field]) -> Callable[[Any], Kind]:
    return lambda field: (form_class, _text_options(field))


def _text_options(field: Any) -> dict[str, Any]:
    kind = _text(field)
    return {} if kind is None else kind[1]


def _decimal(field: Any) -> Kind:
    return forms.DecimalField, {"max_digits": field.max_digits, "decimal_places": field.decimal_places}


def _boolean(field: Any) -> Kind:
    if field.choices is not None:
        return forms.NullBooleanField, {}
    return (forms.NullBooleanField if field.null else forms.BooleanField), {"required": False}


def _path(field: Any) -> Kind:
    names = ("match", "recursive", "allow_files", "allow_folders")
    return forms.FilePathField, {"path": field.folder, **{name: getattr(field, name) for name in names}}


def _address(field: Any) -> Kind:
    return forms.GenericIPAddressField, {"protocol": field.protocol}


def _json(field: Any) -> Kind:
    return forms.JSONField, {"encoder": field.encoder, "decoder": field.decoder}


def _array(field: Any) -> Kind:
    base = formfield_for(field.base_field)
    return None if base is None else (SimpleArrayField, {"base_field": base, "max_length": field.size})


def _file(field: Any) -> Kind:
    return FileField, {"max_length": field.max_length}


def _foreign(field: Any) -> Kind:
    if getattr(field.remote_field, "parent_link", False):
        return None
    own = {**_related(field), "to_field_name": field.remote_field.field_name, "blank": field.blank}
    return ModelChoiceField, own


def _many(field: Any) -> Kind:
    return ModelMultipleChoiceField, _related(field)


def _related(field: Any) -> dict[str, Any]:
    target = field.remote_field.model
    if isinstance(target, str):
        raise FormError(
            f"The form field for {field} cannot be made yet: {target!r} is not defined.",
            expected="a form that is declared after the models it needs",
            fix="import the module of that model above the form",
        )
    return {
        "queryset": target._default_manager.all(),
        "limit_choices_to": field.remote_field.limit_choices_to,
    }


KINDS: Final[Mapping[str, Callable[[Any], Kind]]] = {
    "ArrayField": _array,
    "AutoField": lambda field: None,
    "BigIntegerField": _as(forms.IntegerField, min_value=-BIG - 1, max_value=BIG),
    "BinaryField": lambda field: None,
    "BooleanField": _boolean,
    "CharField": _text,
    "CompositePrimaryKey": lambda field: None,
    "DateField": _as(forms.DateField),
    "DateTimeField": _as(forms.DateTimeField),
    "DecimalField": _decimal,
    "DurationField": _as(forms.DurationField),
    "EmailField": _like_text(forms.EmailField),
    "FileField": _file,
    "FilePathField": _path,
    "FloatField": _as(forms.FloatField),
    "ForeignKey": _foreign,
    "GeneratedField": lambda field: None,
    "GenericIPAddressField": _address,
    "HStoreField": _as(HStoreField),
    "IntegerField": _as(forms.IntegerField),
    "JSONField": _json,
    "ManyToManyField": _many,
    "PositiveBigIntegerField": _as(forms.IntegerField, min_value=0, max_value=BIG),
    "PositiveIntegerField": _as(forms.IntegerField, min_value=0),
    "SlugField": _slug,
    "TextField": _long_text,
    "TimeField": _as(forms.TimeField),
    "URLField": _like_text(forms.URLField),
    "UUIDField": _as(forms.UUIDField),
}
"""Form field and options by the name of the model field's class."""


__all__ = ["KINDS", "formfield_for", "made"]
