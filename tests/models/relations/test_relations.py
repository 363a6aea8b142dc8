"""Relations as they are declared: their targets, their way back, the tables between."""

from __future__ import annotations

from typing import Any

import pytest

from vivace import models
from vivace.errors import ModelError
from vivace.models.deletion_rules import DeletionRule


class Owner(models.Model):
    name = models.CharField(max_length=9, unique=True)


class House(models.Model):
    owner = models.ForeignKey(Owner, models.CASCADE, related_name="houses")
    named = models.ForeignKey(Owner, models.PROTECT, to_field="name", related_name="+", null=True)
    guests = models.ManyToManyField(Owner, through="Visit", related_name="visited")


class Visit(models.Model):
    house = models.ForeignKey(House, models.CASCADE)
    guest = models.ForeignKey(Owner, models.CASCADE)


class Person(models.Model):
    friends = models.ManyToManyField("self")
    idols = models.ManyToManyField("self", symmetrical=False, related_name="fans")


class Annex(House):
    floor = models.IntegerField(default=0)


class Pet(models.Model):
    homes = models.ManyToManyField(Annex, related_name="pets")


def field(model: Any, name: str) -> Any:
    return model._meta.get_field(name)


def test_md3_columns_and_keys() -> None:
    assert field(House, "owner").attname == "owner_id"
    assert field(House, "owner_id") is field(House, "owner")
    assert field(House, "owner").db_type("postgresql") == "bigint"
    assert field(House, "named").db_type("postgresql") == "varchar(9)"
    assert field(House, "named").target_field is field(Owner, "name")
    assert House(owner=Owner(pk=3)).owner_id == 3
    assert House(named=Owner(name="x")).named_id == "x"


def test_md3_values_are_those_of_the_target() -> None:
    named = field(House, "named")
    assert named.get_prep_value(5) == "5"
    assert field(House, "owner").get_db_prep_save("", "sqlite") is None
    assert field(House, "owner").to_python("7") == 7


def test_md3_many_to_many_names() -> None:
    guests = field(House, "guests")
    assert guests.m2m_db_table() == Visit._meta.db_table
    assert (guests.m2m_field_name(), guests.m2m_reverse_field_name()) == ("house", "guest")
    friends = field(Person, "friends")
    assert (friends.m2m_column_name(), friends.m2m_reverse_name()) == ("from_person_id", "to_person_id")
    assert friends.remote_field.get_accessor_name() is None
    assert field(Person, "fans").many_to_many
    assert field(Person, "idols").m2m_target_field_name() == "id"


def test_md3_paths_over_inherited_tables() -> None:
    steps = [(info.from_opts.model, info.to_opts.model) for info in field(Pet, "homes").path_infos]
    through = field(Pet, "homes").remote_field.through
    assert steps == [(Pet, through), (through, Annex)]
    back = [info.to_opts.model for info in field(Annex, "pets").path_infos]
    assert back == [through, Pet]


def test_md3_class_attributes_are_expressions() -> None:
    condition: Any = House.owner == Owner(pk=1)
    assert isinstance(condition, models.Q)
    assert House.owner_id.name == "owner_id"
    assert isinstance(House.owner_id == 3, models.Q)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: models.ForeignKey(3, models.CASCADE), "is not a model"),  # type: ignore[call-overload]
        (lambda: models.ForeignKey("X", "CASCADE"), "on_delete is not a rule"),  # type: ignore[call-overload]
        (lambda: models.ForeignKey("X", models.CASCADE, related_nmae="y"), "Did you mean 'related_name'"),  # type: ignore[call-overload]
        (lambda: models.ManyToManyField("X", through="Y", db_table="z"), "db_table cannot"),
        (lambda: models.ManyToManyField("X", through_fields=("a", "b")), "needs through"),
        (lambda: models.ManyToManyField("X", through="Y", db_constraint=False), "db_constraint=False cannot"),
        (lambda: models.ManyToManyField("X", thruogh="Y"), "Did you mean 'through'"),  # type: ignore[call-overload]
    ],
)
def test_md3_refusals(make: Any, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        make()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "made",
    [
        models.ForeignKey(
            "x.Y", models.SET_NULL, null=True, related_name="z", db_constraint=False, db_index=False
        ),
        models.ForeignKey(
            "self", models.SET(3), to_field="name", limit_choices_to={"a": 1}, related_query_name="q"
        ),
        models.OneToOneField(Owner, models.DB_CASCADE, parent_link=True, primary_key=True),
        models.ManyToManyField(Owner, related_name="+", through=Visit, through_fields=("house", "guest")),
        models.ManyToManyField("self", symmetrical=False, db_table="t"),
        models.ManyToManyField("x.Y", db_constraint=False, limit_choices_to={"a": 1}, blank=True),
    ],
)
def test_md3_deconstruct_round_trip(made: Any) -> None:
    _, path, args, kwargs = made.deconstruct()
    again = getattr(models, path.rpartition(".")[2])(*args, **kwargs)
    assert again.deconstruct() == made.deconstruct()


def test_md4_rules() -> None:
    assert repr(models.CASCADE) == "CASCADE"
    assert models.SET(3) == models.SET(3) != models.SET(4)
    assert models.SET(lambda: 5).current_value() == 5
    assert (models.DB_SET_NULL.on_delete_sql, models.CASCADE.on_delete_sql) == ("SET NULL", "")
    assert [rule.leaves_alone for rule in (models.DO_NOTHING, models.DB_CASCADE, models.CASCADE)] == [
        True,
        True,
        False,
    ]
    assert isinstance(models.PROTECT, DeletionRule)
    assert models.SET(3).deconstruct() == ("vivace.models.SET", (3,), {})


def test_md3_default_may_be_an_object() -> None:
    class Defaulted(models.Model):
        owner = models.ForeignKey(Owner, models.CASCADE, default=lambda: Owner(pk=9), related_name="+")

    assert Defaulted().owner_id == 9
