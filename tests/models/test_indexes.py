"""Indexes and their names."""

from __future__ import annotations

from typing import Any

import pytest

from vivace import models
from vivace.errors import ModelError
from vivace.models.names import digest, shortened

Q, F = models.Q, models.F


class Indexed(models.Model):
    name = models.CharField(max_length=5, db_column="_odd")

    class Meta:
        db_table = "0_table"
        indexes = [models.Index(fields=["-name"])]


def test_md8_generated_name_begins_with_a_letter() -> None:
    [index] = Indexed._meta.indexes
    assert index.name == f"D_table__odd_{digest('0_table', '-_odd', 'idx', length=6)}_idx"


@pytest.mark.parametrize(
    "kwargs",
    [
        {"fields": ["a", "-b"], "name": "n"},
        {"fields": ("a",), "name": "n", "condition": Q(a=1), "include": ["b"]},
        {"fields": ["a"], "name": "n", "opclasses": ["x_ops"], "db_tablespace": "t"},
    ],
)
def test_md8_round_trip(kwargs: dict[str, Any]) -> None:
    index = models.Index(**kwargs)
    path, args, again = index.deconstruct()
    assert path == "vivace.models.Index"
    assert models.Index(*args, **again) == index == index.clone()
    assert hash(index) == hash(index.clone())
    assert models.Index(fields=["other"]) != index


def test_md8_expressions() -> None:
    index = models.Index("a", F("b") * 2, name="n")
    assert index.expressions[0] == F("a")
    assert index.contains_expressions
    assert models.Index(*index.deconstruct()[1], **index.deconstruct()[2]) == index
    assert "name='n'" in repr(index)


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, "at least one field"),
        (("a",), {"fields": ["b"], "name": "n"}, "not both"),
        (("a",), {}, "needs a name"),
        ((), {"fields": ["a"], "condition": Q(a=1)}, "needs a name"),
        ((), {"fields": ["a"], "include": ["b"]}, "needs a name"),
        ((), {"fields": ["a"], "opclasses": ["x"]}, "needs a name"),
        ((), {"fields": ["a"], "opclasses": ["x", "y"], "name": "n"}, "one element per field"),
        ((), {"fields": "a"}, "list of names"),
        ((), {"fields": [1]}, "list of names"),
        ((), {"fields": ["a"], "condition": "a", "name": "n"}, "must be a Q"),
        ((), {"fields": ["a"], "include": "b", "name": "n"}, "list or tuple"),
        ((), {"fields": ["a"], "colour": "b"}, "no option 'colour'"),
    ],
)
def test_md8_refusals(args: Any, kwargs: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        models.Index(*args, **kwargs)


def test_names_are_cut_with_a_hash() -> None:
    assert shortened("short", 10) == "short"
    assert shortened("a" * 20, 10) == "aaaaaa" + digest("a" * 20, length=4)


def test_md9_names_hold_the_class() -> None:
    class Root(models.Model):
        name = models.CharField(max_length=5)

        class Meta:
            abstract = True
            indexes = [models.Index(fields=["name"], name="%(class)s_idx")]

    class Leaf(Root): ...

    class Twig(Root): ...

    assert [Leaf._meta.indexes[0].name, Twig._meta.indexes[0].name] == ["leaf_idx", "twig_idx"]
    assert Root._meta.indexes[0].name == "%(class)s_idx"
