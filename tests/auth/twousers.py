"""User models of one class name; in a module of their own, since an app adopts those of the module that makes it."""

from __future__ import annotations

from vivace import models
from vivace.auth import AbstractUser
from vivace.auth.models import Group, Permission


class Shop:
    class User(AbstractUser):
        class Meta(AbstractUser.Meta):
            app_label = "twousers_shop"


class Blog:
    class User(AbstractUser):
        pen_name = models.CharField(max_length=20, default="anon")

        class Meta(AbstractUser.Meta):
            app_label = "twousers_blog"


class Fitting:
    class User(AbstractUser):
        groups = models.ManyToManyField(
            Group, blank=True, related_name="fitting_users", related_query_name="fitting_user"
        )
        user_permissions = models.ManyToManyField(
            Permission, blank=True, related_name="fitting_users", related_query_name="fitting_user"
        )

        class Meta(AbstractUser.Meta):
            app_label = "twousers_fitting"
