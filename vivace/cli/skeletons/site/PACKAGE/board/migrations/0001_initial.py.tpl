from vivace import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Note",
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
                ("text", models.CharField(max_length=280)),
                ("author", models.ForeignKey(related_name="+", on_delete=models.CASCADE, to="auth.user")),
                ("pinned", models.DateTimeField(db_index=True, auto_now_add=True)),
            ],
            options={
                "ordering": ["-pinned", "-id"],
            },
        ),
    ]
