"""What a test has of its own, so that nothing of it reaches the developer's data, other people, or the next test.

============  ====================================================================================================
databases     new ones for each client (``databases``)
messages      the broker and the change feed stay in this process
caches        in memory
media         the files of storages with a folder go to a temporary one, which goes with the client
mail          kept in ``client.outbox``
============  ====================================================================================================
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

from vivace.errors import nearest
from vivace.errors.testing import ClientMisuse

if TYPE_CHECKING:
    from vivace.mail import EmailMessage

ISOLATED: Final = frozenset({"databases", "messages", "caches", "media", "mail"})
"""What a ``Client`` isolates: ``isolate=ISOLATED - {"media"}`` leaves the app its own media."""


def isolated_parts(isolate: bool | Collection[str]) -> frozenset[str]:
    """Return what an ``isolate=`` names. Raises ``ClientMisuse``."""
    if isinstance(isolate, bool):
        return ISOLATED if isolate else frozenset()
    parts = frozenset([isolate] if isinstance(isolate, str) else isolate)
    for unknown in sorted(parts - ISOLATED):
        raise ClientMisuse(
            f"A client isolates no {unknown!r}.",
            expected=f"True, False, or some of {', '.join(sorted(ISOLATED))}",
            got=repr(isolate),
            fix=nearest(unknown, ISOLATED),
        )
    return parts


async def isolate(app: Any, parts: frozenset[str], stack: AsyncExitStack) -> list[EmailMessage] | None:
    """Isolate these parts of an app until the stack is closed; return where its mail is kept."""
    if "databases" in parts and getattr(getattr(app, "data", None), "wanted", False):
        from .databases import isolated

        await stack.enter_async_context(isolated(app))
    if "messages" in parts and hasattr(app, "messaging"):
        stack.enter_context(app.messaging.isolated())
    if "caches" in parts and getattr(app, "caches", None) is not None:
        stack.enter_context(app.caches.isolated())
    if "media" in parts and hasattr(app, "storing"):
        stack.enter_context(app.storing.isolated())
    if "mail" in parts and getattr(app, "mail", None) is not None:
        outbox: list[EmailMessage] = stack.enter_context(app.mail.diverted())
        return outbox
    return None


__all__ = ["ISOLATED", "isolate", "isolated_parts"]
