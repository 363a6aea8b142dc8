"""Django's fields beside ours: the cases, what may be entered, and where the answers differ on purpose."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from tests.djangopeer import django_module
from vivace import forms
from vivace.errors import ValidationError

CHOICES: Final = [("a", "A"), ("b", "B"), ("Group", [("1", "One"), ("2", "Two")]), ("", "none")]
SPECIAL: Final[list[Any]] = [
    *(None, "", " ", "\x00", "a\x00b", "\ud800", "x\udfff", "\u00a0", "\u2003x\u2003", "a", "abc", "b", "1", "2"),
    *("9" * 5000, "-" + "9" * 4000, "1e400", "-1e400", "nan", "NaN", "inf", "-Infinity", "sNaN", "1_000", "_1"),
    *("١٢٣", "१२.५", "½", "²", "0x10", "1.0", "1.00 ", "1.", ".5", "+5", " 5 ", "5\n", "--5", "1e5", "1,000", "-0", "-0.0"),
    *("true", "True", "false", "False", "0", "on", "unknown", True, False, 0, 5, -1, 2.5, [], ["a"], ["a", "z"], {}),
]  # fmt: skip
MOMENTS: Final[list[Any]] = [
    *("2026-02-28", "2026-02-30", "02/28/2026", "2/8/26", "Feb 28 2026", "28 February, 2026", "february 28, 2026"),
    *("12:30", "12:30:15", "12:30:15.5", "24:00", "1:2:3", "2026-02-28 12:30", "2026-02-28T12:30:15.123456Z"),
    *("2026-02-28T12:30+02:00", "20260228", "2026-W09-6", "2026-02-28T24:00", "0001-01-01T00:00+14:00"),
    *("9999-12-31T23:59:59-14:00", "0001-01-01", "9999-12-31 23:59:59.999999", "2026-02-28 12:30 PM", "٢٠٢٦-٠٢-٢٨"),
    *("1", "1 1:00:00", "-1 day, 1:00", "P3DT4H5M6S", "-P1D", "PT0.5S", "1:1", "999999999999", "9" * 400, "1 days 2", "1:00:60"),
    *(dt.date(2026, 2, 3), dt.datetime(2026, 2, 3, 4, 5, 6), dt.time(4, 5), dt.timedelta(1, 2, 3)),
]  # fmt: skip
ADDRESSES: Final[list[Any]] = [
    *("a@b.co", "a@b", "A@B.CO ", "a@localhost", '"q s"@x.org', "a@[::1]", "a@ünï.org", "a@b.co\n", "a" * 400 + "@x.org"),
    *("x.org", "//x.org/p", "http://x.org", "HTTPS://X.org/%20", "x.org:80/p", "mailto:a@b.co", "javascript:alert(1)"),
    *("http:/x.org", "/p", "ftp://x.org", "http://[::1]/", "http://[", "1x://x.org", "http://ünï.org", ":x", "localhost:8000"),
    *("1.2.3.4", "01.2.3.4", "1.2.3", "::1", "::ffff:1.2.3.4", "fe80::1%eth0", "1::2::3", "2001:DB8:0:0::1", "::FFFF:102:304"),
    *("12345678123456781234567812345678", "{12345678-1234-5678-1234-567812345678}", "urn:uuid:" + "1" * 32, "1" * 31),
    *("slug-1_a", "sl ug", "ünï", "-", "a/b"),
]  # fmt: skip
JSON: Final[list[Any]] = [
    *(r'"\\u0000"', "{}", "[]", '"a"', "1", "1.5", "null", "true", "NaN", "[Infinity]", "{", "'a'", '{"a": [1, "ü"]}', '{"a": 1, "a": 2}'),
    *('"\\ud800"', '"\\u0000"', "[" * 100_000, "9" * 5000, '"\\ud83d\\ude00"', " 1 ", "\ufeff1", "01", '"\n"'),
]  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A field, made from either module of forms, and what people might enter into it."""

    name: str
    field: str
    options: dict[str, Any]
    entered: st.SearchStrategy[Any] | None = None

    @property
    def values(self) -> st.SearchStrategy[Any]:
        """What might be entered; nothing where the case is a part of another."""
        return st.nothing() if self.entered is None else self.entered

    def make(self, module: Any) -> Any:
        """Return the field of a module: ours or Django's."""
        given = {name: self._made(value, module) for name, value in self.options.items()}
        return getattr(module, self.field)(**given)

    def _made(self, value: Any, module: Any) -> Any:
        parts: list[Case] = value if self.field == "ComboField" else []
        return [part.make(module) for part in parts] or value


def _joined(left: str, middle: str, right: str) -> str:
    return f"{left}{middle}{right}"


def _entered(special: list[Any], alphabet: str) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.sampled_from([*SPECIAL, *special]),
        st.text(alphabet, max_size=20),
        st.text(max_size=8),
        st.builds(_joined, st.sampled_from(" \t0-+."),
                  st.sampled_from([x for x in [*SPECIAL, *special] if isinstance(x, str) and len(x) < 60]),
                  st.sampled_from(["", " ", "0", "\n", "."])),
    )  # fmt: skip


NUMBERS: Final = _entered([Decimal("1.50"), Decimal("NaN"), 10**30], "0123456789.-+eE_ ٠١")
TIMES: Final = _entered(MOMENTS, "0123456789-:/TZ. +PDHMS")
TEXTS: Final = _entered(ADDRESSES, "abcXYZ012 @.-:/ü_[]%")
LISTS: Final = st.one_of(
    TEXTS, st.lists(st.sampled_from(["a", "b", "1", "2", "", "z", "\ud800"]), max_size=4)
)
PARTS: Final = st.one_of(TIMES, st.lists(TIMES, max_size=3))

CASES: Final[list[Case]] = [
    Case("char", "CharField", {}, TEXTS),
    Case("char-limits", "CharField", {"min_length": 2, "max_length": 5}, TEXTS),
    Case("char-one", "CharField", {"max_length": 1, "strip": False}, TEXTS),
    Case("char-kept", "CharField", {"strip": False, "required": False, "empty_value": None}, TEXTS),
    Case("integer", "IntegerField", {}, NUMBERS),
    Case("integer-limits", "IntegerField", {"min_value": 1, "max_value": 9, "required": False}, NUMBERS),
    Case("integer-step", "IntegerField", {"step_size": 3, "min_value": -1}, NUMBERS),
    Case("float", "FloatField", {}, NUMBERS),
    Case("float-limits", "FloatField", {"min_value": 0, "max_value": 9.5, "step_size": 0.5, "required": False}, NUMBERS),
    Case("decimal", "DecimalField", {}, NUMBERS),
    Case("decimal-limits", "DecimalField", {"max_digits": 4, "decimal_places": 2, "max_value": 50, "required": False}, NUMBERS),
    Case("date", "DateField", {}, TIMES),
    Case("date-format", "DateField", {"input_formats": ["%d.%m.%Y"], "required": False}, TIMES),
    Case("time", "TimeField", {}, TIMES),
    Case("datetime", "DateTimeField", {}, TIMES),
    Case("datetime-optional", "DateTimeField", {"required": False}, TIMES),
    Case("duration", "DurationField", {}, TIMES),
    Case("regex", "RegexField", {"regex": r"^[a-c]+$"}, TEXTS),
    Case("email", "EmailField", {}, TEXTS),
    Case("url", "URLField", {"assume_scheme": "https"}, TEXTS),
    Case("slug", "SlugField", {}, TEXTS),
    Case("slug-unicode", "SlugField", {"allow_unicode": True, "required": False}, TEXTS),
    Case("ip", "GenericIPAddressField", {}, TEXTS),
    Case("ip-unpacked", "GenericIPAddressField", {"unpack_ipv4": True, "required": False}, TEXTS),
    Case("ip-4", "GenericIPAddressField", {"protocol": "IPv4"}, TEXTS),
    Case("ip-6", "GenericIPAddressField", {"protocol": "ipv6"}, TEXTS),
    Case("uuid", "UUIDField", {}, TEXTS),
    Case("boolean", "BooleanField", {}, TEXTS),
    Case("boolean-optional", "BooleanField", {"required": False}, NUMBERS),
    Case("null-boolean", "NullBooleanField", {}, TEXTS),
    Case("choice", "ChoiceField", {"choices": CHOICES}, TEXTS),
    Case("choice-optional", "ChoiceField", {"choices": CHOICES, "required": False}, LISTS),
    Case("typed-choice", "TypedChoiceField", {"choices": [(1, "1"), (2, "2"), ("x", "x")], "coerce": int}, NUMBERS),
    Case("typed-choice-empty", "TypedChoiceField", {"choices": CHOICES, "coerce": str.upper, "empty_value": None, "required": False}, LISTS),
    Case("choices", "MultipleChoiceField", {"choices": CHOICES}, LISTS),
    Case("choices-optional", "MultipleChoiceField", {"choices": CHOICES, "required": False}, LISTS),
    Case("typed-choices", "TypedMultipleChoiceField", {"choices": CHOICES, "coerce": int}, LISTS),
    Case("json", "JSONField", {}, _entered(JSON, '{}[]",:0129.eutrlnfas ')),
    Case("json-optional", "JSONField", {"required": False}, _entered(JSON, '{}[]",:0129.eutrlnfas ')),
    Case("combo", "ComboField", {"fields": [Case("", "CharField", {"max_length": 6}), Case("", "EmailField", {})]}, TEXTS),
    Case("split", "SplitDateTimeField", {}, PARTS),
    Case("split-optional", "SplitDateTimeField", {"required": False}, PARTS),
]  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What a field answered: a value, the codes and texts of its errors, or a crash."""

    kind: str
    value: Any = None


def ours(tried: Any, value: Any) -> Outcome:
    """Clean with one of our fields; anything but a value or a ``ValidationError`` breaks the test."""
    try:
        return Outcome("value", tried.clean(value))
    except ValidationError as error:
        return Outcome("refused", sorted((each.given_code or "", each.text) for each in error.flat()))


def theirs(tried: Any, value: Any) -> Outcome:
    """Clean with one of Django's fields."""
    refused: type[Exception] = import_module("django.core.exceptions").ValidationError
    try:
        return Outcome("value", tried.clean(value))
    except refused as error:
        found: Any = error
        texts: list[str] = [str(text) for text in found.messages]
        return Outcome(
            "refused",
            sorted((each.code or "", text) for each, text in zip(found.error_list, texts, strict=True)),
        )
    except Exception as error:
        return Outcome("crash", type(error).__name__)


def django_forms() -> Any:
    """Return Django's module of forms, configured."""
    return django_module("django.forms")


def _has_surrogate(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_has_surrogate, value))  # pyright: ignore[reportUnknownArgumentType]
    return isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value)


def _is_outside(value: Any) -> bool:
    """Say whether a text is a moment that has no equal in UTC."""
    try:
        dt.datetime.fromisoformat(str(value).strip()).astimezone(dt.UTC)
    except OverflowError:
        return True
    except ValueError:
        return False
    return False


def _unstorable(value: Any) -> bool:
    text = str(value)
    return any(word in text for word in ("NaN", "Infinity", "\\u0000", "\\ud8")) or _has_surrogate(value)


class Difference(NamedTuple):
    """An answer that is meant to be another than Django's: for which fields and values, what it is, and why."""

    fields: str
    applies: Callable[[Any], bool]
    answer: str
    reason: str


DIFFERENCES: Final = [
    Difference("", _has_surrogate, "refused", "half a character cannot be encoded: it would fail when stored or shown"),
    Difference("datetime", _is_outside, "refused", "a moment outside of the calendar in UTC fails when it is stored"),
    Difference("json", _unstorable, "refused", "NaN, infinities, U+0000 and half characters: PostgreSQL refuses them, JSON has no such numbers"),
]  # fmt: skip


def is_meant(case: Case, value: Any, answer: Outcome, other: Outcome) -> bool:
    """Say whether an answer may differ: it is in the table, or Django's is a crash where ours is an answer."""
    if other.kind == "crash":
        return True
    return any(
        case.name.startswith(each.fields) and each.applies(value) and answer.kind == each.answer
        for each in DIFFERENCES
    )


__all__ = ["CASES", "Case", "Outcome", "django_forms", "forms", "is_meant", "ours", "theirs"]
