"""The mailer of an app: what it needs of transactions and of the app's background work.

It is made when ``app.mail`` is first asked for, or at the freeze where the program imported ``vivace.mail``: only then can
code find it as the current one. An app that sends no mail loads nothing of this.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from vivace.mail.mailer import Mailer, current_mailer

if TYPE_CHECKING:
    from .application import App


class AppSurroundings:
    """Transactions of any of the app's databases, and the app's own tasks and timers."""

    def __init__(self, app: App) -> None:
        self._app = app

    def after_commit(self, function: Callable[[], None]) -> bool:
        """Keep ``function`` for the commit of the innermost transaction, whichever database it is of."""
        if "vivace.db.transactions" not in sys.modules:  # nobody can have begun one
            return False
        from vivace.db.transactions import open_block

        block = open_block()
        if block is None:
            return False
        block.database.on_commit(function, robust=True)
        return True

    def spawn(self, work: Coroutine[Any, Any, None]) -> object:
        """Start a task of the app, in nobody's transaction."""
        return self._app.spawn(work, name="mail")

    def later(self, seconds: float, function: Callable[[], None]) -> object:
        """Set a timer of the app."""
        return self._app.later(seconds, function)


def make_mailer(app: App) -> Mailer:
    """Make the mailer of ``app``, and let code that runs in the app find it."""
    settings = app.settings
    mailer = Mailer(settings.mail, AppSurroundings(app), debug=app.debug, hosts=settings.hosts, root=app.root)
    app.variables.append((current_mailer, mailer))
    return mailer


__all__ = ["make_mailer"]
