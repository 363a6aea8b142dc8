"""Arrays and hstore in forms."""

from __future__ import annotations

from typing import Any

import pytest

from vivace import forms, models
from vivace.errors import FormError, ValidationError
from vivace.models.postgresql import ArrayField, HStoreField, IntegerRangeField


class Tagged(models.Model):
    tags = ArrayField(models.CharField(max_length=5), size=3, blank=True)
    matrix = ArrayField(models.IntegerField(), null=True, blank=True)
    about = HStoreField(blank=True)

    class Meta:
        app_label = "postgresqlforms"


class TaggedForm(forms.ModelForm):
    class Meta:
        model = Tagged
        fields = "__all__"


async def settled(value: Any) -> Any:
    return await value if hasattr(value, "__await__") else value


async def test_fm2_an_array_is_written_with_commas() -> None:
    form = TaggedForm({"tags": "a,b", "matrix": "1, 2", "about": '{"a": 1, "b": null}'})
    assert await form.is_valid(), form.errors
    assert (form.instance.tags, form.instance.matrix) == (["a", "b"], [1, 2])
    assert form.instance.about == {"a": "1", "b": None}
    shown = str(TaggedForm(instance=Tagged(tags=["a", "b"], about={"a": "1"})))
    assert 'value="a,b"' in shown
    assert "{&#34;a&#34;: &#34;1&#34;}" in shown
    assert form.changed_data == ["tags", "matrix", "about"]


async def test_fm2_every_item_is_checked() -> None:
    form = TaggedForm({"tags": "a,toolong", "matrix": "1,x,%s", "about": "[1]"})
    assert not await form.is_valid()
    assert form.errors == {
        "tags": [
            "Item 2 in the array did not validate: Ensure this value has at most 5 characters (it has 7)."
        ],
        "matrix": [
            "Item 2 in the array did not validate: Enter a whole number.",
            "Item 3 in the array did not validate: Enter a whole number.",
        ],
        "about": ["Input must be a JSON dictionary."],
    }
    assert form.has_error("tags", "item_invalid")


async def test_fm2_numbers_of_items() -> None:
    field = forms.SimpleArrayField(forms.CharField(), max_length=2, min_length=2, delimiter="|")
    assert await settled(field.clean("a|b")) == ["a", "b"]
    for text, code in (("a|b|c", "max_length"), ("a", "min_length"), ("", "required")):
        with pytest.raises(ValidationError) as caught:
            await settled(field.clean(text))
        assert caught.value.flat()[0].given_code == code
    assert not field.has_changed(["a", "b"], "a|b")
    assert field.has_changed(["a", "b"], "a|c")
    assert field.has_changed(["a"], "")


async def test_fm2_items_may_be_checked_by_awaiting() -> None:
    async def even(value: int) -> None:
        if value % 2:
            raise ValidationError("Odd.", code="odd")

    field = forms.SimpleArrayField(forms.IntegerField(validators=[even]))
    assert await settled(field.clean("2,4")) == [2, 4]
    with pytest.raises(ValidationError, match="Odd"):
        await settled(field.clean("2,3"))


def test_fm2_no_json_and_no_text_are_told_apart() -> None:
    field = forms.HStoreField(required=False)
    assert field.clean("") == {}
    with pytest.raises(ValidationError, match="Could not load"):
        field.clean("{")
    assert not field.has_changed({"a": "1"}, '{"a": 1}')
    assert field.has_changed({"a": "1"}, '{"a": 2}')


def test_fm5_ranges_have_no_form_field_of_ours() -> None:
    class Ranged(models.Model):
        span = IntegerRangeField()

        class Meta:
            app_label = "postgresqlforms"

    with pytest.raises(FormError, match="No form field is known"):
        forms.fields_for_model(Ranged)
