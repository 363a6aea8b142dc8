"""What one app knows of people: its user model, its sessions, its passwords, who is asked about them. Made once, at the freeze."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from vivace.crypto.compare import constant_time_compare
from vivace.http.request import Request

from .anonymous import AnonymousUser
from .backends import Permissions
from .sessions.session import BACKEND, HASH, USER_ID, Session

if TYPE_CHECKING:
    from vivace.config.settings import AuthSettings

    from .passwords.rules import Rule
    from .passwords.service import Passwords
    from .sessions.cookies import SessionCookies
    from .throttle import Throttle
    from .users import AbstractUser


logger: Final = logging.getLogger("vivace.auth")


class Realm:
    """The users of one app and everything that belongs to them."""

    def __init__(
        self,
        user_model: type[AbstractUser],
        *,
        settings: AuthSettings,
        sessions: SessionCookies,
        passwords: Passwords,
        backends: Sequence[Any],
        rules: Sequence[Rule],
        throttle: Throttle,
        clock: Callable[[], float],
    ) -> None:
        self.user_model: Any = user_model
        self.settings = settings
        self.sessions = sessions
        self.passwords = passwords
        self.backends = tuple(backends)
        self.by_path = {backend.path: backend for backend in self.backends}
        self.permissions = Permissions(self.backends)
        self.rules = tuple(rules)
        self.throttle = throttle
        self.clock = clock

    async def user_of(self, request: Request) -> Any:
        """Return who sent a request: the user of its session, who a backend says it is, or nobody."""
        session: Session = await request.part("session")
        session.accessed = True
        user = await self._of_session(session) if USER_ID in session.data else None
        for backend in self.backends if user is None else ():
            user = await backend.identify(request)
            if user is not None:
                break
        return AnonymousUser() if user is None else user

    async def _of_session(self, session: Session) -> Any:
        data = session.data
        backend = self.by_path.get(data.get(BACKEND, ""))
        if backend is None:
            return None
        user, user_id = session.user, data[USER_ID]
        if user is None or str(user.pk) != user_id:
            user = await backend.get_user(user_id)
        elif await user.refused():
            return None
        if user is None or not constant_time_compare(str(data.get(HASH, "")), user.get_session_auth_hash()):
            if user is not None:
                logger.info("a session of %r ended: the password was changed", user.pk)
                session.flush()  # the password was changed: this session is one of those it was changed against
            return None
        return user

    def key_of(self, user_id: str) -> Any:
        """Return the key of a user that a session has as text; ``None`` where it is none."""
        try:
            return self.user_model._meta.pk.to_python(user_id)
        except Exception:
            return None


__all__ = ["Realm"]
