"""What all fields do: options, description, copies, values there and back."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.fields.samples import VALUES, decimals, fields
from vivace import models
from vivace.errors import ModelError, NotLoaded, ValidationError

DIALECTS = ("sqlite", "postgresql")


class Sample(models.Model):
    name = models.CharField(max_length=5)
    kind = models.CharField(max_length=1, choices={"a": "Alpha", "Group": [("b", "Beta")]}, blank=True)
    number = models.IntegerField(null=True)


@given(fields())
def test_md2_deconstruct_round_trip(field: Any) -> None:
    _, path, args, kwargs = field.deconstruct()
    assert path == f"vivace.models.{type(field).__name__}"
    again = getattr(models, type(field).__name__)(*args, **kwargs)
    assert again.deconstruct()[1:] == (path, args, kwargs)
    assert field.clone().deconstruct()[1:] == (path, args, kwargs)


@given(fields())
def test_md2_only_what_differs_from_the_defaults_is_written(field: Any) -> None:
    plain: Any = type(field)()
    fresh: dict[str, Any] = plain.__dict__
    renamed = {"verbose_name": "_verbose_name", "unique": "_unique", "validators": "_validators"}
    for name in field.deconstruct()[3]:
        attribute = renamed.get(name, name)
        if attribute in fresh and name not in ("error_messages", "db_tablespace", "max_length"):
            assert fresh[attribute] != getattr(field, attribute)


@pytest.mark.parametrize("cls", VALUES)
@given(data=st.data())
def test_md1_values_survive_text_and_both_databases(cls: Any, data: st.DataObject) -> None:
    field = cls()
    value = data.draw(VALUES[cls])
    prepared = field.get_prep_value(value)
    for dialect in DIALECTS:
        bound = field.get_db_prep_value(value, dialect)
        convert = field.converter(dialect)
        assert (bound if convert is None else convert(bound)) == prepared
    assert field.get_prep_value(prepared) == prepared
    assert field.get_prep_value(None) is None
    assert field.get_db_prep_save(None, "sqlite") is None
    if not isinstance(value, bytes | dict | list):
        assert field.to_python(value) == prepared


@given(data=st.data(), places=st.integers(0, 4))
def test_md1_decimals_survive_sqlite(data: st.DataObject, places: int) -> None:
    field: Any = models.DecimalField(max_digits=14, decimal_places=places)
    value = data.draw(decimals(places))
    bound = field.get_db_prep_value(value, "sqlite")
    assert field.converter("sqlite")(float(bound)) == value
    assert field.get_db_prep_value(value, "postgresql") == value


def test_md2_unknown_option_names_the_nearest() -> None:
    with pytest.raises(ModelError) as caught:
        models.CharField(max_lenght=3)  # type: ignore[call-overload]
    assert "CharField has no option 'max_lenght'." in str(caught.value)
    assert "Did you mean 'max_length'?" in str(caught.value)


def test_md2_display_of_choices() -> None:
    assert Sample(kind="a").get_kind_display() == "Alpha"
    assert Sample(kind="b").get_kind_display() == "Beta"
    assert Sample(kind="z").get_kind_display() == "z"


def test_md2_choices_from_anything() -> None:
    class Plain(models.TextChoices):
        ONE = "1", "one"

    assert models.CharField(choices=Plain).choices == [("1", "one")]
    asked: list[int] = []

    def choose() -> list[tuple[str, str]]:
        asked.append(1)
        return [("x", "X")]

    field: Any = models.CharField(choices=choose)
    assert asked == []
    assert list(field.choices) == [("x", "X")]
    assert field.flatchoices == [("x", "X")]
    assert field.deconstruct()[3]["choices"] is choose


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        (models.CharField(), None, "null"),
        (models.CharField(), "", "blank"),
        (models.CharField(max_length=2), "abc", "max_length"),
        (models.CharField(choices=[("a", "A")]), "b", "invalid_choice"),
        (models.IntegerField(), "x", "invalid"),
        (models.IntegerField(), 2**40, "max_value"),
        (models.PositiveIntegerField(), -1, "min_value"),
        (models.BooleanField(), "maybe", "invalid"),
        (models.BooleanField(null=True), "maybe", "invalid_nullable"),
        (models.DateField(), "2020-02-30", "invalid_date"),
        (models.DateField(), "then", "invalid"),
        (models.DateTimeField(), "2020-02-30 10:00", "invalid_datetime"),
        (models.TimeField(), "25:00", "invalid_time"),
        (models.DurationField(), "long", "invalid"),
        (models.DecimalField(max_digits=3, decimal_places=1), "1.23", "max_decimal_places"),
        (models.UUIDField(), "x", "invalid"),
        (models.EmailField(), "x", "invalid"),
        (models.GenericIPAddressField(), "1.2.3", "invalid"),
        (models.JSONField(), object(), "invalid"),
    ],
    ids=lambda value: getattr(value, "internal_type", None) or None,
)
def test_md2_refusals_have_codes(field: Any, value: Any, code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        field.clean(value, None)
    assert [error.given_code for error in caught.value.flat()] == [code]


def test_md2_false_is_no_blank() -> None:
    assert models.BooleanField().clean(False, None) is False


def test_md2_own_message_is_used() -> None:
    field: Any = models.CharField(error_messages={"blank": "Say something."})
    with pytest.raises(ValidationError) as caught:
        field.clean("", None)
    assert caught.value.messages == ["Say something."]


def test_md_class_attribute_is_an_expression() -> None:
    condition = (Sample.name == "x") & (Sample.number > 3)
    assert isinstance(condition, models.Q)
    assert Sample.name is Sample.name


def test_md12_unloaded_value_says_what_to_do() -> None:
    sample = Sample.from_db("default", ["id"], [1])
    assert sample.get_deferred_fields() == {"name", "kind", "number"}
    with pytest.raises(NotLoaded) as caught:
        sample.name
    assert "Sample.name" in str(caught.value)
    assert 'load("name")' in str(caught.value)
    assert "Sample object (1)" in repr(sample)


def test_md_fields_are_pickled_by_place() -> None:
    field = Sample._meta.get_field("name")
    assert pickle.loads(pickle.dumps(field)) is field
    alone = pickle.loads(pickle.dumps(models.CharField(max_length=3)))
    assert alone.deconstruct() == models.CharField(max_length=3).deconstruct()
    assert copy.deepcopy(field) is not field


def test_md14_custom_default_is_asked_for_each_object() -> None:
    class Counting(models.IntegerField):
        asked = 0

        def get_default(self) -> Any:
            self.asked += 1
            return self.asked

    class Counted(models.Model):
        number = Counting()

    assert [Counted().number, Counted().number] == [1, 2]


def test_md14_custom_field() -> None:
    class Upper(models.CharField):
        def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
            return None if value is None else value.lower()

        def get_prep_value(self, value: Any) -> Any:
            return None if value is None else str(value).upper()

        def db_type(self, connection: Any) -> str:
            return "citext"

    field: Any = Upper(max_length=3)
    assert field.get_db_prep_value("abc", "sqlite") == "ABC"
    convert = field.converter("sqlite")
    assert convert("ABC") == "abc"
    assert convert(None) is None
    assert field.deconstruct()[1].endswith("<locals>.Upper")
    assert field.get_internal_type() == "CharField"
