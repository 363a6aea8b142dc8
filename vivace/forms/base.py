"""Form: a declared set of fields, and what one request sent for them.

Theory. A form is made *unbound* (nothing was sent: it shows initial values) or *bound* to data. ``await form.is_valid()`` cleans
a bound form once: every field (``Field.clean``, then ``clean_<name>``), then the whole (``clean``). What is right goes into
``cleaned_data``, what is wrong into ``errors``. Cleaning may ask a database and so must be awaited; therefore reading
``errors`` never cleans, as it does in Django, but says that ``is_valid`` was not awaited.

Everything a class says is copied for each form, fields too, so that ``__init__`` may change them for one request.
"""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, TypedDict, cast

from markupsafe import Markup

from vivace.errors import FormError, FormNotValidated, UnknownFormField, nearest
from vivace.errors.models import NON_FIELD_ERRORS, ValidationError
from vivace.http.forms import FormData
from vivace.http.multidict import MultiDict

from .boundfield import CLOSED, BoundField
from .errors import ErrorDict, ErrorList
from .fields import Field
from .html import template_method
from .media import Media, media_of
from .options import complete
from .rendering import Renderer
from .steps import settled
from .widgets import Widget

if TYPE_CHECKING:
    from typing import Unpack

EMPTY: Final = MultiDict()


class FormOptions(TypedDict, total=False):
    """How a form is shown, and what may be left empty."""

    auto_id: str | bool
    error_class: type[ErrorList]
    label_suffix: str | None
    empty_permitted: bool
    field_order: Iterable[str] | None
    use_required_attribute: bool | None
    renderer: Renderer | None
    bound_field_class: type[BoundField] | None


DEFAULTS: Final[Mapping[str, Any]] = {
    "auto_id": "id_%s",
    "error_class": ErrorList,
    "label_suffix": None,
    "empty_permitted": False,
    "field_order": None,
    "use_required_attribute": None,
    "renderer": None,
    "bound_field_class": None,
}


class SummaryLink(NamedTuple):
    """A line of the summary of errors: the id it leads to ("": to none) and its text."""

    target: str
    text: str


class FormType(type):
    """The metaclass of forms: collects fields from class bodies, in order; ``name = None`` removes an inherited one."""

    base_fields: dict[str, Field]
    declared_fields: dict[str, Field]
    _lonely: tuple[str, ...]

    def __new__(
        metacls, name: str, bases: tuple[type[Any], ...], namespace: dict[str, Any], **options: Any
    ) -> FormType:
        own = {key: value for key, value in namespace.items() if isinstance(value, Field)}
        for key in own:
            del namespace[key]
        namespace["declared_fields"] = own
        cls = super().__new__(metacls, name, bases, namespace, **options)
        fields: dict[str, Field] = {}
        for base in reversed(cls.__mro__):
            fields.update(base.__dict__.get("declared_fields", {}))
            for key, value in base.__dict__.items():
                if value is None and key in fields:
                    del fields[key]
        cls.base_fields = cls.declared_fields = fields
        cls._lonely = tuple(_lonely_cleaners(cls, fields))
        return cls


def _lonely_cleaners(cls: type[Any], fields: Mapping[str, Field]) -> Iterator[str]:
    """Yield x of each method ``clean_x(self)`` for which the class has no field: ``__init__`` may add it, or it is misspelt."""
    for name in dir(cls):
        if not name.startswith("clean_") or name[6:] in fields or hasattr(BaseForm, name):
            continue
        method: Any = inspect.getattr_static(cls, name)
        if inspect.isfunction(method) and len(inspect.signature(method).parameters) == 1:
            yield name[6:]


class BaseForm:
    """What forms do; ``Form`` adds the declaration of fields in the class body."""

    base_fields: ClassVar[dict[str, Field]] = {}
    declared_fields: ClassVar[dict[str, Field]] = {}
    _lonely: ClassVar[tuple[str, ...]] = ()

    default_renderer: Renderer | type[Renderer] | None = None
    field_order: Iterable[str] | None = None
    prefix: str | None = None
    use_required_attribute: bool = True
    bound_field_class: type[BoundField] | None = None
    error_css_class: str = ""
    required_css_class: str = ""
    error_title: str = "Please check what you entered:"
    """The first line of the summary of errors."""
    template_name_div: str = "vivace/forms/div.html"
    template_name_p: str = "vivace/forms/p.html"
    template_name_table: str = "vivace/forms/table.html"
    template_name_ul: str = "vivace/forms/ul.html"
    template_name_label: str = "vivace/forms/label.html"
    template_name_summary: str = "vivace/forms/summary.html"

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        files: Mapping[str, Any] | None = None,
        *,
        initial: Mapping[str, Any] | None = None,
        prefix: str | None = None,
        **options: Unpack[FormOptions],
    ) -> None:
        given = complete(
            type(self).__name__,
            cast("Mapping[str, Any]", options),
            DEFAULTS,
            ("data", "files", "initial", "prefix"),
        )
        self.is_bound = data is not None or files is not None
        if isinstance(data, FormData):
            files = data.files if files is None else files
            data = data.fields
        self.data: Mapping[str, Any] = EMPTY if data is None else data
        self.files: Mapping[str, Any] = EMPTY if files is None else files
        self.initial: Mapping[str, Any] = initial or {}
        self.auto_id: str | bool = given["auto_id"]
        self.error_class: type[ErrorList] = given["error_class"]
        self.label_suffix: str = ":" if given["label_suffix"] is None else given["label_suffix"]
        self.empty_permitted: bool = given["empty_permitted"]
        if prefix is not None:
            self.prefix = prefix
        if given["use_required_attribute"] is not None:
            self.use_required_attribute = given["use_required_attribute"]
        if self.empty_permitted and self.use_required_attribute:
            raise FormError(
                f"{type(self).__name__} may be left empty, and its elements are required.",
                fix="give use_required_attribute=False beside empty_permitted=True",
            )
        memo: dict[int, Any] = {}
        self.fields: dict[str, Field] = {
            name: field.__deepcopy__(memo) for name, field in self.base_fields.items()
        }
        self.order_fields(self.field_order if given["field_order"] is None else given["field_order"])
        self.renderer: Renderer = self._own_renderer(given["renderer"])
        self.bound_field_class = (
            given["bound_field_class"] or self.bound_field_class or self.renderer.bound_field_class
        )
        self._errors: ErrorDict | None = None
        self._cleaned: dict[str, Any] | None = None
        self._bound: dict[str, tuple[type[BoundField], dict[str, Any]]] = {}  # see ``BoundField``

    def _own_renderer(self, given: Renderer | type[Renderer] | None) -> Renderer:
        chosen = given or self.default_renderer or Renderer
        return (chosen() if isinstance(chosen, type) else chosen).for_form()

    def order_fields(self, field_order: Iterable[str] | None) -> None:
        """Put the named fields first, in this order; names of no field are passed over."""
        if field_order is None:
            return
        first = {name: self.fields[name] for name in field_order if name in self.fields}
        self.fields = {**first, **self.fields}

    def __repr__(self) -> str:
        valid = "Unknown" if self._errors is None else self.is_bound and not self._errors
        return (
            f"<{type(self).__name__} bound={self.is_bound}, valid={valid}, fields=({';'.join(self.fields)})>"
        )

    # -- fields --------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[BoundField]:
        return (self[name] for name in self.fields)

    def __getitem__(self, name: str) -> BoundField:
        """Return a field with its data. Raises ``UnknownFormField``."""
        known = self._bound.get(name)
        field = self.fields.get(name)
        if known is not None and known[1]["field"] is field:
            return known[0].again(self, known[1])
        if field is None:
            raise self._unknown(name)
        bound = field.get_bound_field(self, name)
        self._bound[name] = type(bound), bound.__dict__
        return bound

    def __contains__(self, name: object) -> bool:
        return name in self.fields

    def _unknown(self, name: str) -> UnknownFormField:
        return UnknownFormField(
            f"{type(self).__name__} has no field {name!r}.",
            expected=f"one of {', '.join(self.fields)}",
            fix=nearest(str(name), self.fields),
        )

    @template_method
    def hidden_fields(self) -> list[BoundField]:
        return [bound for bound in self if bound.is_hidden]

    @template_method
    def visible_fields(self) -> list[BoundField]:
        return [bound for bound in self if not bound.is_hidden]

    def add_prefix(self, field_name: str) -> str:
        """Return the name that a field has in what is sent."""
        return f"{self.prefix}-{field_name}" if self.prefix else field_name

    def add_initial_prefix(self, field_name: str) -> str:
        return f"initial-{self.add_prefix(field_name)}"

    def widget_data(self, widget: Widget, html_name: str) -> Any:
        """Return what was sent under a name, as a widget reads it."""
        return widget.value_from_datadict(self.data, self.files, html_name)

    def get_initial_for_field(self, field: Field, field_name: str) -> Any:
        """Return the initial value: the form's, else the field's; functions are called."""
        value: Any = self.initial.get(field_name, field.initial)
        if callable(value):
            value = value()
        if isinstance(value, dt.datetime | dt.time) and not field.widget.supports_microseconds:
            value = value.replace(microsecond=0)  # or a value that was only shown would count as changed
        return value

    @property
    def media(self) -> Media:
        """The scripts and stylesheets of the form and its widgets."""
        media = media_of(type(self))
        for field in self.fields.values():
            media = media + field.widget.media
        return media

    @template_method
    def is_multipart(self) -> bool:
        """Say whether the form has files, and so must be sent as ``multipart/form-data``."""
        return any(field.widget.needs_multipart_form for field in self.fields.values())

    # -- cleaning ------------------------------------------------------------------------------------------------

    async def is_valid(self) -> bool:
        """Clean the data, the first time, and return whether all of it is right; ``False`` for an unbound form."""
        if self._errors is None:
            await self.full_clean()
        return self.is_bound and not self._errors

    @property
    def errors(self) -> ErrorDict:
        """What is wrong, by field. Raises ``FormNotValidated`` before ``await form.is_valid()``."""
        if self._errors is None:
            if self.is_bound:
                raise self._not_validated("errors")
            self._errors = ErrorDict(renderer=self.renderer)
        return self._errors

    @property
    def cleaned_data(self) -> dict[str, Any]:
        """The values of the fields that are right. Raises ``FormNotValidated`` before ``await form.is_valid()``."""
        if self._cleaned is None:
            raise self._not_validated("cleaned_data")
        return self._cleaned

    @cleaned_data.setter
    def cleaned_data(self, value: dict[str, Any]) -> None:
        self._cleaned = value

    def _not_validated(self, name: str) -> FormNotValidated:
        if not self.is_bound:
            return FormNotValidated(
                f"{name} of {type(self).__name__} was read, and nothing was sent to this form.",
                fix=f"make it with the data of a request: {type(self).__name__}(await request.form())",
            )
        return FormNotValidated(
            f"{name} of {type(self).__name__} was read before the form was validated.",
            fix="write `if await form.is_valid():` first",
        )

    async def full_clean(self) -> None:
        """Clean the data anew: fills ``errors`` and ``cleaned_data``."""
        self._check_cleaners()
        self._errors = ErrorDict(renderer=self.renderer)
        if not self.is_bound:
            return
        self._cleaned = {}
        if self.empty_permitted and not self.has_changed():
            return
        await self.clean_fields()
        await self.clean_form()
        await self.post_clean()

    async def clean_fields(self) -> None:
        """Clean every field: ``Field.clean``, then ``clean_<name>``."""
        cleaned = self.cleaned_data
        for name in self.fields:
            bound = self[name]
            try:
                cleaned[name] = await settled(bound.field.clean_bound(bound))
                own: Any = getattr(self, f"clean_{name}", None)
                if own is not None:
                    cleaned[name] = await settled(own())
            except ValidationError as error:
                self.add_error(name, error)

    async def clean_form(self) -> None:
        """Call ``clean`` and take what it returns, if it returns something, for ``cleaned_data``."""
        try:
            cleaned: Any = await settled(self.clean())
        except ValidationError as error:
            self.add_error(None, error)
        else:
            if cleaned is not None:
                self.cleaned_data = cleaned

    async def post_clean(self) -> None:
        """Do what follows cleaning: model forms check their object here."""

    def clean(self) -> Any:
        """Check what concerns several fields. Overridden as ``def`` or ``async def``; may return other ``cleaned_data``."""
        return self.cleaned_data

    def _check_cleaners(self) -> None:
        """Raise for a method ``clean_x`` that no field calls when a field has nearly its name."""
        for name in self._lonely:
            if name in self.fields or name in self.base_fields:
                continue
            hint = nearest(name, (each for each in self.fields if not hasattr(self, f"clean_{each}")))
            if hint:
                raise FormError(
                    f"clean_{name} of {type(self).__name__} is never called: the form has no field {name!r}.",
                    expected=f"one of {', '.join(self.fields)}",
                    fix=hint,
                )

    # -- errors --------------------------------------------------------------------------------------------------

    @template_method
    def non_field_errors(self) -> ErrorList:
        """Return the errors that concern no single field."""
        found = self.errors.get(NON_FIELD_ERRORS)
        return self.error_class(error_class="nonfield", renderer=self.renderer) if found is None else found

    def add_error(self, field: str | None, error: Any) -> None:
        """Add a text, a ``ValidationError``, a list of these, or, without ``field``, a mapping of fields to them.

        The field's value leaves ``cleaned_data``. Raises ``UnknownFormField`` for a field that the form does not have.
        """
        if not isinstance(error, ValidationError):
            error = ValidationError(error)
        by_field: dict[str, list[ValidationError]] | None = error.__dict__.get("error_dict")
        if by_field is None:
            by_field = {field or NON_FIELD_ERRORS: error.error_list}
        elif field is not None:
            raise FormError(
                f"add_error was given errors of several fields for the field {field!r}.",
                expected="None as the field beside a mapping",
            )
        for name, found in by_field.items():
            self._error_list(name).extend(found)
            for each in found:  # where they were raised is a frame that knows the form: a circle
                each.__traceback__ = each.__context__ = None
            if self._cleaned is not None:
                self._cleaned.pop(name, None)

    def _error_list(self, name: str) -> ErrorList:
        errors = self.errors
        if name not in errors:
            if name == NON_FIELD_ERRORS:
                errors[name] = self.error_class(error_class="nonfield", renderer=self.renderer)
            elif name in self.fields:
                errors[name] = self.error_class(renderer=self.renderer, field_id=self[name].auto_id)
            else:
                raise self._unknown(name)
        return errors[name]

    def has_error(self, field: str | None, code: str | None = None) -> bool:
        """Say whether a field was refused, by an error of this code if one is given; ``None``: the form as a whole."""
        errors = self.errors.get(field or NON_FIELD_ERRORS)
        if errors is None:
            return False
        return code is None or any(error.given_code == code for error in errors.as_data())

    def has_changed(self) -> bool:
        """Say whether what was sent differs from the initial values."""
        return bool(self.changed_data)

    @cached_property
    def changed_data(self) -> list[str]:
        """The names of the fields whose values differ from the initial ones."""
        return [name for name in self.fields if self[name].has_changed()]

    # -- looks ---------------------------------------------------------------------------------------------------

    @property
    def template_name(self) -> str:
        """The template of the whole form."""
        return self.renderer.form_template_name

    def get_context(self) -> dict[str, Any]:
        """Return what the form is rendered from: form, fields (each with its errors), hidden_fields, errors at the top."""
        self._check_cleaners()
        top = self.non_field_errors().copy()
        fields: list[tuple[BoundField, ErrorList]] = []
        hidden: list[BoundField] = []
        for bound in self:
            if bound.is_hidden:
                top.extend(f"(Hidden field {bound.name}) {message}" for message in bound.errors)
                hidden.append(bound)
            else:
                fields.append((bound, bound.errors))
        return {"form": self, "fields": fields, "hidden_fields": hidden, "errors": top}

    def render(
        self,
        template_name: str | None = None,
        context: dict[str, Any] | None = None,
        renderer: Renderer | None = None,
    ) -> Markup:
        """Return the form, by its own or another template."""
        chosen = renderer or self.renderer
        return chosen.render(template_name or self.template_name, context or self.get_context())

    def __html__(self) -> str:
        return self.render()

    __str__ = __html__

    @template_method
    def as_div(self) -> Markup:
        """Return each field as ``<div>`` or ``<fieldset>``, with a summary of errors above."""
        return self.render(self.template_name_div)

    @template_method
    def as_p(self) -> Markup:
        """Return each field as ``<p>``."""
        return self.render(self.template_name_p)

    @template_method
    def as_table(self) -> Markup:
        """Return each field as ``<tr>``, without the ``<table>``."""
        return self.render(self.template_name_table)

    @template_method
    def as_ul(self) -> Markup:
        """Return each field as ``<li>``, without the ``<ul>``."""
        return self.render(self.template_name_ul)

    @template_method
    def error_summary(self) -> Markup:
        """Return what is wrong with the form, with links to the fields; "" when nothing is."""
        context = {
            "form": self,
            "links": self.summary_links(),
            "title": self.error_title,
            "id": self.auto_id and f"{self.add_prefix('error')}_summary",
        }
        return self.renderer.render(self.template_name_summary, context)

    def summary_links(self) -> list[SummaryLink]:
        """Return the lines of the summary: errors of no field, of hidden fields, then of each visible field."""
        if not self.errors:
            return []
        context = self.get_context()
        links = [SummaryLink("", message) for message in context["errors"]]
        for bound, errors in context["fields"]:
            name = bound.label.striptags() if isinstance(bound.label, Markup) else str(bound.label)
            colon = "" if name.endswith(CLOSED) else ":"
            links += [SummaryLink(bound.first_id, f"{name}{colon} {message}") for message in errors]
        return links


class Form(BaseForm, metaclass=FormType):
    """A form: fields as class attributes, ``await form.is_valid()``, ``form.cleaned_data``, ``{{ form }}``."""
