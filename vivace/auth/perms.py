"""Permissions in templates: ``{% if perms.blog.change_post %}``, ``{% if "blog.change_post" in perms %}``."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

from vivace.http.request import Request


class Perms:
    """What the user of a page may do, loaded in one query when a template first reads ``perms``."""

    __slots__ = ("_all", "_names")

    def __init__(self, names: AbstractSet[str], *, all: bool = False) -> None:
        self._names = names
        self._all = all

    def __contains__(self, perm: object) -> bool:
        text = str(perm)
        return self._all or text in self._names or any(name.startswith(f"{text}.") for name in self._names)

    def __getitem__(self, app_label: str) -> ModulePerms:
        return ModulePerms(self, app_label)

    def __getattr__(self, app_label: str) -> ModulePerms:
        if app_label.startswith("_"):
            raise AttributeError(app_label)
        return ModulePerms(self, app_label)


class ModulePerms:
    """What the user may do in one app; true when that is anything."""

    __slots__ = ("_app_label", "_perms")

    def __init__(self, perms: Perms, app_label: str) -> None:
        self._perms = perms
        self._app_label = app_label

    def __bool__(self) -> bool:
        return self._app_label in self._perms

    def __getitem__(self, codename: str) -> bool:
        return f"{self._app_label}.{codename}" in self._perms

    def __getattr__(self, codename: str) -> bool:
        if codename.startswith("_"):
            raise AttributeError(codename)
        return self[codename]


async def perms(request: Request) -> Perms:
    """Return the permissions of who is signed in: what templates read as ``perms``."""
    user: Any = await request.user()
    everything = bool(user.is_active and user.is_superuser)
    return Perms(set() if everything else await user.get_all_permissions(), all=everything)


__all__ = ["ModulePerms", "Perms", "perms"]
