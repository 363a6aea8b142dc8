"""What happens to logins: ``await``-ed receivers, as those of models.

``user_logged_in`` and ``user_logged_out`` are sent with ``request`` and ``user`` (``None``: nobody was logged in),
``user_login_failed`` with ``credentials`` (passwords and the like replaced by stars) and ``request``.
"""

from __future__ import annotations

from typing import Final

from vivace.models.signals import Signal

user_logged_in: Final = Signal()
user_logged_out: Final = Signal()
user_login_failed: Final = Signal()

__all__ = ["user_logged_in", "user_logged_out", "user_login_failed"]
