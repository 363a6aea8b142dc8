import vivace.auth.users
import vivace.demo.models
from vivace import migrations, models
from vivace.models import functions


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Topic",
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
                ("name", models.CharField(max_length=30)),
                ("slug", models.SlugField(max_length=30, unique=True)),
                ("about", models.CharField(max_length=200)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Member",
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
                    "handle",
                    models.SlugField(
                        max_length=30,
                        unique=True,
                        default=vivace.demo.models.made_up_handle,
                        help_text="It is part of the address of your page.",
                    ),
                ),
                ("about", models.CharField(verbose_name="about you", max_length=200, blank=True)),
                ("is_generated", models.BooleanField(default=False, editable=False)),
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
                "indexes": [models.Index(name="demo_member_generated", fields=["is_generated", "handle"])],
                "constraints": [
                    models.UniqueConstraint(
                        functions.Lower(models.F("email")),
                        name="demo_member_email_unique",
                    ),
                ],
            },
            managers=[
                ("objects", vivace.auth.users.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name="Post",
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
                ("topic", models.ForeignKey(related_name="posts", on_delete=models.PROTECT, to="demo.topic")),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        editable=False,
                        related_name="posts",
                        on_delete=models.SET_NULL,
                        to="demo.member",
                    ),
                ),
                ("title", models.CharField(max_length=120)),
                ("body", models.TextField(verbose_name="text", max_length=10000)),
                (
                    "made_at",
                    models.DateTimeField(db_index=True, default=vivace.demo.models.now, editable=False),
                ),
                ("edited_at", models.DateTimeField(null=True, editable=False)),
                ("score", models.PositiveIntegerField(db_index=True, default=0, editable=False)),
                ("replies", models.PositiveIntegerField(default=0, editable=False)),
                ("heat", models.FloatField(db_index=True, default=0.0, editable=False)),
            ],
        ),
        migrations.CreateModel(
            name="Attachment",
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
                    "post",
                    models.ForeignKey(related_name="attachments", on_delete=models.CASCADE, to="demo.post"),
                ),
                ("file", models.FileField(upload_to="attachments/%Y/%m")),
                ("name", models.CharField(max_length=120)),
                ("content_type", models.CharField(max_length=80)),
                ("size", models.PositiveIntegerField()),
            ],
            options={
                "ordering": ["id"],
            },
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
                    "post",
                    models.ForeignKey(related_name="comments", on_delete=models.CASCADE, to="demo.post"),
                ),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        related_name="comments",
                        on_delete=models.SET_NULL,
                        to="demo.member",
                    ),
                ),
                ("body", models.TextField(verbose_name="comment", max_length=3000)),
                ("made_at", models.DateTimeField(db_index=True, default=vivace.demo.models.now)),
                ("edited_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["made_at", "id"],
            },
        ),
        migrations.CreateModel(
            name="Line",
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
                ("room", models.SlugField(max_length=20)),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        related_name="lines",
                        on_delete=models.SET_NULL,
                        to="demo.member",
                    ),
                ),
                ("text", models.CharField(max_length=500)),
                ("made_at", models.DateTimeField(db_index=True, default=vivace.demo.models.now)),
            ],
            options={
                "indexes": [models.Index(name="demo_line_room", fields=["room", "id"])],
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="MemberSession",
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
                        to="demo.member",
                    ),
                ),
            ],
            options={
                "db_table": "demo_member_session",
                "verbose_name": "session of a member",
            },
        ),
        migrations.CreateModel(
            name="Notice",
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
                    "member",
                    models.ForeignKey(related_name="notices", on_delete=models.CASCADE, to="demo.member"),
                ),
                (
                    "comment",
                    models.ForeignKey(related_name="notices", on_delete=models.CASCADE, to="demo.comment"),
                ),
                ("is_new", models.BooleanField(default=True)),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Vote",
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
                ("post", models.ForeignKey(related_name="votes", on_delete=models.CASCADE, to="demo.post")),
                (
                    "member",
                    models.ForeignKey(
                        null=True,
                        related_name="votes",
                        on_delete=models.SET_NULL,
                        to="demo.member",
                    ),
                ),
                ("made_at", models.DateTimeField(db_index=True, default=vivace.demo.models.now)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(name="demo_one_vote_each", fields=("post", "member")),
                ],
            },
        ),
    ]
