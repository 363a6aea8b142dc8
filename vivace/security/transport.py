"""The door: plain http sent to https, and programs that are not answered at all; part of the host check.

What stands here runs before anything else of a request, and only in apps that ask for it: the plan calls the host check
for every host it does not know by heart, and for such an app it knows none.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Final

from vivace.config.settings import Secure
from vivace.errors import AgentRefused, ConfigurationError, HTTPSRequired, MovedPermanently
from vivace.http.request import Request

from .hosts import split_port

Check = Callable[[Request], None]
logger = logging.getLogger("vivace.security")
_READS: Final = frozenset({"GET", "HEAD"})


def door(secure: Secure, check_host: Check | None) -> Check:
    """Return the check that an app makes first, with the host check in it.

    Raises ``ConfigurationError`` for a ``disallowed_agents`` that is no regular expression.
    """
    agents = tuple(map(_pattern, secure.disallowed_agents))

    def check(request: Request) -> None:
        if check_host is not None:
            check_host(request)
        if agents:
            _refuse_agent(request, agents)
        if secure.https_redirect and request.scheme == "http":
            _to_https(request, secure)

    return check


def _to_https(request: Request, secure: Secure) -> None:
    """Raise the redirect of a read, the refusal of a write; a host that is not ours was refused before."""
    path = request.raw_path
    if any(path == exempt or path.startswith(exempt.rstrip("/") + "/") for exempt in secure.https_exempt):
        return
    if request.method not in _READS:
        raise HTTPSRequired(
            "This address takes writes over https only: what was sent could be read on the way."
        )
    host = secure.https_host or split_port(request.headers.get("host") or "")[0]  # the port was that of http
    if not host:
        raise HTTPSRequired("This address is answered over https only.")
    target = request.target if request.target.startswith("/") else "/"
    raise MovedPermanently(f"https://{host}{target}")


def _refuse_agent(request: Request, agents: tuple[re.Pattern[str], ...]) -> None:
    agent = request.headers.get("user-agent") or ""
    if any(pattern.search(agent) for pattern in agents):
        logger.info("%s %r refused: agent-refused %r", request.method, request.path[:200], agent[:200])
        raise AgentRefused("This program is not answered here.")


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ConfigurationError(
            "An entry of secure.disallowed_agents is no regular expression.",
            expected="such as (?i)badbot, or ^$ for none at all",
            got=text,
            fix=f"{error.msg} at position {error.pos}.",
        ) from None


__all__ = ["door"]
