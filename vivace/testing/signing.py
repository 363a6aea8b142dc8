"""Signs users in for tests, by the app's own login."""

from __future__ import annotations

from typing import Any

from vivace.auth import login
from vivace.auth.current import current_realm
from vivace.auth.sessions.session import Session
from vivace.http.request import Request


async def session_cookie(request: Request, user: Any, *, remember: bool | None) -> tuple[str, str]:
    """Return name and value of the cookie of a new session of ``user``. Raises ``NoCurrentAuth`` outside an app with users."""
    sessions, session = current_realm().sessions, Session()
    request.set_part("session", session)
    await login(request, user, remember=remember)
    saved = await sessions.save(session, request)
    return sessions.name_for(request), saved.cookie if saved is not None else ""


__all__ = ["session_cookie"]
