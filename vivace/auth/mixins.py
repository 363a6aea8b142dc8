"""Who may see a class-based view: Django's mixins, on the guards of this room. They stand before the other bases.

Who is not signed in is sent to the login page (a browser on its way to a page) or gets 401; who is, and may not, 403.
``login_url`` sends everybody to another page of yours, ``raise_exception = True`` answers 403 to everybody.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn
from urllib.parse import urlencode

from vivace.errors import PermissionDenied
from vivace.errors.views import BadView
from vivace.http.redirect import is_safe_target
from vivace.http.request import Request
from vivace.views.base import View
from vivace.views.shortcuts import redirect

from .guards import login_required_error


class AccessMixin(View):
    """Asks ``is_allowed`` before the view answers."""

    login_url: str | None = None
    permission_denied_message: str = ""
    raise_exception: bool = False
    redirect_field_name: str = "next"

    async def is_allowed(self) -> bool:
        """Say whether this visitor may go on."""
        return True

    async def dispatch(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Answer those who may, and refuse the others."""
        if await self.is_allowed():
            return await super().dispatch(request, *args, **kwargs)
        refused: Any = self.handle_no_permission(await request.user())
        return await refused if inspect.isawaitable(refused) else refused

    def handle_no_permission(self, user: Any) -> Any:
        """Answer somebody who may not: the way to ``login_url``, or an error. Raises ``LoginRequired``, ``PermissionDenied``."""
        if self.raise_exception or user.is_authenticated:
            self._deny()
        if self.login_url is None:
            raise login_required_error()
        back = self.request.target
        asked = f"?{urlencode({self.redirect_field_name: back})}" if is_safe_target(back) else ""
        return redirect(f"{self.login_url}{asked}")

    def _deny(self) -> NoReturn:
        raise PermissionDenied(self.permission_denied_message or "You may not do this.")


class LoginRequiredMixin(AccessMixin):
    """Lets those pass who are signed in."""

    async def is_allowed(self) -> bool:
        """Say whether the visitor is signed in, and what else must hold."""
        user: Any = await self.request.user()
        return bool(user.is_authenticated) and await super().is_allowed()


class PermissionRequiredMixin(AccessMixin):
    """Lets those pass who have ``permission_required``: one permission (``"blog.change_post"``) or all of several."""

    permission_required: str | Sequence[str] = ()

    @classmethod
    def check_options(cls, given: Mapping[str, Any]) -> None:
        """Refuse a view that requires no permission."""
        super().check_options(given)
        own = cls.get_permission_required is not PermissionRequiredMixin.get_permission_required
        own = own or cls.has_permission is not PermissionRequiredMixin.has_permission
        if not own and not given.get("permission_required", cls.permission_required):
            raise BadView(
                f"{cls.__name__} does not say which permission it requires.",
                expected="permission_required, get_permission_required() or has_permission()",
                got="none of them",
                fix='permission_required = "blog.change_post".',
            )

    def get_permission_required(self) -> Sequence[str]:
        """Return the permissions that are required, all of them."""
        required = self.permission_required
        return (required,) if isinstance(required, str) else required

    async def has_permission(self) -> bool:
        """Say whether the visitor has them."""
        user: Any = await self.request.user()
        return bool(await user.has_perms(tuple(self.get_permission_required())))

    async def is_allowed(self) -> bool:
        """Say whether the visitor has the permissions, and what else must hold."""
        return await self.has_permission() and await super().is_allowed()


class UserPassesTestMixin(AccessMixin):
    """Lets those pass of whom ``test_func``, ``def`` or ``async def``, is true."""

    def test_func(self) -> Any:
        """Say whether the visitor may go on; of each view its own."""
        raise BadView(
            f"{type(self).__name__} has no test_func().",
            expected="async def test_func(self) -> bool",
            fix="Define it: `return (await self.request.user()).is_staff`.",
        )

    def get_test_func(self) -> Callable[[], Any]:
        """Return what is asked."""
        return self.test_func

    async def is_allowed(self) -> bool:
        """Say whether the visitor passes the test, and what else must hold."""
        verdict = self.get_test_func()()
        passed = await verdict if inspect.isawaitable(verdict) else verdict
        return bool(passed) and await super().is_allowed()


__all__ = ["AccessMixin", "LoginRequiredMixin", "PermissionRequiredMixin", "UserPassesTestMixin"]
