"""Widgets with choices: ``<select>``, radio buttons, check boxes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, ClassVar, TypeAlias

from vivace.forms.html import Attrs
from vivace.models.fields.choices import normalized
from vivace.models.shapes import is_listed

from .base import Context, Widget, all_values

Option: TypeAlias = dict[str, Any]
OptionGroup: TypeAlias = tuple[Any, list[Option], int]


class ChoiceWidget(Widget):
    """Base of widgets with ``choices``: pairs, groups of pairs, a mapping, an enumeration or a function of these."""

    allow_multiple_selected: bool = False
    option_template_name: str = ""
    add_id_index: bool = True
    checked_attribute: ClassVar[Mapping[str, Any]] = {"checked": True}
    option_inherits_attrs: bool = True

    def __init__(self, attrs: Mapping[str, Any] | None = None, choices: Any = ()) -> None:
        super().__init__(attrs)
        self.choices = choices

    @property
    def choices(self) -> Any:
        return self._choices

    @choices.setter
    def choices(self, value: Any) -> None:
        self._choices = normalized(() if value is None else value)

    def subwidgets(self, name: str, value: Any, attrs: Mapping[str, Any] | None = None) -> Iterator[Context]:
        yield from self.options(name, self.format_value(value), attrs)

    def options(
        self, name: str, value: list[str], attrs: Mapping[str, Any] | None = None
    ) -> Iterator[Option]:
        """Yield all options, those in groups too."""
        for _, options, _ in self.optgroups(name, value, attrs):
            yield from options

    def optgroups(
        self, name: str, value: list[str], attrs: Mapping[str, Any] | None = None
    ) -> list[OptionGroup]:
        """Return (label of the group or ``None``, its options, its index); ``value``: the texts of what is selected."""
        groups: list[OptionGroup] = []
        wanted = set(value)
        chosen = False
        for index, (key, label) in enumerate(self.choices):
            grouped = is_listed(label)
            members: Any = label if grouped else [(key, label)]
            options: list[Option] = []
            for subindex, (subvalue, sublabel) in enumerate(members):
                text = "" if subvalue is None else str(subvalue)
                selected = (self.allow_multiple_selected or not chosen) and text in wanted
                chosen = chosen or selected
                place = f"{index}_{subindex}" if grouped else str(index)
                options.append(self._option(name, (subvalue, sublabel), selected, place, attrs))
            groups.append((key if grouped else None, options, index))
        return groups

    def _option(
        self, name: str, choice: tuple[Any, Any], selected: bool, place: str, attrs: Mapping[str, Any] | None
    ) -> Option:
        index, _, subindex = place.partition("_")
        sub = int(subindex) if subindex else None
        return self.create_option(name, choice[0], choice[1], selected, int(index), subindex=sub, attrs=attrs)

    def create_option(
        self,
        name: str,
        value: Any,
        label: Any,
        selected: bool,
        index: int,
        subindex: int | None = None,
        attrs: Mapping[str, Any] | None = None,
    ) -> Option:
        """Return what one option is rendered from. A subclass may add attributes, such as ``disabled`` or ``data-…``."""
        place = str(index) if subindex is None else f"{index}_{subindex}"
        option_attrs = self.build_attrs(self.attrs, attrs) if self.option_inherits_attrs else Attrs()
        if selected:
            option_attrs.update(self.checked_attribute)
        if "id" in option_attrs:
            option_attrs["id"] = self.id_for_option(option_attrs["id"], place)
        return {
            "name": name,
            "value": value,
            "label": label,
            "selected": selected,
            "index": place,
            "attrs": option_attrs,
            "type": self.input_type,
            "template_name": self.option_template_name,
            "wrap_label": True,
        }

    def get_context(self, name: str, value: Any, attrs: Mapping[str, Any] | None) -> Context:
        context = super().get_context(name, value, attrs)
        widget = context["widget"]
        widget["type"] = self.input_type
        widget["optgroups"] = self.optgroups(name, widget["value"], attrs)
        return context

    def id_for_option(self, id_: str, index: str) -> str:
        return f"{id_}_{index}" if id_ and self.add_id_index else id_

    def first_id(self, id_: str) -> str:
        return self.id_for_option(id_, "0")

    def value_from_datadict(self, data: Mapping[str, Any], files: Mapping[str, Any], name: str) -> Any:
        return all_values(data, name) if self.allow_multiple_selected else data.get(name)

    def format_value(self, value: Any) -> list[str]:
        """Return the texts of what is selected."""
        if value is None and self.allow_multiple_selected:
            return []
        values = value if is_listed(value) else [value]
        return ["" if each is None else _text(each) for each in values]


def _text(value: Any) -> str:
    """Return a value as an option writes it: members of enumerations by their values."""
    return str(value.value if isinstance(value, Enum) else value)


class Select(ChoiceWidget):
    """A list to choose one from."""

    input_type = "select"
    template_name = "vivace/forms/widgets/select.html"
    option_template_name = "vivace/forms/widgets/select_option.html"
    add_id_index = False
    checked_attribute = {"selected": True}
    option_inherits_attrs = False

    def get_context(self, name: str, value: Any, attrs: Mapping[str, Any] | None) -> Context:
        context = super().get_context(name, value, attrs)
        if self.allow_multiple_selected:
            context["widget"]["attrs"]["multiple"] = True
        return context

    def use_required_attribute(self, initial: Any) -> bool:
        """Say ``required`` only where HTML allows it: the first option has no value, or many may be selected."""
        if not super().use_required_attribute(initial) or self.allow_multiple_selected:
            return self.allow_multiple_selected and not self.is_hidden
        first = next(iter(self.choices), None)
        return first is not None and first[0] in (None, "")


class NullBooleanSelect(Select):
    """Unknown, yes or no."""

    def __init__(self, attrs: Mapping[str, Any] | None = None) -> None:
        super().__init__(attrs, [("unknown", "Unknown"), ("true", "Yes"), ("false", "No")])

    def format_value(self, value: Any) -> list[str]:
        known = _truth(value)
        return ["unknown" if known is None else "true" if known else "false"]

    def value_from_datadict(self, data: Mapping[str, Any], files: Mapping[str, Any], name: str) -> Any:
        return _truth(data.get(name))


def _truth(value: Any) -> bool | None:
    """Read yes and no in the words of select, hidden input and Django's forms before 2.2 ("2", "3")."""
    if value in (True, "True", "true", "2"):
        return True
    return False if value in (False, "False", "false", "3") else None


class SelectMultiple(Select):
    """A list to choose several from."""

    allow_multiple_selected = True

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Mapping[str, Any], name: str) -> bool:
        return False


class RadioSelect(ChoiceWidget):
    """A group of radio buttons."""

    input_type = "radio"
    template_name = "vivace/forms/widgets/radio.html"
    option_template_name = "vivace/forms/widgets/radio_option.html"
    use_fieldset = True

    def id_for_label(self, id_: str, index: str | None = None) -> str:
        """Return "": the legend names the group, no single button."""
        return "" if index is None else self.id_for_option(id_, index)


class CheckboxSelectMultiple(RadioSelect):
    """A group of boxes to check."""

    allow_multiple_selected = True
    input_type = "checkbox"
    template_name = "vivace/forms/widgets/checkbox_select.html"
    option_template_name = "vivace/forms/widgets/checkbox_option.html"

    def use_required_attribute(self, initial: Any) -> bool:
        """Return ``False``: a browser would want all of them checked."""
        return False

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Mapping[str, Any], name: str) -> bool:
        return False
