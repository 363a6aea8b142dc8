"""``Router`` collects routes; nothing is looked up or compiled before the app is frozen.

A router keeps what it was told: its own routes and, by reference, the routers it includes. ``collect`` walks them once
and yields whole routes: full path, full name, merged options. So the same router may be included twice, and routes
that are added to it after its inclusion count too, until the freeze.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, Unpack

import msgspec

from vivace.errors.routing import BadPattern, RouterFrozen
from vivace.http.types import Handler

from .converters import Converter
from .hosts import parse_host
from .patterns import join_patterns, parse_pattern
from .routes import WEBSOCKET, Route, RouteKwargs, RouteOptions, caller_place, guards_of, place_of

H = TypeVar("H", bound=Handler)


class _Entry(msgspec.Struct, frozen=True):
    """A route as it was registered, relative to its router."""

    path: str
    methods: tuple[str, ...]
    handler: Handler
    options: RouteOptions
    place: str
    mount: Any = None


class _Inclusion(msgspec.Struct, frozen=True):
    """A router inside another one."""

    router: Router
    prefix: str
    options: RouteOptions


class _Scope(msgspec.Struct, frozen=True):
    """What the routers around a route have said."""

    prefix: str = ""
    name: str = ""
    alias: str = ""
    options: RouteOptions = msgspec.field(default_factory=RouteOptions)
    converters: Mapping[str, Converter] = msgspec.field(default_factory=dict[str, Converter])

    def inside(self, router: Router, prefix: str, own: RouteOptions) -> _Scope:
        """Return the scope of a router that is included here under ``prefix`` with the options ``own``."""
        defaults = router.defaults
        return _Scope(
            prefix=join_patterns(join_patterns(self.prefix, prefix), router.prefix),
            name=_join_names(self.name, own.name or defaults.name),
            alias=_join_names(self.alias, defaults.name),
            options=defaults.under(own.under(self.options)),
            converters={**self.converters, **router.converters},
        )

    def route(self, entry: _Entry) -> Route:
        """Return the whole route of an entry."""
        own = guards_of(entry.handler)
        options = (RouteOptions(guards=own).under(entry.options) if own else entry.options).under(
            self.options
        )
        given = entry.options.name
        name = given or ("" if entry.mount is not None else getattr(entry.handler, "__name__", ""))
        path = join_patterns(self.prefix, entry.path)
        return Route(
            pattern=parse_pattern(path or "/" if entry.mount is not None else path),
            methods=entry.methods,
            handler=entry.handler,
            options=options,
            name=_join_names(self.name, name) if name else "",
            alias=_join_names(self.alias, name) if name else "",
            named=given is not None,
            host=parse_host(options.host) if options.host else None,
            mount=entry.mount,
            place=entry.place,
            converters=self.converters,
        )


def _join_names(outer: str, inner: str | None) -> str:
    return f"{outer}:{inner}" if outer and inner else inner or outer


class Router:
    """Collects routes under a prefix.

    ``Router("/blog", name="blog", host="{tenant}.example.com", guards=[signed_in])``: the name is the namespace of its
    routes (``blog:post``), the other options (see ``RouteOptions``) apply to all of them. ``converters`` are known in
    its paths and in those of the routers it includes.
    """

    def __init__(
        self,
        prefix: str = "",
        *,
        converters: Mapping[str, Converter] | None = None,
        **options: Unpack[RouteKwargs],
    ) -> None:
        self.prefix = _checked_prefix(prefix)
        self.converters: Mapping[str, Converter] = dict(converters or {})
        self.defaults = RouteOptions.of(options)
        self._entries: list[_Entry | _Inclusion] = []
        self._frozen = False
        if self.defaults.host:
            parse_host(self.defaults.host)

    # Registration

    def route(
        self, path: str, *, methods: Sequence[str] | None = None, **options: Unpack[RouteKwargs]
    ) -> Callable[[H], H]:
        """Register a handler for ``methods`` (default GET; HEAD comes with it; any token such as ``PURGE``) and a path.

        A class-based view is registered for the methods that it has.
        """

        def register(handler: H) -> H:
            self.add_route(path, handler, methods=methods, **options)
            return handler

        return register

    def add_route(
        self,
        path: str,
        handler: Handler,
        *,
        methods: Sequence[str] | None = None,
        **options: Unpack[RouteKwargs],
    ) -> None:
        """Register a handler without a decorator; raises ``BadPattern`` or ``RouterFrozen``."""
        given, place = RouteOptions.of(options), place_of(handler)
        by_method = _handlers_of_view(handler, methods)
        if by_method is None:
            self._add(
                _Entry(
                    path, _checked_methods(("GET",) if methods is None else methods), handler, given, place
                )
            )
            return
        for method, function in by_method.items():
            self._add(_Entry(path, (method,), function, given, place_of(function)))

    def get(self, path: str, **options: Unpack[RouteKwargs]) -> Callable[[H], H]:
        """Register a handler for GET and HEAD."""
        return self.route(path, methods=("GET",), **options)

    def post(self, path: str, **options: Unpack[RouteKwargs]) -> Callable[[H], H]:
        """Register a handler for POST."""
        return self.route(path, methods=("POST",), **options)

    def put(self, path: str, **options: Unpack[RouteKwargs]) -> Callable[[H], H]:
        """Register a handler for PUT."""
        return self.route(path, methods=("PUT",), **options)

    def patch(self, path: str, **options: Unpack[RouteKwargs]) -> Callable[[H], H]:
        """Register a handler for PATCH."""
        return self.route(path, methods=("PATCH",), **options)

    def delete(self, path: str, **options: Unpack[RouteKwargs]) -> Callable[[H], H]:
        """Register a handler for DELETE."""
        return self.route(path, methods=("DELETE",), **options)

    def head(self, path: str, **options: Unpack[RouteKwargs]) -> Callable[[H], H]:
        """Register a handler for HEAD alone, in place of the one that GET brings."""
        return self.route(path, methods=("HEAD",), **options)

    def options(self, path: str, **options: Unpack[RouteKwargs]) -> Callable[[H], H]:
        """Register a handler for OPTIONS, in place of the automatic answer."""
        return self.route(path, methods=("OPTIONS",), **options)

    def query(self, path: str, **options: Unpack[RouteKwargs]) -> Callable[[H], H]:
        """Register a handler for QUERY: safe like GET, with a body (draft-ietf-httpbis-safe-method-w-body)."""
        return self.route(path, methods=("QUERY",), **options)

    def websocket(self, path: str, **options: Unpack[RouteKwargs]) -> Callable[[H], H]:
        """Register a handler for WebSocket handshakes; the same path may answer HTTP methods too."""

        def register(handler: H) -> H:
            self._add(_Entry(path, (WEBSOCKET,), handler, RouteOptions.of(options), place_of(handler)))
            return handler

        return register

    def mount(self, prefix: str, target: Any, **options: Unpack[RouteKwargs]) -> None:
        """Give everything under ``prefix`` that no route answers to ``target``, with the rest of the path."""
        place = caller_place()
        self._add(_Entry(_checked_prefix(prefix), (), target, RouteOptions.of(options), place, target))

    def include(self, router: Router, prefix: str = "", **options: Unpack[RouteKwargs]) -> None:
        """Include another router's routes; ``name`` replaces its namespace, the other options surround its own.

        The same router may be included under several prefixes and names. Raises ``BadPattern`` when it would end up
        inside itself.
        """
        self._refuse_if_frozen(prefix or router.prefix)
        if router is self or self in router._reachable():
            raise BadPattern(
                f"The router under {router.prefix or '/'!r} would include itself.",
                expected="routers as a tree",
                got="a circle",
                fix="Include the inner router in the outer one only.",
            )
        given = RouteOptions.of(options)
        if given.host:
            parse_host(given.host)
        self._entries.append(_Inclusion(router, _checked_prefix(prefix), given))

    def _reachable(self) -> list[Router]:
        inner = [entry.router for entry in self._entries if isinstance(entry, _Inclusion)]
        return [*inner, *(deeper for router in inner for deeper in router._reachable())]

    def _add(self, entry: _Entry) -> None:
        self._refuse_if_frozen(entry.path)
        joined = join_patterns(self.prefix, entry.path)
        if entry.path and not entry.path.startswith("/"):
            parse_pattern(entry.path)  # raises: it would grow together with the prefix
        if (
            joined
        ):  # read now, so that the error points at the registration; "" needs the prefix of an inclusion
            parse_pattern(joined)
        if entry.options.host:
            parse_host(entry.options.host)
        self._entries.append(entry)

    # Freezing

    @property
    def frozen(self) -> bool:
        """Whether the router has been compiled and takes no more routes."""
        return self._frozen

    def freeze(self) -> None:
        """Refuse registrations from now on, here and in the routers included."""
        self._frozen = True
        for router in self._reachable():
            router._frozen = True

    def _refuse_if_frozen(self, path: str) -> None:
        if self._frozen:
            raise RouterFrozen(
                f"The route {path or '/'!r} comes too late: the app has started.",
                expected="all routes before the app is started; it is checked and compiled as a whole, once",
                got="a registration after the freeze",
                fix="Register it where the module is imported, not inside a handler or a lifespan.",
            )

    def collect(self) -> list[Route]:
        """Return all routes, those of included routers in their place; raises ``BadPattern`` for a joined path."""
        return self._collect(_Scope().inside(self, "", RouteOptions()))

    def _collect(self, scope: _Scope) -> list[Route]:
        routes: list[Route] = []
        for entry in self._entries:
            if isinstance(entry, _Entry):
                routes.append(scope.route(entry))
            else:
                inner = scope.inside(entry.router, entry.prefix, entry.options)
                routes.extend(entry.router._collect(inner))
        return routes

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.prefix or '/'} {len(self._entries)} entries>"


def _checked_prefix(prefix: str) -> str:
    """Return a prefix without a final slash; raises ``BadPattern`` for what no path begins with."""
    prefix = prefix.rstrip("/")
    if prefix:
        parse_pattern(prefix)
    return prefix


def _handlers_of_view(handler: Handler, methods: Sequence[str] | None) -> Mapping[str, Handler] | None:
    """Return the functions of a class-based view (the class, or what its ``as_view()`` made); ``None`` for a function."""
    as_view: Callable[[], Any] | None = getattr(handler, "as_view", None)
    found: Mapping[str, Handler] | None = getattr(
        handler if as_view is None else as_view(), "view_methods", None
    )
    if found is None:
        return None
    wanted = tuple(found) if methods is None else _checked_methods(methods)
    missing = [method for method in wanted if method not in found]
    if missing or not wanted:
        raise BadPattern(
            f"The view {getattr(handler, '__name__', handler)!r} does not answer {missing[0] if missing else 'anything'}.",
            expected=", ".join(found) or "a method such as get",
            got=", ".join(wanted),
            fix="Define the method in the class, or leave methods= out: all that it has are registered.",
        )
    return {method: found[method] for method in wanted}


def _checked_methods(methods: Sequence[str]) -> tuple[str, ...]:
    """Return methods as given; raises ``BadPattern`` unless each is an upper-case token (RFC 9110 section 9.1)."""
    given = (methods,) if isinstance(methods, str) else tuple(methods)
    for method in given:
        if not (method.isascii() and method.replace("-", "").isalpha() and method.isupper()):
            raise BadPattern(
                f"The method {method!r} is none.",
                expected="GET, POST, PURGE …",
                got=method,
                fix="Use upper case.",
            )
        if method == WEBSOCKET:
            raise BadPattern(
                "WEBSOCKET is not an HTTP method.", got=method, fix="Register it with websocket(path)."
            )
    if not given:
        raise BadPattern(
            "A route has no methods.", expected="at least one", got="none", fix='methods=("GET",)'
        )
    return tuple(dict.fromkeys(given))
