"""Model classes and their objects."""

# pyright: reportUnusedClass=false

from __future__ import annotations

import copy
import pickle
import sys
from typing import Any

import pytest

from vivace import models
from vivace.errors import ModelError, UnexpectedArgument
from vivace.models.signals import class_prepared, post_init, pre_init


class Shelf(models.Model):
    name = models.CharField(max_length=10, default="none")


class Thing(models.Model):
    title = models.CharField(max_length=20)
    size = models.IntegerField(default=3)
    shelf = models.ForeignKey(Shelf, models.CASCADE, null=True, related_name="things")
    tags = models.ManyToManyField("Label", related_name="things")
    double = models.GeneratedField(
        expression=models.F("size") * 2, output_field=models.IntegerField(), db_persist=False
    )

    @property
    def upper(self) -> str:
        return self.title.upper()

    @upper.setter
    def upper(self, value: str) -> None:
        self.title = value.lower()

    def __str__(self) -> str:
        return self.title


class Label(models.Model):
    code = models.SlugField(primary_key=True)


class ThingProxy(Thing):
    class Meta:
        proxy = True


class Base(models.Model):
    class Meta:
        abstract = True


def test_md12_init_by_name_position_and_default() -> None:
    thing = Thing(title="a")
    assert (thing.id, thing.title, thing.size, thing.shelf_id) == (None, "a", 3, None)
    assert Thing(7, "b", 4).pk == 7
    assert Thing(pk=8).id == 8
    assert Thing(upper="LOUD").title == "loud"
    shelf = Shelf(id=5)
    assert Thing(shelf=shelf).shelf_id == 5
    assert Thing(shelf=shelf).shelf is shelf
    assert Thing(shelf_id=6).shelf_id == 6
    assert "double" not in vars(Thing())


def test_md12_init_refuses_with_the_nearest_match() -> None:
    with pytest.raises(UnexpectedArgument, match="no field 'titel'") as caught:
        Thing(titel="x")
    assert "Did you mean 'title'?" in str(caught.value)
    assert isinstance(caught.value, TypeError)
    with pytest.raises(UnexpectedArgument, match="holds many objects"):
        Thing(tags=[])
    with pytest.raises(UnexpectedArgument, match="computed by the database"):
        Thing(double=3)
    with pytest.raises(TypeError, match="by position and by name"):
        Thing(1, id=2)
    with pytest.raises(IndexError, match="at most"):
        Thing(*range(9))
    with pytest.raises(TypeError, match="abstract"):
        Base()


def test_md12_equality_and_hash() -> None:
    assert Thing(pk=1) == Thing(pk=1, title="other")
    assert Thing(pk=1) == ThingProxy(pk=1)
    assert Thing(pk=1) != Thing(pk=2)
    assert Thing(pk=1) != Shelf(pk=1)
    assert Thing() != Thing()
    new = Thing()
    assert new == new
    assert hash(Thing(pk=1)) == hash(1)
    with pytest.raises(TypeError, match="no hash"):
        hash(new)
    assert Thing(pk=1) != "1"


def test_md12_repr_never_queries() -> None:
    assert repr(Thing(title="x")) == "<Thing: x>"
    assert repr(Shelf(pk=3)) == "<Shelf: Shelf object (3)>"


def test_md12_copies_and_pickles() -> None:
    shelf = Shelf(pk=4)
    thing = Thing(pk=1, title="a", shelf=shelf)
    twin = copy.copy(thing)
    assert twin == thing
    assert twin._state is not thing._state
    twin._state.adding, twin.pk = True, None
    assert thing.pk == 1
    again = pickle.loads(pickle.dumps(thing))
    assert again == thing
    assert again.shelf == shelf
    assert again._state.peers is None


def test_md12_from_db_and_deferred() -> None:
    thing = Thing.from_db("other", ["id", "title"], [1, "x"])
    assert (thing._state.db, thing._state.adding) == ("other", False)
    assert thing.get_deferred_fields() == {"size", "shelf_id", "double"}
    assert thing.serializable_value("title") == "x"
    assert Thing(shelf_id=3).serializable_value("shelf") == 3


def test_md_init_signals() -> None:
    seen: list[Any] = []

    def before(sender: Any, **named: Any) -> None:
        seen.append((sender, dict(named["kwargs"])))

    def after(sender: Any, **named: Any) -> None:
        seen.append(named["instance"].title)

    pre_init.connect(before, sender=Thing)
    post_init.connect(after, sender=Thing)
    try:
        Thing(title="x")
        Shelf()
    finally:
        pre_init.disconnect(before, sender=Thing)
        post_init.disconnect(after, sender=Thing)
    assert seen == [(Thing, {"title": "x"}), "x"]


def test_md_class_prepared() -> None:
    seen: list[Any] = []

    def note(sender: Any, **named: Any) -> None:
        seen.append(sender)

    class_prepared.connect(note)
    try:

        class Prepared(models.Model): ...

        class NotPrepared(models.Model):
            class Meta:
                abstract = True
    finally:
        class_prepared.disconnect(note)
    assert seen == [Prepared]


def test_md_errors_of_a_class() -> None:
    assert issubclass(ThingProxy.DoesNotExist, Thing.DoesNotExist)
    assert Thing.DoesNotExist.__qualname__ == "Thing.DoesNotExist"
    assert not issubclass(Shelf.DoesNotExist, Thing.DoesNotExist)
    error = pickle.loads(pickle.dumps(Thing.DoesNotExist("x")))
    assert isinstance(error, Thing.DoesNotExist)


def test_md9_meta_refuses_unknown_options() -> None:
    with pytest.raises(ModelError) as caught:

        class Wrong(models.Model):
            class Meta:
                orderin = ["x"]

    assert "Did you mean 'ordering'?" in str(caught.value)


def test_md_field_called_objects_needs_a_manager() -> None:
    with pytest.raises(ModelError, match="'objects'"):

        class Wrong(models.Model):
            objects = models.IntegerField()


def test_md2_primary_key_is_added_only_where_none_is() -> None:
    assert Thing._meta.pk.name == "id"
    assert type(Thing._meta.pk) is models.BigAutoField
    assert Label._meta.pk.name == "code"
    assert "id" not in Label._meta._forward_fields_map


def test_models_start_light() -> None:
    """Declaring models loads neither SQLAlchemy nor drivers nor queries nobody asked for."""
    import subprocess

    program = (
        "import sys; from vivace import models\n"
        "class A(models.Model):\n    name = models.CharField(max_length=3)\n"
        "print([n for n in ('sqlalchemy', 'apsw', 'asyncpg', 'zoneinfo', 'greenlet') if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_import_vivace_does_not_load_models() -> None:
    import subprocess

    program = "import sys, vivace; print('vivace.models' in sys.modules, vivace.models.CharField.__name__)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False CharField"


def test_all_public_names_exist() -> None:
    for name in dir(models):
        assert getattr(models, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        models.nothing


def test_an_option_that_django_gave_up_names_what_took_its_place() -> None:
    with pytest.raises(ModelError, match=r"indexes = \[models\.Index"):

        class Old(models.Model):
            class Meta:
                app_label = "gone"
                index_together = [("a", "b")]
