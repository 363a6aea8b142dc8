"""Choices as enumerations: members are values, with labels for people.

>>> class Kind(TextChoices):
...     PAPER = "p", "paper"
...     EBOOK = "e"
>>> Kind.choices, Kind.EBOOK.label, Kind("p") is Kind.PAPER
([('p', 'paper'), ('e', 'Ebook')], 'Ebook', True)
"""

from __future__ import annotations

import enum
from enum import EnumType
from enum import property as enum_property
from typing import TYPE_CHECKING, Any, Final

from .shapes import is_listed

_LAZY_TEXTS: Final = frozenset({"Promise", "LazyProxy", "LazyString"})  # of Django, Babel, Flask-Babel


class ChoicesType(EnumType):
    """The metaclass of choices: takes labels off the values, and lists both."""

    def __new__(metacls, classname: str, bases: tuple[type[Any], ...], classdict: Any, **kwds: Any) -> Any:
        labels: list[str] = []
        for key in classdict._member_names:
            value, label = _parted(key, classdict[key])
            labels.append(label)
            dict.__setitem__(classdict, key, value)  # an enum's namespace refuses to set a member twice
        cls: Any = super().__new__(metacls, classname, bases, classdict, **kwds)
        for member, label in zip(cls.__members__.values(), labels, strict=True):
            member._label_ = label
        return enum.unique(cls)

    def __contains__(cls: Any, member: object) -> bool:
        """Say whether it is a member or the value of one (which Python itself knows from 3.12 on)."""
        members: list[Any] = list(cls.__members__.values())
        return any(known is member or known.value == member for known in members)

    @property
    def names(cls) -> list[str]:
        empty = ["__empty__"] if hasattr(cls, "__empty__") else []
        return [*empty, *cls.__members__]

    @property
    def choices(cls) -> list[tuple[Any, str]]:
        """(value, label) of each member, for ``choices=``; ``__empty__`` in the class labels ``None``."""
        blank: str | None = getattr(cls, "__empty__", None)
        empty: list[tuple[Any, str]] = [] if blank is None else [(None, blank)]
        members: dict[str, Any] = dict(cls.__members__)
        return [*empty, *((member.value, member.label) for member in members.values())]

    @property
    def labels(cls) -> list[str]:
        return [label for _, label in cls.choices]

    @property
    def values(cls) -> list[Any]:
        return [value for value, _ in cls.choices]


def _is_text(value: Any) -> bool:
    """Say whether it is a text, or one that is translated when it is shown (of which no library here need be loaded)."""
    return isinstance(value, str) or any(base.__name__ in _LAZY_TEXTS for base in type(value).__mro__)


def _parted(name: str, value: Any) -> tuple[Any, str]:
    """Return value and label: a text at the end of a tuple is the label, else the name is made one."""
    if is_listed(value) and len(value) > 1 and _is_text(value[-1]):
        *parts, label = value
        return (parts[0] if len(parts) == 1 else tuple(parts)), label
    return value, name.replace("_", " ").title()


class Choices(enum.Enum, metaclass=ChoicesType):
    """Base of choices of any type: ``class Size(bytes, Choices)``."""

    if TYPE_CHECKING:
        _label_: str

    @enum_property
    def label(self) -> str:
        return self._label_

    def __str__(self) -> str:
        return str(self.value)

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}.{self.name}"


class IntegerChoices(int, Choices):
    """Choices that are whole numbers."""


class TextChoices(str, Choices):
    """Choices that are texts; ``auto()`` gives the name."""

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[Any]) -> str:
        return name
