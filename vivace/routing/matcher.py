"""The compiled router: from method and raw path to a target and its parameters.

Routes without parameters are one dictionary: path → method → target. All others are a tree (``tree.py``). Nothing is
built per request but the list of segments, the list of values and the parameters. HEAD is compiled as a second key
beside GET. OPTIONS, 405, the other spelling of a trailing slash and the like are looked at only after nothing was found.

Targets are opaque: ``compile_routes(…, target=…)`` makes one per route. ``Matcher.static`` may be read directly: what
is in there is the answer; it is empty when hosts matter. A mount's parameters hold the raw rest of the path under
``REST``: ``""``, or text that begins with a slash.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, cast
from urllib.parse import quote

import msgspec

from vivace.errors import MethodNotAllowed, MovedPermanently, NotFound, UpgradeRequired
from vivace.http.request import Request

from .hosts import HostPattern, host_name
from .patterns import SAFE, decode_segments
from .routes import WEBSOCKET
from .tree import Entry, Node, walk

T = TypeVar("T")
REST: Final = "*"
"""The name under which a mount finds the rest of the path among its parameters."""

TrailingSlash: TypeAlias = Literal["strict", "redirect", "ignore"]


class RoutingOptions(msgspec.Struct, frozen=True):
    """How strictly an app reads paths.

    ``trailing_slash``: ``redirect`` answers ``/a/`` with 308 to ``/a`` (and the reverse) when only the other exists,
    ``ignore`` serves both, ``strict`` answers 404. ``merge_slashes`` reads ``//`` as ``/``. ``case_sensitive=False``
    ignores the case of segments without parameters.
    """

    trailing_slash: TrailingSlash = "redirect"
    merge_slashes: bool = False
    case_sensitive: bool = True


STANDARD: Final = RoutingOptions()


class Table(Generic[T]):
    """The routes of one host pattern, or those without one."""

    __slots__ = ("fold", "root", "static")

    def __init__(self, *, fold: bool) -> None:
        self.static: dict[str, dict[str, T]] = {}
        self.root: Node[T] = Node()
        self.fold = fold

    def find(
        self, method: str, path: str, request: Request | None, missed: list[Mapping[str, Any]]
    ) -> tuple[T, dict[str, Any]] | None:
        """Return target and parameters, or ``None`` with what was ``missed``; raises ``BadRequest`` (bad escapes)."""
        if "%" in path or self.fold:
            parts = decode_segments(path)
            keys = [part.lower() for part in parts] if self.fold else parts
            joined = "/".join(keys)
            methods = self.static.get(joined) if joined.count("/") == len(keys) - 1 else None
        else:
            keys = parts = path.split("/")
            methods = self.static.get(path)
        if methods is not None:
            target = methods.get(method)
            if target is not None:
                return target, {}
            missed.append(methods)
        if parts[0]:
            return None
        values: list[Any] = []
        entry = walk(self.root, 1, keys, parts, values, method, request, missed)
        if entry is None:
            return None
        if len(values) == 1 and not entry.mounted:  # most routes: a third of the price of what follows
            return cast("T", entry.target), {entry.names[0]: values[0]}
        params = dict(zip(entry.names, values))  # noqa: B905  (as many, by construction; strict= costs 150 ns more)
        if entry.mounted:
            params[REST] = _raw_rest(path, params[REST])
        return cast("T", entry.target), params


def _raw_rest(path: str, index: int) -> str:
    pieces = path.split("/", index)
    return "/" + pieces[index] if len(pieces) > index else ""


class Matcher(Generic[T]):
    """The compiled router; immutable, made by ``compile_routes``."""

    __slots__ = (
        "_exact_hosts",
        "_find",
        "_host_patterns",
        "_methods",
        "_options",
        "_routing",
        "_table",
        "static",
    )

    def __init__(
        self,
        tables: Mapping[HostPattern | None, Table[T]],
        methods: frozenset[str],
        options: Callable[[tuple[str, ...]], T] | None,
        routing: RoutingOptions,
    ) -> None:
        hosts = sorted((host for host in tables if host is not None), key=lambda host: host.rank)
        self._table: Table[T] = tables[None]
        self._exact_hosts = {host.build({}): tables[host] for host in hosts if host.is_static}
        self._host_patterns = tuple((host, tables[host]) for host in hosts if not host.is_static)
        self._find = self._find_hosted if hosts else self._table.find
        self._methods = methods
        self._options = options
        self._routing = routing
        self.static: Mapping[str, Mapping[str, T]] = {} if hosts else self._table.static

    def match(self, method: str, path: str, request: Request | None = None) -> tuple[T, dict[str, Any]]:
        """Return the target for a method and a raw path (still percent-encoded), with the path's parameters.

        ``request`` is read only for hosts, ``where`` and the query of a redirect; without it routes that need it do
        not match. Raises ``NotFound``, ``MethodNotAllowed``, ``UpgradeRequired``, ``BadRequest`` (malformed path) and
        ``MovedPermanently`` (308 to the other spelling of the trailing slash).
        """
        missed: list[Mapping[str, Any]] = []
        found = self._find(method, path, request, missed)
        return found if found is not None else self._unanswered(method, path, request, missed)

    def _find_hosted(
        self, method: str, path: str, request: Request | None, missed: list[Mapping[str, Any]]
    ) -> tuple[T, dict[str, Any]] | None:
        """Ask the routes of the request's host, the closest pattern first, then those without a host."""
        host = host_name(request.headers.first(b"host")) if request is not None else ""
        exact = self._exact_hosts.get(host)
        found = exact.find(method, path, request, missed) if exact is not None else None
        if found is not None:
            return found
        for pattern, table in self._host_patterns:
            captured = pattern.match(host)
            found = table.find(method, path, request, missed) if captured is not None else None
            if found is not None:
                return found[0], {**(captured or {}), **found[1]}
        return self._table.find(method, path, request, missed)

    def _unanswered(
        self, method: str, path: str, request: Request | None, missed: list[Mapping[str, Any]]
    ) -> tuple[T, dict[str, Any]]:
        """Answer what no route answers: another spelling, OPTIONS, or the error that fits."""
        if self._routing.merge_slashes and "//" in path:
            return self.match(method, _merged(path), request)
        if self._routing.trailing_slash == "redirect" and method != WEBSOCKET:
            self._redirect(method, path, request)
        allow = {name for methods in missed for name, entry in methods.items() if _answers(entry, request)}
        if path == "*" and method == "OPTIONS":  # the server as a whole, RFC 9110 section 9.3.7
            allow = set(self._methods)
        speaks_websocket = WEBSOCKET in allow
        allow.discard(WEBSOCKET)
        if allow and self._options is not None:
            allow.add("OPTIONS")
            if method == "OPTIONS":
                return self._options(tuple(sorted(allow))), {}
        if method == WEBSOCKET:
            raise NotFound("There is no WebSocket here.", got=path)
        if allow:
            raise MethodNotAllowed(method, allow)
        if speaks_websocket:  # RFC 9110 section 15.5.22
            headers = {"upgrade": "websocket", "connection": "upgrade"}
            raise UpgradeRequired("This address speaks WebSocket only.", headers=headers)
        raise NotFound("There is nothing at this address.", got=path)

    def _redirect(self, method: str, path: str, request: Request | None) -> None:
        """Raise ``MovedPermanently`` when the path with its trailing slash toggled is answered."""
        other = path[:-1] if path.endswith("/") else path + "/"
        if other and self._find(method, other, request, []) is not None:
            # "//evil.example" and "/\\evil.example" would be another host to a browser
            location = "/" + quote(other.lstrip("/"), safe=SAFE + "/%")
            query = request.query_string if request is not None else ""
            raise MovedPermanently(f"{location}?{query}" if query else location)


def _answers(entry: Any, request: Request | None) -> bool:
    return not isinstance(entry, Entry) or entry.choose(request) is not None


def _merged(path: str) -> str:
    while "//" in path:
        path = path.replace("//", "/")
    return path
