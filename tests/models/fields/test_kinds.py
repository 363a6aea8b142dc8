"""What single kinds of fields do beside the common."""

# pyright: reportUnusedClass=false

from __future__ import annotations

import datetime as dt
import json
import uuid
from decimal import Decimal
from typing import Any

import pytest

from vivace import models
from vivace.errors import InvalidValue, ModelError

UTC = dt.UTC


class Clocked(models.Model):
    made = models.DateTimeField(auto_now_add=True)
    changed = models.DateField(auto_now=True)


class Tenant(models.Model):
    pk = models.CompositePrimaryKey("region", "number")
    region = models.CharField(max_length=3)
    number = models.IntegerField()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (models.IntegerField(), "x"),
        (models.IntegerField(), float("nan")),
        (models.IntegerField(), [1]),
        (models.FloatField(), "x"),
        (models.BooleanField(), "x"),
        (models.BooleanField(), []),
        (models.DecimalField(), "x"),
        (models.DecimalField(), Decimal("NaN")),
        (models.DateField(), "x"),
        (models.DateTimeField(), "x"),
        (models.TimeField(), dt.time(1, tzinfo=UTC)),
        (models.DurationField(), "x"),
        (models.UUIDField(), "x"),
        (models.BinaryField(), "x"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_md1_wrong_values_name_field_and_value(field: Any, value: Any) -> None:
    field.set_attributes_from_name("size")
    with pytest.raises(InvalidValue) as caught:
        field.get_prep_value(value)
    assert "size" in str(caught.value)
    assert f"Got: {value!r}" in str(caught.value)


def test_md1_values_out_of_range_are_refused_on_save() -> None:
    field: Any = models.IntegerField()
    assert field.get_db_prep_save(2**31 - 1, "postgresql") == 2**31 - 1
    with pytest.raises(InvalidValue, match="cannot hold"):
        field.get_db_prep_save(2**31, "postgresql")
    assert field.get_db_prep_save(2**31, "sqlite") == 2**31
    with pytest.raises(InvalidValue):
        field.get_db_prep_save(2**63, "sqlite")
    assert (
        models.PositiveIntegerField().get_db_prep_save(-1, "postgresql") == -1
    )  # the table's check refuses it
    with pytest.raises(InvalidValue):
        models.JSONField().get_db_prep_save(object(), "sqlite")
    small: Any = models.DecimalField(max_digits=3, decimal_places=1)
    with pytest.raises(InvalidValue, match="3 digits"):
        small.get_db_prep_save(Decimal("1000"), "sqlite")


def test_md1_naive_moments_are_taken_for_utc_with_a_warning() -> None:
    field: Any = models.DateTimeField()
    with pytest.warns(RuntimeWarning, match="no time zone"):
        assert field.get_prep_value(dt.datetime(2020, 1, 2)) == dt.datetime(2020, 1, 2, tzinfo=UTC)
    east = dt.timezone(dt.timedelta(hours=2))
    assert field.get_db_prep_value(dt.datetime(2020, 1, 2, 1, tzinfo=east), "sqlite") == "2020-01-01 23:00:00"
    assert models.DateField().to_python(dt.datetime(2020, 1, 2, 1, tzinfo=east)) == dt.date(2020, 1, 1)


def test_md1_the_clock_sets_values() -> None:
    row = Clocked()
    made, changed = Clocked._meta.get_field("made"), Clocked._meta.get_field("changed")
    first = made.pre_save(row, add=True)
    assert row.made is first
    assert first.tzinfo is UTC
    assert made.pre_save(row, add=False) is first
    assert changed.pre_save(row, add=False) == row.changed == dt.datetime.now(UTC).date()
    assert not made.editable
    assert made.deconstruct()[3] == {"auto_now_add": True}


def test_md1_json() -> None:
    class Encoder(json.JSONEncoder):
        def default(self, o: Any) -> Any:
            return str(o)

    field: Any = models.JSONField(encoder=Encoder)
    key = uuid.uuid4()
    assert field.get_db_prep_value({"a": key}, "postgresql") == f'{{"a": "{key}"}}'
    assert field.converter("sqlite")("[1]") == [1]
    assert field.converter("sqlite")(3) == 3
    assert field.get_db_prep_value(None, "sqlite") is None
    with pytest.raises(ValueError, match="callable"):
        models.JSONField(encoder=3)


def test_md1_addresses_in_short_form() -> None:
    field: Any = models.GenericIPAddressField(unpack_ipv4=True)
    assert field.to_python("::ffff:1.2.3.4") == "1.2.3.4"
    assert field.to_python("2001:0:0::0:1") == "2001::1"
    assert models.GenericIPAddressField().to_python("::ffff:10.0.0.1") == "::ffff:10.0.0.1"
    assert field.get_db_prep_save("", "sqlite") is None


def test_md1_enumerations_of_any_kind_are_values() -> None:
    import enum

    class Plain(enum.Enum):
        ONE = 1

    assert models.IntegerField().get_prep_value(Plain.ONE) == 1
    assert models.CharField().get_prep_value(Plain.ONE) == "1"
    assert models.IntegerField(choices=Plain).choices == [(1, "One")]


def test_md5_composite_key() -> None:
    tenant = Tenant(region="eu", number=3)
    assert tenant.pk == ("eu", 3)
    assert tenant == Tenant(pk=("eu", 3))
    assert hash(tenant) == hash(("eu", 3))
    tenant.pk = ("us", 4)
    assert (tenant.region, tenant.number) == ("us", 4)
    assert Tenant() != Tenant()
    assert [field.name for field in Tenant._meta.pk_fields] == ["region", "number"]
    assert Tenant._meta.pk.columns == ("region", "number")
    with pytest.raises(InvalidValue, match="cannot be set"):
        tenant.pk = 3
    assert str(tenant) == "Tenant object (('us', 4))"
    assert Tenant._meta.pk.deconstruct()[2] == ["region", "number"]


@pytest.mark.parametrize(
    ("args", "options", "message"),
    [
        ((), {}, "at least two fields"),
        (("a",), {}, "at least two fields"),
        (("a", "a"), {}, "each once"),
        (("a", "b"), {"default": 3}, "cannot have default"),
        (("a", "b"), {"db_column": "x"}, "cannot have db_column"),
        (("a", "b"), {"primary_key": False}, "must be the primary key"),
    ],
)
def test_md5_refusals(args: Any, options: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        models.CompositePrimaryKey(*args, **options)


def test_md5_must_be_called_pk() -> None:
    with pytest.raises(ModelError, match="must be called 'pk'"):

        class Wrong(models.Model):
            key = models.CompositePrimaryKey("a", "b")


def test_md6_generated_fields() -> None:
    field: Any = models.GeneratedField(
        expression=models.F("a") + models.F("b"), output_field=models.DateField(), db_persist=True
    )
    assert field.db_type("sqlite") == "date"
    assert field.referenced_fields() == {"a", "b"}
    assert field.converter("sqlite")("2020-01-02") == dt.date(2020, 1, 2)
    again = models.GeneratedField(**field.deconstruct()[3])
    assert again.deconstruct()[3]["expression"] == field.expression
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"db_persist": None}, "db_persist must be said"),
        ({"editable": True}, "cannot have editable"),
        ({"blank": False}, "cannot have blank"),
        ({"default": 3}, "cannot have default"),
    ]
    for options, message in wrong:
        given: dict[str, Any] = {
            "expression": 1,
            "output_field": models.DateField(),
            "db_persist": True,
            **options,
        }
        with pytest.raises(ModelError, match=message):
            models.GeneratedField(**given)


def test_md6_database_defaults() -> None:
    from vivace.models.expressions.values import DatabaseDefault

    class Defaulted(models.Model):
        size = models.IntegerField(db_default=3)

    assert isinstance(Defaulted().size, DatabaseDefault)
    assert Defaulted(size=4).size == 4
    assert Defaulted._meta.db_returning_fields == [Defaulted._meta.pk, Defaulted._meta.get_field("size")]


def test_md2_one_automatic_field() -> None:
    with pytest.raises(ModelError, match="more than one automatic field"):

        class Wrong(models.Model):
            first = models.AutoField(primary_key=True)
            second = models.BigAutoField()
