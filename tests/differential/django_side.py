"""Django's half: its settings, the models under its import line, and running a program in it.

Django's ORM is synchronous and refuses to run where an event loop runs, unless it is told that this is meant.
"""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tests.differential.programs import LITERALS, Program, Query, build
from tests.djangopeer import django_module

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

LABEL: Final = "differential"
SOURCE: Final = Path(__file__).with_name("models.py")
NEWEST: Final = sys.version_info >= (3, 12)  # Django 6.1; the newest that runs on 3.11 is 5.2
_made: dict[str, Any] = {}


def settings_of(url: str) -> dict[str, Any]:
    """Return Django's settings of a database URL."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": parts.path}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path[1:],
        "USER": parts.username or "postgres",
        "PASSWORD": parts.password or "",
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
    }


def names() -> dict[str, Any]:
    """Return what a program may name; configures Django and defines the models when first asked."""
    if not _made:
        _made.update(_define())
    return _made


def _define() -> dict[str, Any]:
    apps = django_module("django.apps").apps
    from django.db import models
    from django.db.models import functions
    from django.db.models.expressions import RawSQL
    from django.db.models.fields import json

    module = types.ModuleType("differential.models")
    module.__file__ = str(SOURCE)
    source = SOURCE.read_text().replace("from vivace import models", "from django.db import models")
    exec(compile(source, SOURCE, "exec"), module.__dict__)
    _install(apps, module)
    found = {**vars(models), **{name: getattr(functions, name) for name in functions.__all__}}
    own = {model._meta.object_name: model for model in _classes(apps)}
    return {
        **found,
        "RawSQL": RawSQL,
        "KT": getattr(json, "KT"),  # noqa: B009 - it has no type
        **LITERALS,
        **own,
    }


def _install(apps: Any, module: types.ModuleType) -> None:
    """Make the models those of an installed app: only then Django knows reverse relations."""
    from django.apps import AppConfig

    config = AppConfig(LABEL, module)
    config.apps, config.models, config.models_module = apps, apps.all_models[LABEL], module
    apps.app_configs[LABEL] = config
    apps.clear_cache()


def models() -> list[Any]:
    """Return the models that have tables of their own, in the order of their declaration."""
    names()
    from django.apps import apps

    return [model for model in _classes(apps) if not model._meta.proxy]


def _classes(apps: Any) -> list[Any]:
    return list(apps.get_app_config(LABEL).get_models())


def connect(url: str) -> None:
    """Point Django's connection to a database."""
    names()
    from django.db import connections

    known: Any = connections
    known["default"].close()
    del known["default"]
    known.settings["default"] = known.configure_settings({"default": settings_of(url)})["default"]


def disconnect() -> None:
    """Close Django's connection, so that a database can be dropped."""
    from django.db import connections

    known: Any = connections
    known["default"].close()


def read(program: Program, shown: Callable[[Any], Any]) -> Any:
    """Run a program and return its answer, rows as a list."""
    result = build(program, names())
    return shown(list(result) if hasattr(result, "_iterable_class") else result)


def write(program: Program, shown: Callable[[Any], Any], dump: tuple[Query, ...]) -> Any:
    """Run a program that writes; return its answer and what the tables hold then. Nothing of it stays."""
    from django.db import transaction

    block: Any = transaction.atomic()
    with block:
        try:
            answer = read(program, shown)
            return [answer, *(read(each, shown) for each in dump)]
        finally:
            transaction.set_rollback(True)


def sql(program: Program) -> str:
    """Return the statements that Django sends for a program."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    captured: Any = CaptureQueriesContext(connection)
    with captured:
        try:
            read(program, repr)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return "\n".join(each["sql"] for each in captured.captured_queries)
