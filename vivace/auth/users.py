"""Users to derive from: ``AbstractUser`` for nearly everybody, the two halves of it for the rest.

An own user model is a class and a word::

    class Account(AbstractUser):
        company = models.CharField(max_length=80, blank=True)

    app = App(installed=[Auth(user=Account)])

People log in with their mail address. It is stored as they wrote it (the domain in lower case) and unique without regard
to case: a constraint of the database says so, and look-ups compare in the database as that constraint does.
"""

from __future__ import annotations

import datetime
import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, cast

import vivace.models as models
from vivace.models.functions import Lower

from .current import current_realm
from .models import Group, Permission
from .passwords.service import UNUSABLE, is_usable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import TypeVar as TypeVarWithDefault

    U = TypeVarWithDefault("U", bound="AbstractBaseUser", default=Any)
else:
    U = TypeVar("U")


def now() -> datetime.datetime:
    """Return the time, in UTC."""
    return datetime.datetime.now(datetime.UTC)


class BaseUserManager(models.Manager[U], Generic[U]):
    """Finds users by what they log in with: for managers that make users in a way of their own."""

    @staticmethod
    def normalize_email(email: str | None) -> str:
        """Return the address without blanks around it and with its domain in lower case."""
        text = (email or "").strip()
        name, at, domain = text.rpartition("@")
        return f"{name}@{domain.lower()}" if at else text

    async def get_by_natural_key(self, name: str) -> U:
        """Return the user who logs in with this name; raises ``DoesNotExist``. A mail address counts without its case."""
        return await self.named(name).get()

    def named(self, name: str) -> models.QuerySet[Any, U]:
        """Return a queryset of the user who logs in with this name."""
        field: str = self.model.USERNAME_FIELD
        if field != self.model.EMAIL_FIELD:
            return self.filter(**{field: name})
        # as the constraint compares: in the database, on both sides
        return self.alias(_login=Lower(field)).filter(_login=Lower(models.Value(self.normalize_email(name))))


class UserManager(BaseUserManager[U], Generic[U]):
    """Makes users, and finds them by what they log in with or may do."""

    use_in_migrations = True

    async def create_user(self, email: str, password: str | None = None, **fields: Any) -> U:
        """Insert a user; without a password one who cannot log in by password. The rules are not asked: forms do."""
        return await self._create(email, password, {"is_staff": False, "is_superuser": False, **fields})

    async def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> U:
        """Insert a user who may do everything; raises ``ValueError`` for ``is_staff=False`` or ``is_superuser=False``."""
        given = {"is_staff": True, "is_superuser": True, **fields}
        for name in ("is_staff", "is_superuser"):
            if given[name] is not True:
                raise ValueError(f"Superuser must have {name}=True.")
        return await self._create(email, password, given)

    async def _create(self, email: str, password: str | None, fields: dict[str, Any]) -> U:
        if not email:
            raise ValueError("A user needs an email address.")
        made: Any = self.model(**{self.model.EMAIL_FIELD: self.normalize_email(email), **fields})
        await made.set_password(password)
        await made.save(using=self._db_alias)
        return cast("U", made)

    @property
    def _db_alias(self) -> str | None:
        return cast("str | None", getattr(self, "_db", None))

    def with_perm(
        self, perm: str, *, is_active: bool = True, include_superusers: bool = True
    ) -> models.QuerySet[Any, U]:
        """Return the users who have a permission (``"blog.change_post"``) themselves, by a group or as superusers."""
        app_label, _, codename = perm.partition(".")
        wanted = Permission.objects.filter(content_type__app_label=app_label, codename=codename).values("pk")
        groups = Group.objects.filter(permissions__in=wanted).values("pk")
        has = models.Q(pk__in=self.model.objects.filter(user_permissions__in=wanted).values("pk")) | models.Q(
            pk__in=self.model.objects.filter(groups__in=groups).values("pk")
        )
        if include_superusers:
            has = has | models.Q(is_superuser=True)
        found = self.filter(has)
        return found.filter(is_active=True) if is_active else found


class AbstractBaseUser(models.Model):
    """Somebody with a password: what every user model has."""

    password = models.CharField(max_length=128, serialize=False)
    last_login = models.DateTimeField(blank=True, null=True)

    USERNAME_FIELD: ClassVar[str] = "email"
    EMAIL_FIELD: ClassVar[str] = "email"
    REQUIRED_FIELDS: ClassVar[tuple[str, ...]] = ()
    session_model: ClassVar[type[Any] | None] = None  # of the users' sessions; made where a model names none
    is_active: Any = True

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.get_username()

    @property
    def is_authenticated(self) -> bool:
        """True: this is somebody (an ``AnonymousUser`` is nobody)."""
        return True

    @property
    def is_anonymous(self) -> bool:
        """False: this is somebody."""
        return False

    def get_username(self) -> str:
        """Return what this user logs in with."""
        return str(getattr(self, self.USERNAME_FIELD))

    def natural_key(self) -> tuple[str]:
        """Return what names the user in fixtures."""
        return (self.get_username(),)

    async def set_password(self, raw_password: str | None) -> None:
        """Hash a password into ``password``, without saving; ``None``: nobody logs in with one. May raise ``PoolFull``."""
        self.password = await current_realm().passwords.make(raw_password)

    def set_unusable_password(self) -> None:
        """Let nobody log in with a password, without saving; no hash is needed for that."""
        from vivace.crypto.random import random_string

        self.password = UNUSABLE + random_string(40)

    def has_usable_password(self) -> bool:
        """Say whether a password can match at all."""
        return is_usable(self.password)

    async def check_password(self, raw_password: str) -> bool:
        """Say whether this is the password. One that was stored in an older way is stored anew. May raise ``PoolFull``."""
        passwords = current_realm().passwords
        verdict = await passwords.verify(raw_password, self.password)
        if not verdict.outdated:
            return verdict.right
        stored, self.password = self.password, await passwords.make(raw_password)
        rows: Any = type(self)._base_manager.filter(pk=self.pk)
        if await rows.filter(password=stored).update(password=self.password):
            return True
        # Somebody was faster: another login that stored it anew, or a change of the password, which must stand.
        self.password = next(iter(await rows.values_list("password", flat=True)), "")
        return (await passwords.verify(raw_password, self.password)).right

    def get_session_auth_hash(self) -> str:
        """Return what sessions remember of the password: it changes with it, and so they end."""
        return _session_hash(self.password)

    async def refused(self) -> bool:
        """Say whether this user may not log in (any more); override it for more than ``is_active``."""
        return not self.is_active


@lru_cache(maxsize=256)  # of those who come often: 7,000 instructions of each of their pages
def _session_hash(password: str) -> str:
    """Return what a session remembers of a stored password. It is no secret: who could use it has the table already."""
    return hashlib.sha256(b"vivace.auth.session\0" + password.encode()).hexdigest()


class PermissionsMixin(models.Model):
    """Somebody with permissions, of their own and by groups."""

    is_superuser = models.BooleanField("superuser status", default=False)
    groups = models.ManyToManyField(
        Group, blank=True, related_name="%(class)s_set", related_query_name="%(class)s"
    )
    user_permissions = models.ManyToManyField(
        Permission, blank=True, related_name="%(class)s_set", related_query_name="%(class)s"
    )

    class Meta:
        abstract = True

    async def get_user_permissions(self, obj: Any = None) -> set[str]:
        """Return the permissions that the user was given directly (``"blog.change_post"``)."""
        return await current_realm().permissions.gathered(self, "get_user_permissions", obj)

    async def get_group_permissions(self, obj: Any = None) -> set[str]:
        """Return the permissions of the user's groups."""
        return await current_realm().permissions.gathered(self, "get_group_permissions", obj)

    async def get_all_permissions(self, obj: Any = None) -> set[str]:
        """Return all permissions, of the user and of groups."""
        return await current_realm().permissions.gathered(self, "get_all_permissions", obj)

    async def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Say whether the user may do this, with ``obj`` where one is given; an active superuser may do everything."""
        return await current_realm().permissions.has(self, perm, obj)

    async def has_perms(self, perm_list: Iterable[str], obj: Any = None) -> bool:
        """Say whether the user has all of these permissions."""
        return all([await self.has_perm(perm, obj) for perm in perm_list])

    async def has_module_perms(self, app_label: str) -> bool:
        """Say whether the user has any permission in an app."""
        return await current_realm().permissions.has_any_of(self, app_label)


class AbstractUser(AbstractBaseUser, PermissionsMixin):
    """A user with a mail address, a name and permissions; derive from it for an own user model."""

    email = models.EmailField("email address")
    name = models.CharField(max_length=150, blank=True)
    is_staff = models.BooleanField("staff status", default=False)
    is_active = models.BooleanField("active", default=True)
    date_joined = models.DateTimeField(default=now, editable=False)

    objects: ClassVar[UserManager[Self]] = UserManager()  # type: ignore[misc]

    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride] - options are not inherited, they are written anew
        abstract = True
        constraints = [models.UniqueConstraint(Lower("email"), name="%(app_label)s_%(class)s_email_unique")]

    def get_full_name(self) -> str:
        """Return the name, or the address of somebody who gave none."""
        return self.name or self.email

    def get_short_name(self) -> str:
        """Return the first part of the name, or of the address of somebody who gave none."""
        return self.name.partition(" ")[0] if self.name else self.email.partition("@")[0]


__all__ = ["AbstractBaseUser", "AbstractUser", "PermissionsMixin", "UserManager"]
