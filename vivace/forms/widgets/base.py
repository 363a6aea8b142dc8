"""Widget: how one field is shown and how its value is read from what was sent.

Theory. ``get_context`` gives everything there is to show as plain values: ``{"widget": {"name": …, "value": …, "attrs":
…}}``. The same values go into a template, where one was given for ``template_name``, or into the direct writer of
``rendering.py``, which makes the same text several times faster. So a subclass changes the context, never the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from markupsafe import Markup

from vivace.forms.html import Attrs, encodable
from vivace.forms.media import Media, media_of
from vivace.forms.rendering import Renderer

Context = dict[str, Any]


class Widget:
    """Base of all widgets. ``attrs`` are HTML attributes of its element."""

    template_name: str = ""
    input_type: str | None = None
    needs_multipart_form: bool = False
    is_localized: bool = False
    is_required: bool = False
    supports_microseconds: bool = True
    use_fieldset: bool = False
    label_after: ClassVar[bool] = False
    """Whether the label stands behind the element, as a checkbox's does."""

    def __init__(self, attrs: Mapping[str, Any] | None = None) -> None:
        self.attrs: dict[str, Any] = dict(attrs or {})

    def __deepcopy__(self, memo: dict[int, Any]) -> Widget:
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin.attrs = dict(self.attrs)
        memo[id(self)] = twin
        return twin

    @property
    def is_hidden(self) -> bool:
        return self.input_type == "hidden"

    @property
    def media(self) -> Media:
        """The scripts and stylesheets of ``class Media``."""
        return media_of(type(self))

    def subwidgets(self, name: str, value: Any, attrs: Mapping[str, Any] | None = None) -> Iterator[Context]:
        """Yield the context of each element that a template may loop over."""
        yield self.get_context(name, value, attrs)["widget"]

    def format_value(self, value: Any) -> Any:
        """Return the value as the element shows it; ``None``: nothing."""
        if value is None or value == "":
            return None
        return encodable(str(value))

    def get_context(self, name: str, value: Any, attrs: Mapping[str, Any] | None) -> Context:
        """Return what the element is rendered from, by a template or directly."""
        return {
            "widget": {
                "name": name,
                "is_hidden": self.is_hidden,
                "required": self.is_required,
                "value": self.format_value(value),
                "attrs": self.build_attrs(self.attrs, attrs),
                "template_name": self.template_name,
            },
        }

    def build_attrs(
        self, base_attrs: Mapping[str, Any], extra_attrs: Mapping[str, Any] | None = None
    ) -> Attrs:
        """Return the attributes of the element: the widget's own, then those of the field and the call."""
        attrs = Attrs(base_attrs)
        if extra_attrs:
            attrs.update(extra_attrs)
        return attrs

    def render(
        self,
        name: str,
        value: Any,
        attrs: Mapping[str, Any] | None = None,
        renderer: Renderer | None = None,
    ) -> Markup:
        """Return the element."""
        return (renderer or Renderer()).render(self.template_name, self.get_context(name, value, attrs))

    def value_from_datadict(self, data: Mapping[str, Any], files: Mapping[str, Any], name: str) -> Any:
        """Return the value that was sent, ``None`` when there is none."""
        return data.get(name)

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Mapping[str, Any], name: str) -> bool:
        """Say whether nothing was sent for it, so that a default may stand."""
        return name not in data

    def id_for_label(self, id_: str) -> str:
        """Return the id that the label is for; "" when no single element is."""
        return id_

    def first_id(self, id_: str) -> str:
        """Return the id of the element that a link to the field should lead to."""
        return self.id_for_label(id_) or id_

    def use_required_attribute(self, initial: Any) -> bool:
        return not self.is_hidden


def all_values(data: Mapping[str, Any], name: str) -> Any:
    """Return every value of a name where the data can have many."""
    getlist = getattr(data, "getlist", None)
    return data.get(name) if getlist is None else getlist(name)
