"""Choices in any of the forms they may be written in: pairs, groups, mappings, enumerations, callables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from vivace.models.shapes import is_class, is_listed, is_mapping

Pair: TypeAlias = tuple[Any, Any]


class CallableChoices:
    """Choices that a function returns, asked anew each time they are looked at."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function

    def __iter__(self) -> Iterator[Pair]:
        yield from normalized(self.function())

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        if isinstance(other, CallableChoices):
            return self.function == other.function
        return isinstance(other, list) and list(self) == other

    __hash__ = None  # type: ignore[assignment]


def normalized(value: Any) -> Any:
    """Return a list of (value, label) and (group, pairs); what cannot be choices is returned for the check to tell."""
    if value is None or isinstance(value, CallableChoices | str | bytes):
        return value
    if is_class(value):
        return _of_enumeration(value)
    if callable(value):
        return CallableChoices(value)
    if is_mapping(value):
        return [(key, _inner(label)) for key, label in value.items()]
    try:
        return [_entry(entry) for entry in value]
    except TypeError:
        return value


def _of_enumeration(value: type[Any]) -> Any:
    choices = getattr(value, "choices", None)
    if choices is not None:
        return list(choices)
    members: Any = getattr(value, "__members__", None)  # a plain Enum: its members' names are the labels
    if members is None:
        return value
    return [(m.value, m.name.replace("_", " ").capitalize()) for m in members.values()]


def _inner(label: Any) -> Any:
    if is_mapping(label):
        return [(key, _inner(inner)) for key, inner in label.items()]
    if is_listed(label):
        return [_entry(entry) for entry in label]
    return label


def _entry(entry: Any) -> Any:
    if is_listed(entry) and len(entry) == 2:
        value, label = entry
        return (value, _inner(label))
    return entry


def flattened(choices: Any) -> list[Pair]:
    """Return (value, label) of all choices, those in groups too."""
    flat: list[Pair] = []
    for value, label in choices or ():
        if is_listed(label):
            flat.extend((inner, text) for inner, text in label)
        else:
            flat.append((value, label))
    return flat
