"""What you test your app with: a client for HTTP, WebSocket and SSE without sockets, and a pytest plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .answers import ClientResponse as ClientResponse
    from .assertions import assert_contains as assert_contains
    from .assertions import assert_problem as assert_problem
    from .assertions import assert_redirects as assert_redirects
    from .channels import ClientChannel as ClientChannel
    from .channels import ReceivedEvent as ReceivedEvent
    from .client import Client as Client
    from .isolation import ISOLATED as ISOLATED
    from .jar import CookieJar as CookieJar
    from .live import LivePage as LivePage
    from .payload import RequestOptions as RequestOptions
    from .sockets import ClientSocket as ClientSocket

_HOMES = {
    "ISOLATED": "isolation",
    "Client": "client",
    "ClientChannel": "channels",
    "ClientResponse": "answers",
    "ClientSocket": "sockets",
    "CookieJar": "jar",
    "LivePage": "live",
    "ReceivedEvent": "channels",
    "RequestOptions": "payload",
    "assert_contains": "assertions",
    "assert_problem": "assertions",
    "assert_redirects": "assertions",
}

__all__ = [
    "ISOLATED",
    "Client",
    "ClientChannel",
    "ClientResponse",
    "ClientSocket",
    "CookieJar",
    "LivePage",
    "ReceivedEvent",
    "RequestOptions",
    "assert_contains",
    "assert_problem",
    "assert_redirects",
]


def __getattr__(name: str) -> Any:
    """Import a name when it is first used: pytest loads this package for its plugin, in every project."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
