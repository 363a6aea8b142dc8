"""The table of sessions: the key's hash, never the key. Whoever reads the table cannot use what is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import vivace.models as models

from .session import hashed

if TYPE_CHECKING:
    from vivace.auth.users import AbstractBaseUser


class AbstractStoredSession(models.Model):
    """A session; ``session_key`` is the SHA-256 of what the cookie holds (32 random bytes: no slow hash is needed)."""

    session_key = models.CharField(max_length=64, primary_key=True)
    session_data = models.TextField(default="{}", serialize=False)
    expire_date = models.DateTimeField(db_index=True)
    created = models.DateTimeField()
    last_seen = models.DateTimeField()
    address = models.CharField(max_length=45, blank=True)
    agent = models.CharField(max_length=255, blank=True)

    user: Any
    user_id: Any

    class Meta:
        abstract = True


def session_model_of(user_model: type[AbstractBaseUser]) -> type[AbstractStoredSession]:
    """Return the model of a user model's sessions: the one that it names as ``session_model``, else one made for it.

    It has a foreign key to the users, so that one query brings a session with its user, and deleting users ends theirs.
    """
    named: Any = vars(user_model).get("session_model")
    if named is not None:
        return cast("type[AbstractStoredSession]", named)
    meta = user_model._meta
    key = models.ForeignKey(user_model, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    options = {
        "app_label": meta.app_label,
        "db_table": f"{meta.db_table}_session",
        "verbose_name": f"session of a {meta.verbose_name}",
    }
    namespace = {
        "__module__": user_model.__module__,
        "__qualname__": f"{user_model.__qualname__}Session",
        "user": key,
        "Meta": type("Meta", (AbstractStoredSession.Meta,), options),
    }
    metaclass: Any = type(AbstractStoredSession)
    made = metaclass(f"{user_model.__name__}Session", (AbstractStoredSession,), namespace)
    user_model.session_model = made
    return cast("type[AbstractStoredSession]", made)


__all__ = ["AbstractStoredSession", "hashed", "session_model_of"]
