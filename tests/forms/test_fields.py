"""Fields: what is ours about them; what they share with Django's is in test_fields_agree."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections.abc import Awaitable
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.forms.agreement import CASES, SPECIAL, Case
from vivace import forms, models
from vivace.errors import FormError, ValidationError
from vivace.forms.fields.text import html_pattern
from vivace.models.shapes import is_listed


class Color(models.TextChoices):
    RED = "r", "Red"
    BLUE = "b", "Blue"


class Size(Enum):
    SMALL = 1
    VERY_LARGE = 2


async def never(value: Any) -> None:
    await asyncio.sleep(0)
    raise ValidationError("Never.", code="never")


async def fine(value: Any) -> None:
    await asyncio.sleep(0)


def codes(error: ValidationError) -> list[str]:
    return [each.given_code or "" for each in error.flat()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_fm2_whatever_is_sent_is_cleaned_or_refused_and_can_be_shown_again(
    case: Case, data: st.DataObject
) -> None:
    """No value of any field is a 500: neither when it is cleaned, nor when the page with it is written."""

    class One(forms.Form):
        x = case.make(forms)

    value = data.draw(st.one_of(case.values, st.sampled_from(SPECIAL)))
    parts = value if is_listed(value) else [value, value]
    form = One({"x": value, **{f"x_{index}": part for index, part in enumerate(parts)}})
    asyncio.run(form.is_valid())
    assert form.has_changed() in (True, False)
    for page in (form.as_div, form.as_p, form.as_table, form.as_ul, form.errors.as_ul, form.errors.as_json):
        str(page()).encode()


@pytest.mark.parametrize(
    "field",
    [
        forms.CharField(validators=[fine, never]),
        forms.TypedChoiceField(choices=["ab"], coerce=str, validators=[never]),
        forms.TypedMultipleChoiceField(choices=[("a", "A")], coerce=str, validators=[never]),
        forms.ComboField(fields=[forms.CharField(validators=[never])]),
        forms.SplitDateTimeField(validators=[never]),
    ],
    ids=lambda field: type(field).__name__,
)
async def test_fm8_async_validators_of_every_kind_of_field(field: forms.Field) -> None:
    sent: Any = {"TypedMultipleChoiceField": ["a"], "SplitDateTimeField": ["2026-01-02", "03:04"]}
    answer = field.clean(sent.get(type(field).__name__, "a"))
    assert isinstance(answer, Awaitable)
    with pytest.raises(ValidationError, match="Never"):
        await answer


async def test_fm8_async_validators_let_pass_and_go_on_with_the_next() -> None:
    combo = forms.ComboField(fields=[forms.CharField(validators=[fine]), forms.CharField(max_length=2)])
    assert await combo.clean("ab") == "ab"
    with pytest.raises(ValidationError) as caught:
        await combo.clean("abc")
    assert codes(caught.value) == ["max_length"]


def test_fm8_clean_without_async_validators_is_not_a_coroutine() -> None:
    assert forms.CharField(validators=[print]).clean("a") == "a"


def test_fm2_choices_in_all_forms() -> None:
    written: dict[str, Any] = {
        "pairs": [("r", "Red"), ("b", "Blue")],
        "mapping": {"r": "Red", "b": "Blue"},
        "enumeration": Color,
        "function": lambda: [("r", "Red"), ("b", "Blue")],
        "groups": {"All": {"r": "Red", "b": "Blue"}},
    }
    for choices in written.values():
        field = forms.ChoiceField(choices=choices)
        assert field.clean("b") == "b"
        with pytest.raises(ValidationError, match="z is not one of the available choices"):
            field.clean("z")
        assert '<option value="r">Red</option>' in field.widget.render("x", None)
    sizes = forms.TypedChoiceField(choices=Size, coerce=lambda text: Size(int(text)))
    assert sizes.clean("2") is Size.VERY_LARGE
    assert '<option value="2" selected>Very large</option>' in sizes.widget.render("x", Size.VERY_LARGE)


def test_fm2_choices_of_a_function_are_asked_anew() -> None:
    known = ["a"]
    field = forms.ChoiceField(choices=lambda: [(each, each) for each in known])
    known.append("b")
    assert field.clean("b") == "b"


def test_fm2_unknown_options_are_told_with_the_nearest() -> None:
    wrong: dict[str, Any] = {"maxlength": 3}
    with pytest.raises(FormError, match="CharField has no option 'maxlength'"):
        forms.CharField(**wrong)
    wrong = {"helptext": "x"}
    with pytest.raises(FormError, match="Did you mean 'help_text'"):
        forms.DateField(**wrong)


def test_fm2_protocols_of_addresses() -> None:
    with pytest.raises(FormError, match="unknown protocol"):
        forms.GenericIPAddressField(protocol="ipx")
    with pytest.raises(FormError, match="unpack_ipv4"):
        forms.GenericIPAddressField(protocol="ipv4", unpack_ipv4=True)


def test_fm2_file_paths_are_read_again_by_set_choices(tmp_path: Path) -> None:
    (tmp_path / "b.txt").touch()
    (tmp_path / "a.py").touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.txt").touch()
    (tmp_path / "__pycache__").mkdir()
    flat = forms.FilePathField(tmp_path, required=False)
    assert [label for _, label in flat.choices] == ["---------", "a.py", "b.txt"]
    assert [label for _, label in forms.FilePathField(tmp_path, match=r"\.txt$").choices] == ["b.txt"]
    deep = forms.FilePathField(tmp_path, recursive=True, allow_folders=True)
    assert [label for _, label in deep.choices] == ["/a.py", "/b.txt", "/sub", "/sub/c.txt"]
    assert [
        label for _, label in forms.FilePathField(tmp_path, allow_files=False, allow_folders=True).choices
    ] == ["sub"]
    (tmp_path / "new.txt").touch()
    assert "new.txt" not in dict(flat.choices).values()
    flat.set_choices()
    assert "new.txt" in dict(flat.choices).values()
    assert flat.clean(str(tmp_path / "new.txt")) == str(tmp_path / "new.txt")
    with pytest.raises(ValidationError):
        flat.clean("/etc/passwd")


def test_fm2_multi_value_parts_that_may_be_missing() -> None:
    class Phone(forms.MultiValueField):
        def compress(self, data_list: list[Any]) -> Any:
            return "-".join(data_list)

    parts = [forms.CharField(), forms.CharField(required=False)]
    phone = Phone(
        parts, require_all_fields=False, widget=forms.MultiWidget([forms.TextInput, forms.TextInput])
    )
    assert phone.clean(["1", ""]) == "1-"
    with pytest.raises(ValidationError, match="Enter a complete value"):
        phone.clean(["", "2"])
    with pytest.raises(FormError, match="compress"):
        forms.MultiValueField([forms.CharField()], required=False).clean([])


def test_fm2_json_is_shown_again_as_it_was_sent() -> None:
    class Data(forms.Form):
        x = forms.JSONField()

    assert '{"a": "ü"}' in str(Data({"x": '{"a":"ü"}'})["x"].value())
    assert Data({"x": "{"})["x"].value() == "{"
    assert Data(initial={"x": [1, None]})["x"].value() == "[1, null]"
    assert not Data({"x": '{"b": 1, "a": 2}'}, initial={"x": {"a": 2, "b": 1}}).has_changed()
    assert Data({"x": "1"}, initial={"x": True}).has_changed()


def test_fm2_moments_are_aware_and_shown_without_a_zone() -> None:
    field = forms.DateTimeField()
    assert field.clean("2026-02-03T04:05") == dt.datetime(2026, 2, 3, 4, 5, tzinfo=dt.UTC)
    east = dt.timezone(dt.timedelta(hours=2))
    assert field.prepare_value(dt.datetime(2026, 2, 3, 4, 5, tzinfo=east)) == dt.datetime(2026, 2, 3, 2, 5)
    with pytest.raises(ValidationError):
        field.clean("0001-01-01T00:00+14:00")


def test_fm2_regex_may_be_replaced() -> None:
    field = forms.RegexField("^a+$")
    field.regex = "^b+$"
    assert field.clean("bb") == "bb"
    with pytest.raises(ValidationError):
        field.clean("aa")
    assert len(field.validators) == 2


@pytest.mark.parametrize(
    ("regex", "pattern"),
    [
        (r"^[a-z]+$", "[a-z]+"), (r"\A[A-Z]{2}-[0-9]{3}\Z", "[A-Z]{2}-[0-9]{3}"), (r"^a\.b$", r"a\.b"),
        (r"[a-z]+", None), (r"^\d+$", None), (r"^a|b$", None), (r"^(?P<x>a)$", None), (r"^a\$", None), (r"^(?=a)a$", None), (r"^[&&]$", None),
    ],
)  # fmt: skip
def test_fm3_pattern_only_where_browsers_read_it_alike(regex: str, pattern: str | None) -> None:
    assert html_pattern(re.compile(regex)) == pattern
    if pattern:
        assert f'pattern="{pattern}"' in forms.RegexField(regex).widget.render("x", None)


def test_fm2_no_pattern_for_expressions_with_flags() -> None:
    assert html_pattern(re.compile("^[a-z]+$", re.IGNORECASE)) is None


def test_fm3_html_attributes_follow_from_the_field() -> None:
    def shown(field: forms.Field) -> str:
        return str(field.widget.render("x", None))

    assert 'maxlength="5" minlength="2"' in shown(forms.CharField(max_length=5, min_length=2))
    assert 'type="number" name="x" min="1" max="9" step="2"' in shown(
        forms.IntegerField(min_value=1, max_value=9, step_size=2)
    )
    assert 'step="any"' in shown(forms.FloatField())
    assert 'step="0.01"' in shown(forms.DecimalField(decimal_places=2))
    assert 'step="1e-7"' in shown(forms.DecimalField(decimal_places=7))
    assert 'autocomplete="name"' in shown(forms.CharField(autocomplete="name"))
    assert 'pattern="\\s*[\\-a-zA-Z0-9_]+\\s*"' in shown(forms.SlugField())
    assert "maxlength" not in shown(forms.CharField(max_length=5, widget=forms.HiddenInput))


def test_fm2_own_messages_take_the_place_of_the_fields() -> None:
    field = forms.IntegerField(error_messages={"invalid": "Digits!", "max_value": "Less!"}, max_value=3)
    for value, message in (("x", "Digits!"), ("9", "Less!")):
        with pytest.raises(ValidationError, match=message):
            field.clean(value)
