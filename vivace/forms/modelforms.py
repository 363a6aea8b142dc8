"""ModelForm: a form made of a model, that writes an object.

Theory. ``class Meta`` says which fields of the model the form has; each becomes a form field (``modelfields.py``), and those
written in the class body take their place. Cleaning goes on where a form's ends (``post_clean``):

1. cleaned values go into ``instance`` (``construct_instance``);
2. the model checks itself: ``clean_fields``, ``clean``, unique fields, constraints; never what the form does not show or
   has refused already, for nobody could correct that (``validation_exclusions``);
3. what it finds stands at the field it concerns, in the form's own words where it has some.

``await form.save()`` writes the object, then its many-to-many relations, in one transaction. Somebody else may have taken a
unique value between the check and the write: the database refuses then, and the form has the error that the check would
have found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from vivace.errors import FieldError, FormError, nearest
from vivace.errors.models import NON_FIELD_ERRORS, ValidationError
from vivace.models.query.queryset import QuerySet

from .base import BaseForm, FormOptions, FormType
from .fields import Field
from .modelchoices import ModelChoiceField
from .modelfields import formfield_for, made
from .saving import clash_of, written

if TYPE_CHECKING:
    from typing import Unpack

ALL_FIELDS: Final = "__all__"
CHANGES: Final = ("widgets", "labels", "help_texts", "error_messages", "field_classes", "localized_fields")
_OPTIONS: Final = ("model", "fields", "exclude", "formfield_callback", *CHANGES)


class ModelFormOptions:
    """What ``class Meta`` of a model form says."""

    def __init__(self, meta: Any = None) -> None:
        given = {name for name in dir(meta) if not name.startswith("_")} if meta is not None else set[str]()
        unknown = sorted(given.difference(_OPTIONS))
        if unknown:
            raise FormError(
                f"Meta of a model form has no option {unknown[0]!r}.",
                expected=f"one of {', '.join(_OPTIONS)}",
                fix=nearest(unknown[0], _OPTIONS),
            )
        self.model: Any = getattr(meta, "model", None)
        self.fields: Any = getattr(meta, "fields", None)
        self.exclude: Any = getattr(meta, "exclude", None)
        self.formfield_callback: Any = getattr(meta, "formfield_callback", None)
        self.widgets: Mapping[str, Any] | None = getattr(meta, "widgets", None)
        self.labels: Mapping[str, Any] | None = getattr(meta, "labels", None)
        self.help_texts: Mapping[str, Any] | None = getattr(meta, "help_texts", None)
        self.error_messages: Mapping[str, Any] | None = getattr(meta, "error_messages", None)
        self.field_classes: Mapping[str, Any] | None = getattr(meta, "field_classes", None)
        self.localized_fields: Any = getattr(meta, "localized_fields", None)

    def check(self, form: str) -> None:
        """Raise ``FormError`` where nothing says which fields the form has, or a name stands for a list of them."""
        for name in ("fields", "exclude", "localized_fields"):
            value = getattr(self, name)
            if isinstance(value, str) and not (name != "exclude" and value == ALL_FIELDS):
                raise FormError(
                    f"{form}.Meta.{name} is a text.",
                    expected="a list of names" + ("" if name == "exclude" else f', or "{ALL_FIELDS}"'),
                    got=repr(value),
                    fix=f"{name} = [{value!r}]",
                )
        if self.model is not None and self.fields is None and self.exclude is None:
            raise FormError(
                f"{form}.Meta names neither fields nor exclude: a field that is added to the model later would be open to all.",
                expected='fields = ["name", …], fields = "__all__" or exclude = […]',
                fix="name the fields that people may fill in",
            )


def fields_for_model(
    model: Any,
    fields: Any = None,
    exclude: Iterable[str] | None = None,
    *,
    formfield_callback: Callable[..., Any] | None = None,
    **changes: Any,
) -> dict[str, Field | None]:
    """Return form fields by name, in the order of ``fields``, else of the model; ``None`` for names the model lacks.

    ``changes``: ``widgets``, ``labels``, ``help_texts``, ``error_messages``, ``field_classes``, ``localized_fields``.
    """
    wanted = None if fields is None or fields == ALL_FIELDS else list(fields)
    without = set(exclude or ())
    found: dict[str, Field | None] = {}
    skipped: set[str] = set()
    for field in _form_candidates(model):
        if not field.editable:
            if wanted is not None and field.name in wanted and field.name not in without:
                raise _not_editable(model, field)
            continue
        if field.name in without or (wanted is not None and field.name not in wanted):
            continue
        options = _options_for(field.name, changes)
        if formfield_callback is None:
            form_field = formfield_for(field, **options)
        else:
            form_field = made(formfield_callback(field, **options))
        if form_field is None:
            skipped.add(field.name)
        else:
            found[field.name] = form_field
    if wanted is None:
        return found
    return {name: found.get(name) for name in wanted if name not in without and name not in skipped}


def _form_candidates(model: Any) -> list[Any]:
    options = model._meta
    private = [field for field in options.private_fields if hasattr(field, "creation_counter")]
    return sorted(
        chain(options.concrete_fields, private, options.many_to_many), key=lambda f: f.creation_counter
    )


def _not_editable(model: Any, field: Any) -> FieldError:
    return FieldError(
        f"{field.name!r} cannot be specified for {model.__name__} model form as it is a non-editable field.",
        expected="a field that people may fill in",
        fix=f"leave it out, or set editable=True on {field}",
    )


def _options_for(name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``Meta`` says of one field, as options of its form field."""
    unknown = sorted(changes.keys() - set(CHANGES))
    if unknown:
        raise TypeError(f"fields_for_model() got an unexpected keyword argument {unknown[0]!r}")
    options: dict[str, Any] = {}
    for group, option in (
        ("widgets", "widget"),
        ("labels", "label"),
        ("help_texts", "help_text"),
        ("error_messages", "error_messages"),
        ("field_classes", "form_class"),
    ):
        known: Mapping[str, Any] = changes.get(group) or {}
        if name in known:
            options[option] = known[name]
    localized = changes.get("localized_fields")
    if localized and (localized == ALL_FIELDS or name in localized):
        options["localize"] = True
    return options


class ModelFormMetaclass(FormType):
    """The metaclass of model forms: adds the fields that ``Meta`` names to those of the class body."""

    _meta: ModelFormOptions

    def __new__(
        metacls, name: str, bases: tuple[type[Any], ...], namespace: dict[str, Any], **options: Any
    ) -> ModelFormMetaclass:
        cls = cast("ModelFormMetaclass", super().__new__(metacls, name, bases, namespace, **options))
        meta = cls._meta = ModelFormOptions(getattr(cls, "Meta", None))
        meta.check(name)
        if meta.model is None:
            return cls
        changes = {each: getattr(meta, each) for each in CHANGES}
        fields = fields_for_model(
            meta.model, meta.fields, meta.exclude, formfield_callback=meta.formfield_callback, **changes
        )
        missing = [
            each for each, field in fields.items() if field is None and each not in cls.declared_fields
        ]
        if missing:
            raise _unknown_field(meta.model, name, missing[0])
        fields.update(cls.declared_fields)  # in the place where Meta names them, else at the end
        cls.base_fields = {each: field for each, field in fields.items() if field is not None}
        return cls


def _unknown_field(model: Any, form: str, name: str) -> FieldError:
    names = [field.name for field in _form_candidates(model)]
    return FieldError(
        f"{form}.Meta.fields names {name!r}, which {model.__name__} does not have.",
        expected=f"one of {', '.join(names)}, or a field of the form's own",
        fix=nearest(name, names),
    )


class BaseModelForm(BaseForm):
    """What model forms do; ``ModelForm`` adds the declaration."""

    _meta: ClassVar[ModelFormOptions]

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        files: Mapping[str, Any] | None = None,
        *,
        instance: Any = None,
        initial: Mapping[str, Any] | None = None,
        prefix: str | None = None,
        **options: Unpack[FormOptions],
    ) -> None:
        meta = self._meta
        if meta.model is None:
            raise FormError(
                f"{type(self).__name__} has no model.",
                expected="class Meta: model = …; fields = […]",
                fix="write Meta, or derive from Form",
            )
        self.instance: Any = meta.model() if instance is None else instance
        known = {} if instance is None else model_to_dict(instance, meta.fields, meta.exclude)
        super().__init__(data, files, initial={**known, **(initial or {})}, prefix=prefix, **options)
        self._checks_unique = False
        self._waits_for_m2m = False
        for field in self.fields.values():
            if isinstance(field, ModelChoiceField):
                field.limit()

    # -- loading -------------------------------------------------------------------------------------------------

    async def load(self) -> None:
        """Fetch choices and related rows, to show the form outside of templates."""
        await self._load_initial()
        for field in self.fields.values():
            if isinstance(field, ModelChoiceField):
                await field.load()

    async def _load_initial(self) -> None:
        """Fetch the rows that many-to-many fields start with: without them nobody can say what was changed."""
        for field in self._meta.model._meta.many_to_many:
            rows = self.initial.get(field.name)
            if field.name in self.fields and isinstance(rows, QuerySet):
                await rows

    # -- cleaning ------------------------------------------------------------------------------------------------

    def clean(self) -> Any:
        """Check what concerns several fields; a form that overrides it calls this, or unique fields are not checked."""
        self._checks_unique = True
        return self.cleaned_data

    async def full_clean(self) -> None:
        """Clean the data anew: fills ``errors`` and ``cleaned_data``, and sets the values on ``instance``."""
        if self.is_bound:
            await self._load_initial()
        await super().full_clean()

    def validation_exclusions(self) -> set[str]:
        """Return the model's fields that it must not check: not in the form, refused already, or allowed to be empty."""
        meta = self._meta
        return {f.name for f in self.instance._meta.fields if self._is_excluded(f, meta)}

    def _is_excluded(self, field: Any, meta: ModelFormOptions) -> bool:
        name = field.name
        if name not in self.fields or name in self.errors:
            return True
        if meta.fields and meta.fields != ALL_FIELDS and name not in meta.fields:
            return True
        if meta.exclude and name in meta.exclude:
            return True
        form_field = self.fields[name]
        empty = self.cleaned_data.get(name) in form_field.empty_values
        return not field.blank and not form_field.required and empty

    async def post_clean(self) -> None:
        """Set the values on the instance and let the model check itself."""
        exclude = self.validation_exclusions()
        try:
            construct_instance(self, self.instance, self._meta.fields, self._meta.exclude)
            await self.instance.full_clean(exclude=exclude, validate_unique=False, validate_constraints=False)
        except ValidationError as error:
            self._take(error)
        if self._checks_unique:
            await self.validate_unique()
        await self.validate_constraints()

    async def validate_unique(self) -> None:
        """Ask whether unique values are free."""
        try:
            await self.instance.validate_unique(exclude=self.validation_exclusions())
        except ValidationError as error:
            self._take(error)

    async def validate_constraints(self) -> None:
        """Check the constraints of the model."""
        try:
            await self.instance.validate_constraints(exclude=self.validation_exclusions())
        except ValidationError as error:
            self._take(error)

    def _take(self, error: ValidationError) -> None:
        """Add the model's errors, in the form's own words where it has some."""
        by_field: dict[str, list[ValidationError]] = error.__dict__.get("error_dict") or {
            NON_FIELD_ERRORS: error.error_list
        }
        own: Mapping[str, Any] = self._meta.error_messages or {}
        for name, found in by_field.items():
            if name == NON_FIELD_ERRORS:
                words: Mapping[str, str] = own.get(NON_FIELD_ERRORS, {})
            else:
                words = self.fields[name].error_messages if name in self.fields else {}
            for each in found:
                if each.given_code in words:
                    each.message = words[each.given_code or ""]
            self.add_error(name if name in self.fields else None, found)

    # -- saving --------------------------------------------------------------------------------------------------

    async def save(self, commit: bool = True) -> Any:
        """Write the object and its many-to-many relations, and return it. ``commit=False``: only return it.

        With ``commit=False`` write the object yourself, then ``await form.save_m2m()``. Raises ``FormError`` for a form
        that is not valid, ``ValidationError`` where the database refuses a value that was free when it was checked: the
        form has that error then.
        """
        if self.errors:
            state = "created" if self.instance._state.adding else "changed"
            raise FormError(
                f"The {self.instance._meta.object_name} could not be {state} because the data didn't validate.",
                expected="a form that is valid",
                got=", ".join(self.errors),
                fix="write `if await form.is_valid():` first",
            )
        _ = self.cleaned_data  # raises for a form that nobody validated
        if not commit:
            self._waits_for_m2m = True
            return self.instance
        try:
            await written(self)
        except Exception as error:
            clash = clash_of(error, self.instance, self.fields)
            if clash is None:
                raise
            self._take(clash)
            raise clash from error
        return self.instance

    async def _save_m2m(self) -> None:
        """Write the many-to-many relations of the saved object."""
        for field in self.many_to_many():
            await getattr(self.instance, field.name).set(self.cleaned_data[field.name])

    def many_to_many(self) -> list[Any]:
        """Return the model's many-to-many fields that the form sets."""
        meta, cleaned = self._meta, self.cleaned_data
        return [
            field
            for field in chain(self.instance._meta.many_to_many, self.instance._meta.private_fields)
            if hasattr(field, "save_form_data")
            and field.many_to_many
            and field.name in cleaned
            and _is_meant(field.name, meta.fields, meta.exclude)
        ]

    async def save_m2m(self) -> None:
        """Write the many-to-many relations, after ``save(commit=False)``; raises ``FormError`` without that."""
        if not self._waits_for_m2m:
            raise FormError(
                f"save_m2m() of {type(self).__name__} was called without save(commit=False) before it.",
                fix="`await form.save()` writes many-to-many relations too",
            )
        await self._save_m2m()


class ModelForm(BaseModelForm, metaclass=ModelFormMetaclass):
    """A form for a model: ``class Meta: model = Book; fields = ["title"]``; ``await form.save()`` returns the object."""


def _is_meant(name: str, fields: Any, exclude: Any) -> bool:
    if fields and fields != ALL_FIELDS and name not in fields:
        return False
    return not (exclude and name in exclude)


def construct_instance(form: BaseForm, instance: Any, fields: Any = None, exclude: Any = None) -> Any:
    """Set a form's cleaned values on an object, files last, and return it; nothing is written.

    A field that was not sent keeps the model's default.
    """
    cleaned = form.cleaned_data
    files: list[Any] = []
    for field in instance._meta.fields:
        name = field.name
        if not field.editable or name not in cleaned or not _is_meant(name, fields, exclude):
            continue
        if field.primary_key and field is instance._meta.auto_field:
            continue
        bound = form[name].field if name in form else None
        if (
            bound is not None
            and field.has_default()
            and bound.widget.value_omitted_from_data(form.data, form.files, form.add_prefix(name))
            and cleaned.get(name) in bound.empty_values
        ):
            continue
        if field.saves_first:
            files.append(field)  # a function of upload_to may look at the other values
        else:
            field.save_form_data(instance, cleaned[name])
    for field in files:
        field.save_form_data(instance, cleaned[field.name])
    return instance


def model_to_dict(instance: Any, fields: Any = None, exclude: Any = None) -> dict[str, Any]:
    """Return what a form of an object starts with, by field; a many-to-many field gives its rows, not fetched yet."""
    values: dict[str, Any] = {}
    options = instance._meta
    for field in chain(options.concrete_fields, options.private_fields, options.many_to_many):
        if not getattr(field, "editable", False) or not _is_meant(field.name, fields, exclude):
            continue
        if field.many_to_many:
            values[field.name] = [] if instance.pk is None else getattr(instance, field.name).all()
        else:
            values[field.name] = field.value_from_object(instance)
    return values


def modelform_factory(
    model: Any,
    form: type[BaseModelForm] = ModelForm,
    *,
    fields: Any = None,
    exclude: Iterable[str] | None = None,
    formfield_callback: Callable[..., Any] | None = None,
    **changes: Any,
) -> Any:
    """Return a model form class for a model; ``changes`` are those of ``fields_for_model``."""
    base = getattr(form, "Meta", None)
    given: dict[str, Any] = {
        "fields": fields,
        "exclude": exclude,
        "formfield_callback": formfield_callback,
        **changes,
    }
    named: dict[str, Any] = {"model": model, **{name: value for name, value in given.items() if value}}
    meta = type("Meta", (base,) if base is not None else (), named)
    if getattr(meta, "fields", None) is None and getattr(meta, "exclude", None) is None:
        raise FormError(
            f"modelform_factory({model.__name__}) was told neither fields nor exclude.",
            expected='fields=["name", …], fields="__all__" or exclude=[…]',
        )
    make: Any = type(form)
    return make(f"{model.__name__}Form", (form,), {"Meta": meta, "__module__": form.__module__})


__all__ = [
    "ALL_FIELDS",
    "BaseModelForm",
    "ModelForm",
    "ModelFormMetaclass",
    "ModelFormOptions",
    "construct_instance",
    "fields_for_model",
    "model_to_dict",
    "modelform_factory",
]
