"""The user model of apps that bring none, and the table of its sessions."""

from __future__ import annotations

import vivace.models as models

from .sessions.rows import AbstractStoredSession
from .users import AbstractUser


class User(AbstractUser):
    """Somebody with an account; logs in with a mail address."""

    class Meta(AbstractUser.Meta):
        swappable = "AUTH_USER_MODEL"  # an app with a user model of its own leaves it, and its table, out


class StoredSession(AbstractStoredSession):
    """A session of the database's store."""

    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="+")

    class Meta(AbstractStoredSession.Meta):
        db_table = "auth_session"
        verbose_name = "session"
        swappable = "AUTH_USER_MODEL"


User.session_model = StoredSession

__all__ = ["StoredSession", "User"]
