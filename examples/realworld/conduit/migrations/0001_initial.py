# Made by Vivace 0.1.0 on 2026-11-22 20:41

import vivace.auth.users
from vivace import migrations, models
from vivace.models import functions


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Account",
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
                ("username", models.CharField(max_length=80, unique=True)),
                ("bio", models.TextField(blank=True, null=True)),
                ("image", models.CharField(max_length=500, blank=True, null=True)),
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
                        name="conduit_account_email_unique",
                    ),
                ],
            },
            managers=[
                ("objects", vivace.auth.users.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name="AccountSession",
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
                        to="conduit.account",
                    ),
                ),
            ],
            options={
                "db_table": "conduit_account_session",
                "verbose_name": "session of a account",
            },
        ),
        migrations.CreateModel(
            name="Article",
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
                (
                    "author",
                    models.ForeignKey(
                        related_name="articles",
                        on_delete=models.CASCADE,
                        to="conduit.account",
                    ),
                ),
                ("slug", models.SlugField(max_length=120, unique=True)),
                ("title", models.CharField(max_length=200)),
                ("description", models.CharField(max_length=500)),
                ("body", models.TextField()),
                ("created_at", models.DateTimeField(db_index=True, auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
        ),
        migrations.CreateModel(
            name="Comment",
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
                (
                    "article",
                    models.ForeignKey(
                        related_name="comments",
                        on_delete=models.CASCADE,
                        to="conduit.article",
                    ),
                ),
                (
                    "author",
                    models.ForeignKey(
                        related_name="comments",
                        on_delete=models.CASCADE,
                        to="conduit.account",
                    ),
                ),
                ("body", models.TextField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
        ),
        migrations.CreateModel(
            name="Favorite",
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
                (
                    "account",
                    models.ForeignKey(
                        related_name="favorites",
                        on_delete=models.CASCADE,
                        to="conduit.account",
                    ),
                ),
                (
                    "article",
                    models.ForeignKey(
                        related_name="favorites",
                        on_delete=models.CASCADE,
                        to="conduit.article",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(name="favorite_once", fields=("account", "article"))],
            },
        ),
        migrations.CreateModel(
            name="Follow",
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
                (
                    "follower",
                    models.ForeignKey(related_name="follows", on_delete=models.CASCADE, to="conduit.account"),
                ),
                (
                    "followed",
                    models.ForeignKey(
                        related_name="followers",
                        on_delete=models.CASCADE,
                        to="conduit.account",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(name="follows_once", fields=("follower", "followed")),
                ],
            },
        ),
        migrations.CreateModel(
            name="Tag",
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
                (
                    "article",
                    models.ForeignKey(related_name="tags", on_delete=models.CASCADE, to="conduit.article"),
                ),
                ("name", models.CharField(max_length=80, db_index=True)),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
    ]
