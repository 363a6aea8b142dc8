"""Model forms are what Django's are: the same fields, labels, widgets; the same values and codes of errors."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.forms.modelworlds import World, django_world, our_world
from vivace.models.shapes import is_listed

pytest.importorskip("django", reason="the peer")

OURS = our_world()


@pytest.fixture(scope="module")
def theirs() -> World:
    return django_world()


FACTS = ("label", "required", "help_text", "disabled", "show_hidden_initial", "max_length", "min_length", "min_value",
         "max_value", "max_digits", "decimal_places", "empty_label", "to_field_name", "empty_value", "strip")  # fmt: skip


def facts(field: Any) -> dict[str, Any]:
    shown = {name: getattr(field, name, None) for name in FACTS}
    shown["label"], shown["help_text"] = str(shown["label"]), str(shown["help_text"])
    shown["class"] = type(field).__name__
    shown["widget"] = type(field.widget).__name__
    shown["initial"] = getattr(field.initial, "__name__", field.initial)
    shown["maxlength"] = field.widget.attrs.get("maxlength")
    if hasattr(field, "choices") and not hasattr(field, "queryset"):
        shown["choices"] = [
            (key, str([tuple(each) for each in label]) if is_listed(label) else str(label))
            for key, label in field.choices
        ]
    return {name: _older(value) for name, value in shown.items()}


def _older(value: Any) -> Any:
    """Return what Django calls an empty choice before 6.1, for what it calls it since."""
    if is_listed(value):
        return [_older(each) for each in value]
    return "---------" if value == "- Select an option -" else value


@pytest.mark.parametrize("form", ["EverythingForm", "PlainForm", "ChangedForm", "Child"])
def test_fm5_fields_are_those_of_django(theirs: World, form: str) -> None:
    mine, other = getattr(OURS, form)(), getattr(theirs, form)()
    assert list(mine.fields) == list(other.fields)
    for name, field in other.fields.items():
        assert facts(mine.fields[name]) == facts(field), name


def test_fm5_an_edited_object_starts_with_the_same_values(theirs: World) -> None:
    values = {
        "text": "a",
        "integer": 5,
        "flag": False,
        "colour": "r",
        "data": {"a": 1},
        "needed_id": 4,
        "by_code_id": "x",
    }
    mine = OURS.EverythingForm(instance=OURS.Everything(**values), initial={"text": "other"})
    other = theirs.EverythingForm(instance=theirs.Everything(**values), initial={"text": "other"})
    for name, value in other.initial.items():
        assert str(mine.initial[name]) == str(value), name
    assert set(mine.initial) == set(other.initial)


TEXTS = ["", " ", "a", "r", "b", "z", "1", "2", "3", "-1", "0", "3.5", "999999999999999999999", "1e5", "x" * 11, "x" * 40,
         "a@b.co", "a@b", "https://x.org", "x.org", "//", "slug-1", "ünï", "2026-02-28", "2026-02-30", "12:30", "12:30:15",
         "2026-02-28T12:30", "1 12:00:00", "P1D", "12345678123456781234567812345678", "::1", "1.2.3.4", "1.2.3", "{}", "[1]",
         "{", "null", "true", "True", "false", "on", "unknown", "99.999", "12345.6"]  # fmt: skip
DATA = st.dictionaries(st.sampled_from(OURS.PLAIN), st.sampled_from(TEXTS), max_size=len(OURS.PLAIN))


def outcome(form: Any, valid: bool) -> tuple[bool, dict[str, Any], dict[str, list[str]]]:
    codes = {name: sorted(_code(error) for error in errors) for name, errors in form.errors.as_data().items()}
    return valid, {name: _plain(value) for name, value in form.cleaned_data.items()}, codes


def _code(error: Any) -> str:
    return str(getattr(error, "given_code", None) or getattr(error, "code", "") or "")


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("http://", "https://")  # what Django 5.2 assumes, and 6.0
    return str(value) if type(value).__module__ != "builtins" else value


@settings(max_examples=100, deadline=None)
@given(DATA)
def test_fm5_the_same_is_cleaned_and_refused(data: dict[str, str]) -> None:
    theirs = django_world()
    mine, other = OURS.PlainForm(data), theirs.PlainForm(data)
    valid = asyncio.run(mine.is_valid())
    answer, expected = outcome(mine, valid), outcome(other, other.is_valid())
    assert answer == expected
    for name in OURS.PLAIN:
        assert _plain(getattr(mine.instance, name)) == _plain(getattr(other.instance, name)), name
    assert mine.changed_data == other.changed_data
