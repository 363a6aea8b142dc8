"""Lets Django make the schema of ``large_models.py``, with only the import line changed. Run as a program of its own.

Usage: ``python django_schema.py MODELS_FILE sqlite|postgresql DATABASE FOLDER`` (a path, or a URL).
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


def database(dialect: str, place: str) -> dict[str, Any]:
    """Return Django's settings of a database."""
    if dialect == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": place}
    parts = urlsplit(place)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path[1:],
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "USER": parts.username or "",
        "PASSWORD": parts.password or "",
    }


def main(source: str, dialect: str, place: str, folder: str) -> None:
    """Write the app, set Django up and create all tables."""
    django: Any = import_module("django")
    settings: Any = import_module("django.conf").settings
    package = Path(folder) / "migrations_app"
    package.mkdir()
    (package / "__init__.py").touch()
    text = Path(source).read_text().replace("from vivace import models", "from django.db import models")
    (package / "models.py").write_text(text)
    (package / "apps.py").write_text(
        "from django.apps import AppConfig\n"
        "class Config(AppConfig):\n"
        "    name = 'migrations_app'\n"
        "    label = 'migrations'\n"
    )
    sys.path.insert(0, folder)
    settings.configure(
        INSTALLED_APPS=["migrations_app.apps.Config"],
        DATABASES={"default": database(dialect, place)},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
    )
    django.setup()
    apps: Any = import_module("django.apps").apps
    connection: Any = import_module("django.db").connection
    with connection.schema_editor() as editor:
        for model in apps.get_models():
            if model._meta.managed and not model._meta.proxy:
                editor.create_model(model)


if __name__ == "__main__":
    main(*sys.argv[1:])
