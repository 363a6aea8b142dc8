"""Fields of dates, times and durations. Moments are aware: one without a zone is taken for UTC, with a warning."""

from __future__ import annotations

import datetime as dt
from functools import partialmethod
from typing import TYPE_CHECKING, Any, ClassVar
from warnings import warn

from .base import Convert, Field, FieldDeconstruction
from .options import FieldOptions
from .parsing import duration_text, parse_date, parse_datetime, parse_duration, parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal, Unpack, overload

    from typing_extensions import TypeVar

    from vivace.errors import Finding
    from vivace.models.base import Model

    DateT = TypeVar("DateT", default=dt.date)
    TimeT = TypeVar("TimeT", default=dt.time)
    MomentT = TypeVar("MomentT", default=dt.datetime)
    SpanT = TypeVar("SpanT", default=dt.timedelta)
else:
    from typing import TypeVar

    DateT = TypeVar("DateT")
    TimeT = TypeVar("TimeT")
    MomentT = TypeVar("MomentT")
    SpanT = TypeVar("SpanT")

T = TypeVar("T")


class ClockOptions(FieldOptions, total=False):
    """Whether the clock sets the value: each time, or when the row is added."""

    auto_now: bool
    auto_now_add: bool


class _Clock(Field[T]):
    """What fields share that the clock can set."""

    own_options = ("auto_now", "auto_now_add")
    empty_strings_allowed = False

    def __init__(
        self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[ClockOptions]
    ) -> None:
        given: dict[str, Any] = {**options}
        self.auto_now: bool = given.pop("auto_now", False)
        self.auto_now_add: bool = given.pop("auto_now_add", False)
        if self.auto_now or self.auto_now_add:
            given["editable"] = False
            given["blank"] = True
        super().__init__(verbose_name, null=null, **given)

    def now(self) -> Any:
        """Return what the clock says, in the field's type."""
        return dt.datetime.now(dt.UTC)

    def pre_save(self, instance: Model, add: bool) -> Any:
        if not (self.auto_now or (self.auto_now_add and add)):
            return super().pre_save(instance, add)
        value = self.now()
        setattr(instance, self.attname, value)
        return value

    def get_prep_value(self, value: Any) -> Any:
        return self.prepared(value)

    def deconstruct(self) -> FieldDeconstruction:
        name, path, args, kwargs = super().deconstruct()
        for option in ("auto_now", "auto_now_add"):
            if getattr(self, option):
                kwargs[option] = True
        if self.auto_now or self.auto_now_add:
            del kwargs["editable"]
            del kwargs["blank"]
        return name, path, args, kwargs

    def value_to_string(self, obj: Model) -> str:
        value = self.value_from_object(obj)
        return "" if value is None else str(value.isoformat())

    def check(self) -> list[Finding]:
        from vivace.models.checks.fields import check_clock

        return [*super().check(), *check_clock(self)]


class DateField(_Clock[DateT]):
    """A day."""

    internal_type = "DateField"
    python_type = "a date: YYYY-MM-DD"
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid": "“%(value)s” value has an invalid date format. It must be in YYYY-MM-DD format.",
        "invalid_date": "“%(value)s” value has the correct format (YYYY-MM-DD) but it is an invalid date.",
    }

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: DateField[dt.date],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[ClockOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: DateField[dt.date | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[ClockOptions],
        ) -> None: ...
        def __init__(
            self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[ClockOptions]
        ) -> None: ...

    def now(self) -> Any:
        return dt.datetime.now(dt.UTC).date()

    def to_python(self, value: Any) -> Any:
        if value is None or type(value) is dt.date:
            return value
        if isinstance(value, dt.datetime):
            return value.astimezone(dt.UTC).date() if value.tzinfo else value.date()
        if isinstance(value, dt.date):
            return value
        return self._parsed(value)

    def _parsed(self, value: Any) -> dt.date:
        try:
            parsed = parse_date(str(value))
        except ValueError:
            raise self.refused("invalid_date", value=value) from None
        if parsed is None:
            raise self.refused("invalid", value=value)
        return parsed

    def binder(self, connection: Any) -> Convert | None:
        return str if connection == "sqlite" else None

    def from_driver(self, connection: Any) -> Convert | None:
        return dt.date.fromisoformat if connection == "sqlite" else None

    def contribute_to_class(self, cls: type[Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        if not self.null:
            from vivace.models.ordering import neighbour

            for way, is_next in (("next", True), ("previous", False)):
                method = f"get_{way}_by_{self.name}"
                if method not in cls.__dict__:
                    setattr(cls, method, partialmethod(neighbour, field=self, is_next=is_next))


class DateTimeField(DateField[MomentT]):
    """A moment."""

    internal_type = "DateTimeField"
    python_type = "a moment: YYYY-MM-DD HH:MM[:ss[.uuuuuu]][zone]"
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid": "“%(value)s” value has an invalid format. "
        "It must be in YYYY-MM-DD HH:MM[:ss[.uuuuuu]][TZ] format.",
        "invalid_date": "“%(value)s” value has the correct format (YYYY-MM-DD) but it is an invalid date.",
        "invalid_datetime": "“%(value)s” value has the correct format "
        "(YYYY-MM-DD HH:MM[:ss[.uuuuuu]][TZ]) but it is an invalid date/time.",
    }

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: DateTimeField[dt.datetime],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[ClockOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: DateTimeField[dt.datetime | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[ClockOptions],
        ) -> None: ...
        def __init__(
            self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[ClockOptions]
        ) -> None: ...

    def now(self) -> Any:
        return dt.datetime.now(dt.UTC)

    def to_python(self, value: Any) -> Any:
        if value is None or isinstance(value, dt.datetime):
            return value
        if isinstance(value, dt.date):
            return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
        return self._moment(str(value))

    def _moment(self, text: str) -> dt.datetime:
        try:
            moment = parse_datetime(text)
        except ValueError:
            raise self.refused("invalid_datetime", value=text) from None
        if moment is not None:
            return moment
        try:
            day = parse_date(text)
        except ValueError:
            raise self.refused("invalid_date", value=text) from None
        if day is None:
            raise self.refused("invalid", value=text)
        return dt.datetime(day.year, day.month, day.day)

    def get_prep_value(self, value: Any) -> Any:
        moment = self.prepared(value)
        if moment is None or moment.tzinfo is not None:
            return moment
        warn(
            f"{self} received {value!s}, which has no time zone: taken for UTC.", RuntimeWarning, stacklevel=3
        )
        return moment.replace(tzinfo=dt.UTC)

    def binder(self, connection: Any) -> Convert | None:
        return _as_utc_text if connection == "sqlite" else None

    def from_driver(self, connection: Any) -> Convert | None:
        return _from_utc_text if connection == "sqlite" else None


def _as_utc_text(value: dt.datetime) -> str:
    return str(value.astimezone(dt.UTC).replace(tzinfo=None))


def _from_utc_text(value: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(value)
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment


class TimeField(_Clock[TimeT]):
    """A time of day, without a zone."""

    internal_type = "TimeField"
    python_type = "a time of day: HH:MM[:ss[.uuuuuu]]"
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid": "“%(value)s” value has an invalid format. It must be in HH:MM[:ss[.uuuuuu]] format.",
        "invalid_time": "“%(value)s” value has the correct format (HH:MM[:ss[.uuuuuu]]) but it is an invalid time.",
    }

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: TimeField[dt.time],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[ClockOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: TimeField[dt.time | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[ClockOptions],
        ) -> None: ...
        def __init__(
            self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[ClockOptions]
        ) -> None: ...

    def now(self) -> Any:
        return dt.datetime.now(dt.UTC).time()

    def to_python(self, value: Any) -> Any:
        if value is None or isinstance(value, dt.time):
            return value
        if isinstance(value, dt.datetime):
            return value.time()
        try:
            parsed = parse_time(str(value))
        except ValueError:
            raise self.refused("invalid_time", value=value) from None
        if parsed is None:
            raise self.refused("invalid", value=value)
        return parsed

    def get_prep_value(self, value: Any) -> Any:
        time = self.prepared(value)
        if time is not None and time.tzinfo is not None:
            raise self.invalid_value(value, "a time of day without a time zone")
        return time

    def binder(self, connection: Any) -> Convert | None:
        return str if connection == "sqlite" else None

    def from_driver(self, connection: Any) -> Convert | None:
        return dt.time.fromisoformat if connection == "sqlite" else None


class DurationField(Field[SpanT]):
    """A span of time, to the microsecond."""

    internal_type = "DurationField"
    empty_strings_allowed = False
    python_type = "a duration: [DD] [[HH:]MM:]ss[.uuuuuu]"
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid": "“%(value)s” value has an invalid format. It must be in [DD] [[HH:]MM:]ss[.uuuuuu] format.",
    }

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: DurationField[dt.timedelta],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: DurationField[dt.timedelta | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions],
        ) -> None: ...
        def __init__(
            self, verbose_name: str | None = None, *, null: bool = False, **options: Unpack[FieldOptions]
        ) -> None: ...

    def to_python(self, value: Any) -> Any:
        if value is None or isinstance(value, dt.timedelta):
            return value
        try:
            parsed = parse_duration(str(value))
        except (ValueError, OverflowError):
            parsed = None
        if parsed is None:
            raise self.refused("invalid", value=value)
        return parsed

    def get_prep_value(self, value: Any) -> Any:
        return self.prepared(value)

    def binder(self, connection: Any) -> Convert | None:
        return _microseconds if connection == "sqlite" else None

    def from_driver(self, connection: Any) -> Convert | None:
        return _from_microseconds if connection == "sqlite" else None

    def value_to_string(self, obj: Model) -> str:
        value = self.value_from_object(obj)
        return "" if value is None else duration_text(value)


def _microseconds(value: dt.timedelta) -> int:
    return value // dt.timedelta(microseconds=1)


def _from_microseconds(value: int) -> dt.timedelta:
    return dt.timedelta(microseconds=value)
