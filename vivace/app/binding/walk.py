"""Every problem of a JSON value at once.

msgspec stops at the first error, which is right while all is well and unkind to whoever must mend a form of twenty
fields. So when it fails, and only then, the value is decoded without type and walked here, beside the description of
its type. msgspec stays the judge: each scalar is handed to ``msgspec.convert``, and each object whose members are
fine as well (for ``__post_init__``). What the walk does not find although msgspec refused is reported in msgspec's
words, so the list is never empty.

The work is bounded: after ``MOST_PROBLEMS`` problems or ``MOST_VALUES`` values the walk ends, because a client can
send a million wrong values in one body and this runs on the loop (about 1 µs for each value).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import inspect as mi

from vivace.app.kinds import class_of
from vivace.errors import Problem, nearest

from .describe import expected, missing, problem, step
from .known import MODELS, SEQUENCES, is_object
from .scalars import type_of
from .secrets import decode_secret

MOST_PROBLEMS: Final = 100
MOST_VALUES: Final = 10_000

_PLACE: Final = re.compile(r" - at (?:`key` in )?`\$(?P<path>.*)`$")
_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")


# typed as plain classes, so that what was Any stays Any after isinstance
_DICT: Final[Any] = dict
_LIST: Final[Any] = list


class _Enough(Exception):
    """The walk has found or seen enough."""


def problems_of(
    value: Any, annotation: Any, *, failure: Exception | None = None, allow_unknown: bool = False
) -> list[Problem]:
    """Return all problems of a decoded JSON value; ``failure`` is what msgspec said, if it said something."""
    walk = Walk("body", allow_unknown)
    try:
        walk.value(value, mi.type_info(annotation), "")
    except _Enough:
        pass
    if not walk.problems and failure is not None:
        walk.problems.append(from_msgspec("body", value, failure))
    return walk.problems


def from_msgspec(place: str, value: Any, failure: Exception) -> Problem:
    """Return msgspec's one error as a problem; its path becomes a JSON pointer."""
    text = str(failure)
    found = _PLACE.search(text)
    pointer = ""
    for name, index in _STEP.findall(found["path"] if found else ""):
        pointer = step(pointer, name or index)
    return Problem(place, pointer, text[: found.start()] if found else text)


class Walk:
    """One walk over one value; ``problems`` fills up."""

    def __init__(self, place: str, allow_unknown: bool) -> None:
        self.place = place
        self.allow_unknown = allow_unknown
        self.problems: list[Problem] = []
        self._seen = 0

    def value(self, value: Any, info: Any, pointer: str) -> bool:
        """Collect the problems of one value; True when it has none."""
        self._seen += 1
        if self._seen > MOST_VALUES:
            raise _Enough
        before = len(self.problems)
        kind = class_of(info)
        visit = _VISITS.get(kind, Walk._scalar)
        visit(self, value, info, pointer)
        return len(self.problems) == before

    def _add(self, found: Problem) -> None:
        self.problems.append(found)
        if len(self.problems) >= MOST_PROBLEMS:
            raise _Enough

    def _wrong(self, value: Any, info: Any, pointer: str) -> None:
        self._add(problem(self.place, pointer, info, value))

    def _scalar(self, value: Any, info: Any, pointer: str) -> None:
        try:
            msgspec.convert(value, type_of(info), dec_hook=decode_secret)
        except (ValueError, TypeError):
            self._wrong(value, info, pointer)

    def _model(self, value: Any, info: Any, pointer: str) -> None:
        if isinstance(info, mi.StructType) and info.array_like:
            self._whole(value, info, pointer)
        elif not isinstance(value, _DICT):
            self._wrong(value, info, pointer)
        elif self._fields(value, info, pointer):
            self._whole(value, info, pointer)

    def _fields(self, value: dict[str, Any], info: Any, pointer: str) -> bool:
        before = len(self.problems)
        for field in info.fields:
            here = step(pointer, field.encode_name)
            if field.encode_name in value:
                self.value(value[field.encode_name], field.type, here)
            elif field.required:
                self._add(missing(self.place, here, field.type))
        self._unknown(value, info, pointer)
        return len(self.problems) == before

    def _unknown(self, value: dict[str, Any], info: Any, pointer: str) -> None:
        if self.allow_unknown and not getattr(info, "forbid_unknown_fields", False):
            return
        names = [field.encode_name for field in info.fields]
        tag = getattr(info, "tag_field", None)
        for name in value:
            if name not in names and name != tag:
                self._add(unknown(self.place, step(pointer, name), name, names))

    def _whole(self, value: Any, info: Any, pointer: str) -> None:
        """Let msgspec judge an object whose members are fine: ``__post_init__`` and tags are left."""
        try:
            msgspec.convert(value, info.cls, dec_hook=decode_secret)
        except (ValueError, TypeError) as failure:
            found = from_msgspec(self.place, value, failure)
            self._add(msgspec.structs.replace(found, pointer=pointer + found.pointer))

    def _sequence(self, value: Any, info: Any, pointer: str) -> None:
        if not isinstance(value, _LIST) or not _fits(value, info):
            self._wrong(value, info, pointer)
            return
        for index, item in enumerate(value):
            self.value(item, info.item_type, step(pointer, index))

    def _tuple(self, value: Any, info: mi.TupleType, pointer: str) -> None:
        if not isinstance(value, _LIST) or len(value) != len(info.item_types):
            self._wrong(value, info, pointer)
            return
        for index, (item, item_info) in enumerate(zip(value, info.item_types, strict=True)):
            self.value(item, item_info, step(pointer, index))

    def _dict(self, value: Any, info: mi.DictType, pointer: str) -> None:
        if not isinstance(value, _DICT) or not _fits(value, info):
            self._wrong(value, info, pointer)
            return
        key_type: Any = type_of(info.key_type)
        keys: Any = dict[key_type, Any]
        for name, item in value.items():
            here = step(pointer, name)
            try:
                msgspec.convert({name: None}, keys, str_keys=True)
            except msgspec.ValidationError:
                words = f"a key that is {expected(info.key_type)}"
                self._add(Problem(self.place, here, words, str(name)[:80]))
            self.value(item, info.value_type, here)

    def _union(self, value: Any, info: mi.UnionType, pointer: str) -> None:
        if isinstance(value, _DICT):
            self._one_object(value, info, pointer)
            return
        candidates = [member for member in info.types if not is_object(member)]
        if isinstance(value, _LIST):
            arrays = [member for member in candidates if isinstance(member, _ARRAYS)]
            if len(arrays) == 1:
                self.value(value, arrays[0], pointer)
                return
        if not any(_accepts(value, member) for member in candidates):
            self._wrong(value, info, pointer)

    def _one_object(self, value: dict[str, Any], info: mi.UnionType, pointer: str) -> None:
        objects: list[Any] = [member for member in info.types if is_object(member)]
        tags = {member.tag: member for member in objects if getattr(member, "tag_field", None)}
        if not tags:
            chosen = next(iter(objects), None)
        else:
            field = next(iter(tags.values())).tag_field
            chosen = tags.get(value.get(field))
            if chosen is None:
                words = "one of " + ", ".join(repr(tag) for tag in tags)
                got = problem(self.place, step(pointer, field), mi.AnyType(), value.get(field))
                self._add(Problem(self.place, got.pointer, words, got.got, "invalid_choice"))
                return
        if chosen is not None:
            self.value(value, chosen, pointer)
        elif not any(_accepts(value, member) for member in info.types):
            self._wrong(value, info, pointer)


def unknown(place: str, pointer: str, name: str, names: list[str]) -> Problem:
    """Return the problem of a field that does not exist, with the nearest that does."""
    words = f"no field of this name. {nearest(name, names)}".rstrip()
    return Problem(place, pointer, words, name[:80], "unknown")


def _fits(value: Any, info: Any) -> bool:
    least, most = getattr(info, "min_length", None), getattr(info, "max_length", None)
    return (least is None or len(value) >= least) and (most is None or len(value) <= most)


def _accepts(value: Any, info: Any) -> bool:
    walk = Walk("", allow_unknown=False)
    return walk.value(value, info, "")


_ARRAYS: Final = (*SEQUENCES, mi.TupleType)
_VISITS: Final[dict[type, Callable[[Walk, Any, Any, str], None]]] = {
    **dict.fromkeys(MODELS, Walk._model),
    **dict.fromkeys(SEQUENCES, Walk._sequence),
    mi.TupleType: Walk._tuple,
    mi.DictType: Walk._dict,
    mi.UnionType: Walk._union,
}

__all__ = ["MOST_PROBLEMS", "MOST_VALUES", "Walk", "from_msgspec", "problems_of", "unknown"]
