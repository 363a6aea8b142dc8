"""What people may do: rows, groups, policies, and the rows of a table that somebody may see."""

from __future__ import annotations

from typing import Any

import pytest

from tests.auth.site import EMAIL, ann, enter, site, started, weak
from vivace import App, Request, models
from vivace.auth import (
    AnonymousUser,
    Auth,
    Group,
    Permission,
    Policy,
    User,
    authorize,
    can,
    create_permissions,
)
from vivace.db import query_log
from vivace.errors import QueryError


class Note(models.Model):
    text = models.CharField(max_length=40)
    author = models.ForeignKey(User, on_delete=models.DO_NOTHING, related_name="+")
    public = models.BooleanField(default=False)

    class Meta:
        app_label = "notes"
        permissions = [("pin_note", "Can pin note")]

    @classmethod
    def visible_to(cls, user: Any) -> Any:
        if user.is_superuser:
            return True
        return (
            models.Q(public=True) | models.Q(author=user.pk)
            if user.is_authenticated
            else models.Q(public=True)
        )


class Silent(models.Model):
    text = models.CharField(max_length=40)

    class Meta:
        app_label = "notes"


class Odd(models.Model):
    class Meta:
        app_label = "notes"

    @classmethod
    def visible_to(cls, user: Any) -> Any:
        return "everything"


class NotePolicy(Policy):
    model = Note

    def view(self, user: Any, note: Note) -> bool:
        return bool(note.public or note.author.pk == user.pk)

    async def change(self, user: Any, note: Note) -> bool:
        return bool(note.author.pk == user.pk)


def notes(url: str) -> App:
    """Return a site with notes."""
    return site(url, auth=Auth(hasher=weak(), policies=[NotePolicy]), models=[Note, Silent, Odd])


async def test_au7_permissions_are_made_with_the_tables(database_url: str) -> None:
    app = notes(database_url)
    async with started(app):
        label = Note._meta.app_label
        found = await Permission.objects.filter(
            content_type__app_label=label, content_type__model="note"
        ).order_by("codename")
        assert [each.codename for each in found] == [
            "add_note",
            "change_note",
            "delete_note",
            "pin_note",
            "view_note",
        ]
        assert str(found[0]) == "Can add note"
        with query_log() as log:
            assert await create_permissions(app.models) == 0
        assert len(list(log)) == 2


async def test_au7_permissions_come_from_the_user_and_from_groups(database_url: str) -> None:
    async with started(notes(database_url)):
        label = Note._meta.app_label
        user = await ann()
        group = await Group.objects.create(name="editors")
        await group.permissions.add(await Permission.objects.get(codename="change_note"))
        await user.groups.add(group)
        await user.user_permissions.add(await Permission.objects.get(codename="add_note"))
        user = await ann()
        with query_log() as log:
            assert await user.has_perm(f"{label}.change_note")
            assert await user.has_perms([f"{label}.add_note", f"{label}.change_note"])
            assert not await user.has_perm(f"{label}.delete_note")
            assert await user.has_module_perms(label)
            assert not await user.has_module_perms("auth")
        assert len(list(log)) == 1
        assert await user.get_user_permissions() == {f"{label}.add_note"}
        assert await user.get_group_permissions() == {f"{label}.change_note"}
        assert await user.get_all_permissions() == {f"{label}.add_note", f"{label}.change_note"}


async def test_au7_superusers_may_everything_while_they_are_active(sqlite_url: str) -> None:
    async with started(notes(sqlite_url)):
        root = await User.objects.create_superuser("root@example.com", "x")
        assert await root.has_perm("anything.at_all")
        assert "auth.add_user" in await root.get_all_permissions()
        root.is_active = False
        assert not await root.has_perm("auth.add_user")
        assert not await AnonymousUser().has_perm("auth.add_user")
        assert await AnonymousUser().get_all_permissions() == set()


async def test_au7_with_perm_finds_who_may(database_url: str) -> None:
    async with started(notes(database_url)):
        label = Note._meta.app_label
        permission = await Permission.objects.get(codename="pin_note")
        group = await Group.objects.create(name="pinners")
        await group.permissions.add(permission)
        one, two, off = [await User.objects.create_user(f"{n}@example.com") for n in ("one", "two", "off")]
        await one.user_permissions.add(permission)
        await two.groups.add(group)
        await off.user_permissions.add(permission)
        await User.objects.filter(pk=off.pk).update(is_active=False)
        root = await User.objects.create_superuser("root@example.com")
        found = User.objects.with_perm(f"{label}.pin_note").order_by("pk")
        assert [user.pk for user in await found] == [one.pk, two.pk, root.pk]
        without = User.objects.with_perm(f"{label}.pin_note", include_superusers=False, is_active=False)
        assert {user.pk for user in await without} == {one.pk, two.pk, off.pk}


async def test_au7_policies_decide_about_single_objects_and_what_they_do_not_say_is_denied(
    sqlite_url: str,
) -> None:
    async with started(notes(sqlite_url)):
        label, owner, nobody = Note._meta.app_label, await ann(), AnonymousUser()
        other = await User.objects.create_user("other@example.com")
        note = await Note.objects.create(text="a", author=owner)
        assert await can(owner, "change", note)
        assert await owner.has_perm(f"{label}.change_note", note)
        assert not await can(other, "change", note)
        assert not await can(owner, "delete", note)  # no such method
        assert not await can(owner, "_hidden", note)
        assert not await can(nobody, "view", note)
        note.public = True
        assert await can(nobody, "view", note)
        silent = await Silent.objects.create(text="x")
        assert not await can(owner, "view", silent)  # no policy
        root = await User.objects.create_superuser("root@example.com")
        assert await can(root, "delete", note)


async def test_au7_authorize_answers_401_and_403(sqlite_url: str) -> None:
    app = notes(sqlite_url)

    @app.post("/notes/{id}")
    async def change(request: Request, id: int) -> str:
        await authorize(request, "change", await Note.objects.select_related("author").get(pk=id))
        return "changed"

    async with started(app) as client:
        other = await User.objects.create_user("other@example.com")
        mine = await Note.objects.create(text="a", author=await ann())
        theirs = await Note.objects.create(text="b", author=other)
        assert (await client.post(f"/notes/{mine.pk}")).status == 401
        await enter(client)
        assert (await client.post(f"/notes/{mine.pk}")).text == "changed"
        assert (await client.post(f"/notes/{theirs.pk}")).status == 403


async def test_au7_for_user_shows_what_the_model_says_and_nothing_where_it_says_nothing(
    database_url: str,
) -> None:
    async with started(notes(database_url)):
        user, nobody = await ann(), AnonymousUser()
        other = await User.objects.create_user("other@example.com")
        root = await User.objects.create_superuser("root@example.com")
        for text, author, public in (
            ("mine", user, False),
            ("theirs", other, False),
            ("public", other, True),
        ):
            await Note.objects.create(text=text, author=author, public=public)
        await Silent.objects.create(text="x")

        async def seen(who: Any) -> set[str]:
            return set(await Note.objects.for_user(who).values_list("text", flat=True))

        assert await seen(user) == {"mine", "public"}
        assert await seen(nobody) == {"public"}
        assert await seen(root) == {"mine", "theirs", "public"}
        assert await Note.objects.filter(text="theirs").for_user(user).exists() is False
        assert await Silent.objects.for_user(root).count() == 0
        with pytest.raises(QueryError, match="answered with something that selects no rows"):
            Odd.objects.for_user(user)
        assert user.email == EMAIL
