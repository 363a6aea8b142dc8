"""A route as a value: what a Router collects, what the matcher, the reverser and ``vivace routes`` read.

Options are written once, as ``RouteOptions``; ``RouteKwargs`` is the same list for type checkers, so that every
decorator takes ``**options: Unpack[RouteKwargs]`` (a test keeps the two in step).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from inspect import isroutine, unwrap
from types import FunctionType, MappingProxyType
from typing import Any, Final, Literal, TypeAlias, TypedDict, cast

import msgspec
from msgspec.structs import replace

from vivace.errors import VivaceError, nearest
from vivace.errors.findings import Finding
from vivace.errors.routing import BadPattern
from vivace.http.csp import RoutePolicies
from vivace.http.request import Request
from vivace.http.types import (
    AfterHook,
    BeforeHook,
    ErrorHandler,
    ErrorHook,
    ErrorKey,
    Handler,
    Middleware,
    RequestHook,
)
from vivace.http.websocket import WebSocketOptions

from .converters import Converter
from .hosts import HostPattern
from .patterns import Pattern

WEBSOCKET: Final = "WEBSOCKET"
"""The method key of WebSocket routes; no HTTP method has this name."""

Where: TypeAlias = Callable[[Request], bool]
"""A constraint of a route beyond path and method: ``where=version("2")``, or any function of the request."""

Guard: TypeAlias = Callable[..., Any]
GUARDS_MARK: Final = "__vivace_guards__"
"""The attribute of a handler that holds guards of its own, left there by a decorator."""

Disconnect: TypeAlias = Literal["cancel", "finish"]
_EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})
_NO_HANDLERS: Final[Mapping[ErrorKey, ErrorHandler]] = MappingProxyType({})


def guards_of(handler: Handler) -> tuple[Guard, ...]:
    """Return the guards that decorators left on a handler; on the class-based view it is a method of, outermost first."""
    view, cls = getattr(handler, "view_handler", None), getattr(handler, "view_class", None)
    inner: Any = handler
    while isinstance(inner, partial):  # has no attributes of what it calls
        inner = inner.func
    called = None if isroutine(inner) else type(inner).__call__  # an object's own method
    marks: tuple[Guard, ...] = ()
    for marked in (cls, view, inner, called):
        marks = (*marks, *getattr(marked, GUARDS_MARK, ()))
    return tuple(dict.fromkeys(marks))


def lost_guards(route: Route) -> tuple[Guard, ...]:
    """Return the guards of functions that a handler holds, as one of a decorator without ``functools.wraps`` does."""
    held, seen, lost = [cast("Any", route.handler)], set[int](), list[Guard]()
    while held:
        function = held.pop()
        known = id(function) in seen
        seen.add(id(function))
        if known or not isinstance(function, (FunctionType, partial)):
            continue
        whole = cast("Any", function)
        lost += [guard for guard in guards_of(whole) if guard not in route.options.guards]
        held += [whole.func] if isinstance(function, partial) else _held_by(whole)
    return tuple(dict.fromkeys(lost))


def _held_by(function: FunctionType) -> list[Any]:
    held = list[Any]()
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # a name that has no value yet
            held.append(cell.cell_contents)
    return held


class RouteKwargs(TypedDict, total=False):
    """The options of a route, a router or an inclusion, as keyword arguments; ``RouteOptions`` explains them."""

    name: str
    status: int
    body_limit: int
    timeout: float
    on_disconnect: Disconnect
    before: Sequence[BeforeHook]
    after: Sequence[AfterHook]
    middleware: Sequence[Middleware]
    guards: Sequence[Guard]
    on_error: Sequence[ErrorHook]
    on_timeout: Sequence[RequestHook]
    on_abort: Sequence[RequestHook]
    on_sent: Sequence[AfterHook]
    errors: Mapping[ErrorKey, ErrorHandler]
    csrf: bool
    csp: RoutePolicies
    atomic: bool
    socket: WebSocketOptions
    tags: Sequence[str]
    summary: str
    host: str
    where: Where
    hidden: bool
    extra: Mapping[str, Any]


class RouteOptions(msgspec.Struct, frozen=True):
    """What can be said of a route beside path, methods and handler; ``None`` and empty mean: as the app says.

    ``status`` of a successful answer; ``body_limit`` in bytes; ``timeout`` in seconds; ``on_disconnect`` whether the
    handler is cancelled when the client goes away; ``hidden`` from documentation; ``extra`` for other rooms.
    The hooks and when each runs: see ``vivace.app.pipeline``. ``errors`` maps exception classes and statuses to handlers;
    ``csrf=False`` lets other sites' pages write here; ``csp`` is the content security policy of its pages, ``False`` none;
    ``atomic=True`` makes each request one transaction; ``socket`` is how a WebSocket behaves.
    Options of a router apply to all its routes: lists are put together, outermost first (``after`` innermost first),
    single values and ``extra`` keys of the inner one win.
    """

    name: str | None = None
    status: int | None = None
    body_limit: int | None = None
    timeout: float | None = None
    on_disconnect: Disconnect | None = None
    before: Sequence[BeforeHook] = ()
    after: Sequence[AfterHook] = ()
    middleware: Sequence[Middleware] = ()
    guards: Sequence[Guard] = ()
    on_error: Sequence[ErrorHook] = ()
    on_timeout: Sequence[RequestHook] = ()
    on_abort: Sequence[RequestHook] = ()
    on_sent: Sequence[AfterHook] = ()
    errors: Mapping[ErrorKey, ErrorHandler] = msgspec.field(default_factory=lambda: _NO_HANDLERS)
    csrf: bool | None = None
    csp: RoutePolicies | None = None
    atomic: bool | None = None
    socket: WebSocketOptions | None = None
    tags: Sequence[str] = ()
    summary: str | None = None
    host: str | None = None
    where: Where | None = None
    hidden: bool | None = None
    extra: Mapping[str, Any] = msgspec.field(default_factory=lambda: _EMPTY)

    @classmethod
    def of(cls, options: RouteKwargs) -> RouteOptions:
        """Return the options of keyword arguments; raises ``BadPattern`` with the nearest name for an unknown one."""
        values = cast("dict[str, Any]", dict(options))
        unknown = [name for name in values if name not in _NAMES]
        if unknown:
            raise BadPattern(
                f"A route has no option {unknown[0]!r}.",
                expected=", ".join(_NAMES),
                got=unknown[0],
                fix=nearest(unknown[0], _NAMES) or "Pass what is yours in extra={…}.",
            )
        listed = {name: tuple(value) if name in _LISTS else value for name, value in values.items()}
        return cls(**cast("dict[str, Any]", listed))

    def under(self, outer: RouteOptions) -> RouteOptions:
        """Return these options as a part of ``outer``'s; the name stays its own."""
        merged: dict[str, Any] = {}
        for name in _NAMES:
            mine, theirs = getattr(self, name), getattr(outer, name)
            if name in _LISTS:
                merged[name] = (*mine, *theirs) if name in ("after", "on_sent") else (*theirs, *mine)
            elif name in ("extra", "errors"):
                merged[name] = MappingProxyType({**theirs, **mine})
            else:
                merged[name] = theirs if mine is None and name != "name" else mine
        return RouteOptions(**merged)


_NAMES: Final = RouteOptions.__struct_fields__
_LISTS: Final = frozenset(
    {"before", "after", "middleware", "guards", "on_error", "on_timeout", "on_abort", "on_sent", "tags"}
)


class Route(msgspec.Struct, frozen=True):
    """One route of the whole app: full path, methods, handler, options with those of its routers.

    ``name`` is full (``blog:post``, ``""`` without one), ``alias`` the same under the routers' own names where they
    were included under others; ``named`` tells a name that was given from one taken from the handler. A mount has
    ``mount`` (the opaque target) and no methods: it answers them all.
    """

    pattern: Pattern
    methods: tuple[str, ...]
    handler: Handler
    options: RouteOptions = msgspec.field(default_factory=RouteOptions)
    name: str = ""
    alias: str = ""
    named: bool = False
    host: HostPattern | None = None
    mount: Any = None
    place: str = ""
    converters: Mapping[str, Converter] = msgspec.field(default_factory=lambda: _EMPTY)

    @property
    def path(self) -> str:
        """The full path pattern as text."""
        return self.pattern.text

    @property
    def namespace(self) -> str:
        """What stands before the last colon of the name."""
        return self.name.rpartition(":")[0]

    @property
    def is_websocket(self) -> bool:
        """Whether it answers WebSocket handshakes and nothing else."""
        return self.methods == (WEBSOCKET,)

    @property
    def is_mount(self) -> bool:
        """Whether another application answers here."""
        return self.mount is not None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all parameters: the host's, then the path's."""
        return (*(self.host.names if self.host else ()), *self.pattern.names)

    def bind(self, types: Mapping[str, Any]) -> Route:
        """Return the route with its converters chosen by ``types``; raises ``BadPattern`` when one cannot be."""
        return replace(self, pattern=self.pattern.bind(types, self.converters))

    def __str__(self) -> str:
        return f"{'|'.join(self.methods) or '*'} {self.host or ''}{self.path}"


def bind_routes(
    routes: Sequence[Route], types_of: Callable[[Route], Mapping[str, Any]]
) -> tuple[list[Route], list[Finding]]:
    """Bind every route to the types of its handler's parameters; what cannot be bound is a finding, not an error."""
    bound, findings = list[Route](), list[Finding]()
    for route in routes:
        try:
            bound.append(route.bind(types_of(route)))
        except VivaceError as error:
            findings.append(Finding.from_error(error, route.place))
    return bound, findings


def place_of(handler: object) -> str:
    """Return ``file:line`` of a handler, relative to the current folder where it is inside; ``""`` when unknown."""
    function: Any = _innermost(handler)
    if not hasattr(function, "__code__"):  # a callable object: where its class says how it is called
        function = vars(_class_of(function)).get("__call__")
    code = getattr(function, "__code__", None)
    return short_place(code.co_filename, code.co_firstlineno) if code is not None else ""


def _innermost(handler: object) -> object:
    """Return the function under ``functools.partial`` and ``functools.wraps``."""
    while isinstance(handler, partial):
        handler = cast("object", handler.func)
    return cast("object", unwrap(handler)) if callable(handler) else handler


def _class_of(value: object) -> type[object]:
    return type(value)


def short_place(filename: str, line: int) -> str:
    """Return ``file:line``, relative to the current folder for a file inside it."""
    folder = os.getcwd() + os.sep
    return f"{filename.removeprefix(folder)}:{line}"


def caller_place() -> str:
    """Return ``file:line`` of the code that called the function which asks."""
    frame = sys._getframe(2)
    return short_place(frame.f_code.co_filename, frame.f_lineno)


def qualified_name(handler: object) -> str:
    """Return ``package.module.function`` of a handler, or of the class of a callable object."""
    named: Any = _innermost(handler)
    if not hasattr(named, "__qualname__"):
        named = _class_of(named)
    return f"{named.__module__}.{named.__qualname__}"
