"""BoundField: a field of one form, with what was sent for it, its errors and its look."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Self

from markupsafe import Markup

from vivace.errors.models import ValidationError

from .errors import ErrorList
from .html import Attrs, pretty_name, template_method
from .rendering import Renderer
from .widgets import MultiWidget, Textarea, TextInput, Widget

if TYPE_CHECKING:
    from .base import BaseForm
    from .fields import Field

CLOSED: Final = (":", "?", ".", "!")
"""What a label may end with that needs no colon behind it."""


class BoundField:
    """What ``form["name"]`` is: prints as its element; ``as_field_group`` prints label, help and errors with it.

    The form keeps what a field knows, and not the field, which knows the form: a circle would stay until Python looks for
    circles, and each page has a form (measured on the demo: 22 objects for each, half of all that was left to the collector).
    So ``form["name"]`` is made anew, of the same ``__dict__``; two of them are equal.
    """

    __slots__ = ("__dict__", "__weakref__", "form")

    def __init__(self, form: BaseForm, field: Field, name: str) -> None:
        self.form = form
        self.field = field
        self.name = name
        self.html_name = form.add_prefix(name)
        self.html_initial_name = form.add_initial_prefix(name)
        self.auto_id = self._auto_id()
        self.html_initial_id = form.add_initial_prefix(self.auto_id)
        self.label: Any = pretty_name(name) if field.label is None else field.label
        self.help_text: Any = field.help_text or ""
        self.renderer: Renderer = form.renderer

    @classmethod
    def again(cls, form: BaseForm, known: dict[str, Any]) -> Self:
        """Return a field of a form that was made before; ``known`` is what it knew."""
        made = cls.__new__(cls)
        made.form, made.__dict__ = form, known
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BoundField) and self.__dict__ is other.__dict__

    def __hash__(self) -> int:
        return id(self.__dict__)

    def _auto_id(self) -> str:
        given = self.form.auto_id
        if not given:
            return ""
        return (
            given.replace("%s", self.html_name)
            if isinstance(given, str) and "%s" in given
            else self.html_name
        )

    # -- values --------------------------------------------------------------------------------------------------

    @property
    def data(self) -> Any:
        """What was sent for the field, as its widget reads it; ``None`` when nothing was."""
        return self.form.widget_data(self.field.widget, self.html_name)

    @cached_property
    def initial(self) -> Any:
        """The initial value: that of the form, else that of the field; a function is called once."""
        return self.form.get_initial_for_field(self.field, self.name)

    @template_method
    def value(self) -> Any:
        """Return what the element shows: what was sent, or the initial value of a form to which nothing was."""
        value = self.initial
        if self.form.is_bound:
            value = self.field.bound_data(self.data, value)
        return self.field.prepare_value(value)

    @property
    def errors(self) -> ErrorList:
        """The errors of the field. Raises ``FormNotValidated`` before ``await form.is_valid()``."""
        found = self.form.errors.get(self.name)
        return self.form.error_class(renderer=self.renderer) if found is None else found

    @property
    def has_errors(self) -> bool:
        """Whether the field was refused."""
        return self.name in self.form.errors

    def has_changed(self) -> bool:
        """Say whether what was sent differs from the initial value."""
        field = self.field
        initial = self.initial
        if field.show_hidden_initial:
            initial = self.form.widget_data(field.hidden_widget(), self.html_initial_name)
            try:
                initial = field.to_python(initial)
            except ValidationError:
                return True
        return field.has_changed(initial, self.data)

    # -- facts for templates -------------------------------------------------------------------------------------

    @property
    def is_hidden(self) -> bool:
        return self.field.widget.is_hidden  # type: ignore[no-any-return]

    @property
    def use_fieldset(self) -> bool:
        """Whether the field consists of several elements, which a ``<fieldset>`` with a ``<legend>`` holds together."""
        return self.field.widget.use_fieldset  # type: ignore[no-any-return]

    @property
    def label_after(self) -> bool:
        """Whether the label stands behind the element, as a checkbox's does."""
        return self.field.widget.label_after  # type: ignore[no-any-return]

    @property
    def widget_type(self) -> str:
        """The name of the widget's class in small letters, without "widget" or "input" at its end."""
        return re.sub(r"(?:widget|input)$", "", type(self.field.widget).__name__.lower())

    @property
    def template_name(self) -> str:
        return self.field.template_name or self.renderer.field_template_name

    @property
    def _id(self) -> str:
        return self.field.widget.attrs.get("id") or self.auto_id

    @property
    def id_for_label(self) -> str:
        """The id that the label is for; "" for a group."""
        return self.field.widget.id_for_label(self._id)  # type: ignore[no-any-return]

    @property
    def first_id(self) -> str:
        """The id of the first element: where a link to the field leads; "" without ids."""
        return self.field.widget.first_id(self._id) if self._id else ""

    @property
    def help_id(self) -> str:
        """The id of the help text; "" without help or ids."""
        return f"{self.auto_id}_helptext" if self.auto_id and self.help_text else ""

    @property
    def aria_describedby(self) -> str | None:
        """The ids of help text and errors, which a screen reader reads with the element."""
        if self.field.widget.attrs.get("aria-describedby"):
            return None
        if not self.auto_id or self.is_hidden:
            return ""
        ids = [self.help_id, f"{self.auto_id}_error" if self.has_errors else ""]
        return " ".join(each for each in ids if each)

    @property
    def group_attrs(self) -> Attrs:
        """The attributes of the element around label, help, errors and element."""
        attrs = Attrs({"class": self._group_classes()})
        if self.use_fieldset:
            if self.field.widget.input_type == "radio":
                attrs["role"] = "radiogroup"
                attrs["aria-invalid"] = "true" if self.has_errors else None
            attrs["aria-describedby"] = self.aria_describedby or None
        return attrs

    def _group_classes(self) -> str:
        names = ["vv-field"]
        if self.use_fieldset:
            names.append("vv-group")
        if self.label_after:
            names.append("vv-check")
        if self.field.required:
            names.append("vv-required")
        if self.has_errors:
            names.append("vv-invalid")
        own = self.css_classes()
        return " ".join([*names, own]) if own else " ".join(names)

    @template_method
    def css_classes(self, extra_classes: str | Iterable[str] | None = None) -> str:
        """Return the form's ``error_css_class`` and ``required_css_class`` where they apply, and the extra ones."""
        given = extra_classes.split() if isinstance(extra_classes, str) else list(extra_classes or ())
        if self.form.error_css_class and self.has_errors:
            given.append(self.form.error_css_class)
        if self.form.required_css_class and self.field.required:
            given.append(self.form.required_css_class)
        return " ".join(dict.fromkeys(given))

    # -- looks ---------------------------------------------------------------------------------------------------

    def __html__(self) -> str:
        if self.field.show_hidden_initial:
            return self.as_widget() + self.as_hidden(only_initial=True)
        return self.as_widget()

    __str__ = __html__

    def as_widget(
        self, widget: Widget | None = None, attrs: Mapping[str, Any] | None = None, only_initial: bool = False
    ) -> Markup:
        """Return the element, by its own or another widget."""
        shown: Widget = widget or self.field.widget
        own = self.build_widget_attrs(attrs or {}, shown)
        if self.auto_id and "id" not in shown.attrs:
            own.setdefault("id", self.html_initial_id if only_initial else self.auto_id)
        if only_initial and self.html_initial_name in self.form.data:
            value = self.form.widget_data(self.field.hidden_widget(), self.html_initial_name)
        else:
            value = self.value()
        name = self.html_initial_name if only_initial else self.html_name
        return shown.render(name, value, own, self.renderer)

    @template_method
    def as_text(self, attrs: Mapping[str, Any] | None = None, only_initial: bool = False) -> Markup:
        """Return the field as ``<input type="text">``."""
        return self.as_widget(TextInput(), attrs, only_initial)

    @template_method
    def as_textarea(self, attrs: Mapping[str, Any] | None = None, only_initial: bool = False) -> Markup:
        """Return the field as ``<textarea>``."""
        return self.as_widget(Textarea(), attrs, only_initial)

    @template_method
    def as_hidden(self, attrs: Mapping[str, Any] | None = None, only_initial: bool = False) -> Markup:
        """Return the field as ``<input type="hidden">``."""
        return self.as_widget(self.field.hidden_widget(), attrs, only_initial)

    @template_method
    def as_field_group(self) -> Markup:
        """Return label, help, errors and element."""
        return self.render()

    def get_context(self) -> dict[str, Any]:
        return {"field": self}

    def render(self, template_name: str | None = None, context: dict[str, Any] | None = None) -> Markup:
        """Return label, help, errors and element, by the field's template or another one."""
        return self.renderer.render(template_name or self.template_name, context or self.get_context())

    @template_method
    def label_tag(
        self,
        contents: Any = None,
        attrs: Mapping[str, Any] | None = None,
        label_suffix: str | None = None,
        tag: str = "label",
    ) -> Markup:
        """Return ``<label>`` around ``contents`` or the field's label; the bare text when the form gives no ids."""
        text = self._label_text(self.label if contents is None else contents, label_suffix)
        named = Attrs({"class": "vv-label", **(attrs or {})})
        if self._id and tag != "legend":
            named["for"] = self.id_for_label or None
        if self.form.required_css_class and self.field.required:
            named["class"] += f" {self.form.required_css_class}"
        context = {"field": self, "label": text, "attrs": named, "use_tag": bool(self._id), "tag": tag}
        if tag == "legend":
            context["use_tag"] = True  # without one a group has no name at all
        return self.renderer.render(self.form.template_name_label, context)

    @template_method
    def legend_tag(
        self, contents: Any = None, attrs: Mapping[str, Any] | None = None, label_suffix: str | None = None
    ) -> Markup:
        """Return ``<legend>``, the label of a group."""
        return self.label_tag(contents, attrs, label_suffix, tag="legend")

    def _label_text(self, contents: Any, suffix: str | None) -> Any:
        if suffix is None:
            own = self.field.label_suffix
            suffix = own if own is not None else "" if self.label_after else self.form.label_suffix
        if not suffix or not contents or str(contents).endswith(CLOSED):
            return contents
        return contents + Markup.escape(suffix) if isinstance(contents, Markup) else f"{contents}{suffix}"

    def build_widget_attrs(self, attrs: Mapping[str, Any], widget: Widget | None = None) -> dict[str, Any]:
        """Return the attributes that follow from the field's state: required, disabled, invalid, described by."""
        shown: Widget = widget or self.field.widget
        own = dict(attrs)
        self._require(own, shown)
        if self.field.disabled:
            own["disabled"] = True
        if not shown.is_hidden and self.has_errors and shown.input_type != "radio":  # whose group carries it
            own["aria-invalid"] = "true"
        if not own.get("aria-describedby") and not self.use_fieldset and (told := self.aria_describedby):
            own["aria-describedby"] = told
        return own

    def _require(self, attrs: dict[str, Any], widget: Widget) -> None:
        field: Any = self.field
        if not (
            field.required
            and self.form.use_required_attribute
            and widget.use_required_attribute(self.initial)
        ):
            return
        if getattr(field, "require_all_fields", True) or not isinstance(widget, MultiWidget):
            attrs["required"] = True
            return
        for part, shown in zip(field.fields, widget.widgets, strict=True):
            shown.attrs["required"] = part.required and shown.use_required_attribute(self.initial)

    # -- elements one by one -------------------------------------------------------------------------------------

    @cached_property
    def subwidgets(self) -> list[BoundWidget]:
        """The elements of the field: one, or one for each choice."""
        widget: Widget = self.field.widget
        attrs = self.build_widget_attrs({"id": self._id} if self._id else {})
        found = widget.subwidgets(self.html_name, self.value(), attrs)
        return [BoundWidget(widget, data, self.renderer) for data in found]

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[BoundWidget]:
        return iter(self.subwidgets)

    def __len__(self) -> int:
        return len(self.subwidgets)

    def __getitem__(self, index: Any) -> Any:
        found: Any = self.subwidgets
        return found[index]


class BoundWidget:
    """One element of a field, such as one radio button: ``tag``, ``choice_label``, ``id_for_label``."""

    def __init__(self, parent_widget: Widget, data: dict[str, Any], renderer: Renderer) -> None:
        self.parent_widget = parent_widget
        self.data = data
        self.renderer = renderer

    @template_method
    def tag(self, wrap_label: bool = False) -> Markup:
        """Return the element, without its label unless ``wrap_label``."""
        return self.renderer.render(self.template_name, {"widget": {**self.data, "wrap_label": wrap_label}})

    def __html__(self) -> str:
        return self.tag(wrap_label=True)

    __str__ = __html__

    @property
    def template_name(self) -> str:
        return self.data.get("template_name") or self.parent_widget.template_name

    @property
    def id_for_label(self) -> str:
        return self.data["attrs"].get("id") or ""

    @property
    def choice_label(self) -> Any:
        return self.data["label"]
