"""Rows into objects: what the generated functions make, given a plan."""

from __future__ import annotations

import pickle
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.models.schemas.library import Author, Book, Profile, Publisher, Tag
from vivace import models
from vivace.db import Statement
from vivace.models.jsonable import json_of
from vivace.models.query import hydrate
from vivace.models.signals import post_init
from vivace.models.sql.plan import Output, Plan, Related, Selection
from vivace.models.state import ModelState


def plan(names: list[str], selection: Selection | None, **parts: Any) -> Plan:
    given: dict[str, Any] = {
        "statement": Statement(sql=""),
        "short": None,
        "lists": (),
        "bind": tuple,
        "outputs": tuple(Output(name) for name in names),
        "selection": selection,
        "annotations": (),
        "empty": False,
        "whole": (),
        "narrow": (),
    }
    return Plan(**{**given, **parts})


def selection(model: Any, attnames: str, start: int = 0, **parts: Any) -> Selection:
    names = tuple(attnames.split())
    positions = tuple(range(start, start + len(names)))
    given: dict[str, Any] = {"converters": (), "key": positions[:1], "deferred": False}
    return Selection(model, names, positions, **{**given, **parts})


class Stone(models.Model):
    name = models.CharField(max_length=20)

    class Meta:
        app_label = "alone"


class Pebble(Stone):
    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]
        app_label = "alone"
        proxy = True


def test_or9_only_objects_that_may_load_something_know_each_other() -> None:
    whole = plan(["id", "name"], selection(Stone, "id name"))
    part = plan(["id"], selection(Stone, "id"))
    proxied = plan(["id", "name"], selection(Pebble, "id name"))

    def peers(of: Plan) -> bool:
        rows = [(n, "a")[: len(of.outputs)] for n in range(3)]
        return hydrate.instances(of)(rows, "default", False)[0]._state.peers is not None

    assert [peers(each) for each in (whole, part, proxied)] == [False, True, False]

    class Ring(models.Model):  # from now on stones have rings
        stone = models.ForeignKey(Stone, on_delete=models.CASCADE)

        class Meta:
            app_label = "alone"

    try:
        assert [peers(each) for each in (whole, part, proxied)] == [True, True, True]
    finally:
        Ring._meta.apps.unregister_model(Ring)
    assert not peers(whole)


def test_or9_objects_of_a_result_have_no_state_until_it_is_asked_for() -> None:
    """A state for each was half of what 1,000 rows cost."""
    made = hydrate.instances(
        plan(["id", "name", "size"], selection(Tag, "id name"), annotations=(("size", 2),))
    )
    tags: list[Tag] = made([(n, "a", n * 2) for n in range(100)], "default", False)
    assert sum(isinstance(each, ModelState) for tag in tags for each in vars(tag).values()) == 0
    assert len({id(vars(tag)["_origin"]) for tag in tags}) == 1
    assert json_of(tags[7]) == {"id": 7, "name": "a", "size": 14}
    assert "_state" not in vars(tags[7])
    twin = pickle.loads(pickle.dumps(tags[8]))
    assert (twin.name, twin._state.db, twin._state.peers, "_origin" in vars(twin)) == (
        "a",
        "default",
        None,
        False,
    )
    state = tags[9]._state
    assert state is tags[9]._state
    assert state.peers is tags[10]._state.peers
    assert json_of(tags[9])["size"] == 18


def test_or9_rows_become_instances() -> None:
    made = hydrate.instances(plan(["id", "name"], selection(Tag, "id name")))
    tags = made([(1, "a"), (2, "b")], "default", False)
    assert [(type(tag), tag.pk, tag.name) for tag in tags] == [(Tag, 1, "a"), (Tag, 2, "b")]
    assert not tags[0]._state.adding
    assert tags[0]._state.db == "default"
    assert tags[0]._state.peers.members() == tags
    assert made([(1, "a")], "default", False)[0]._state.peers is None
    assert made([(1, "a")], "default", True)[0]._state.peers.strict


def test_or9_converters_and_annotations() -> None:
    outputs = (Output("id"), Output("name"), Output("n", str), Output("odd-name"))
    made = hydrate.instances(
        plan(
            [],
            selection(Tag, "id name", converters=((1, str.upper),)),
            outputs=outputs,
            annotations=(("n", 2), ("odd-name", 3)),
        )
    )
    (tag,) = made([(1, "a", 5, 6)], "default", False)
    assert (tag.name, tag.n, tag.__dict__["odd-name"]) == ("A", "5", 6)


def test_or9_related_instances() -> None:
    field = Book._meta.get_field("author")
    author = Related("author", "", selection(Author, "id name", 3), field)
    publisher = Related(
        "publisher", "", selection(Publisher, "id name", 5), Book._meta.get_field("publisher")
    )
    names = ["id", "author_id", "publisher_id", "id", "name", "id", "name"]
    made = hydrate.instances(
        plan(names, selection(Book, "id author_id publisher_id", related=(author, publisher)))
    )
    books = made([(1, 5, None, 5, "Ada", None, None), (2, 6, 9, None, None, 9, "Press")], "default", False)
    assert books[0].author.name == "Ada"
    assert books[0].publisher is None
    assert books[1].publisher.name == "Press"
    with pytest.raises(Author.DoesNotExist):
        books[1].author  # the key leads nowhere, and that is known
    assert books[0].author._state.peers.members() == [books[0].author]


def test_or9_reverse_one_to_one_knows_its_owner() -> None:
    profile = Related(
        "profile", "author", selection(Profile, "id author_id", 1), Author._meta.get_field("profile")
    )
    made = hydrate.instances(plan(["id", "id", "author_id"], selection(Author, "id", related=(profile,))))
    ada, alan = made([(1, 7, 1), (2, None, None)], "default", False)
    assert ada.profile.author is ada
    with pytest.raises(Profile.DoesNotExist):
        alan.profile


@contextmanager
def listening(model: Any) -> Generator[list[Any]]:
    heard: list[Any] = []

    def listen(instance: Any, **_: Any) -> None:
        heard.append(instance)

    post_init.connect(listen, sender=model)
    try:
        yield heard
    finally:
        post_init.disconnect(listen, sender=model)


def test_sg1_init_signals_take_the_slow_path() -> None:
    fast = plan(["id", "name"], selection(Tag, "id name"))
    hydrate.instances(fast)([(1, "a")], "default", False)
    with listening(Tag) as heard:
        (tag,) = hydrate.instances(fast)([(1, "a")], "default", False)
        assert heard == [tag]
        assert not tag._state.adding
    assert len(heard) == 1


def test_or9_values() -> None:
    rows = [(1, "a"), (2, "b")]
    given = plan(["id", "name"], None, outputs=(Output("id"), Output("name", str.upper)))
    assert hydrate.values(given, ["id", "name"], "dicts")(rows, "", False) == [
        {"id": 1, "name": "A"},
        {"id": 2, "name": "B"},
    ]
    assert hydrate.values(given, ["id", "name"], "tuples")(rows, "", False) == [(1, "A"), (2, "B")]
    named = hydrate.values(given, ["id", "name"], "named")(rows, "", False)[0]
    assert (named.id, named.name) == (1, "A")
    assert hydrate.values(plan(["id"], None), ["id"], "flat")([(1,), (2,)], "", False) == [1, 2]
