"""Filters, tests and tags of one's own: functions that a ``Library`` collects and an environment takes over (TP4).

=================================  =====================================================  =================================
decorator                          in a template                                          the function gets
=================================  =====================================================  =================================
``@library.filter``                ``{{ value|name(2) }}``                                the value, then the arguments
``@library.test``                  ``{% if value is name(2) %}``                          the value, then the arguments
``@library.tag``                   ``{% name 1 b=2 %}``, ``{% name 1 as x %}``,           the arguments
                                   ``{{ name(1, b=2) }}``
``@library.block_tag``             ``{% name 1 %}…{% endname %}``                         what is inside as ``Markup``,
                                                                                          then the arguments
``@library.inclusion_tag("x")``    as a tag                                               the arguments; the mapping that it
                                                                                          returns is what ``x`` is shown with
=================================  =====================================================  =================================

Each may be ``async def``: a template waits for it without saying so. With ``need_context=True`` the first parameter is
the template's context (a mapping of the names it knows). What a tag returns is escaped unless it is ``Markup``.

A library is a value without state of its own: it can be added to many environments.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, TypeAlias, TypeVar, cast, overload

from jinja2 import pass_context

F = TypeVar("F", bound=Callable[..., Any])
Function: TypeAlias = Callable[..., Any]
Kind: TypeAlias = Literal["tag", "block", "inclusion"]


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag made of a function: how it is written, and what is called where it stands."""

    name: str
    function: Function
    kind: Kind = "tag"
    template: str = ""

    @property
    def end(self) -> str:
        """The name of the tag that ends it; ``""`` for one without content."""
        return f"end{self.name}" if self.kind == "block" else ""


class Library:
    """A collection of filters, tests and tags."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.filters: dict[str, Function] = {}
        self.tests: dict[str, Function] = {}
        self.functions: dict[str, Function] = {}
        self.tags: dict[str, Tag] = {}

    @overload
    def filter(self, function: F, /) -> F: ...
    @overload
    def filter(self, name: str = "", /, *, need_context: bool = False) -> Callable[[F], F]: ...
    def filter(self, name: Any = "", /, *, need_context: bool = False) -> Any:
        """Make the decorated function a filter, called as it is or by ``name``."""
        return self._decorator(self.filters, name, need_context)

    @overload
    def test(self, function: F, /) -> F: ...
    @overload
    def test(self, name: str = "", /, *, need_context: bool = False) -> Callable[[F], F]: ...
    def test(self, name: Any = "", /, *, need_context: bool = False) -> Any:
        """Make the decorated function a test: ``{% if x is name %}``."""
        return self._decorator(self.tests, name, need_context)

    @overload
    def function(self, function: F, /) -> F: ...
    @overload
    def function(self, name: str = "", /, *, need_context: bool = False) -> Callable[[F], F]: ...
    def function(self, name: Any = "", /, *, need_context: bool = False) -> Any:
        """Make the decorated function one that templates call, without a tag: ``{{ name(1) }}``."""
        return self._decorator(self.functions, name, need_context)

    @overload
    def tag(self, function: F, /) -> F: ...
    @overload
    def tag(self, name: str = "", /, *, need_context: bool = False) -> Callable[[F], F]: ...
    def tag(self, name: Any = "", /, *, need_context: bool = False) -> Any:
        """Make the decorated function a tag without content, and a function of the same name."""

        def register(function: Function, called: str) -> None:
            self.functions[called] = _adapted(function, need_context)
            self.tags[called] = Tag(called, self.functions[called])

        return _decorate(name, register)

    @overload
    def block_tag(self, function: F, /) -> F: ...
    @overload
    def block_tag(self, name: str = "", /, *, need_context: bool = False) -> Callable[[F], F]: ...
    def block_tag(self, name: Any = "", /, *, need_context: bool = False) -> Any:
        """Make the decorated function a tag with content, which it gets rendered as its first argument."""

        def register(function: Function, called: str) -> None:
            self.tags[called] = Tag(called, _adapted(function, need_context), "block")

        return _decorate(name, register)

    def inclusion_tag(
        self, template: str, /, name: str = "", *, need_context: bool = False
    ) -> Callable[[F], F]:
        """Make the decorated function a tag that shows ``template`` with the mapping that the function returns."""

        def register(function: Function, called: str) -> None:
            self.tags[called] = Tag(called, _adapted(function, need_context), "inclusion", template)

        return cast("Callable[[F], F]", _decorate(name, register))

    def __iter__(self) -> Iterator[str]:
        """Yield the names of everything in it."""
        yield from {**self.filters, **self.tests, **self.functions, **self.tags}

    def __repr__(self) -> str:
        return f"<Library {self.name or ', '.join(self)}>"

    def _decorator(self, table: dict[str, Function], name: Any, need_context: bool) -> Any:
        def register(function: Function, called: str) -> None:
            table[called] = _adapted(function, need_context)

        return _decorate(name, register)


def _decorate(name: Any, register: Callable[[Any, str], None]) -> Any:
    """Return a decorator, or what it makes of a function that came in place of a name."""
    if callable(name):
        register(name, getattr(name, "__name__", ""))
        return name

    def decorate(function: Any) -> Any:
        register(function, name or getattr(function, "__name__", ""))
        return function

    return decorate


def _adapted(function: Function, need_context: bool) -> Function:
    """Return the function as Jinja calls it: it gets the context where it asks for it, and is waited for."""
    adapted = _waiting(function) if inspect.iscoroutinefunction(function) else function
    if not need_context:
        return adapted
    if adapted is function:  # marked on a copy: the decorated function stays what it was

        @wraps(function)
        def with_context(context: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
            return function(context, *args, **kwargs)

        return pass_context(with_context)
    return pass_context(adapted)


def _waiting(function: Function) -> Function:
    """Return a plain function for an ``async def``: filters are called by compiled code, which waits for nothing."""

    @wraps(function)
    def waiting(*args: Any, **kwargs: Any) -> Any:
        from .bridge import wait  # a library is made at import, where nothing of a render is needed yet

        return wait(function(*args, **kwargs))

    return waiting


__all__ = ["Library", "Tag"]
