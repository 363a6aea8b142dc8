"""Two user models of one class name, of different apps in a process: each app sees its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.auth.twousers import Blog, Fitting, Shop
from vivace import App
from vivace.auth import AbstractUser, Auth
from vivace.auth.models import Group, Permission
from vivace.errors import AppInvalid, FieldError
from vivace.testing import Client


def make(folder: Path, user: type[AbstractUser], *more: Any) -> App:
    return App(root=folder, installed=[Auth(user=user, pages=None)], models=[user, *more])


async def who_is_in(user_model: Any) -> tuple[Any, list[Any], int, int, list[Any]]:
    """Give a user a group and a permission, and ask from the other side who has them."""
    user = await user_model.objects.create_user("ada@example.com", None)
    group = await Group.objects.create(name="editors")
    permission = await Permission.objects.all()[0]
    await group.permissions.add(permission)
    await user.groups.add(group)
    await user.user_permissions.add(permission)
    loaded: Any = await Group.objects.prefetch_related("user_set").get(pk=group.pk)
    return (
        user,
        [*await group.user_set.all(), *loaded.user_set.all()],  # pyright: ignore
        await Group.objects.filter(user__email="ada@example.com").count(),
        await Permission.objects.filter(user=user).count(),
        await Group.objects.order_by("user__email").values_list("user__email", flat=True),
    )


async def test_each_app_leads_back_to_its_own(tmp_path: Path) -> None:
    shop, blog = make(tmp_path, Shop.User), make(tmp_path, Blog.User)
    for app, user_model in ((shop, Shop.User), (blog, Blog.User), (shop, Shop.User)):
        async with Client(app) as client:
            user, back, groups, permissions, emails = await who_is_in(user_model)
            assert back == [user, user]
            assert all(type(each) is user_model for each in back)
            assert (groups, permissions, [*emails]) == (1, 1, ["ada@example.com"])
            await client.login(user)
            assert len(await user.get_all_permissions()) == 1
            await user.delete()
            assert not await Group.objects.filter(user__isnull=False).exists()


async def test_names_of_the_other_are_unknown(tmp_path: Path) -> None:
    async with Client(make(tmp_path, Shop.User)):
        with pytest.raises(FieldError, match="pen_name"):
            await Group.objects.filter(user__pen_name="x").count()
    async with Client(make(tmp_path, Blog.User)):
        assert await Group.objects.filter(user__pen_name="x").count() == 0


def test_both_in_one_app_are_an_error_with_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(AppInvalid) as caught:
        make(tmp_path, Shop.User, Blog.User).compile()
    text = str(caught.value)
    assert "auth.Group.user_set is also that of twousers_blog.User.groups" in text
    assert "Rename one of the classes User" in text


async def test_both_in_one_app_with_names_of_their_own(tmp_path: Path) -> None:
    async with Client(make(tmp_path, Shop.User, Fitting.User)):
        other = await Fitting.User.objects.create_user("bob@example.com", None)
        user, back, *_ = await who_is_in(Shop.User)
        assert back == [user, user]
        group = await Group.objects.get()
        await other.groups.add(group)
        assert [*await group.fitting_users.all()] == [other]  # pyright: ignore
