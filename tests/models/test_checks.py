"""What is found wrong before the app starts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.models.schemas import library, wide
from vivace import models
from vivace.models.adoption import check_models
from vivace.models.checks import check_model
from vivace.models.registry import Registry

Q = models.Q


def define(
    fields: dict[str, Any], name: str = "Wrong", apps: Registry | None = None, bases: Any = None, **meta: Any
) -> Any:
    """Define a model in a registry of its own."""
    options = {"apps": apps or Registry(), "app_label": "one", **meta}
    namespace = {"__module__": __name__, "Meta": type("Meta", (), options), **fields}
    return models.ModelBase(name, bases or (models.Model,), namespace)


def ids(model: Any) -> list[str]:
    return sorted({finding.id for finding in check_models([model])})


def char(**options: Any) -> Any:
    given: dict[str, Any] = {"max_length": 5, **options}
    return models.CharField(**given)


def key(to: Any, on_delete: Any = models.CASCADE, **options: Any) -> Any:
    return models.ForeignKey(to, on_delete, **options)


def models_of(module: Any) -> list[Any]:
    """Return the concrete models of a module."""
    values: list[Any] = [*module.__dict__.values()]
    classes = [value for value in values if isinstance(value, models.ModelBase)]
    return [model for model in classes if model is not models.Model and not model._meta.abstract]


def test_ways_back_of_models_that_another_app_has_do_not_clash() -> None:
    apps = Registry()
    group = define({}, "Group", apps)
    ours = define({"group": key(group)}, "Account", apps)
    theirs = define({"group": key(group)}, "Account", apps, app_label="two")
    assert check_models([group, ours]) == check_models([group, theirs]) == []
    found = {finding.id for finding in check_models([group, ours, theirs])}
    assert found == {"accessor-clash"}


@pytest.mark.parametrize("module", [library, wide])
def test_dx_sound_models_have_no_findings(module: Any) -> None:
    found = [
        finding for model in models_of(module) for finding in check_model(model) if finding.level == "error"
    ]
    assert [str(finding) for finding in found] == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name_": char()}, "field-name"),
        ({"a__b": char()}, "field-name"),
        ({"a": char(choices=3)}, "choices"),
        ({"a": char(choices=["abc"])}, "choices"),
        ({"a": char(choices=[("toolong", "x")])}, "choices"),
        ({"a": char(max_length=0)}, "max-length"),
        ({"a": char(max_length="5")}, "max-length"),
        ({"a": models.IntegerField(max_length=3)}, "max-length"),
        ({"a": char(primary_key=True, null=True)}, "primary-key"),
        ({"a": char(validators=["x"])}, "validators"),
        ({"a": char(db_default=models.F("b")), "b": char()}, "db-default"),
        ({"a": models.DecimalField(max_digits=2, decimal_places=3)}, "decimal"),
        ({"a": models.DecimalField(max_digits=0, decimal_places=0)}, "decimal"),
        ({"a": models.DecimalField(max_digits=5)}, "decimal"),
        ({"a": models.DateField(auto_now=True, auto_now_add=True)}, "auto-now"),
        ({"a": models.AutoField(), "b": char(primary_key=True)}, "auto-field"),
        ({"a": models.FilePathField(allow_files=False)}, "file-path"),
        ({"a": models.GenericIPAddressField(blank=True)}, "ip-address"),
        ({"a": models.JSONField(default={})}, "mutable-default"),
        ({"id": char()}, "id-field"),
        ({"a": char(db_column="x"), "b": char(db_column="x")}, "column-clash"),
        ({"a": char(db_column="x" * 64)}, "column-name"),
        ({"a": key("self", related_name="+"), "a_id": char(db_column="y")}, "field-clash"),
        ({"pk": models.CompositePrimaryKey("a", "zzz"), "a": char()}, "composite-key"),
        ({"pk": models.CompositePrimaryKey("a", "b"), "a": char(null=True), "b": char()}, "composite-key"),
        (
            {
                "pk": models.CompositePrimaryKey("a", "b"),
                "a": char(),
                "b": char(),
                "c": key("self", related_name="+"),
            },
            "to-field",
        ),
        (
            {
                "pk": models.CompositePrimaryKey("a", "b"),
                "a": char(),
                "b": char(),
                "c": models.ManyToManyField("self"),
            },
            "composite-key",
        ),
        (
            {"a": models.GeneratedField(expression=models.F("zzz"), output_field=char(), db_persist=True)},
            "generated-field",
        ),
        (
            {"a": models.GeneratedField(expression=models.F("id"), output_field=char(), db_persist=True)},
            "generated-field",
        ),
        ({"a": key("Nobody")}, "unknown-model"),
        ({"a": key("self", models.SET_NULL)}, "on-delete"),
        ({"a": key("self", models.SET_DEFAULT)}, "on-delete"),
        ({"a": key("self", models.DB_SET_NULL)}, "on-delete"),
        ({"a": key("self", models.DB_SET_DEFAULT)}, "on-delete"),
        ({"a": key("self", models.DB_CASCADE, db_constraint=False)}, "on-delete"),
        ({"a": key("self", to_field="zzz")}, "to-field"),
        ({"a": key("self", to_field="b"), "b": char()}, "to-field"),
        ({"a": key("self", unique=True)}, "unique-foreign-key"),
        ({"a": key("self", related_name="not a name")}, "related-name"),
        ({"a": key("self", related_name="x__y")}, "related-name"),
        ({"a": key("self", related_name="b"), "b": char()}, "accessor-clash"),
        ({"a": key("self", related_name="b", related_query_name="c"), "c": char()}, "query-name-clash"),
        ({"a": key("self"), "b": key("self")}, "accessor-clash"),
        ({"a": models.ManyToManyField("self", null=True)}, "no-effect"),
        ({"a": models.ManyToManyField("self", related_name="x")}, "no-effect"),
        ({"a": models.ManyToManyField("self", unique=True)}, "unique-many-to-many"),
        ({"a": models.ManyToManyField("self", through="Nobody")}, "unknown-model"),
    ],
)
def test_dx_fields(fields: dict[str, Any], expected: str) -> None:
    assert expected in ids(define(fields))


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ({"unique_together": [["a", "zzz"]]}, "unknown-field"),
        ({"unique_together": [["a", "many"]]}, "unknown-field"),
        ({"unique_together": 3}, "unique-together"),
        ({"ordering": ["zzz"]}, "ordering"),
        ({"ordering": ["other__zzz"]}, "ordering"),
        ({"ordering": "a"}, "ordering"),
        ({"ordering": ["a"], "order_with_respect_to": "other"}, "ordering"),
        ({"indexes": [models.Index(fields=["zzz"], name="n")]}, "unknown-field"),
        ({"indexes": [models.Index(fields=["a"], name="n" * 31)]}, "index-name"),
        ({"indexes": [models.Index(fields=["a"], name="_n")]}, "index-name"),
        (
            {"indexes": [models.Index(fields=["a"], name="n"), models.Index(fields=["a"], name="n")]},
            "index-name",
        ),
        ({"constraints": [models.UniqueConstraint(fields=["zzz"], name="n")]}, "unknown-field"),
        ({"constraints": [models.CheckConstraint(condition=Q(zzz=1), name="n")]}, "unknown-field"),
        ({"constraints": [models.CheckConstraint(condition=Q(other__a="x"), name="n")]}, "constraint-join"),
        ({"default_manager_name": "zzz"}, "model"),
    ],
)
def test_dx_meta(meta: dict[str, Any], expected: str) -> None:
    fields = {"a": char(), "other": key("self"), "many": models.ManyToManyField("self")}
    assert expected in ids(define(fields, **meta))


@pytest.mark.parametrize(
    "ordering",
    [["?"], ["-a"], ["pk"], ["other__a"], ["other_id"], ["other__other__a"], [models.F("a").desc()]],
)
def test_dx_good_orderings(ordering: list[Any]) -> None:
    assert ids(define({"a": char(), "other": key("self")}, ordering=ordering)) == []


def test_dx_names_of_models() -> None:
    assert ids(define({}, name="_Wrong")) == ["model-name"]
    assert ids(define({}, name="Very__Wrong")) == ["model-name"]


def test_dx_through_models() -> None:
    apps = Registry()
    person = define({}, "Person", apps)
    group = define({"members": models.ManyToManyField("Person", through="Membership")}, "Group", apps)
    assert ids(group) == ["unknown-model"]
    define({"person": key("Person"), "group": key("Group")}, "Membership", apps)
    assert ids(group) == []
    twice = {
        "person": key("Person", related_name="+"),
        "inviter": key("Person", related_name="+"),
        "group": key("Group"),
    }
    define(twice, "Membership", apps)
    assert ids(group) == ["through"]
    named = models.ManyToManyField("Person", through="Membership", through_fields=["group", "person"])
    assert ids(define({"members": named}, "Group", apps)) == []
    wrong = models.ManyToManyField("Person", through="Membership", through_fields=["person", "zzz"])
    assert ids(define({"members": wrong}, "Group", apps)) == ["through"]
    assert person._meta.label == "one.Person"


def test_dx_plain_override_that_calls_super() -> None:
    class Saving(models.Model):
        def save(self, **options: Any) -> None:  # type: ignore[override]
            super().save(**options)  # type: ignore[unused-coroutine]

    [finding] = check_model(Saving)
    assert finding.id == "plain-override"
    assert "Saving.save is a plain def" in finding.message
    assert finding.hint == "Write `async def save` and `await super().save(…)`."
    assert "test_checks.py:" in finding.place


def test_dx_overrides_that_are_well() -> None:
    class Fine(models.Model):
        async def save(self, **options: Any) -> None:
            await super().save(**options)

        def delete(self, *args: Any, **options: Any) -> Any:
            return super().delete(*args, **options)

        def clean(self) -> None:  # type: ignore[override]
            self.x = 1

    assert check_model(Fine) == []


def test_dx_declared_lines_that_nothing_gives() -> None:
    class Declared(models.Model):
        parent = models.ForeignKey("self", models.CASCADE, related_name="children")
        parent_id: models.Id[int]
        parnet_id: models.Id[int]
        children: models.Reverse[Declared]
        childs: models.Reverse[Declared]

    findings = check_model(Declared)
    assert [finding.id for finding in findings] == ["unknown-declaration", "unknown-declaration"]
    assert [finding.hint for finding in findings] == ["Did you mean 'parent_id'?", "Did you mean 'children'?"]
