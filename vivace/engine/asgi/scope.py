"""The ASGI scope as Vivace's values, and back (ASGI 3, HTTP and WebSocket message format 2.5).

``path`` holds the whole path, ``root_path`` the prefix under which the app is mounted (SCRIPT_NAME); what the app
routes on is the rest. ``raw_path`` is optional, and without the query.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote, unquote

from vivace.http.headers import RawHeaders
from vivace.http.request import Request

_PATH_SAFE: Final = "/:@!$&'()*+,;=-._~"  # RFC 3986 section 3.3: what a path may hold unencoded
_SCHEMES: Final = {"ws": "http", "wss": "https"}
_SOCKET_SCHEMES: Final = {"http": "ws", "https": "wss"}
_HANDSHAKE: Final = (
    (b"upgrade", b"websocket"),
    (b"connection", b"Upgrade"),
    (b"sec-websocket-version", b"13"),
)


def connection_values(
    scope: Mapping[str, Any],
) -> tuple[str, tuple[str, int] | None, tuple[str, int] | None, str]:
    """Return scheme, client, server and HTTP version: what ``Connection`` takes."""
    scheme: str = scope.get("scheme", "http")
    version: str = scope.get("http_version", "1.1")
    return _SCHEMES.get(scheme, scheme), _address(scope.get("client")), _address(scope.get("server")), version


def _address(value: Any) -> tuple[str, int] | None:
    """Unix sockets come as ``None`` or as (path, None)."""
    return (str(value[0]), int(value[1])) if value and value[1] is not None else None


def target_of(scope: Mapping[str, Any]) -> str:
    """Return the request target below ``root_path``, percent-encoded, with its query."""
    root: str = scope.get("root_path", "").rstrip("/")
    path: str = scope["path"]
    raw = (scope.get("raw_path") or b"").partition(b"?")[0].decode("latin-1") or quote(path, _PATH_SAFE)
    if root and path.startswith(root) and path[len(root) : len(root) + 1] in ("", "/"):
        encoded = next((form for form in (quote(root, _PATH_SAFE), root) if raw.startswith(form)), None)
        raw = quote(path[len(root) :], _PATH_SAFE) if encoded is None else raw[len(encoded) :]
    query: bytes = scope.get("query_string", b"")
    target = raw or "/"
    return f"{target}?{query.decode('latin-1')}" if query else target


def headers_of(scope: Mapping[str, Any]) -> RawHeaders:
    """Return the header fields as the server gave them."""
    return [(bytes(name), bytes(value)) for name, value in scope["headers"]]


def handshake_headers(scope: Mapping[str, Any]) -> RawHeaders:
    """Return the fields of a WebSocket scope as an HTTP/1.1 handshake has them; over HTTP/2 servers leave some out."""
    headers = headers_of(scope)
    present = {name.lower() for name, _ in headers}
    return [*headers, *(pair for pair in _HANDSHAKE if pair[0] not in present)]


def is_handshake(request: Request) -> bool:
    """Return True when the client asks for a WebSocket (RFC 6455 section 4.1)."""
    return request.method == "GET" and request.wants_websocket


def split_prefix(request: Request, rest: str) -> tuple[str, str]:
    """Return (prefix, rest) of the decoded path: SCRIPT_NAME and PATH_INFO of an app mounted where ``rest`` begins.

    ``rest`` comes as the router gives it, percent-encoded; decoded text is understood, too.
    """
    if not rest.startswith("/"):
        rest = f"/{rest}"
    raw = request.raw_path
    if raw.endswith(rest):
        return unquote(raw[: -len(rest)]), unquote(rest)
    return request.path[: -len(rest)] if request.path.endswith(rest) else request.path.rstrip("/"), rest


def scope_of(request: Request, rest: str, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scope for an app mounted at the prefix before ``rest``."""
    connection = request.connection
    socket = is_handshake(request)
    prefix, inner = split_prefix(request, rest)
    scope: dict[str, Any] = {
        "type": "websocket" if socket else "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": connection.http_version,
        "scheme": _SOCKET_SCHEMES.get(connection.scheme, "ws") if socket else connection.scheme,
        "path": prefix + inner,
        "raw_path": request.raw_path.encode("latin-1"),
        "query_string": request.query_string.encode("latin-1"),
        "root_path": prefix,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": connection.client,
        "server": connection.server,
        "state": dict(state),
        "extensions": {"websocket.http.response": {}} if socket else {},
    }
    if socket:
        scope["subprotocols"] = list(_subprotocols(request.headers.getlist("sec-websocket-protocol")))
    else:
        scope["method"] = request.method
    return scope


def _subprotocols(values: Iterable[str]) -> Iterable[str]:
    return (part.strip() for value in values for part in value.split(",") if part.strip())
