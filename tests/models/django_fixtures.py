"""Django loads a fixture into a database and dumps what is in it. Run as a program of its own.

Usage: ``python django_fixtures.py MODELS_FILE URL FOLDER FIXTURE_TO_LOAD FIXTURE_TO_WRITE [natural]``.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CHANGES = (
    ("from vivace import models", "from django.db import models"),
    ("async def ", "def "),
    ("await ", ""),
)


def database(url: str) -> dict[str, Any]:
    """Return Django's settings of a database."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": parts.path}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path[1:],
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "USER": parts.username or "",
        "PASSWORD": parts.password or "",
    }


def main(source: str, url: str, folder: str, load: str, write: str, natural: str = "") -> None:
    """Write the app, set Django up, load and dump."""
    package = Path(folder) / "dumped"
    package.mkdir()
    (package / "__init__.py").touch()
    text = Path(source).read_text()
    for ours, theirs in CHANGES:
        text = text.replace(ours, theirs)
    (package / "models.py").write_text(text)
    sys.path.insert(0, folder)
    import_module("django.conf").settings.configure(
        INSTALLED_APPS=["dumped"],
        DATABASES={"default": database(url)},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
    )
    import_module("django").setup()
    call: Any = import_module("django.core.management").call_command
    call("loaddata", load, verbosity=0)
    call("dumpdata", output=write, use_natural_foreign_keys=bool(natural), verbosity=0)


if __name__ == "__main__":
    main(*sys.argv[1:])
