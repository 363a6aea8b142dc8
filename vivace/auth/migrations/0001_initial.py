"""The tables of users, groups, permissions and sessions."""

from __future__ import annotations

import vivace.auth.models
import vivace.auth.users
import vivace.migrations as migrations
import vivace.models as models
from vivace.models import functions


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="ContentType",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        verbose_name="ID",
                        primary_key=True,
                        serialize=False,
                        auto_created=True,
                    ),
                ),
                ("app_label", models.CharField(max_length=100)),
                ("model", models.CharField(verbose_name="python model class name", max_length=100)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        name="django_content_type_app_label_model_uniq",
                        fields=("app_label", "model"),
                    ),
                ],
                "db_table": "django_content_type",
                "verbose_name": "content type",
            },
            managers=[
                ("objects", vivace.auth.models.ContentTypeManager()),
            ],
        ),
        migrations.CreateModel(
            name="Permission",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        verbose_name="ID",
                        primary_key=True,
                        serialize=False,
                        auto_created=True,
                    ),
                ),
                ("name", models.CharField(max_length=255)),
                ("content_type", models.ForeignKey(on_delete=models.CASCADE, to="auth.contenttype")),
                ("codename", models.CharField(max_length=100)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        name="auth_permission_content_type_codename_uniq",
                        fields=("content_type", "codename"),
                    ),
                ],
                "ordering": ["content_type__app_label", "content_type__model", "codename"],
            },
            managers=[
                ("objects", vivace.auth.models.PermissionManager()),
            ],
        ),
        migrations.CreateModel(
            name="Group",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        verbose_name="ID",
                        primary_key=True,
                        serialize=False,
                        auto_created=True,
                    ),
                ),
                ("name", models.CharField(max_length=150, unique=True)),
                ("permissions", models.ManyToManyField(blank=True, to="auth.permission")),
            ],
            managers=[
                ("objects", vivace.auth.models.GroupManager()),
            ],
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        verbose_name="ID",
                        primary_key=True,
                        serialize=False,
                        auto_created=True,
                    ),
                ),
                ("password", models.CharField(max_length=128, serialize=False)),
                ("last_login", models.DateTimeField(blank=True, null=True)),
                ("is_superuser", models.BooleanField(verbose_name="superuser status", default=False)),
                ("email", models.EmailField(verbose_name="email address", max_length=254)),
                ("name", models.CharField(max_length=150, blank=True)),
                ("is_staff", models.BooleanField(verbose_name="staff status", default=False)),
                ("is_active", models.BooleanField(verbose_name="active", default=True)),
                ("date_joined", models.DateTimeField(default=vivace.auth.users.now, editable=False)),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        related_name="%(class)s_set",
                        related_query_name="%(class)s",
                        to="auth.group",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        related_name="%(class)s_set",
                        related_query_name="%(class)s",
                        to="auth.permission",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        functions.Lower(models.F("email")),
                        name="auth_user_email_unique",
                    ),
                ],
                "swappable": "AUTH_USER_MODEL",
            },
            managers=[
                ("objects", vivace.auth.users.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name="StoredSession",
            fields=[
                ("session_key", models.CharField(primary_key=True, max_length=64, serialize=False)),
                ("session_data", models.TextField(default="{}", serialize=False)),
                ("expire_date", models.DateTimeField(db_index=True)),
                ("created", models.DateTimeField()),
                ("last_seen", models.DateTimeField()),
                ("address", models.CharField(max_length=45, blank=True)),
                ("agent", models.CharField(max_length=255, blank=True)),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        related_name="+",
                        on_delete=models.CASCADE,
                        to="auth.user",
                    ),
                ),
            ],
            options={
                "db_table": "auth_session",
                "swappable": "AUTH_USER_MODEL",
                "verbose_name": "session",
            },
        ),
    ]
