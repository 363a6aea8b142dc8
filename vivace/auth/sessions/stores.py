"""Where sessions are kept: in the database, or in a signed cookie.

A store has three methods, and tells what the cookie is to hold. ``DatabaseStore`` looks up the hash of the cookie's key in one
query, which brings the user along. It never takes a key from a client: one that is unknown, forged or expired is as if there
were no cookie, and what is stored then gets a key of our own.

Saving compares and sets: ``UPDATE … WHERE the data is still what was loaded``. Where another request was faster, its data
is read and the changes are applied to it, key by key, and tried again: one query without a conflict, no lock ever. A row that
is gone stays gone: somebody ended that session.

``CookieStore`` needs no table and cannot list or revoke anything; of two answers that are under way at once the browser keeps
the later cookie, whole.
"""

from __future__ import annotations

import datetime
import logging
import secrets
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, Protocol

import msgspec

from vivace.crypto.signing import Signer
from vivace.crypto.tokens import Key
from vivace.db import atomic, current_databases, database_for
from vivace.db.databases import DEFAULT
from vivace.errors import BadSignature
from vivace.http.request import Request

from .lifetimes import Lifetimes
from .rows import hashed
from .session import USER_ID, Loaded, Session, encoded

KEY_BYTES: Final = 32
KEY_LENGTH: Final = 43  # of 32 bytes as base64url
logger: Final = logging.getLogger("vivace.auth")


class Saved(msgspec.Struct, frozen=True):
    """What the cookie is to hold from now on (``""``: nothing, the session is over) and when the session ends."""

    cookie: str
    ends: float = 0.0


class SessionStore(Protocol):
    """Keeps sessions; ``now`` is seconds since 1970. ``has_keys``: a session's cookie stays the same while it lasts."""

    has_keys: ClassVar[bool]

    async def load(self, cookie: str, now: float) -> Loaded | None:
        """Return the session that a cookie belongs to; ``None`` for one that is unknown, forged or over."""
        ...

    async def save(self, session: Session, request: Request, now: float) -> Saved | None:
        """Save what was done to a session; ``None``: there was nothing to save, and the cookie stays as it is."""
        ...

    async def touch(self, session: Session, request: Request, now: float) -> Saved | None:
        """Write down that a request came."""
        ...


class DatabaseStore:
    """Sessions as rows of ``model``."""

    has_keys: ClassVar[bool] = True

    def __init__(self, model: Any, lifetimes: Lifetimes) -> None:
        self.model = model
        self._with_user = model.objects.select_related("user")  # a value: each request begins with it
        self._lifetimes = lifetimes

    async def load(self, cookie: str, now: float) -> Loaded | None:
        """Return the session of a key, with its user, in one query; none for what is no key at all."""
        if len(cookie) != KEY_LENGTH or not cookie.isascii():
            return None
        digest = hashed(cookie)
        rows = self._with_user.filter(session_key=digest)
        databases = current_databases.get()
        if databases is not None and databases.has_replicas:
            rows = rows.using(DEFAULT)  # a replica may not know yet who has just logged in
        row = next(iter(await rows), None)
        if row is None or row.expire_date.timestamp() <= now:
            return None
        created, last_seen = row.created.timestamp(), row.last_seen.timestamp()
        return Loaded(cookie, row.session_data, created, last_seen, row.user, digest)

    async def save(self, session: Session, request: Request, now: float) -> Saved | None:
        """Insert, replace, delete or update the row, whichever the session needs."""
        if session.cycled:
            return await self._replace(session, request, now)
        if session.stored is None:
            return await self._insert(session, session.data, request, now) if session.data else None
        if not session.changes():
            return None
        return await self._update(session, request, now)

    async def touch(self, session: Session, request: Request, now: float) -> Saved | None:
        """Write down when, from where and with what the last request came."""
        return await self._update(session, request, now)

    def _home(self) -> str:
        return database_for(self.model, write=True).alias

    async def _insert(self, session: Session, data: dict[str, Any], request: Request, now: float) -> Saved:
        key = secrets.token_urlsafe(KEY_BYTES)
        created = session.created or now
        loaded = Loaded(key, encoded(data), created, now, session.user)
        values = self._values(data, loaded.text, created, request, now)
        await self.model.objects.create(session_key=hashed(key), created=_moment(created), **values)
        session.become(loaded, data)
        return Saved(key, self._lifetimes.ends(data, created, now))

    async def _replace(self, session: Session, request: Request, now: float) -> Saved:
        """Delete the row under the old key and insert what is left of it under a new one: both or neither."""
        old, changes, data = session.stored, session.changes(), dict(session.data)
        async with atomic(self._home()):
            if old is not None:
                row = next(iter(await self.model.objects.filter(session_key=hashed(old.key))), None)
                if row is not None:
                    data = changes.applied(msgspec.json.decode(row.session_data))
                    await self.model.objects.filter(session_key=row.session_key).delete()
                elif session.created is not None:  # neither a login nor emptied: it was ended, and stays so
                    logger.warning("A session was ended while a request gave it a new key.")
                    return Saved("")
            if data:
                return await self._insert(session, data, request, now)
        return Saved("")

    async def _update(self, session: Session, request: Request, now: float) -> Saved:
        changes, stored = session.changes(), session.stored
        if stored is None:
            return Saved("")
        rows, text = self.model.objects.filter(session_key=hashed(stored.key)), stored.text
        while True:
            data = changes.applied(msgspec.json.decode(text))
            fresh = encoded(data)
            values = self._values(data, fresh, stored.created, request, now)
            if await rows.filter(session_data=text).update(**values):
                session.become(msgspec.structs.replace(stored, text=fresh, last_seen=now), data)
                return Saved(stored.key, self._lifetimes.ends(data, stored.created, now))
            now_there = await rows.values_list("session_data", flat=True)
            if not now_there:
                if changes:
                    lost = ", ".join(sorted([*changes.set, *changes.removed]))
                    logger.warning("A session was ended while a request changed it; not saved: %s", lost)
                return Saved("")
            text = now_there[0]

    def _values(
        self, data: dict[str, Any], text: str, created: float, request: Request, now: float
    ) -> dict[str, Any]:
        return {
            "session_data": text,
            "expire_date": _moment(self._lifetimes.ends(data, created, now)),
            "last_seen": _moment(now),
            "user_id": self.model._meta.get_field("user").target_field.to_python(data.get(USER_ID)),
            "address": request.client[0][:45] if request.client else "",
            "agent": (request.headers.get("user-agent") or "")[:255],
        }


class CookieStore:
    """Sessions in a signed cookie: whoever has it can read it, and nobody can change it."""

    has_keys: ClassVar[bool] = False

    def __init__(self, keys: Callable[[], Sequence[Key]], lifetimes: Lifetimes) -> None:
        self._keys = keys
        self._lifetimes = lifetimes

    def _signer(self) -> Signer:
        return Signer(self._keys(), "vivace.sessions")

    async def load(self, cookie: str, now: float) -> Loaded | None:
        """Return what the cookie holds, if the signature is ours and its time is not over."""
        try:
            text, created, last_seen = self._signer().unsign_object(cookie, tuple[str, float, float])
        except BadSignature:
            return None
        loaded = Loaded(cookie, text, created, last_seen)
        if self._lifetimes.ends(Session(loaded).data, created, last_seen) <= now:
            return None
        return loaded

    async def save(self, session: Session, request: Request, now: float) -> Saved | None:
        """Return the cookie with what is in the session now."""
        if not session.modified or not (session.data or session.stored):
            return None
        return await self.touch(session, request, now) if session.data else Saved("")

    async def touch(self, session: Session, request: Request, now: float) -> Saved | None:
        """Return the cookie with the time of this request."""
        data, created = session.data, session.created or now
        text = encoded(data)
        cookie = self._signer().sign_object((text, created, now))
        session.become(Loaded(cookie, text, created, now), data)
        return Saved(cookie, self._lifetimes.ends(data, created, now))


def _moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


__all__ = ["CookieStore", "DatabaseStore", "Saved", "SessionStore"]
