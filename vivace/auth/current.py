"""What running code knows of the app's users: a context variable, set where the app's databases are."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from vivace.errors import NoCurrentAuth

if TYPE_CHECKING:
    from .realm import Realm

realm_variable: ContextVar[Realm | None] = ContextVar("vivace.auth", default=None)


def current_realm() -> Realm:
    """Return the users, sessions and passwords of the running app; raises ``NoCurrentAuth`` outside one."""
    realm = realm_variable.get()
    if realm is None:
        raise NoCurrentAuth(
            "There are no users here: no app with users is running.",
            expected="code that runs in a request, a command, a task of an app, or inside `async with app:`",
            fix='Install them: App(installed=["vivace.auth"]), and wrap scripts in `async with app:`.',
        )
    return realm


def get_user_model() -> Any:
    """Return the user model of the running app; raises ``NoCurrentAuth`` outside one, as at the top of a module.

    There no app is chosen yet: import the class, and write ``settings.AUTH_USER_MODEL`` or the class in a foreign key.
    """
    return current_realm().user_model


__all__ = ["current_realm", "get_user_model", "realm_variable"]
