"""Who can say who somebody is, and what they may do: a chain of backends, asked in order.

A backend overrides what it knows. ``authenticate`` gets the credentials of a login form; one whose parameters do not fit is
not asked. ``identify`` gets each request of somebody without a session (a header of a proxy, later an API token).
``PermissionDenied`` raised by one of them ends the chain: nobody behind it is asked.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from vivace.config.secret import Secret
from vivace.crypto.compare import constant_time_compare
from vivace.errors import PermissionDenied
from vivace.http.request import Request
from vivace.models import Q

from .current import current_realm
from .models import Permission

if TYPE_CHECKING:
    from .realm import Realm


class Backend:
    """A backend that knows nothing; subclass it. Sessions remember a backend by its class's dotted name."""

    @property
    def path(self) -> str:
        """What sessions remember it by."""
        return f"{type(self).__module__}.{type(self).__qualname__}"

    async def get_user(self, user_id: str) -> Any:
        """Return the user of a session, by the key as text; ``None`` for one who is gone or may not log in any more."""
        realm = current_realm()
        user = await realm.user_model._base_manager.filter(pk=realm.key_of(user_id)).first()
        return None if user is None or await user.refused() else user

    async def identify(self, request: Request) -> Any:
        """Return who sent a request that has no session, ``None`` where this backend cannot tell."""
        return None

    async def get_user_permissions(self, user: Any, obj: Any = None) -> set[str]:
        """Return the permissions that the user was given directly."""
        return set()

    async def get_group_permissions(self, user: Any, obj: Any = None) -> set[str]:
        """Return the permissions of the user's groups."""
        return set()

    async def get_all_permissions(self, user: Any, obj: Any = None) -> set[str]:
        """Return all permissions of the user."""
        return await self.get_user_permissions(user, obj) | await self.get_group_permissions(user, obj)

    async def has_perm(self, user: Any, perm: str, obj: Any = None) -> bool:
        """Say whether the user may do something, with ``obj`` where one is given."""
        return user.is_active and perm in await self.get_all_permissions(user, obj)


class ModelBackend(Backend):
    """Users of the user model, their passwords, and permissions as rows: for all objects of a model, or for none."""

    async def authenticate(
        self,
        request: Request | None,
        email: str | None = None,
        password: str | None = None,
        *,
        username: str | None = None,
    ) -> Any:
        """Return the user with this name and password, else ``None``, after one hash whoever it is."""
        name = email if email is not None else username
        if name is None or password is None:
            return None
        realm = current_realm()
        user = await realm.user_model._default_manager.named(name).first()
        if user is None:
            await realm.passwords.spend(password)
            return None
        right = await user.check_password(password)
        return user if right and not await user.refused() else None

    async def get_user_permissions(self, user: Any, obj: Any = None) -> set[str]:
        """Return the user's own permissions; one query, remembered on the object."""
        return await self._gathered(user, obj, "own")

    async def get_group_permissions(self, user: Any, obj: Any = None) -> set[str]:
        """Return those of the user's groups; one query, remembered on the object."""
        return await self._gathered(user, obj, "groups")

    async def get_all_permissions(self, user: Any, obj: Any = None) -> set[str]:
        """Return both; one query, remembered on the object."""
        return await self._gathered(user, obj, "all")

    async def _gathered(self, user: Any, obj: Any, kind: str) -> set[str]:
        if obj is not None or not user.is_active or user.is_anonymous:
            return set()
        known: dict[str, set[str]] = user.__dict__.setdefault("_permissions_known", {})
        if kind not in known:
            rows = _permissions_of(user, kind).order_by().values_list("content_type__app_label", "codename")
            known[kind] = {f"{app_label}.{codename}" for app_label, codename in await rows}
        return set(known[kind])


def _permissions_of(user: Any, kind: str) -> Any:
    if user.is_superuser:
        return Permission.objects.all()
    own = Q(pk__in=user.user_permissions.order_by().values("pk"))
    by_group = Q(
        pk__in=Permission.objects.filter(group__in=user.groups.order_by().values("pk"))
        .order_by()
        .values("pk")
    )
    return Permission.objects.filter({"own": own, "groups": by_group, "all": own | by_group}[kind])


class RemoteUser(Backend):
    """Users that a proxy in front has logged in, named in a header; the proxy must remove that header from what clients send.

    ``header``: its name. ``create``: users that are not there yet are made, without a password. The header is believed with
    the ``secret`` that only the proxy knows, in a header of the same name with ``-secret`` behind it; without a secret, from
    ``peers``, by default this machine's own addresses. Behind trusted proxies a request's address is the browser's: there
    it needs a secret.
    """

    def __init__(
        self,
        header: str = "x-remote-user",
        *,
        secret: Secret[str] | str = "",
        create: bool = False,
        peers: tuple[str, ...] = ("127.0.0.1", "::1"),
    ) -> None:
        self.header = header
        self.create = create
        self.peers = frozenset(peers)
        self._secret = secret.reveal() if isinstance(secret, Secret) else secret

    async def identify(self, request: Request) -> Any:
        """Return the user that the header names, if it came from the proxy."""
        name = request.headers.get(self.header)
        if not name or not self._is_from_proxy(request):
            return None
        return await self._named(current_realm(), self.clean_name(name))

    def _is_from_proxy(self, request: Request) -> bool:
        if self._secret:
            return constant_time_compare(request.headers.get(f"{self.header}-secret") or "", self._secret)
        return request.client is not None and request.client[0] in self.peers

    def clean_name(self, name: str) -> str:
        """Return the name to look for; override it to cut a realm off (``alice@EXAMPLE.ORG``)."""
        return name.strip()

    async def _named(self, realm: Realm, name: str) -> Any:
        user = await realm.user_model._default_manager.named(name).first()
        if user is None and self.create:
            user = await realm.user_model._default_manager.create_user(name)
        return None if user is None or await user.refused() else user


async def ask(backend: Any, request: Request | None, credentials: dict[str, Any]) -> Any:
    """Return what a backend says of credentials; ``None`` without asking when they are not those it takes."""
    authenticate = getattr(backend, "authenticate", None)
    if authenticate is None:
        return None
    try:
        inspect.signature(authenticate).bind(request, **credentials)
    except TypeError:
        return None
    return await authenticate(request, **credentials)


class Permissions:
    """The permissions of one app's users: what its backends say, put together."""

    def __init__(self, backends: tuple[Any, ...]) -> None:
        self._backends = backends

    async def has(self, user: Any, perm: str, obj: Any = None) -> bool:
        """Say whether any backend allows it; an active superuser may do everything."""
        if user.is_active and user.is_superuser:
            return True
        for backend in self._backends:
            try:
                if await backend.has_perm(user, perm, obj):
                    return True
            except PermissionDenied:
                return False
        return False

    async def gathered(self, user: Any, method: str, obj: Any = None) -> set[str]:
        """Return what a method of all backends names, together."""
        found: set[str] = set()
        for backend in self._backends:
            found |= await getattr(backend, method)(user, obj)
        return found

    async def has_any_of(self, user: Any, app_label: str) -> bool:
        """Say whether the user has any permission in an app."""
        if user.is_active and user.is_superuser:
            return True
        every = await self.gathered(user, "get_all_permissions")
        return user.is_active and any(perm.partition(".")[0] == app_label for perm in every)


__all__ = ["Backend", "ModelBackend", "Permissions", "RemoteUser", "ask"]
