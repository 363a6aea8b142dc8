"""The user of a request that nobody is signed in to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar


class AnonymousUser:
    """Nobody: no permissions, no key, no password."""

    id: ClassVar[None] = None
    pk: ClassVar[None] = None
    email: ClassVar[str] = ""
    name: ClassVar[str] = ""
    is_active: ClassVar[bool] = False
    is_staff: ClassVar[bool] = False
    is_superuser: ClassVar[bool] = False
    is_authenticated: ClassVar[bool] = False
    is_anonymous: ClassVar[bool] = True

    def __str__(self) -> str:
        return "AnonymousUser"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AnonymousUser)

    def __hash__(self) -> int:
        return 1

    def __vivace_key__(self, keying: Any) -> Any:
        return AnonymousUser

    def get_username(self) -> str:
        """Return nothing: nobody has no name."""
        return ""

    get_full_name = get_short_name = get_username

    async def get_all_permissions(self, obj: Any = None) -> set[str]:
        """Return none."""
        return set()

    get_user_permissions = get_group_permissions = get_all_permissions

    async def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Ask the policies, which may open things to everybody; there are no other permissions of nobody."""
        from .current import current_realm

        return await current_realm().permissions.has(self, perm, obj)

    async def has_perms(self, perm_list: Iterable[str], obj: Any = None) -> bool:
        """Say whether nobody in particular may do all of this."""
        return all([await self.has_perm(perm, obj) for perm in perm_list])

    async def has_module_perms(self, app_label: str) -> bool:
        """Say no."""
        return False


__all__ = ["AnonymousUser"]
