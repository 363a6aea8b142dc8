"""Logging in and out: ``authenticate`` finds out who it is, ``login`` remembers it, ``logout`` forgets."""

from __future__ import annotations

import datetime
import logging
from typing import Any, Final

from vivace.errors import ConfigurationError, PermissionDenied, SessionClosed
from vivace.http.problems import is_sensitive
from vivace.http.request import Request
from vivace.security.tokens import rotate_csrf

from .anonymous import AnonymousUser
from .backends import ask
from .current import current_realm
from .knowndevices import known_device, remember_device
from .realm import Realm
from .sessions.session import BACKEND, HASH, REMEMBER, USER_ID, Session
from .signals import user_logged_in, user_logged_out, user_login_failed
from .throttle import address_of, folded

logger: Final = logging.getLogger("vivace.auth")
STARS: Final = "********************"


async def authenticate(request: Request | None = None, **credentials: Any) -> Any:
    """Return the user with these credentials (``email=…, password=…``), ``None`` where they are wrong.

    The backends are asked in turn. Nobody learns from the answer, or from how long it took, whether there is such a user.
    Raises ``LoginThrottled`` (429) after too many failures of the account or from the address, ``PoolFull`` (503) while too
    many passwords are being hashed.
    """
    realm = current_realm()
    account = _account(credentials)
    address, device = address_of(request), known_device(request, folded(account))
    await realm.throttle.attempt(account, address, device)
    for backend in realm.backends:
        try:
            user = await ask(backend, request, credentials)
        except PermissionDenied:
            break
        if user is not None:
            await realm.throttle.succeeded(account, address, device)
            user.backend = backend.path
            return user
    logger.info("login failed: account %.80r from %s", account, address or "nowhere")
    shown = {name: STARS if is_sensitive(name) else value for name, value in credentials.items()}
    await user_login_failed.send(sender=realm.user_model, credentials=shown, request=request)
    return None


async def login(request: Request, user: Any, *, remember: bool | None = None, backend: str = "") -> None:
    """Let the session of a request be this user's, from this request on.

    The session gets a new key, and keeps what an anonymous visitor had put in it; that of another user is emptied.
    ``remember=True``: for long (``sessions.remember_idle``); ``False``: until the browser closes. ``backend`` names the one
    that vouches for a user who did not come from ``authenticate``.
    """
    realm = current_realm()
    session: Session = await request.session()
    if USER_ID in session and not _is_of(session, user):
        session.flush()
    else:
        session.cycle_key(renew=True)
    session[USER_ID] = str(user.pk)
    session[BACKEND] = backend or getattr(user, "backend", "") or _only_backend(realm)
    session[HASH] = user.get_session_auth_hash()
    session.pop(REMEMBER, None)
    if remember:
        session[REMEMBER] = True
    session.set_expiry(0 if remember is False else None)
    session.user = user
    request.set_part("user", user)
    rotate_csrf(request)
    remember_device(request, folded(_account({"name": str(user.get_username())})))
    user.last_login = datetime.datetime.fromtimestamp(realm.clock(), datetime.UTC)
    await type(user)._base_manager.filter(pk=user.pk).update(last_login=user.last_login)
    await user_logged_in.send(sender=type(user), request=request, user=user)


async def save_session(request: Request) -> None:
    """Save the session now: for a WebSocket's handler, whose answer left before it ran. Elsewhere it happens by itself.

    Raises ``SessionClosed`` where the session would need a cookie, which cannot be sent any more.
    """
    session: Session = await request.session()
    if session.key is None and (session.data or session.stored is not None):
        raise SessionClosed(
            "This session cannot be saved: its browser has no cookie for it, and can be sent none now.",
            expected="a session that began with an ordinary answer, and keeps its key",
            fix="Begin it on the page that opens the socket; log in and out there.",
        )
    await current_realm().sessions.save(session, request)


async def logout(request: Request) -> None:
    """Let nobody be signed in: the session is deleted, with all that was in it."""
    user = await request.user()
    session: Session = await request.session()
    session.flush()
    request.set_part("user", AnonymousUser())
    rotate_csrf(request)
    who = user if user.is_authenticated else None
    await user_logged_out.send(sender=type(user), request=request, user=who)


async def update_session_auth_hash(request: Request, user: Any) -> None:
    """Keep this session, and end all others of the user: to be called after their password was changed and saved."""
    from .sessions.devices import revoke_other_sessions

    session: Session = await request.session()
    session.cycle_key(renew=True)
    session[HASH] = user.get_session_auth_hash()
    session.user = user
    request.set_part("user", user)
    await revoke_other_sessions(request, user)


def _account(credentials: dict[str, Any]) -> str:
    """Return what names the account that is tried: the first credential that is no secret."""
    named = (
        value for name, value in credentials.items() if isinstance(value, str) and not is_sensitive(name)
    )
    return next(named, "").strip().lower()[:254]


def _is_of(session: Session, user: Any) -> bool:
    return bool(session[USER_ID] == str(user.pk) and session.get(HASH) == user.get_session_auth_hash())


def _only_backend(realm: Realm) -> str:
    able: list[str] = [backend.path for backend in realm.backends if hasattr(backend, "authenticate")]
    if len(able) != 1:
        raise ConfigurationError(
            "login() does not know which backend vouches for this user.",
            expected=", ".join(realm.by_path),
            fix="Pass a user that authenticate() returned, or backend=….",
        )
    return able[0]


__all__ = ["authenticate", "login", "logout", "save_session", "update_session_auth_hash"]
