"""Fields of days, times, moments and durations."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from vivace.forms.widgets import DateInput, DateTimeInput, TimeInput, Widget
from vivace.forms.widgets.inputs import TemporalInput
from vivace.forms.zones import from_current_timezone, to_current_timezone
from vivace.models.fields.parsing import duration_text, parse_datetime, parse_duration

from .base import Field, FieldOptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack

DATE_FORMATS: Final = (
    *("%Y-%m-%d", "%m/%d/%Y", "%m/%d/%y"),
    *("%b %d %Y", "%b %d, %Y", "%d %b %Y", "%d %b, %Y"),
    *("%B %d %Y", "%B %d, %Y", "%d %B %Y", "%d %B, %Y"),
)
TIME_FORMATS: Final = ("%H:%M:%S", "%H:%M:%S.%f", "%H:%M")
DATETIME_FORMATS: Final = (
    *(f"{date} {time}" for date in DATE_FORMATS[:3] for time in TIME_FORMATS),
    *DATE_FORMATS,
)


class TemporalOptions(FieldOptions, total=False):
    """In which formats a date or time may be written, as ``strptime`` takes them."""

    input_formats: Sequence[str] | None


class TemporalField(Field):
    """Base of fields that read a text by formats."""

    input_formats: Sequence[str] = ()

    def __init__(self, **options: Unpack[TemporalOptions]) -> None:
        given: dict[str, Any] = {**options}
        formats = given.pop("input_formats", None)
        if formats is not None:
            self.input_formats = formats
        super().__init__(**given)

    def to_python(self, value: Any) -> Any:
        text = str(value).strip()
        for format in self.input_formats:
            try:
                return self.strptime(text, format)
            except (ValueError, TypeError):
                continue
        raise self.refused("invalid")

    def strptime(self, value: str, format: str) -> Any:
        """Return what a text means in one format. Raises ``ValueError``."""
        return dt.datetime.strptime(value, format)

    def widget_attrs(self, widget: Widget) -> dict[str, Any]:
        """Leave the browser's own picker where the field does not read what that sends."""
        if (
            isinstance(widget, TemporalInput)
            and widget.format is None
            and not self._reads(widget.native_format)
        ):
            widget.use_format(self.input_formats[0])
        return super().widget_attrs(widget)

    def _reads(self, format: str) -> bool:
        return not self.input_formats or format in self.input_formats


class DateField(TemporalField):
    """A day."""

    widget: Any = DateInput
    input_formats = DATE_FORMATS
    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid": "Enter a valid date."}

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        if isinstance(value, dt.datetime):
            return value.date()
        return value if isinstance(value, dt.date) else super().to_python(value)

    def strptime(self, value: str, format: str) -> Any:
        return dt.datetime.strptime(value, format).date()


class TimeField(TemporalField):
    """A time of day."""

    widget: Any = TimeInput
    input_formats = TIME_FORMATS
    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid": "Enter a valid time."}

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        return value if isinstance(value, dt.time) else super().to_python(value)

    def strptime(self, value: str, format: str) -> Any:
        return dt.datetime.strptime(value, format).time()


class DateTimeField(TemporalField):
    """A moment, aware; one without a zone is taken for UTC."""

    widget: Any = DateTimeInput
    input_formats = DATETIME_FORMATS
    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid": "Enter a valid date/time."}

    def prepare_value(self, value: Any) -> Any:
        return to_current_timezone(value) if isinstance(value, dt.datetime) else value

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        if isinstance(value, dt.datetime):
            return from_current_timezone(value)
        if isinstance(value, dt.date):
            return from_current_timezone(dt.datetime(value.year, value.month, value.day))
        try:
            moment = parse_datetime(str(value).strip())
        except ValueError:
            raise self.refused("invalid") from None
        return from_current_timezone(moment or super().to_python(value))

    def _reads(self, format: str) -> bool:
        return True  # ISO 8601, which the browser's picker sends, is always read


class DurationField(Field):
    """A length of time: ``[days ][[hours:]minutes:]seconds``, or ISO 8601."""

    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid": "Enter a valid duration.",
        "overflow": "The number of days must be between {min_days} and {max_days}.",
    }

    def prepare_value(self, value: Any) -> Any:
        return duration_text(value) if isinstance(value, dt.timedelta) else value

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        if isinstance(value, dt.timedelta):
            return value
        try:
            span = parse_duration(str(value).removesuffix("\n"))
        except OverflowError:
            error = self.refused("overflow")
            error.message = error.message.format(
                min_days=dt.timedelta.min.days, max_days=dt.timedelta.max.days
            )
            raise error from None
        if span is None:
            raise self.refused("invalid")
        return span
