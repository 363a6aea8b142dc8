"""Converters: from the text of a path segment to a value and back.

A converter decides by its ``parse``: a ``ValueError`` means that the path does not match, and the next route is tried.
``rank`` orders rivals at the same place of a path: the smaller, the more specific, the earlier it is tried.

There is no registry. The built-in names are the table ``BUILT_IN``; own converters are handed to a Router by name;
everything else comes from the annotations of the handler (``converter_for``).
"""

from __future__ import annotations

import math
import re
import types
from collections.abc import Callable, Hashable
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Annotated, Any, Final, Literal, TypeVar, Union, cast, get_args, get_origin
from uuid import UUID

import msgspec

from vivace.errors.routing import BadPattern

from .regexes import matcher_of


def _plain(value: Any) -> str:
    """Return the text of a value for a text parameter; ``None`` is refused: it is a mistake, never a path."""
    if value is None or isinstance(value, (bytes, bytearray)):
        raise ValueError(f"{value!r} is not text")
    return str(value)


class Converter(msgspec.Struct, frozen=True):
    """How one parameter is read and written.

    ``parse`` gets the decoded text, never empty, and returns the value or raises ``ValueError``; ``None`` keeps the
    text. ``format`` is its inverse. ``spans`` takes the whole rest of the path. ``identity`` tells two converters of
    one name apart (default: their ``parse``). ``explains`` says in words what fits.
    """

    name: str
    parse: Callable[[str], Any] | None = None
    format: Callable[[Any], str] = _plain
    rank: int = 50
    spans: bool = False
    identity: Hashable = None
    explains: str = ""

    @property
    def key(self) -> Hashable:
        """What makes two converters the same: routes that share it share a branch of the router."""
        return (self.name, self.identity if self.identity is not None else self.parse)

    def fits(self, text: str) -> bool:
        """Return whether ``text`` would be accepted from a path."""
        try:
            if self.parse is not None and text:
                self.parse(text)
        except ValueError:
            return False
        return bool(text)

    def text_of(self, value: Any) -> str:
        """Return ``value`` as it stands in a path, decoded; raises ``ValueError`` when it would not be read back."""
        try:
            text = value if type(value) is str else self.format(value)
        except (TypeError, AttributeError, ArithmeticError) as error:
            raise ValueError(str(error)) from error
        if not self.fits(text):
            raise ValueError(text)
        return text


def _checked(regex: str, make: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a parser that reads with ``make`` only what ``regex`` matches whole."""
    fullmatch = re.compile(regex, re.ASCII).fullmatch

    def parse(text: str) -> Any:
        if fullmatch(text) is None:
            raise ValueError(text)
        return make(text)

    return parse


def _parse_int(text: str) -> int:
    # int() also reads " 1", "1_000" and Arabic digits, which would give one resource many addresses
    if text.isdecimal() and text.isascii():
        return int(text)
    if text[0] == "-" and text[1:].isdecimal() and text.isascii():
        return int(text)
    raise ValueError(text)


def _parse_path(text: str) -> str:
    """Refuse what would leave a directory: an absolute rest, and dot segments (``..%2F`` hides them from proxies)."""
    if text[0] == "/" or ("." in text and not {".", ".."}.isdisjoint(text.split("/"))):
        raise ValueError(text)
    return text


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):  # 1e999
        raise ValueError(text)
    return number


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ValueError(text) from error


def choice_converter(choices: dict[str, Any], identity: Hashable, name: str = "choice") -> Converter:
    """Return a converter that knows a few words: ``choices`` maps each to its value."""
    texts = {value: text for text, value in choices.items()}

    def parse(text: str) -> Any:
        if text not in choices:
            raise ValueError(text)
        return choices[text]

    def write(value: Any) -> str:
        if value not in texts:
            raise ValueError(value)
        return texts[value]

    return Converter(name, parse, write, 10, False, identity, "one of " + ", ".join(map(repr, choices)))


_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_HOUR = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
_UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

STR: Final = Converter("str", rank=90, explains="text without a slash")
PATH: Final = Converter(
    "path", _parse_path, rank=100, spans=True, explains="a relative path without dot segments"
)
INT: Final = Converter("int", _parse_int, str, rank=40, explains="a whole number")
BOOL: Final = choice_converter({"true": True, "false": False}, "bool", "bool")
FLOAT: Final = Converter("float", _checked(_NUMBER, _finite), repr, rank=45, explains="a number")
DECIMAL: Final = Converter("decimal", _checked(_NUMBER, _decimal), str, rank=45, explains="a number")
SLUG: Final = Converter("slug", _checked("[-a-zA-Z0-9_]+", str), rank=60, explains="letters, digits, - and _")
UUID_: Final = Converter("uuid", _checked(_UUID, UUID), str, rank=30, explains="a UUID")
DATE: Final = Converter(
    "date", _checked(_DAY, date.fromisoformat), date.isoformat, rank=30, explains="a date as 2026-01-31"
)
TIME: Final = Converter(
    "time", _checked(_HOUR, time.fromisoformat), time.isoformat, rank=30, explains="a time as 13:45"
)
DATETIME: Final = Converter(
    "datetime",
    _checked(f"{_DAY}T{_HOUR}", datetime.fromisoformat),
    datetime.isoformat,
    rank=30,
    explains="a date and time as 2026-01-31T13:45:00",
)

BUILT_IN: Final[types.MappingProxyType[str, Converter]] = types.MappingProxyType(
    {c.name: c for c in (STR, PATH, INT, BOOL, FLOAT, DECIMAL, SLUG, UUID_, DATE, TIME, DATETIME)}
)
_BY_TYPE: Final[types.MappingProxyType[Any, Converter]] = types.MappingProxyType(
    {
        str: STR,
        int: INT,
        bool: BOOL,
        float: FLOAT,
        Decimal: DECIMAL,
        UUID: UUID_,
        date: DATE,
        time: TIME,
        datetime: DATETIME,
        Any: STR,
        object: STR,
    }
)


def regex_converter(regex: str) -> Converter:
    """Return the converter of ``{name:re:…}``; raises ``BadPattern`` for a regex that is malformed or dangerous."""
    parse = matcher_of(regex)
    return Converter("re", parse, rank=50, identity=regex, explains=f"text that matches {regex}")


def converter_for(annotation: Any) -> Converter:
    """Return the converter for a parameter's annotation; raises ``BadPattern`` for a type that no text can be.

    Known: str, int, bool, float, Decimal, UUID, date, time, datetime, Enum, Literal, unions of these (the first that
    fits, the most specific first), NewType, type aliases, and ``Annotated`` with msgspec constraints.
    """
    try:
        known = _BY_TYPE.get(annotation)
    except TypeError:  # not hashable: Annotated with a list
        known = None
    if known is not None:
        return known
    if (enum := _as_enum(annotation)) is not None:
        return choice_converter({str(member.value): member for member in enum}, enum)
    origin = get_origin(annotation)
    if origin is Literal:
        values = get_args(annotation)
        return choice_converter({str(value): value for value in values}, annotation)
    if origin is Annotated:
        return _constrained(annotation)
    if origin is Union or isinstance(annotation, types.UnionType):
        return _first_of([arg for arg in get_args(annotation) if arg is not type(None)])
    inner = getattr(annotation, "__supertype__", None) or getattr(annotation, "__value__", None)
    if inner is not None:  # NewType; ``type X = …`` of Python 3.12
        return converter_for(inner)
    if isinstance(annotation, TypeVar):
        return STR
    raise _no_converter(annotation)


def _as_enum(annotation: object) -> type[Enum] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, Enum) else None


def _no_converter(annotation: Any) -> BadPattern:
    return BadPattern(
        f"A path parameter cannot be of the type {annotation!r}.",
        expected=", ".join(BUILT_IN) + ", an Enum or a Literal",
        got=repr(annotation),
        fix="Annotate it with one of these, or name a converter in the path: {name:my_converter}.",
    )


def _constrained(annotation: Any) -> Converter:
    """``Annotated[int, Meta(ge=1)]``: what the base type reads must hold for the constraints too."""
    base = converter_for(get_args(annotation)[0])
    if not any(isinstance(extra, msgspec.Meta) for extra in get_args(annotation)[1:]):
        return base
    read, decode = base.parse, msgspec.convert

    def parse(text: str) -> Any:
        value = text if read is None else read(text)
        return decode(value, annotation)  # its ValidationError is a ValueError

    return Converter(base.name, parse, base.format, base.rank - 1, base.spans, annotation, f"{annotation}")


def _first_of(members: list[Any]) -> Converter:
    """A union: the most specific member that reads the text wins."""
    found = sorted((converter_for(member) for member in members), key=lambda converter: converter.rank)
    if len(found) == 1:
        return found[0]

    def parse(text: str) -> Any:
        for converter in found:
            if converter.fits(text):
                return text if converter.parse is None else converter.parse(text)
        raise ValueError(text)

    def write(value: Any) -> str:
        for converter in found:
            try:
                return converter.text_of(value)
            except ValueError:
                continue
        raise ValueError(value)

    names = " or ".join(converter.explains for converter in found)
    key = cast("Hashable", tuple(converter.key for converter in found))
    return Converter("union", parse, write, found[-1].rank - 1, False, key, names)
