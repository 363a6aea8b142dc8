"""Print, as JSON, what Django derives from the source of a module of models. Run as a script: path, label, version."""

from __future__ import annotations

import importlib.util
import json
import sys
import types
from importlib import import_module
from pathlib import Path
from typing import Any


def main(source: str, label: str, facts_path: str) -> None:
    django = import_module("django")
    settings: Any = import_module("django.conf").settings
    package = types.ModuleType(label)
    package.__path__ = []
    package.__file__ = str(Path(source).parent / "__init__.py")
    sys.modules[label] = package
    settings.configure(
        INSTALLED_APPS=[label],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
    )
    text = (
        Path(source)
        .read_text(encoding="utf-8")
        .replace("from vivace import models", "from django.db import models")
    )
    package.models = types.ModuleType(f"{label}.models")  # type: ignore[attr-defined]
    django.setup()
    module = types.ModuleType(f"{label}.models")
    sys.modules[module.__name__] = module
    exec(compile(text, source, "exec"), module.__dict__)
    model: Any = import_module("django.db.models").Model
    import_module("django.apps").apps.clear_cache()
    values: list[Any] = list(module.__dict__.values())
    classes = [value for value in values if isinstance(value, type) and issubclass(value, model)]
    found: list[Any] = [value for value in classes if not vars(value)["_meta"].abstract]
    print(json.dumps(_load(facts_path).facts(found, _connections(), _sql_of), default=str))


def _load(path: str) -> Any:
    spec = importlib.util.spec_from_file_location("facts", path)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


def _connections() -> dict[str, Any]:
    wrapper: Any = import_module("django.db.backends.postgresql.base").DatabaseWrapper
    connection: Any = import_module("django.db").connection
    return {"sqlite": connection, "postgresql": wrapper({"OPTIONS": {}, "TIME_ZONE": None}, "pg")}


def _sql_of(field: Any, connection: Any, what: str) -> Any:
    if what == "collation":
        return field.db_parameters(connection).get("collation")
    method = {"type": "db_type", "check": "db_check", "suffix": "db_type_suffix", "rel": "rel_db_type"}[what]
    if method == "rel_db_type" and (field.is_relation or field.generated):
        return None
    if method == "db_type_suffix" and field.is_relation:
        return None
    return getattr(field, method)(connection)


if __name__ == "__main__":
    main(*sys.argv[1:])
