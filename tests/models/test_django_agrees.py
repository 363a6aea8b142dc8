"""The same source gives the same tables, columns, names and relations in Django with only the import line changed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.models import facts as facts_module
from tests.models.schemas import wide
from tests.models.test_checks import models_of

HERE = Path(__file__).parent
LONG = wide.LONGEST.__name__
LABEL = "tests"  # the package of the module that is called models


@pytest.fixture(scope="module")
def django_facts() -> dict[str, Any]:
    """What Django says of ``schemas/wide.py``."""
    pytest.importorskip("django")
    script = [sys.executable, "-W", "ignore", str(HERE / "django_facts.py")]
    run = subprocess.run(
        [*script, str(HERE / "schemas" / "wide.py"), LABEL, str(HERE / "facts.py")],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout)
    return found


@pytest.fixture(scope="module")
def our_facts() -> dict[str, Any]:
    """What Vivace says of it."""
    models = models_of(wide)
    dialects = {"sqlite": "sqlite", "postgresql": "postgresql"}
    found: dict[str, Any] = json.loads(json.dumps(facts_module.facts(models, dialects, _sql_of), default=str))
    return found


def _sql_of(field: Any, connection: str, what: str) -> Any:
    if what == "collation":
        return field.db_parameters(connection).get("collation")
    method = {"type": "db_type", "check": "db_check", "suffix": "db_type_suffix", "rel": "rel_db_type"}[what]
    if what == "rel" and (field.is_relation or field.generated):
        return None
    return getattr(field, method)(connection)


def test_md_same_models(our_facts: dict[str, Any], django_facts: dict[str, Any]) -> None:
    assert sorted(our_facts) == sorted(django_facts)


@pytest.mark.parametrize(
    "part",
    "table options pk fields columns all related parents indexes constraints methods".split(),
)
def test_md9_options_agree(part: str, our_facts: dict[str, Any], django_facts: dict[str, Any]) -> None:
    differences = {
        label: (ours[part], django_facts[label][part])
        for label, ours in our_facts.items()
        if ours[part] != django_facts[label][part]
    }
    differences.pop(f"{LABEL}.{LONG}", None)
    assert differences == {}


def test_md9_long_table_names_are_cut_as_on_postgresql(our_facts: dict[str, Any]) -> None:
    """Django leaves them as they are on SQLite, which knows no limit; ours are the same on both."""
    truncate_name: Any = pytest.importorskip("django.db.backends.utils").truncate_name
    model = wide.LONGEST
    whole = f"{LABEL}_{model.__name__.lower()}"
    facts = our_facts[f"{LABEL}.{model.__name__}"]
    assert facts["table"] == truncate_name(whole, 63)
    through = facts["local"]["relation_with_a_rather_long_name"]["through"]
    assert through["table"] == truncate_name(f"{facts['table']}_relation_with_a_rather_long_name", 63)


def test_md1_fields_agree(our_facts: dict[str, Any], django_facts: dict[str, Any]) -> None:
    differences = [
        (f"{label}.{name}", key, value, django_facts[label]["local"][name][key])
        for label, ours in our_facts.items()
        for name, field in ours["local"].items()
        for key, value in field.items()
        if value != django_facts[label]["local"][name][key]
        and not (key == "through" and label.endswith(LONG))
    ]
    assert differences == []
