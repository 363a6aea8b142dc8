"""What ``startproject`` writes into the settings of a new Django project, and its database with a connection that stays open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
PROCESSORS = [
    "django.template.context_processors.request",
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
]
PROJECT = {
    "DEBUG": False,
    "SECRET_KEY": "only-for-the-benchmark",
    "ALLOWED_HOSTS": ["127.0.0.1", "localhost"],
    "USE_TZ": True,
    "INSTALLED_APPS": APPS,
    "MIDDLEWARE": MIDDLEWARE,
}


def templates(app: str, processors: Sequence[str] = PROCESSORS) -> list[dict[str, Any]]:
    """Return the setting for the templates of one of our apps: both sides show the same files."""
    return [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [Path(__file__).parents[1] / "apps" / app / "templates"],
            "OPTIONS": {"context_processors": processors},
        }
    ]


def database(address: str, **more: Any) -> dict[str, dict[str, Any]]:
    """Return the setting for a PostgreSQL. A new project's would connect anew for each request."""
    url = urlsplit(address)
    return {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.path[1:],
            "USER": url.username,
            "PASSWORD": url.password or "",
            "HOST": url.hostname,
            "PORT": url.port,
            "CONN_MAX_AGE": None,
            **more,
        }
    }
