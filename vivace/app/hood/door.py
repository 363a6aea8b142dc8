"""Who may see what is under the hood: people on this machine, or those for whose requests a function says so.

What a request must be like to come from this machine; each row is a way to seem so that is kept out:

=========================================  ======================================================================
it must have                               else
=========================================  ======================================================================
a client address of the loopback           anybody who reaches the port (a container's bridge is no loopback)
one ``Host``, and a name of the loopback   a page of a foreign site whose name was bound to 127.0.0.1 (rebinding)
no header that a proxy writes              everybody, through a proxy on this machine
HTTP/1.1 or newer                          everybody, through an older nginx that says nothing of itself
an app without ``trusted_proxies``         everybody, where the proxy's headers are taken off on the way
=========================================  ======================================================================

A proxy on this machine that speaks HTTP/1.1, passes a ``Host`` of the loopback and says nothing of itself cannot be told
from a browser here. So this is no reason to switch the hood on in production, and ``check --deploy`` refuses that.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from vivace.http.request import Request

logger: Final = logging.getLogger("vivace.app")
DoorRule: TypeAlias = "Callable[[Request], bool | Awaitable[bool]]"
"""Says of a request whether who sent it may see what is under the hood."""

_PROXIED: Final = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "cf-connecting-ip",
    "true-client-ip",
)


class Door:
    """Opens for some requests: ``await door.opens(request)``."""

    __slots__ = ("_rule",)

    def __init__(self, rule: bool | DoorRule | None) -> None:
        self._rule: DoorRule = rule if callable(rule) else is_local

    async def opens(self, request: Request) -> bool:
        """Return whether who sent a request may see; a rule that fails says no, and is logged."""
        try:
            verdict = self._rule(request)
            return (await verdict if inspect.isawaitable(verdict) else verdict) is True
        except Exception:
            logger.exception("who may see under the hood could not be found out: nobody")
            return False


def is_local(request: Request) -> bool:
    """Return whether a request comes from this machine, as far as that can be known; see the module."""
    client, hosts = request.client, request.headers.getlist("host")
    return (
        client is not None
        and _is_loopback(client[0])
        and len(hosts) == 1
        and _is_here(hosts[0])
        and not any(name in request.headers for name in _PROXIED)
        and request.connection.http_version not in ("0.9", "1.0")
        and not request.app.settings.trusted_proxies
    )


def _is_loopback(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback


def _is_here(host: str) -> bool:
    """Return whether a ``Host`` is a name or an address of the loopback, whatever its port."""
    name = host.partition("]")[0][1:] if host.startswith("[") else host.partition(":")[0]
    name = name.lower().removesuffix(".")
    return name == "localhost" or name.endswith(".localhost") or _is_loopback(name)


__all__ = ["Door", "DoorRule", "is_local"]
