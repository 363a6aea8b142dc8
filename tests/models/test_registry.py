"""References between models by name, and classes that come and go."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from vivace import models
from vivace.errors import ModelError, UnknownModel
from vivace.models.checks import check_model
from vivace.models.registry import Registry, registry


def define(name: str, apps: Registry, module: str = "one.models", label: str = "one", **fields: Any) -> Any:
    """Define a model in a module and registry of choice."""
    meta = type("Meta", (), {"apps": apps, "app_label": label})
    return models.ModelBase(name, (models.Model,), {"__module__": module, "Meta": meta, **fields})


def key(to: Any, **options: Any) -> Any:
    return models.ForeignKey(to, models.CASCADE, **options)


def target(model: Any, name: str = "other") -> Any:
    return model._meta.get_field(name).remote_field.model


def test_md3_reference_to_a_later_model() -> None:
    apps = Registry()
    book = define("Book", apps, other=key("Author"))
    assert target(book) == "Author"
    assert list(apps.unresolved()) == [(book, "Author")]
    author = define("Author", apps)
    assert target(book) is author
    assert list(apps.unresolved()) == []
    assert author._meta.get_field("book").related_model is book


def test_md3_reference_to_itself() -> None:
    apps = Registry()
    for reference in ("self", "Node", "one.Node"):
        node = define("Node", apps, other=key(reference))
        assert target(node) is node


def test_md3_the_same_module_is_looked_at_first() -> None:
    apps = Registry()
    define("Author", apps, module="one.other")
    near = define("Author", apps, module="one.models")
    assert target(define("Book", apps, other=key("Author"))) is near


def test_md3_then_the_label_then_label_dot_model() -> None:
    apps = Registry()
    here = define("Author", apps, module="one.people")
    there = define("Author", apps, module="two.people", label="two")
    assert target(define("Book", apps, other=key("Author"))) is here
    assert target(define("Leaf", apps, other=key("two.Author"))) is there
    assert target(define("Page", apps, other=key("two.author"))) is there


def test_md3_two_models_of_one_name() -> None:
    apps = Registry()
    kept = [define("Author", apps, module=module) for module in ("one.people", "one.persons")]
    book = define("Book", apps, other=key("Author"))
    assert len(kept) == 2  # the registry holds classes weakly
    with pytest.raises(ModelError) as caught:
        apps.resolve(book, "Author")
    assert "one.people.Author and one.persons.Author" in str(caught.value)
    [finding] = check_model(book)
    assert "one.people.Author and one.persons.Author" in finding.message
    near = define("Author", apps)
    assert target(book) is near
    assert check_model(book) == []


def test_md3_a_later_class_of_the_same_module_is_meant() -> None:
    apps = Registry()
    far = define("Author", apps, module="one.people")
    book = define("Book", apps, other=key("Author"), many=models.ManyToManyField("Author", related_name="+"))
    assert target(book) is far
    assert hasattr(far, "book_set")
    near = define("Author", apps)
    assert target(book) is near
    assert target(book, "many") is near
    assert target(book._meta.get_field("many").remote_field.through, "author") is near
    assert not hasattr(far, "book_set")
    assert hasattr(near, "book_set")
    assert far._meta.related_objects == []


def test_md_get_model_names_the_nearest() -> None:
    apps = Registry()
    author = define("Author", apps)
    assert apps.get_model("one", "author") is author
    assert apps.get_model("one.Author") is author
    with pytest.raises(UnknownModel, match=r"Did you mean 'one.Author'\?"):
        apps.get_model("one.Autor")


def test_md_defined_again_takes_the_place() -> None:
    apps = Registry()
    old = define("Author", apps)
    book = define("Book", apps, other=key("Author"))
    new = define("Author", apps)
    assert apps.get_models() == [book, new]
    assert target(book) is new
    assert new._meta.get_field("book").related_model is book
    assert book._meta.get_field("other").target_field.model is new
    assert old not in apps


def test_md_reload_of_a_whole_module() -> None:
    apps = Registry()
    for _ in range(3):
        author = define("Author", apps, friend=key("Book", null=True))
        book = define("Book", apps, other=key("Author"))
        assert target(author, "friend") is book
        assert target(book) is author
        assert [rel.related_model for rel in author._meta.related_objects] == [book]
        assert [rel.related_model for rel in book._meta.related_objects] == [author]


def test_md_classes_are_held_weakly() -> None:
    apps = Registry()
    author = define("Author", apps)
    gone = weakref.ref(author)
    del author
    gc.collect()
    assert gone() is None
    assert apps.get_models() == []


def test_md_related_classes_go_together() -> None:
    apps = Registry()
    define("Author", apps, boss=key("self", null=True), best=key("Book", null=True))
    gone = weakref.ref(
        define("Book", apps, other=key("Author"), many=models.ManyToManyField("Author", related_name="+"))
    )
    gc.collect()
    assert gone() is None
    assert apps.get_models(include_auto_created=True) == []


def test_md_automatic_models_are_hidden() -> None:
    apps = Registry()
    tag = define("Tag", apps)
    book = define("Book", apps, tags=models.ManyToManyField("Tag"))
    through = book._meta.get_field("tags").remote_field.through
    assert apps.get_models() == [tag, book]
    assert apps.get_models(include_auto_created=True) == [tag, through, book]
    assert through._meta.apps is apps


def test_md_caches_end_when_a_model_is_added() -> None:
    apps = Registry()
    author = define("Author", apps)
    author._meta.path_cache["x"] = 1
    assert author._meta.related_objects == []
    define("Book", apps, other=key("Author", related_name="books"))
    assert [rel.name for rel in author._meta.related_objects] == ["books"]
    assert author._meta.path_cache == {}


def test_md_registries_do_not_mix() -> None:
    first, second = Registry(), Registry()
    author = define("Author", first)
    book = define("Book", second, other=key("Author"))
    assert target(book) == "Author"
    assert author._meta.related_objects == []
    assert author not in registry
    first.unregister_model(author)
    assert author not in first
