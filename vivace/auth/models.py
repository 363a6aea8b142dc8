"""What may be done, and by whom: permissions and the groups that share them. Tables and columns are Django's.

The models of users are in ``users`` (to derive from) and ``user`` (the one that is used when an app brings none).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import vivace.models as models

if TYPE_CHECKING:
    from vivace.models.query.managers import ManyRelatedManager


class ContentTypeManager(models.Manager["ContentType"]):
    """Finds the row that stands for a model."""

    use_in_migrations = True

    async def get_by_natural_key(self, app_label: str, model: str) -> ContentType:
        """Return the row of ``("blog", "post")``; raises ``ContentType.DoesNotExist``."""
        return await self.get(app_label=app_label, model=model)

    async def get_for_model(self, model: type[models.Model]) -> ContentType:
        """Return the row of a model class, made when it is missing."""
        meta = model._meta
        found, _ = await self.get_or_create(app_label=meta.app_label, model=meta.model_name)
        return found


class ContentType(models.Model):
    """A model as a row, so that other rows can point to models."""

    app_label = models.CharField(max_length=100)
    model = models.CharField("python model class name", max_length=100)

    objects = ContentTypeManager()

    class Meta:
        db_table = "django_content_type"
        verbose_name = "content type"
        constraints = [
            models.UniqueConstraint(
                fields=["app_label", "model"], name="django_content_type_app_label_model_uniq"
            )
        ]

    def __str__(self) -> str:
        return f"{self.app_label} | {self.model}"

    def natural_key(self) -> tuple[str, str]:
        """Return what names the row in fixtures."""
        return self.app_label, self.model


class PermissionManager(models.Manager["Permission"]):
    """Finds permissions by what names them."""

    use_in_migrations = True

    async def get_by_natural_key(self, codename: str, app_label: str, model: str) -> Permission:
        """Return the permission; raises ``Permission.DoesNotExist``."""
        return await self.get(codename=codename, content_type__app_label=app_label, content_type__model=model)


class Permission(models.Model):
    """Something that may be done with the objects of a model: ``blog.change_post``."""

    name = models.CharField(max_length=255)
    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE)
    codename = models.CharField(max_length=100)

    objects = PermissionManager()

    if TYPE_CHECKING:
        content_type_id: models.Id[int]

    class Meta:
        ordering = ["content_type__app_label", "content_type__model", "codename"]
        constraints = [
            models.UniqueConstraint(
                fields=["content_type", "codename"], name="auth_permission_content_type_codename_uniq"
            )
        ]

    def __str__(self) -> str:
        return self.name

    async def natural_key(self) -> tuple[Any, ...]:
        """Return what names the permission in fixtures."""
        await self.load("content_type")
        return self.codename, *self.content_type.natural_key()


class GroupManager(models.Manager["Group"]):
    """Finds groups by name."""

    use_in_migrations = True

    async def get_by_natural_key(self, name: str) -> Group:
        """Return the group; raises ``Group.DoesNotExist``."""
        return await self.get(name=name)


class Group(models.Model):
    """Users who may do the same."""

    name = models.CharField(max_length=150, unique=True)
    permissions = models.ManyToManyField(Permission, blank=True)

    objects = GroupManager()

    def __str__(self) -> str:
        return self.name

    def natural_key(self) -> tuple[str]:
        """Return what names the group in fixtures."""
        return (self.name,)


if TYPE_CHECKING:
    Permissions = ManyRelatedManager[Permission]
    Groups = ManyRelatedManager[Group]

__all__ = ["ContentType", "Group", "Permission"]
