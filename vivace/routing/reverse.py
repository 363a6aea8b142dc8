"""From a route's name and parameters to its address.

What is made is read back: every value passes through its converter in both directions, so an address that would lead
elsewhere (a slash in a slug, ``..`` in a path, ``None``) is an error here and not a 404 for somebody else.

Names. ``blog:post`` is looked up as it is; inside a namespace (``within("news")``) first as ``news:blog:post``, then
outwards; ``:post`` starts at the top. A router included under other names is also found under its own: of several the
one in the current namespace, else the first (Django's application namespaces).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, cast
from urllib.parse import quote, urlencode

from vivace.errors import nearest
from vivace.errors.routing import UnknownRoute, WrongRouteParameters

from .patterns import SAFE, Mixed, Param, Segment, encode_segment
from .routes import Route

Query: TypeAlias = Mapping[str, Any] | Sequence[tuple[str, Any]] | str
_SHOWN: Final = 60  # characters of a wrong value in an error


class Reverser:
    """Makes addresses from names; built from bound routes, immutable."""

    __slots__ = ("_aliases", "_ambiguous", "_names", "_namespace", "_plain")

    def __init__(self, routes: Iterable[Route]) -> None:
        self._names: dict[str, list[Route]] = {}
        self._aliases: dict[str, list[Route]] = {}
        for route in routes:
            if route.name:
                self._names.setdefault(route.name, []).append(route)
                if route.alias != route.name:
                    self._aliases.setdefault(route.alias, []).append(route)
        self._names = {name: _strongest(found) for name, found in self._names.items()}
        self._ambiguous = frozenset(name for name, found in self._names.items() if _is_ambiguous(found))
        self._plain = {name: _Plain.of(found[0]) for name, found in self._names.items() if _is_plain(found)}
        self._namespace = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(self._names))

    @property
    def namespace(self) -> str:
        """Where names are looked up first."""
        return self._namespace

    def within(self, namespace: str) -> Reverser:
        """Return a view that looks names up relative to a namespace, such as that of the current route."""
        view = Reverser.__new__(Reverser)
        view._names, view._aliases, view._ambiguous = self._names, self._aliases, self._ambiguous
        view._plain = {}  # of a relative name it is not known whose it is
        view._namespace = namespace
        return view

    def parameters(self, name: str) -> list[tuple[str, ...]]:
        """Return the parameters of each route of that name, in the order of its path; raises ``UnknownRoute``."""
        return [tuple(param.name for param in route.pattern.params) for route in self._lookup(name)]

    def check(self, name: str, given: Iterable[str]) -> None:
        """Say whether a route of that name takes these parameters, without values; raises as ``url`` does."""
        routes = self._lookup(name)
        extras = {"query", "fragment"} - {param for route in routes for param in route.names}
        _choose(name, routes, dict.fromkeys(set(given) - extras))

    def url(
        self, name: str, /, *, query: Query | None = None, fragment: str | None = None, **params: Any
    ) -> str:
        """Return the percent-encoded address of a route.

        ``query`` is a mapping or pairs (lists repeat the name, ``None`` is left out), or encoded text; a route that has a parameter
        called ``query`` or ``fragment`` takes it from there. With the parameters of its host pattern the address
        begins with ``//host``. Raises ``UnknownRoute`` and ``WrongRouteParameters``.
        """
        plain = self._plain.get(name)
        if plain is not None and query is None and fragment is None and params.keys() == plain.names:
            return plain.address(params)
        routes = self._lookup(name)
        taken = {param for route in routes for param in route.names}
        if "query" in taken and query is not None:
            params["query"], query = query, None
        if "fragment" in taken and fragment is not None:
            params["fragment"], fragment = fragment, None
        address = _address(_choose(name, routes, params), params)
        if query:
            address += "?" + _encode_query(query)
        return address + (f"#{quote(fragment, safe=SAFE + '/?')}" if fragment else "")

    def _lookup(self, name: str) -> list[Route]:
        scope = "" if name.startswith(":") else self._namespace
        bare = name.removeprefix(":")
        while scope:
            found = self._names.get(f"{scope}:{bare}")
            if found:
                return self._unambiguous(f"{scope}:{bare}", found)
            scope = scope.rpartition(":")[0]
        found = self._names.get(bare) or self._by_alias(bare)
        return self._unambiguous(bare, found) if found else self._unknown(bare)

    def _by_alias(self, name: str) -> list[Route]:
        routes = self._aliases.get(name, [])
        for route in routes:
            if route.namespace and f"{self._namespace}:".startswith(f"{route.namespace}:"):
                return self._names[route.name]
        return self._names[routes[0].name] if routes else []

    def _unambiguous(self, name: str, routes: list[Route]) -> list[Route]:
        if name not in self._ambiguous:
            return routes
        raise UnknownRoute(
            f"The name {name!r} belongs to several handlers.",
            expected="one handler",
            got=", ".join(f"{route.path} ({route.place})" for route in routes),
            fix="Give each a name: @app.get(path, name=…).",
        )

    def _unknown(self, name: str) -> list[Route]:
        ends = [known for known in self.names if known.rpartition(":")[2] == name]
        fix = f"Did you mean {ends[0]!r}?" if ends else nearest(name, self.names)
        raise UnknownRoute(
            f"No route is called {name!r}.",
            expected="the name of a route, with its namespaces: blog:post",
            got=name,
            fix=fix or "`vivace routes` lists all names.",
        )


def _strongest(routes: list[Route]) -> list[Route]:
    """Return the routes that were given the name, or all when each has it from its handler."""
    return [route for route in routes if route.named] or routes


def _is_ambiguous(routes: list[Route]) -> bool:
    unlike = {(route.path, route.host) for route in routes}
    handlers = {id(route.handler) for route in routes}
    return len(unlike) > 1 and len(handlers) > 1 and not any(route.named for route in routes)


def _is_plain(routes: list[Route]) -> bool:
    """Return whether an address of these can be made without choosing: one route, one host, nothing optional."""
    route = routes[0]
    pattern = route.pattern
    return len(routes) == 1 and route.host is None and len(pattern.variants()) == 1 and not route.is_mount


class _Plain(NamedTuple):
    """A route whose address is its segments, one after the other (measured: a third of the time of choosing one)."""

    route: Route
    names: frozenset[str]
    pieces: tuple[str | Param | Mixed, ...]

    @classmethod
    def of(cls, route: Route) -> _Plain:
        """Prepare a route: its literal segments are quoted once."""
        segments = route.pattern.segments
        pieces = [quote(one, safe=SAFE) if isinstance(one, str) else one for one in segments]
        return cls(route, frozenset(route.names), tuple(pieces))

    def address(self, params: Mapping[str, Any]) -> str:
        """Return the address; raises ``WrongRouteParameters`` for a value that does not fit."""
        return "/" + "/".join(
            piece if isinstance(piece, str) else _segment(self.route, piece, params) for piece in self.pieces
        )


def _choose(name: str, routes: list[Route], params: Mapping[str, Any]) -> Route:
    """Return the first route whose parameters are these; raises ``WrongRouteParameters`` about the closest one."""
    given = set(params)
    fitting = [route for route in routes if _required(route, given) <= given <= set(route.names)]
    if fitting:
        return fitting[0]
    closest = min(routes, key=lambda route: len(_required(route, given) ^ given))
    raise _wrong_names(name, closest, given)


def _required(route: Route, given: set[str]) -> set[str]:
    """Return the parameters a route cannot do without: the host's are taken all or none."""
    host = set(route.host.names) if route.host else set[str]()
    path = {param.name for param in route.pattern.params if not param.optional}
    return path | (host if host & given else set())


def _wrong_names(name: str, route: Route, given: set[str]) -> WrongRouteParameters:
    missing = sorted(_required(route, given) - given)
    extra = sorted(given - set(route.names))
    problems = [
        f"{word} {', '.join(map(repr, names))}"
        for word, names in (("lacks", missing), ("has no", extra))
        if names
    ]
    guesses = [guess for wrong in extra if (guess := nearest(wrong, missing or route.names))]
    return WrongRouteParameters(
        f"The route {name!r} ({route.host or ''}{route.path}) {' and '.join(problems)}.",
        expected=", ".join(route.names) or "no parameters",
        got=", ".join(sorted(given)) or "none",
        fix=" ".join(guesses)
        or ("Query parameters go into query={…}." if extra else f"Pass {', '.join(missing)}=…."),
    )


def _address(route: Route, params: Mapping[str, Any]) -> str:
    segments = route.pattern.segments
    if segments and isinstance(segments[-1], Param) and segments[-1].name not in params:
        segments = route.pattern.variants()[0]
    path = "/" + "/".join(_segment(route, segment, params) for segment in segments)
    names = route.host.names if route.host else ()
    if route.host is None or not names or names[0] not in params or route.host.wildcard:
        return path
    try:
        return f"//{route.host.build({name: str(params[name]) for name in names})}{path}"
    except ValueError as error:
        shown = ", ".join(f"{name}={params[name]!r}" for name in names)
        raise _wrong_value(route, names[0], shown, "letters, digits and - (one label of a host)") from error


def _segment(route: Route, segment: Segment, params: Mapping[str, Any]) -> str:
    if isinstance(segment, str):
        return quote(segment, safe=SAFE)
    if isinstance(segment, Mixed):
        return _mixed(route, segment, params)
    text = _text(route, segment, params[segment.name])
    try:
        if segment.converter.spans:
            return "/".join(encode_segment(part) for part in text.split("/"))
        return encode_segment(text)
    except ValueError as error:
        raise _wrong_value(
            route, segment.name, params[segment.name], "text that an address can carry"
        ) from error


def _mixed(route: Route, segment: Mixed, params: Mapping[str, Any]) -> str:
    pieces = [_text(route, param, params[param.name]) for param in segment.params]
    joined = segment.join(pieces)
    first = segment.params[0].name
    if segment.cut(joined) != pieces:
        raise _wrong_value(route, first, params[first], f"values that {segment} separates again")
    try:
        return encode_segment(joined)
    except ValueError as error:
        raise _wrong_value(route, first, params[first], "text that an address can carry") from error


def _text(route: Route, param: Param, value: Any) -> str:
    try:
        return param.converter.text_of(value)
    except ValueError as error:
        raise _wrong_value(route, param.name, value, param.converter.explains) from error


def _wrong_value(route: Route, name: str, value: Any, expected: str) -> WrongRouteParameters:
    return WrongRouteParameters(
        f"The parameter {name!r} of the route {route.name!r} ({route.path}) has a value that does not fit.",
        expected=expected or f"what {route.path} reads",
        got=repr(value)[:_SHOWN],
        fix="The address would not lead back to this value.",
    )


def _encode_query(query: Query) -> str:
    if isinstance(query, str):
        return query
    pairs: list[tuple[str, str]] = []
    for name, value in query.items() if isinstance(query, Mapping) else query:
        many = isinstance(value, (list, tuple, set, frozenset))
        values = cast("Iterable[Any]", value) if many else (value,)
        pairs.extend((name, _query_text(one)) for one in values if one is not None)
    return urlencode(pairs)


def _query_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
