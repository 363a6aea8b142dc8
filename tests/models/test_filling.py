"""What an object gets of the arguments of its class: the lines that are written for each model."""

# pyright: reportUnusedClass=false

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from vivace import models
from vivace.errors import UnexpectedArgument
from vivace.models import DEFERRED

numbers = count(1)


class Bench(models.Model):
    name = models.CharField(max_length=10)


class Tool(models.Model):
    serial = models.IntegerField(default=lambda: next(numbers))
    name = models.CharField(max_length=10, default="none")
    bench = models.ForeignKey(Bench, models.CASCADE, null=True, related_name="tools")


class Watched(models.Model):
    title = models.CharField(max_length=10)

    def __setattr__(self, name: str, value: Any) -> None:
        vars(self).setdefault("set_by_hand", []).append(name)
        object.__setattr__(self, name, value)


def test_a_callable_default_is_asked_for_each_object_that_needs_it() -> None:
    first, given, second = Tool(), Tool(serial=100), Tool()
    assert (second.serial, given.serial) == (first.serial + 1, 100)
    assert first.name == "none"


def test_a_relation_is_given_as_an_object_or_by_its_key() -> None:
    bench = Bench(id=7, name="left")
    assert Tool(bench=bench).bench is bench
    assert (Tool(bench=bench).bench_id, Tool(bench_id=8).bench_id, Tool().bench_id) == (7, 8, None)
    with pytest.raises(UnexpectedArgument, match="given twice"):
        Tool(bench=bench, bench_id=7)


def test_what_is_deferred_stays_unset() -> None:
    tool = Tool(id=1, name=DEFERRED, serial=DEFERRED, bench_id=DEFERRED)
    assert tool.get_deferred_fields() == {"name", "serial", "bench_id"}


def test_a_class_that_watches_what_is_set_sees_no_columns_of_a_new_object() -> None:
    new = Watched(title="a")
    assert "title" not in vars(new)["set_by_hand"]
    new.title = "b"
    assert (new.title, vars(new)["set_by_hand"][-1]) == ("b", "title")


def test_a_new_object_is_new_until_somebody_says_otherwise() -> None:
    first, second = Tool(), Tool()
    assert first._state.adding
    assert first._state.db is None
    first._state.adding = False
    assert second._state.adding
    assert first._state is not second._state


def test_an_abstract_class_has_no_objects() -> None:
    class Part(models.Model):
        class Meta:
            abstract = True

    with pytest.raises(TypeError, match="abstract"):
        Part()
