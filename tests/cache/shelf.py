"""A small library in an app of its own, for tests of what expires by itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from vivace import App, models
from vivace.cache.dependent import Report, SiteReport
from vivace.config.secret import Secret
from vivace.config.settings import Settings
from vivace.db import query_log
from vivace.migrations.create import create_tables
from vivace.templates import TemplateOptions


class Writer(models.Model):
    name = models.CharField(max_length=40)

    class Meta:
        app_label = "shelf"


class Novel(models.Model):
    writer = models.ForeignKey(Writer, on_delete=models.CASCADE, related_name="novels", null=True)
    title = models.CharField(max_length=80)
    pages = models.IntegerField(default=0)
    public = models.BooleanField(default=True, db_index=True)

    class Meta:
        app_label = "shelf"
        ordering = ["id"]


SHELF = (Writer, Novel)


def shelf_app(
    url: str, pages: Mapping[str, str] | None = None, *, makes_tables: bool = True, **options: Any
) -> App:
    """Return an app with the models on a database, and templates from texts."""
    settings = Settings(secret_key=Secret("a-key-for-tests-that-is-long-enough"))
    if pages is not None:
        options["templates"] = TemplateOptions(sources=[dict(pages)])
    app = App(
        models=SHELF,
        databases={"default": url},
        settings=settings,
        root=Path(__file__).parent,
        **options,
    )

    @app.on_startup
    async def make_tables() -> None:
        if makes_tables:
            await create_tables(app.databases.default, list(SHELF))

    return app


@asynccontextmanager
async def running(app: App) -> AsyncGenerator[App]:
    """Run the body with the app started, and its broker in memory."""
    app.messaging.alone = True
    _ = app.dependents.feed  # else it is connected in the background, when the first function asks
    async with app:
        yield app


async def filled(novels: int = 2) -> tuple[Any, list[Any]]:
    """Return a writer and novels, saved."""
    writer = await Writer.objects.create(name="Ada")
    return writer, [
        await Novel.objects.create(writer=writer, title=f"Novel {n}") for n in range(1, novels + 1)
    ]


async def shown(app: App, template: str, /, **values: Any) -> str:
    """Return a rendered page."""
    return await app.templates.render(template, values)


async def queries_of(app: App, template: str, /, **values: Any) -> tuple[str, int]:
    """Return a rendered page and how many queries it took."""
    with query_log() as log:
        text = await shown(app, template, **values)
    return text, len(log)


def site(app: App, name: str) -> SiteReport:
    """Return how a site fares; its name begins with ``name``."""
    report: Report = app.dependents.report()
    return next(each for each in report.sites if each.name.startswith(name))


__all__ = ["SHELF", "Novel", "Writer", "filled", "queries_of", "running", "shelf_app", "shown", "site"]
