"""Pieces of HTML: escaped text, attributes that print themselves, methods that a template may name without a call."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeVar

from markupsafe import escape

from vivace.errors import FormError

F = TypeVar("F", bound=Callable[..., Any])

_ATTRIBUTE: Final = re.compile(
    r"[^\s\x00-\x20\x7f-\x9f\"'<>/=]+"
).fullmatch  # HTML, 13.1.2.3: what a name may hold
_SPECIAL: Final = re.compile(r"[&<>\"']").search


def encodable(text: str) -> str:
    """Return the text with lone surrogates, which UTF-8 has no bytes for, replaced by ``?``."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def escaped(value: Any) -> str:
    """Return a value as text that is safe in HTML, between quotes too; ``Markup`` as it is.

    Most texts of a form have nothing to escape; one search for that takes a third of the time of ``markupsafe.escape``.
    """
    if type(value) is str:
        return value if _SPECIAL(value) is None else str(escape(value))
    return str(escape(value))


class Attrs(dict[str, Any]):
    """Attributes of an element: prints as `` name="value"`` each, ``True`` as the bare name, ``False`` and ``None`` not."""

    def __html__(self) -> str:
        text = ""
        for name, value in self.items():
            if value is None or value is False:
                continue
            if _ATTRIBUTE(name) is None:
                raise _bad_name(name)
            text += f" {name}" if value is True else f' {name}="{escaped(value)}"'
        return text

    __str__ = __html__

    def copy(self) -> Attrs:
        return Attrs(self)


def _bad_name(name: str) -> FormError:
    return FormError(
        "An attribute of a form's element has a name that HTML does not allow.",
        expected="a name without spaces, quotes, =, /, < and >",
        got=ascii(name[:80]),
    )


def pretty_name(name: str) -> str:
    """Return a label made of a field's name: ``first_name`` is "First name"."""
    text = name.replace("_", " ")
    return text[:1].upper() + text[1:]


class Call:
    """A bound method that a template may print or loop over without calling it, as Django's templates do."""

    __slots__ = ("_function", "_instance")

    def __init__(self, function: Callable[..., Any], instance: Any) -> None:
        self._function = function
        self._instance = instance

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(self._instance, *args, **kwargs)

    def __html__(self) -> str:
        return str(escape(self()))

    def __str__(self) -> str:
        return str(self())

    def __iter__(self) -> Iterator[Any]:
        return iter(self())

    def __len__(self) -> int:
        return len(self())

    def __bool__(self) -> bool:
        return bool(self())

    def __getitem__(self, key: Any) -> Any:
        return self()[key]


if TYPE_CHECKING:

    def template_method(function: F) -> F:
        """Return the method: to type checkers it is one like any other."""
        return function

else:

    class template_method:  # noqa: N801 - a decorator, written as one
        """A method whose result a template also gets by naming it: ``{{ form.as_p }}`` is ``{{ form.as_p() }}``."""

        def __init__(self, function):
            self._function = function
            self.__doc__ = function.__doc__
            self.__name__ = function.__name__

        def __get__(self, instance, owner):
            return self._function if instance is None else Call(self._function, instance)
