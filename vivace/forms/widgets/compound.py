"""Widgets made of widgets: several inputs for one value."""

from __future__ import annotations

import copy
import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from vivace.errors import FormError
from vivace.forms.html import pretty_name
from vivace.forms.media import Media
from vivace.forms.zones import to_current_timezone
from vivace.models.shapes import is_class, is_listed, is_mapping

from .base import Context, Widget
from .inputs import DateInput, TimeInput
from .selects import Select

MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DATE: Final = re.compile(r"(\d{4}|0)-(\d\d?)-(\d\d?)\Z")


class MultiWidget(Widget):
    """Several widgets for one value; a subclass says in ``decompress`` how the value is taken apart.

    ``widgets`` is a list, or a mapping of name endings to widgets. ``labels`` name the parts for screen readers; without
    them those of a mapping are made of its keys, those of a list are "Part 1", "Part 2" ….
    """

    template_name = "vivace/forms/widgets/multiwidget.html"
    use_fieldset = True
    labels: Sequence[str] = ()

    def __init__(
        self, widgets: Sequence[Any] | Mapping[str, Any], attrs: Mapping[str, Any] | None = None
    ) -> None:
        given: Iterable[Any]
        if is_mapping(widgets):
            names = [str(name) for name in widgets]
            self.widgets_names = [f"_{name}" if name else "" for name in names]
            given = widgets.values()
        else:
            names = [""] * len(widgets)
            self.widgets_names = [f"_{index}" for index in range(len(widgets))]
            given = widgets
        self.labels = self.labels or [
            pretty_name(name) or f"Part {number}" for number, name in enumerate(names, 1)
        ]
        made: list[Any] = [widget() if is_class(widget) else widget for widget in given]
        self.widgets: list[Widget] = made
        super().__init__(attrs)

    def __deepcopy__(self, memo: dict[int, Any]) -> Widget:
        twin: Any = super().__deepcopy__(memo)
        twin.widgets = copy.deepcopy(self.widgets, memo)
        return twin  # type: ignore[no-any-return]

    @property
    def is_hidden(self) -> bool:
        return all(widget.is_hidden for widget in self.widgets)

    @property
    def media(self) -> Media:
        media = Media()
        for widget in self.widgets:
            media = media + widget.media
        return media

    @property
    def needs_multipart_form(self) -> bool:  # type: ignore[override]
        return any(widget.needs_multipart_form for widget in self.widgets)

    def format_value(self, value: Any) -> Any:
        """Return the value as it is: each part is formatted by its own widget."""
        return value

    def get_context(self, name: str, value: Any, attrs: Mapping[str, Any] | None) -> Context:
        context = super().get_context(name, value, attrs)
        values: Sequence[Any] = value if is_listed(value) else self.decompress(value)
        shared = context["widget"]["attrs"]
        shared.pop("type", None)
        parts: list[Context] = []
        for index, (ending, widget) in enumerate(zip(self.widgets_names, self.widgets, strict=True)):
            widget.is_localized = widget.is_localized or self.is_localized
            part = values[index] if index < len(values) else None
            parts.append(
                widget.get_context(name + ending, part, self._part_attrs(shared, index, widget))["widget"]
            )
        context["widget"]["subwidgets"] = parts
        return context

    def _part_attrs(self, shared: Mapping[str, Any], index: int, widget: Widget) -> dict[str, Any]:
        attrs = dict(shared)
        if attrs.get("id"):
            attrs["id"] = f"{attrs['id']}_{index}"
        if not widget.is_hidden and not {"aria-label", "aria-labelledby"} & widget.attrs.keys():
            attrs["aria-label"] = self.labels[index]
        return attrs

    def id_for_label(self, id_: str) -> str:
        return ""

    def first_id(self, id_: str) -> str:
        return f"{id_}_0" if id_ else ""

    def value_from_datadict(self, data: Mapping[str, Any], files: Mapping[str, Any], name: str) -> Any:
        pairs = zip(self.widgets_names, self.widgets, strict=True)
        return [widget.value_from_datadict(data, files, name + ending) for ending, widget in pairs]

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Mapping[str, Any], name: str) -> bool:
        pairs = zip(self.widgets_names, self.widgets, strict=True)
        return all(widget.value_omitted_from_data(data, files, name + ending) for ending, widget in pairs)

    def decompress(self, value: Any) -> Sequence[Any]:
        """Return the parts of a value, one for each widget."""
        raise FormError(
            f"{type(self).__name__} does not say how its value is taken apart.",
            fix=f"give {type(self).__name__} a method decompress(value) that returns a list",
        )


class SplitDateTimeWidget(MultiWidget):
    """A date and a time in two inputs."""

    supports_microseconds = False
    template_name = "vivace/forms/widgets/splitdatetime.html"
    labels = ("Date", "Time")

    def __init__(
        self,
        attrs: Mapping[str, Any] | None = None,
        date_format: str | None = None,
        time_format: str | None = None,
        date_attrs: Mapping[str, Any] | None = None,
        time_attrs: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(
            (
                DateInput(attrs if date_attrs is None else date_attrs, date_format),
                TimeInput(attrs if time_attrs is None else time_attrs, time_format),
            )
        )

    def decompress(self, value: Any) -> Sequence[Any]:
        if not value:
            return [None, None]
        moment = to_current_timezone(value)
        return [moment.date(), moment.time()]


class SplitHiddenDateTimeWidget(SplitDateTimeWidget):
    """A date and a time in two hidden inputs."""

    template_name = "vivace/forms/widgets/splithiddendatetime.html"

    def __init__(self, attrs: Mapping[str, Any] | None = None, **options: Any) -> None:
        super().__init__(attrs, **options)
        for widget in self.widgets:
            widget.input_type = "hidden"


class SelectDateWidget(Widget):
    """A day in three selects: month, day, year.

    ``years`` is a list (default: this year and the nine after it), ``months`` a mapping of numbers to names,
    ``empty_label`` the text of the empty choice, or three texts: of year, month and day.
    """

    none_value: tuple[str, str] = ("", "---")
    month_field = "%s_month"
    day_field = "%s_day"
    year_field = "%s_year"
    template_name = "vivace/forms/widgets/select_date.html"
    input_type = "select"
    select_widget: ClassVar[type[Select]] = Select
    use_fieldset = True
    order: Sequence[str] = ("month", "day", "year")

    def __init__(
        self,
        attrs: Mapping[str, Any] | None = None,
        years: Iterable[int] | None = None,
        months: Mapping[int, str] | None = None,
        empty_label: str | Sequence[str] | None = None,
        today: Callable[[], dt.date] = dt.date.today,
    ) -> None:
        super().__init__(attrs)
        if years:
            self.years: Iterable[int] = years
        else:
            self.years = range(today().year, today().year + 10)
        self.months: Mapping[int, str] = months or dict(enumerate(MONTHS, 1))
        labels = [self.none_value[1]] * 3 if empty_label is None else empty_label
        labels = [labels] * 3 if isinstance(labels, str) else list(labels)
        if len(labels) != 3:
            raise FormError(
                "empty_label of SelectDateWidget is not one for each select.", expected="a text or three"
            )
        self.year_none_value, self.month_none_value, self.day_none_value = (("", label) for label in labels)

    def get_context(self, name: str, value: Any, attrs: Mapping[str, Any] | None) -> Context:
        context = super().get_context(name, value, attrs)
        choices: dict[str, list[tuple[Any, Any]]] = {
            "year": [(year, str(year)) for year in self.years],
            "month": list(self.months.items()),
            "day": [(day, str(day)) for day in range(1, 32)],
        }
        widget = context["widget"]
        widget["subwidgets"] = [
            self._select(name, part, choices[part], widget["value"][part], widget["attrs"])
            for part in self.order
        ]
        return context

    def _select(
        self, name: str, part: str, choices: list[tuple[Any, Any]], value: Any, attrs: Mapping[str, Any]
    ) -> Context:
        if not self.is_required:
            choices.insert(0, getattr(self, f"{part}_none_value"))
        own = {**attrs, "aria-label": pretty_name(part)}
        if attrs.get("id"):
            own["id"] = f"{attrs['id']}_{part}"
        if self.is_required:
            own.pop("required", None)  # HTML allows it only with an empty first choice
        ending: str = getattr(self, f"{part}_field")
        return self.select_widget(None, choices).get_context(ending % name, value, own)["widget"]  # type: ignore[no-any-return]

    def format_value(self, value: Any) -> Any:
        """Return year, month and day, of a date that does not exist too, so that it can be shown again."""
        if isinstance(value, dt.date):
            return {"year": value.year, "month": value.month, "day": value.day}
        match = _DATE.match(value) if isinstance(value, str) else None
        parts = [int(part) or "" for part in match.groups()] if match else [None] * 3
        return dict(zip(("year", "month", "day"), parts, strict=True))

    def id_for_label(self, id_: str) -> str:
        return ""

    def first_id(self, id_: str) -> str:
        return f"{id_}_{self.order[0]}" if id_ else ""

    def value_from_datadict(self, data: Mapping[str, Any], files: Mapping[str, Any], name: str) -> Any:
        """Return ``YYYY-MM-DD``, with zeros for what is missing and as it came for what is no date."""
        year, month, day = (
            data.get(ending % name) for ending in (self.year_field, self.month_field, self.day_field)
        )
        if year == month == day == "":
            return None
        if year is None or month is None or day is None:
            return data.get(name)
        try:
            moment = dt.date(int(year), int(month), int(day))
        except (ValueError, OverflowError, TypeError):
            return f"{year or 0}-{month or 0}-{day or 0}"
        return f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d}"

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Mapping[str, Any], name: str) -> bool:
        return not any(
            ending % name in data for ending in (self.year_field, self.month_field, self.day_field)
        )
