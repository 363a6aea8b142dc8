"""Abstract, multi-table and proxy inheritance."""

# pyright: reportUnusedClass=false, reportIncompatibleVariableOverride=false

from __future__ import annotations

from typing import Any

import pytest

from vivace import models
from vivace.errors import FieldError, ModelError


class Named(models.Model):
    name = models.CharField(max_length=5)
    rank = models.IntegerField(default=1)

    class Meta:
        abstract = True
        ordering = ["name"]
        verbose_name = "named thing"


class Stated(models.Model):
    state = models.CharField(max_length=2)

    class Meta:
        abstract = True


class Both(Named, Stated):  # type: ignore[misc]
    rank = models.FloatField()  # type: ignore[assignment]


class WithoutRank(Named):
    rank = None  # type: ignore[assignment]


class Place(models.Model):
    name = models.CharField(max_length=5)

    class Meta:
        ordering = ["name"]
        get_latest_by = "name"


class Bar(Place):
    drinks = models.IntegerField(default=0)


class Cellar(Bar):
    depth = models.IntegerField(default=0)

    class Meta:
        ordering = ["depth"]


class Garden(models.Model):
    garden_id = models.AutoField(primary_key=True)
    trees = models.IntegerField(default=0)


class BeerGarden(Bar, Garden):
    own = models.IntegerField(default=0)


class Quiet(Bar):
    class Meta:
        proxy = True


def names(model: Any) -> list[str]:
    return [field.name for field in model._meta.fields]


def test_md10_abstract_fields_are_copied() -> None:
    assert names(Both) == ["id", "name", "state", "rank"]
    assert Both._meta.get_field("name").model is Both
    assert Both._meta.get_field("name") is not Named._meta.get_field("name")
    assert type(Both._meta.get_field("rank")) is models.FloatField
    assert names(WithoutRank) == ["id", "name"]


def test_md10_meta_of_an_abstract_parent() -> None:
    assert (Both._meta.ordering, Both._meta.verbose_name) == (["name"], "named thing")
    assert not Both._meta.abstract
    assert Named._meta.abstract


def test_md10_multi_table() -> None:
    assert names(Cellar) == ["id", "name", "place_ptr", "drinks", "bar_ptr", "depth"]
    assert Cellar._meta.pk.name == "bar_ptr"
    assert list(Cellar._meta.parents) == [Bar]
    assert Cellar._meta.all_parents == (Bar, Place)
    assert Cellar._meta.get_ancestor_link(Place).name == "bar_ptr"
    assert [info.to_opts.model for info in Cellar._meta.get_path_to_parent(Place)] == [Bar, Place]
    assert [info.to_opts.model for info in Cellar._meta.get_path_from_parent(Place)] == [Bar, Cellar]
    assert Place._meta.get_field("bar").one_to_one
    assert issubclass(Cellar.DoesNotExist, Place.DoesNotExist)


def test_md10_ordering_of_a_concrete_parent() -> None:
    assert (Bar._meta.ordering, Bar._meta.get_latest_by) == (["name"], "name")
    assert Cellar._meta.ordering == ["depth"]


def test_md10_key_of_a_child_is_that_of_its_parents() -> None:
    cellar = Cellar(bar_ptr_id=7)
    assert cellar.pk == 7
    cellar.pk = 9
    assert cellar.bar_ptr_id == 9
    both = BeerGarden(bar_ptr_id=1, garden_ptr_id=2)
    both.pk = 5
    assert (both.bar_ptr_id, both.garden_id) == (5, 5)


def test_md10_two_concrete_parents() -> None:
    assert list(BeerGarden._meta.parents) == [Bar, Garden]
    assert BeerGarden._meta.pk.name == "bar_ptr"
    assert {"garden_ptr", "bar_ptr"} <= set(names(BeerGarden))


def test_md10_proxy() -> None:
    assert Quiet._meta.concrete_model is Bar
    assert Quiet._meta.db_table == Bar._meta.db_table
    assert names(Quiet) == names(Bar)
    assert Quiet._meta.pk is Bar._meta.pk
    assert Quiet(pk=1) == Bar(pk=1)


def test_md10_concrete_fields_cannot_be_hidden() -> None:
    with pytest.raises(FieldError, match="clashes"):

        class Twice(Place):
            name = models.IntegerField()  # type: ignore[assignment]

    with pytest.raises(FieldError, match="link"):

        class Link(Place):
            place_ptr = models.IntegerField()


def test_md10_wrong_proxies() -> None:
    with pytest.raises(ModelError, match="inherit fields"):

        class Fields(Bar, Named):
            class Meta:
                proxy = True

    with pytest.raises(ModelError, match="two models"):

        class Two(Bar, Garden):
            class Meta:
                proxy = True

    with pytest.raises(ModelError, match="no model"):

        class Nothing(models.Model):
            class Meta:
                proxy = True


class First(models.Manager["Managed"]): ...


class Second(models.Manager["Managed"]): ...


class Managing(models.Model):
    second = Second()

    class Meta:
        abstract = True


class Managed(Managing):
    first = First()


class Chosen(Managing):
    other = First()

    class Meta:
        default_manager_name = "second"
        base_manager_name = "other"


class ChosenChild(Chosen):
    last = First()


def test_md11_managers_in_order() -> None:
    assert [manager.name for manager in Managed._meta.managers] == ["first", "second"]
    assert type(Managed._meta.default_manager) is First
    assert Managed._meta.managers_map["second"].model is Managed


def test_md9_named_managers() -> None:
    assert type(Chosen._meta.default_manager) is Second
    assert Chosen._meta.base_manager.name == "other"
    assert ChosenChild._meta.default_manager.name == "second"

    class Wrong(models.Model):
        class Meta:
            default_manager_name = "nobody"

    with pytest.raises(ModelError, match="names no manager"):
        _ = Wrong._meta.default_manager


def test_md11_default_manager_is_objects() -> None:
    assert Place._meta.default_manager.name == "objects"
    assert Place._default_manager is Place._meta.default_manager
    assert Place._base_manager.model is Place
    assert Quiet.objects.model is Quiet
