"""Readers for what arrives as names with texts: query, headers, cookies, forms; one value, lists, and whole models.

A reader takes the source and returns the value, or raises ``ValidationFailed`` with all problems it sees. Sources
that can repeat a name have ``getlist``; of a name given twice the last value counts, as in ``MultiDict``.

An empty text for an optional parameter that is not text itself means that it is absent: browsers send the empty
fields of a form (``?min_price=&max_price=10``).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeAlias

import msgspec
from msgspec import inspect as mi

from vivace.errors import Problem, ValidationFailed
from vivace.http.bodies import TOKEN_FIELD
from vivace.http.multidict import query_pairs

from .bodies import REQUIRED
from .defaults import completer
from .describe import missing, problem, step
from .known import SEQUENCES, forbids
from .scalars import ReadText, only_text, text_reader, type_of
from .walk import from_msgspec, unknown

Read: TypeAlias = Callable[[Any], Any]
_ABSENT: Final = object()
_NO_VALUES: Final[Mapping[str, str]] = {}


class Values(Protocol):
    """A source of texts by name; files of a form are not text."""

    def get(self, name: str, /) -> Any: ...

    def getlist(self, name: str, /) -> list[Any]: ...


def single_values(query_string: str) -> Mapping[str, str]:
    """Return name → last value of a query string, for handlers that ask for single values only."""
    if not query_string:
        return _NO_VALUES
    if "%" in query_string or "+" in query_string:
        return dict(query_pairs(query_string))
    values: dict[str, str] = {}
    # No comprehension: its frame and its tuples would cost half as much again.
    for piece in query_string.split("&"):
        name, _, value = piece.partition("=")
        values[name] = value
    return values


class Field(msgspec.Struct, frozen=True):
    """One named value of a source: its type as written and as msgspec describes it, and the default."""

    place: str
    name: str
    annotation: Any
    info: Any
    default: Any = REQUIRED

    @property
    def is_list(self) -> bool:
        """True when all values of the name are wanted."""
        return list_info(self.info) is not None

    @property
    def pointer(self) -> str:
        """The JSON pointer of this value in problems."""
        return step("", self.name)


def list_info(info: Any) -> Any:
    """Return the description of a list of scalars (``None`` beside it in a union does not matter), or ``None``."""
    if isinstance(info, mi.UnionType):
        rest = [member for member in info.types if not isinstance(member, mi.NoneType)]
        info = rest[0] if len(rest) == 1 else info
    if isinstance(info, SEQUENCES) and text_reader(type_of(info.item_type), info.item_type) is not None:
        return info
    return None


def is_optional(info: Any) -> bool:
    """Tell whether a type allows ``None``."""
    return isinstance(info, mi.NoneType) or (
        isinstance(info, mi.UnionType) and any(isinstance(member, mi.NoneType) for member in info.types)
    )


def field_reader(field: Field) -> Read | None:
    """Return ``source → value`` for a scalar or a list of scalars; ``None`` when texts cannot make this type."""
    listed = list_info(field.info)
    if listed is not None:
        return _list_reader(field, listed)
    read = text_reader(field.annotation, field.info)
    if read is None:
        return None
    return _scalar_reader(field, only_text(read) if field.place == "form" else read)


def _scalar_reader(field: Field, read: ReadText) -> Read:
    name, absent = field.name, _absent(field)
    blank_is_absent = is_optional(field.info) and not _takes_blank(field.info)

    def get(values: Any) -> Any:
        text = values.get(name)
        if text is None or (blank_is_absent and text == ""):
            return absent()
        try:
            return read(text)
        except ValueError:
            raise ValidationFailed([problem(field.place, field.pointer, field.info, text)]) from None

    return get


def _list_reader(field: Field, listed: Any) -> Read:
    item = listed.item_type
    read = text_reader(type_of(item), item)
    if read is None:
        raise TypeError(field.name)
    read_item = only_text(read) if field.place == "form" else read
    absent, wanted = _absent(field), field.annotation

    def get(values: Any) -> Any:
        texts = values.getlist(field.name)
        if not texts:
            return absent()
        found: list[Any] = []
        wrong: list[Problem] = []
        for index, text in enumerate(texts):
            try:
                found.append(read_item(text))
            except ValueError:
                wrong.append(problem(field.place, step(field.pointer, index), item, text))
        if wrong:
            raise ValidationFailed(wrong)
        return _as_collection(field, found, wanted)

    return get


def _as_collection(field: Field, found: list[Any], wanted: Any) -> Any:
    try:
        return msgspec.convert(found, wanted, dec_hook=_passes)
    except msgspec.ValidationError:
        raise ValidationFailed([problem(field.place, field.pointer, field.info, found)]) from None


def _passes(wanted: Any, value: Any) -> Any:
    return value


def _takes_blank(info: Any) -> bool:
    members = info.types if isinstance(info, mi.UnionType) else (info,)
    return any(isinstance(member, mi.StrType | mi.AnyType) for member in members)


def _absent(field: Field) -> Callable[[], Any]:
    """Return what an absent value means: the default (a copy, when it could be changed), ``None``, or a problem."""
    default = field.default
    if type(default) in (list, dict, set):
        return lambda: copy.copy(default)
    if default is not REQUIRED:
        return lambda: default
    if is_optional(field.info):
        return lambda: None

    def refuse() -> Any:
        raise ValidationFailed([missing(field.place, field.pointer, field.info)])

    return refuse


class ModelReader:
    """Reads a Struct, dataclass or TypedDict from texts: one name per field, lists from repeated names.

    ``names`` turns a field name into a name of the source (headers are written with hyphens).
    """

    __slots__ = ("cls", "complete", "fields", "place", "refuse_unknown")

    def __init__(
        self, place: str, info: Any, names: Callable[[str], str] = str, *, refuse_unknown: bool = False
    ) -> None:
        self.place = place
        self.cls = info.cls
        self.complete = completer(info)
        self.refuse_unknown = refuse_unknown or forbids(info)
        self.fields = tuple(self._fields(info, names))

    def _fields(self, info: Any, names: Callable[[str], str]) -> list[tuple[str, str, Read]]:
        made: list[tuple[str, str, Read]] = []
        for part in info.fields:
            name = names(part.encode_name)
            default = REQUIRED if part.required else _ABSENT
            read = field_reader(Field(self.place, name, type_of(part.type), part.type, default))
            if read is None:
                raise TypeError(part.name)
            made.append((part.encode_name, name, read))
        return made

    def __call__(self, values: Any) -> Any:
        found: dict[str, Any] = {}
        wrong: list[Problem] = []
        for key, _, read in self.fields:
            try:
                value = read(values)
            except ValidationFailed as failure:
                wrong.extend(failure.problems)
            else:
                if value is not _ABSENT:
                    found[key] = value
        if self.refuse_unknown:
            wrong.extend(self._unknown(values))
        if wrong:
            raise ValidationFailed(wrong)
        try:
            model: Any = msgspec.convert(found, self.cls, dec_hook=_passes)
        except msgspec.ValidationError as failure:
            raise ValidationFailed([from_msgspec(self.place, found, failure)]) from None
        return model if self.complete is None else self.complete(model)

    def _unknown(self, values: Any) -> list[Problem]:
        names = [name for _, name, _ in self.fields]
        known = {*names, TOKEN_FIELD} if self.place == "form" else names
        return [unknown(self.place, step("", name), name, names) for name in values if name not in known]


__all__ = ["Field", "ModelReader", "Read", "Values", "field_reader", "list_info", "single_values"]
