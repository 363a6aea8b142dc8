"""Constraints as they are declared; ``test_validation`` has what they check."""

from __future__ import annotations

from typing import Any

import pytest

from vivace import models
from vivace.errors import ModelError

Q, F = models.Q, models.F
Deferrable = models.Deferrable


@pytest.mark.parametrize(
    "constraint",
    [
        models.CheckConstraint(condition=Q(a__gt=1), name="n"),
        models.CheckConstraint(
            condition=Q(a=F("b")) | Q(c=2),
            name="n",
            violation_error_code="x",
            violation_error_message="No %(name)s",
        ),
        models.UniqueConstraint(fields=["a", "b"], name="n"),
        models.UniqueConstraint(fields=("a",), name="n", condition=Q(b=1), include=["c"]),
        models.UniqueConstraint(fields=("a",), name="n", deferrable=Deferrable.DEFERRED),
        models.UniqueConstraint(fields=("a",), name="n", nulls_distinct=False, opclasses=["x"]),
        models.UniqueConstraint(F("a") * 2, "b", name="n"),
    ],
)
def test_md7_round_trip(constraint: Any) -> None:
    path, args, kwargs = constraint.deconstruct()
    assert path == f"vivace.models.{type(constraint).__name__}"
    again = type(constraint)(*args, **kwargs)
    assert again == constraint == constraint.clone()
    assert hash(again) == hash(constraint)
    assert repr(again) == repr(constraint)
    assert constraint != models.UniqueConstraint(fields=["z"], name="z")


def test_md7_a_condition_by_its_older_name() -> None:
    older = models.CheckConstraint(check=Q(a__gt=1), name="n")
    assert older == models.CheckConstraint(condition=Q(a__gt=1), name="n")
    assert older.deconstruct()[2]["condition"] == Q(a__gt=1)


def test_md7_messages() -> None:
    assert (
        models.CheckConstraint(condition=Q(a=1), name="n").get_violation_error_message()
        == "Constraint “n” is violated."
    )
    own = models.CheckConstraint(condition=Q(a=1), name="n", violation_error_message="No %(name)s!")
    assert own.get_violation_error_message() == "No n!"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: models.CheckConstraint(name="n"), "must be a Q"),
        (lambda: models.CheckConstraint(condition="a", name="n"), "must be a Q"),  # type: ignore[arg-type]
        (lambda: models.CheckConstraint(condition=Q(a=1), name=""), "must have a name"),
        (lambda: models.CheckConstraint(condition=Q(a=1), name="n", colour=1), "no option 'colour'"),  # type: ignore[call-arg]
        (lambda: models.UniqueConstraint(name="n"), "at least one field"),
        (lambda: models.UniqueConstraint("a", fields=["b"], name="n"), "not both"),
        (lambda: models.UniqueConstraint(fields=["a"], name="n", condition=3), "condition must be a Q"),  # type: ignore[arg-type]
        (lambda: models.UniqueConstraint(fields=["a"], name="n", deferrable="x"), "Deferrable"),  # type: ignore[arg-type]
        (lambda: models.UniqueConstraint("a", name="n", opclasses=["x"]), "opclasses"),
        (
            lambda: models.UniqueConstraint(fields=["a"], name="n", opclasses=["x", "y"]),
            "one element per field",
        ),
        (lambda: models.UniqueConstraint(fields=["a"], name="n", nulls_distinct=3), "bool"),  # type: ignore[arg-type]
        (
            lambda: models.UniqueConstraint(
                fields=["a"], name="n", condition=Q(a=1), deferrable=Deferrable.IMMEDIATE
            ),
            "cannot be deferred",
        ),
        (
            lambda: models.UniqueConstraint("a", name="n", deferrable=Deferrable.IMMEDIATE),
            "cannot be deferred",
        ),
    ],
)
def test_md7_refusals(make: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        make()
