"""User models: the one that is there, one of ones own, and the files that make their tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import vivace.auth
from tests.auth.site import EMAIL, PASSWORD, enter, site, started, weak
from vivace import App, models
from vivace.auth import (
    AbstractUser,
    Auth,
    BaseUserManager,
    ContentType,
    Group,
    Permission,
    StoredSession,
    User,
    get_user_model,
)
from vivace.errors import NoCurrentAuth, UniqueViolation, ValidationError
from vivace.migrations.project import left_out, make, no_answers, project_of
from vivace.models.fixtures import dump, load


class Account(AbstractUser):
    company = models.CharField(max_length=40, blank=True)

    class Meta(AbstractUser.Meta):
        app_label = "shop"


class Member(AbstractUser):
    """Somebody who logs in with a name."""

    username = models.CharField(max_length=40, unique=True)

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS = ("email",)

    class Meta(AbstractUser.Meta):
        app_label = "club"


async def test_au1_addresses_are_unique_without_regard_to_case(database_url: str) -> None:
    async with started(site(database_url)):
        user = await User.objects.create_user("  Bob@EXAMPLE.Com ", PASSWORD)
        assert user.email == "Bob@example.com"
        with pytest.raises(UniqueViolation):
            await User.objects.create_user("bob@example.com", PASSWORD)
        with pytest.raises(ValidationError):
            await User(email="BOB@example.com", password="!").full_clean()
        assert (await User.objects.get_by_natural_key("BOB@example.COM")).pk == user.pk


async def test_au1_the_manager_makes_users_and_superusers(sqlite_url: str) -> None:
    async with started(site(sqlite_url)):
        user = await User.objects.create_user("bob@example.com", PASSWORD, name="Bob Brown")
        assert (user.is_active, user.is_staff, user.is_superuser) == (True, False, False)
        assert (user.get_full_name(), user.get_short_name(), str(user)) == (
            "Bob Brown",
            "Bob",
            "bob@example.com",
        )
        root = await User.objects.create_superuser("root@example.com", PASSWORD)
        assert (root.is_staff, root.is_superuser) == (True, True)
        assert (root.get_full_name(), root.get_short_name()) == ("root@example.com", "root")
        assert root.date_joined.tzinfo is not None
        with pytest.raises(ValueError, match="is_staff=True"):
            await User.objects.create_superuser("x@example.com", PASSWORD, is_staff=False)
        with pytest.raises(ValueError, match="needs an email"):
            await User.objects.create_user("")


async def test_au1_passwords_never_leave_as_json(sqlite_url: str) -> None:
    app = site(sqlite_url)

    @app.get("/users")
    async def users() -> Any:
        return User.objects.all()

    async with started(app) as client:
        (shown,) = (await client.get("/users")).json()
        assert shown["email"] == EMAIL
        assert "password" not in shown


async def test_au1_an_own_user_model_is_a_class_and_a_word(database_url: str) -> None:
    app = site(database_url, auth=Auth(user=Account, hasher=weak()))

    @app.get("/company")
    async def company(user: Account) -> str:
        return user.company

    async with started(app) as client:
        names = {model._meta.db_table for model in app.models}
        assert "auth_user" not in names
        assert {"auth_group", "auth_permission", Account._meta.db_table} < names
        await Account.objects.update(company="Acme")
        await enter(client)
        assert (await client.get("/company")).text == "Acme"


async def test_au1_a_user_model_with_a_name_to_log_in_with(sqlite_url: str) -> None:
    from vivace.auth import authenticate

    app = App(databases={"default": sqlite_url}, installed=[Auth(user=Member, hasher=weak())])
    from vivace.testing import Client

    async with Client(app):
        member = await Member.objects.create_user("m@example.com", PASSWORD, username="mem")
        assert await authenticate(username="mem", password=PASSWORD) == member
        assert await authenticate(username="MEM", password=PASSWORD) is None
        assert member.natural_key() == ("mem",)


class Visitors(BaseUserManager[Any]):
    """A manager that makes its users itself, as Django's projects have."""

    async def create_user(self, email: str, password: str | None = None) -> Any:
        user = self.model(email=self.normalize_email(email))
        await user.set_password(password)
        await user.save(using=self._db)
        return user


class Visitor(AbstractUser):
    objects = Visitors()  # type: ignore[assignment,misc]  # pyright: ignore[reportAssignmentType]

    class Meta(AbstractUser.Meta):
        app_label = "visits"


async def test_au1_a_manager_of_ones_own_derives_from_the_base(sqlite_url: str) -> None:
    async with started(site(sqlite_url, auth=Auth(user=Visitor, hasher=weak()))) as client:
        assert get_user_model() is Visitor
        assert not hasattr(BaseUserManager, "create_superuser")
        assert (await Visitor.objects.get_by_natural_key(EMAIL.upper())).email == EMAIL
        await enter(client)


def test_au1_at_the_top_of_a_module_there_is_no_user_model_yet() -> None:
    with pytest.raises(NoCurrentAuth):
        get_user_model()


async def test_au1_users_groups_and_permissions_are_fixtures_by_natural_keys(database_url: str) -> None:
    from vivace.models.fixtures import DumpOptions

    app = site(database_url)
    async with started(app):
        group = await Group.objects.create(name="editors")
        await group.permissions.add(await Permission.objects.get_by_natural_key("view_user", "auth", "user"))
        user = await User.objects.get()
        await user.groups.add(group)
        wanted = [Group, User]
        options = DumpOptions(natural_foreign=True, natural_primary=True)
        text = "".join([piece async for piece in dump(wanted, options)])
        assert '["view_user","auth","user"]' in text.replace(" ", "").replace("\n", "")
        await User.objects.all().delete()
        await Group.objects.all().delete()
        await load(text.encode(), app.models, app.databases.default, name="people")
        again = await User.objects.get_by_natural_key(EMAIL)
        assert await again.groups.values_list("name", flat=True) == ["editors"]
        assert await again.has_perm("auth.view_user")


def test_au1_the_migrations_that_are_shipped_are_what_the_models_say() -> None:
    project = project_of([ContentType, Permission, Group, User, StoredSession])
    assert project.folders["auth"] == Path(vivace.auth.__file__).parent / "migrations"
    assert make(project, no_answers()) == []
    assert left_out(project) == set()


def test_au1_with_an_own_user_model_no_change_is_pending_and_its_tables_are_left_out() -> None:
    project = project_of([ContentType, Permission, Group])
    assert make(project, no_answers()) == []
    assert left_out(project) == {("auth", "user"), ("auth", "storedsession")}


def test_au1_tables_and_columns_have_djangos_names() -> None:
    columns = {field.column for field in User._meta.local_concrete_fields}
    assert User._meta.db_table == "auth_user"
    assert {
        "id",
        "password",
        "last_login",
        "is_superuser",
        "email",
        "is_staff",
        "is_active",
        "date_joined",
    } <= columns
    through: Any = User._meta.get_field("groups").remote_field.through._meta
    assert through.db_table == "auth_user_groups"
    assert [field.column for field in through.local_concrete_fields] == ["id", "user_id", "group_id"]
    assert Permission._meta.db_table == "auth_permission"
    assert [field.column for field in Permission._meta.local_concrete_fields] == [
        "id",
        "name",
        "content_type_id",
        "codename",
    ]
    assert (
        Group._meta.get_field("permissions").remote_field.through._meta.db_table == "auth_group_permissions"
    )
    assert ContentType._meta.db_table == "django_content_type"


async def test_au1_outside_an_app_passwords_say_what_is_missing() -> None:
    with pytest.raises(NoCurrentAuth, match="no app with users is running"):
        await User(email=EMAIL).set_password("x")
