"""Widgets of one element: ``<input>`` in its types, ``<textarea>``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from vivace.forms.html import encodable

from .base import Context, Widget, all_values


class Input(Widget):
    """Base of all ``<input>`` elements; ``attrs={"type": …}`` chooses another type."""

    template_name = "vivace/forms/widgets/input.html"

    def __init__(self, attrs: Mapping[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.input_type = self.attrs.pop("type", self.input_type)

    def get_context(self, name: str, value: Any, attrs: Mapping[str, Any] | None) -> Context:
        context = super().get_context(name, value, attrs)
        context["widget"]["type"] = self.input_type
        return context


class TextInput(Input):
    input_type = "text"
    template_name = "vivace/forms/widgets/text.html"


class NumberInput(Input):
    input_type = "number"
    template_name = "vivace/forms/widgets/number.html"


class EmailInput(Input):
    input_type = "email"
    template_name = "vivace/forms/widgets/email.html"


class URLInput(Input):
    input_type = "url"
    template_name = "vivace/forms/widgets/url.html"


class ColorInput(Input):
    input_type = "color"
    template_name = "vivace/forms/widgets/color.html"


class SearchInput(Input):
    input_type = "search"
    template_name = "vivace/forms/widgets/search.html"


class TelInput(Input):
    input_type = "tel"
    template_name = "vivace/forms/widgets/tel.html"


class PasswordInput(Input):
    """A password. What was typed is not sent back with the form unless ``render_value``."""

    input_type = "password"
    template_name = "vivace/forms/widgets/password.html"

    def __init__(self, attrs: Mapping[str, Any] | None = None, render_value: bool = False) -> None:
        super().__init__(attrs)
        self.render_value = render_value

    def get_context(self, name: str, value: Any, attrs: Mapping[str, Any] | None) -> Context:
        return super().get_context(name, value if self.render_value else None, attrs)


class HiddenInput(Input):
    input_type = "hidden"
    template_name = "vivace/forms/widgets/hidden.html"


class MultipleHiddenInput(HiddenInput):
    """One hidden input for each value of a list."""

    template_name = "vivace/forms/widgets/multiple_hidden.html"

    def get_context(self, name: str, value: Any, attrs: Mapping[str, Any] | None) -> Context:
        context = super().get_context(name, value, attrs)
        widget = context["widget"]
        shared = widget["attrs"]
        id_ = shared.get("id")
        widget["subwidgets"] = [
            HiddenInput().get_context(name, each, {**shared, "id": f"{id_}_{index}"} if id_ else shared)[
                "widget"
            ]
            for index, each in enumerate(widget["value"])
        ]
        return context

    def value_from_datadict(self, data: Mapping[str, Any], files: Mapping[str, Any], name: str) -> Any:
        return all_values(data, name)

    def format_value(self, value: Any) -> Any:
        return [] if value is None else value


class Textarea(Widget):
    """A text of several lines."""

    template_name = "vivace/forms/widgets/textarea.html"

    def __init__(self, attrs: Mapping[str, Any] | None = None) -> None:
        super().__init__({"cols": "40", "rows": "10", **(attrs or {})})


class TemporalInput(Input):
    """Base of inputs of dates and times; with a ``format`` of its own a text input, else the browser's own picker."""

    supports_microseconds = False
    native_format: ClassVar[str] = ""
    native_type: ClassVar[str] = ""

    def __init__(self, attrs: Mapping[str, Any] | None = None, format: str | None = None) -> None:
        super().__init__(attrs)
        self.format = format or None
        if self.input_type is None:
            self.input_type = "text" if self.format not in (None, self.native_format) else self.native_type

    def use_format(self, format: str) -> None:
        """Show values in a format that the browser's picker does not know, as text."""
        self.format = format
        self.input_type = "text"

    def format_value(self, value: Any) -> Any:
        if value is None or value == "":
            return None
        if isinstance(value, dt.date | dt.time):
            return self._written(value)
        return encodable(str(value))

    def _written(self, value: dt.date | dt.time) -> str:
        return value.strftime(self.format or self.native_format)


class DateInput(TemporalInput):
    """A day: ``<input type="date">``."""

    native_type = "date"
    native_format = "%Y-%m-%d"
    template_name = "vivace/forms/widgets/date.html"

    def _written(self, value: dt.date | dt.time) -> str:
        if self.format is None and isinstance(value, dt.date):
            return f"{value.year:04d}-{value.month:02d}-{value.day:02d}"  # strftime's %Y is "5" for year 5
        return super()._written(value)


class DateTimeInput(TemporalInput):
    """A day and a time: ``<input type="datetime-local">``."""

    native_type = "datetime-local"
    native_format = "%Y-%m-%dT%H:%M:%S"
    template_name = "vivace/forms/widgets/datetime.html"

    def get_context(self, name: str, value: Any, attrs: Mapping[str, Any] | None) -> Context:
        return _with_seconds(super().get_context(name, value, attrs))

    def _written(self, value: dt.date | dt.time) -> str:
        if self.format is not None or not isinstance(value, dt.datetime):
            return super()._written(value)
        return value.replace(tzinfo=None).isoformat(timespec=_precision(value))


class TimeInput(TemporalInput):
    """A time of day: ``<input type="time">``."""

    native_type = "time"
    native_format = "%H:%M:%S"
    template_name = "vivace/forms/widgets/time.html"

    def get_context(self, name: str, value: Any, attrs: Mapping[str, Any] | None) -> Context:
        return _with_seconds(super().get_context(name, value, attrs))

    def _written(self, value: dt.date | dt.time) -> str:
        if self.format is not None or not isinstance(value, dt.time):
            return super()._written(value)
        return value.replace(tzinfo=None).isoformat(timespec=_precision(value))


def _precision(value: dt.datetime | dt.time) -> str:
    return "seconds" if value.second else "minutes"


def _with_seconds(context: Context) -> Context:
    """Let the browser's picker take seconds where the value has them: its step is a minute, and it would refuse them."""
    widget = context["widget"]
    if widget["type"] in ("time", "datetime-local") and str(widget["value"]).count(":") > 1:
        widget["attrs"].setdefault("step", "1")
    return context


def is_checked(value: Any) -> bool:
    """Say whether a value checks a box: any but ``False``, ``None`` and ""."""
    return not (value is False or value is None or value == "")


class CheckboxInput(Input):
    """A box to check; ``check_test`` says for which values it is."""

    input_type = "checkbox"
    template_name = "vivace/forms/widgets/checkbox.html"
    label_after = True

    def __init__(
        self, attrs: Mapping[str, Any] | None = None, check_test: Callable[[Any], bool] | None = None
    ) -> None:
        super().__init__(attrs)
        self.check_test = is_checked if check_test is None else check_test

    def format_value(self, value: Any) -> Any:
        return None if isinstance(value, bool) else super().format_value(value)

    def get_context(self, name: str, value: Any, attrs: Mapping[str, Any] | None) -> Context:
        if self.check_test(value):
            attrs = {**(attrs or {}), "checked": True}
        return super().get_context(name, value, attrs)

    def value_from_datadict(self, data: Mapping[str, Any], files: Mapping[str, Any], name: str) -> Any:
        """Return whether it was checked: browsers do not send boxes that are not."""
        value = data.get(name, False)
        return value.lower() != "false" and bool(value) if isinstance(value, str) else bool(value)

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Mapping[str, Any], name: str) -> bool:
        return False
