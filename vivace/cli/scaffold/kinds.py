"""The kinds of fields as a table: what each is in a model, in JSON and on a page, and what a test sends for it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Final, TypeAlias
from uuid import UUID

Literal: TypeAlias = Callable[[str, Sequence[str]], str]
_MODEL: Final = re.compile(r"[A-Z][A-Za-z0-9]*")
_CHOICE: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_LENGTHS: Final = range(1, 2_001)


class Argument(Enum):
    """What stands in parentheses behind a kind; the value says what is expected."""

    NONE = "{kind} without parentheses"
    LENGTH = "nothing, or a length from 1 to 2000"
    MODEL = "the name of one model"
    CHOICES = "different words in small letters, parted by |"

    def problem(self, given: Sequence[str]) -> str:
        """Return what is wrong with arguments, ``""`` when nothing is."""
        return _PROBLEMS[self](given)

    def example(self, kind: str) -> str:
        """Return how it is written."""
        return {"NONE": f"Write {kind}.", "LENGTH": "Write str(80).", "MODEL": f"Write '{kind}(User)'."}.get(
            self.name, "Write 'choice(draft|public)'."
        )


_PROBLEMS: Final[dict[Argument, Callable[[Sequence[str]], str]]] = {
    Argument.NONE: lambda given: "its kind takes no argument" if given else "",
    Argument.LENGTH: lambda given: (
        "its length is none"
        if given
        and not (
            len(given) == 1 and given[0].isascii() and given[0].isdigit() and int(given[0][:5]) in _LENGTHS
        )
        else ""
    ),
    Argument.MODEL: lambda given: (
        "it does not say which model" if len(given) != 1 or not _MODEL.fullmatch(given[0]) else ""
    ),
    Argument.CHOICES: lambda given: (
        "its choices are none"
        if not given or len(set(given)) < len(given) or not all(_CHOICE.fullmatch(word) for word in given)
        else ""
    ),
}


@dataclass(frozen=True)
class Kind:
    """One kind. ``field``: the class of the model's field, ``options`` what it always has; ``type``: its type in Python;
    ``sample`` and ``other``: what a form sends in tests; ``literal`` turns a default into code, ``None``: it has none.
    """

    about: str
    field: str
    type: str
    sample: str
    other: str
    options: tuple[str, ...] = ()
    argument: Argument = Argument.NONE
    literal: Literal | None = None
    is_text: bool = False  # empty is "", not NULL
    in_table: bool = True  # fits into a column of a list
    may_be_empty: bool = True
    may_be_unique: bool = True
    wrong: str = ""  # what no form takes; "" where everything is taken


def _text(value: str, _: Sequence[str]) -> str:
    if not value or not value.isprintable() or len(value) > 200:
        raise ValueError("printable text, at most 200 characters")
    return quoted(value)


def _short(value: str, arguments: Sequence[str]) -> str:
    if arguments and len(value) > int(arguments[0]):
        raise ValueError(f"at most {arguments[0]} characters")
    return _text(value, arguments)


def _matching(pattern: str, expected: str) -> Literal:
    def literal(value: str, arguments: Sequence[str]) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(expected)
        return _text(value, arguments)

    return literal


def _int(value: str, _: Sequence[str]) -> str:
    if not re.fullmatch(r"[+-]?\d{1,9}", value, re.ASCII):
        raise ValueError("a whole number of at most 9 digits")
    return str(int(value))


def _float(value: str, _: Sequence[str]) -> str:
    number = float(value) if re.fullmatch(r"[+-]?[\d.]+(e[+-]?\d+)?", value, re.ASCII) else math.nan
    if not math.isfinite(number):
        raise ValueError("a number: 1.5")
    return repr(number)


def _decimal(value: str, _: Sequence[str]) -> str:
    try:
        number = Decimal(value) if re.fullmatch(r"[+-]?\d{1,10}(\.\d{1,2})?", value, re.ASCII) else None
    except InvalidOperation:
        number = None
    if number is None:
        raise ValueError("a number with at most 10 digits before the point and 2 behind it: 9.90")
    return f'Decimal("{number}")'


def _bool(value: str, _: Sequence[str]) -> str:
    known = {"true": "True", "yes": "True", "on": "True", "1": "True"}
    known |= {"false": "False", "no": "False", "off": "False", "0": "False"}
    if value.lower() not in known:
        raise ValueError("yes or no")
    return known[value.lower()]


def _choice(value: str, arguments: Sequence[str]) -> str:
    if value not in arguments:
        raise ValueError(" or ".join(arguments))
    return value  # the caller knows the class of the choices


def quoted(text: str) -> str:
    """Return a text as Python code, in the quotes that ruff prefers."""
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
    if '"' in text and "'" not in text:
        return f"'{escaped}'"
    return '"' + escaped.replace('"', '\\"') + '"'


_SLUG: Final = _matching(r"[A-Za-z0-9_-]{1,50}", "letters, digits, - and _, at most 50")
_EMAIL: Final = _matching(r"[^@\s\"'\\]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", "an address: ada@example.com")
_URL: Final = _matching(r"https?://[A-Za-z0-9.-]+[^\s\"'\\]*", "an address: https://example.com/")
_UUIDS: Final = ("6f1d2c3b-0a49-4f58-8e67-71c5d4e3f2a1", "0b9e8d7c-6f5a-4e4b-9d3c-2b1a0f9e8d7c")

KINDS: Final[dict[str, Kind]] = {
    "str": Kind(
        "text of one line", "CharField", "str", "Some words", "Other words",
        argument=Argument.LENGTH, literal=_short, is_text=True,
    ),
    "text": Kind(
        "text of many lines", "TextField", "str", "Some lines\nof text", "Other lines", literal=_text,
        is_text=True, in_table=False, may_be_unique=False,
    ),
    "int": Kind("a whole number", "IntegerField", "int", "7", "8", literal=_int, wrong="many"),
    "float": Kind("a number", "FloatField", "float", "2.5", "3.5", literal=_float, wrong="many"),
    "decimal": Kind(
        "a number to count money with", "DecimalField", "Decimal", "9.50", "10.25",
        ("max_digits=12", "decimal_places=2"), literal=_decimal, wrong="many",
    ),
    "bool": Kind(
        "yes or no", "BooleanField", "bool", "on", "on", literal=_bool, may_be_empty=False, may_be_unique=False
    ),
    "date": Kind("a day", "DateField", "dt.date", "2030-01-31", "2030-02-28", wrong="someday"),
    "datetime": Kind(
        "a moment", "DateTimeField", "dt.datetime", "2030-01-31T12:30", "2030-02-28T18:00", wrong="someday"
    ),
    "time": Kind("a time of the day", "TimeField", "dt.time", "12:30", "18:00", wrong="sometime"),
    "email": Kind(
        "an address for mail", "EmailField", "str", "ada@example.com", "bo@example.com", literal=_EMAIL,
        is_text=True, wrong="nobody",
    ),
    "url": Kind(
        "an address of a page", "URLField", "str", "https://example.com/", "https://example.org/", literal=_URL,
        is_text=True, wrong="nowhere",
    ),
    "slug": Kind(
        "a word for addresses", "SlugField", "str", "some-words", "other-words", literal=_SLUG, is_text=True,
        wrong="no slug!",
    ),
    "uuid": Kind("a UUID", "UUIDField", "UUID", *_UUIDS, wrong="none"),
    "json": Kind(
        "any JSON", "JSONField", "Any", '{"a": 1}', '{"a": 2}', in_table=False, may_be_unique=False, wrong="{"
    ),
    "file": Kind(
        "an uploaded file", "FileField", "FieldFile", "", "", in_table=False, may_be_unique=False
    ),
    "fk": Kind(
        "one object of a model", "ForeignKey", "int", "", "", argument=Argument.MODEL, may_be_unique=False
    ),
    "m2m": Kind(
        "many objects of a model", "ManyToManyField", "list[int]", "", "", argument=Argument.MODEL,
        in_table=False, may_be_unique=False,
    ),
    "choice": Kind(
        "one of some words", "CharField", "str", "", "", argument=Argument.CHOICES, literal=_choice,
        may_be_unique=False, wrong="none-of-them",
    ),
}  # fmt: skip


def json_sample(kind: str, text: str) -> object:
    """Return what a client sends as JSON for a sample."""
    convert: dict[str, Callable[[str], object]] = {
        "int": int, "float": float, "bool": bool, "decimal": str,
        "datetime": lambda moment: f"{datetime.fromisoformat(moment).isoformat()}Z",
        "date": lambda day: date.fromisoformat(day).isoformat(),
        "time": lambda clock: time.fromisoformat(clock).isoformat(),
        "uuid": lambda value: str(UUID(value)),
    }  # fmt: skip
    return convert.get(kind, str)(text)


__all__ = ["KINDS", "Argument", "Kind", "json_sample", "quoted"]
