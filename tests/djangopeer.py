"""Django in the process of the tests, where they ask it what it would answer: there is one configuration of it."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def django_module(name: str) -> Any:
    """Return a module of Django, which is configured when first asked: SQLite in memory, UTC, no apps."""
    settings: Any = import_module("django.conf").settings
    if not settings.configured:
        settings.configure(
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
            USE_TZ=True,
            TIME_ZONE="UTC",
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
            INSTALLED_APPS=[],
        )
        import_module("django").setup()
    return import_module(name)


__all__ = ["django_module"]
