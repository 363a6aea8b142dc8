"""The sessions of a user as a list: where they are signed in, and how to end that."""

from __future__ import annotations

import datetime
from typing import Any, cast

import msgspec

from vivace.auth.current import current_realm
from vivace.errors import ConfigurationError
from vivace.http.request import Request

from .rows import hashed
from .session import Session
from .stores import DatabaseStore


class Device(msgspec.Struct, frozen=True):
    """One session of a user; ``id`` names it, and is not what its cookie holds."""

    id: str
    address: str
    agent: str
    created: datetime.datetime
    last_seen: datetime.datetime
    expires: datetime.datetime
    current: bool = False


async def devices(user: Any, request: Request | None = None) -> list[Device]:
    """Return the running sessions of a user, the last seen first; ``current`` is that of ``request``."""
    now = datetime.datetime.fromtimestamp(current_realm().clock(), datetime.UTC)
    own = await _current(request)
    rows = _rows().filter(user=user.pk, expire_date__gt=now).order_by("-last_seen")
    return [
        Device(
            row.session_key,
            row.address,
            row.agent,
            row.created,
            row.last_seen,
            row.expire_date,
            row.session_key == own,
        )
        for row in await rows
    ]


async def revoke_session(user: Any, id: str) -> bool:
    """End one session of a user, by the ``id`` of its ``Device``; say whether there was one."""
    return bool((await _rows().filter(user=user.pk, session_key=id).delete())[0])


async def revoke_other_sessions(request: Request, user: Any) -> int:
    """End all sessions of a user but that of the request; return how many. Of sessions in cookies there is no list: 0."""
    store = current_realm().sessions.store
    if not isinstance(store, DatabaseStore):
        return 0
    return cast(
        "int", (await _rows().filter(user=user.pk).exclude(session_key=await _current(request)).delete())[0]
    )


async def clear_expired() -> int:
    """Delete the sessions that are over; return how many. ``vivace clearsessions`` does it."""
    now = datetime.datetime.fromtimestamp(current_realm().clock(), datetime.UTC)
    return cast("int", (await _rows().filter(expire_date__lte=now).delete())[0])


async def _current(request: Request | None) -> str:
    session: Session | None = await request.session() if request is not None else None
    stored = session.stored if session is not None else None
    return hashed(stored.key) if stored is not None else ""


def _rows() -> Any:
    store = current_realm().sessions.store
    if not isinstance(store, DatabaseStore):
        raise ConfigurationError(
            "Sessions in cookies cannot be listed or ended one by one.",
            expected='sessions.store = "database"',
            got='"cookie"',
            fix="Set VIVACE_SESSIONS_STORE=database, or leave it out.",
        )
    return store.model.objects


__all__ = ["Device", "clear_expired", "devices", "revoke_other_sessions", "revoke_session"]
