"""Widgets: what they show and what they read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.forms.agreement import django_forms
from tests.forms.pages import Element, read
from vivace import forms
from vivace.errors import FormError
from vivace.http.multidict import MultiDict

INPUTS = [
    (forms.TextInput, "text"), (forms.NumberInput, "number"), (forms.EmailInput, "email"), (forms.URLInput, "url"),
    (forms.PasswordInput, "password"), (forms.HiddenInput, "hidden"), (forms.SearchInput, "search"), (forms.TelInput, "tel"),
    (forms.ColorInput, "color"), (forms.DateInput, "date"), (forms.TimeInput, "time"), (forms.DateTimeInput, "datetime-local"),
]  # fmt: skip


def shown(widget: forms.Widget, value: Any = None, **attrs: Any) -> Element:
    return read(widget.render("x", value, attrs)).inner[0]


@pytest.mark.parametrize(("widget", "kind"), INPUTS, ids=lambda each: getattr(each, "__name__", each))
def test_fm3_inputs_of_every_type(widget: type[forms.Input], kind: str) -> None:
    element = shown(widget({"class": "wide"}), "", id="id_x", required=True, disabled=False)
    assert (element.tag, element.attrs) == (
        "input",
        {"type": kind, "name": "x", "class": "wide", "id": "id_x", "required": None},
    )
    assert shown(widget({"type": "text"}))["type"] == "text"


def test_fm3_passwords_are_not_sent_back() -> None:
    assert shown(forms.PasswordInput(), "secret").get("value") is None
    assert shown(forms.PasswordInput(render_value=True), "secret")["value"] == "secret"


def test_fm3_dates_and_times_in_the_browsers_format() -> None:
    moment = dt.datetime(5, 2, 3, 4, 5, 6)
    assert shown(forms.DateInput(), moment.date())["value"] == "0005-02-03"
    assert shown(forms.DateTimeInput(), moment).attrs | {"step": "1"} == {
        "type": "datetime-local", "name": "x", "value": "0005-02-03T04:05:06", "step": "1",
    }  # fmt: skip
    whole = shown(forms.TimeInput(), dt.time(4, 5))
    assert (whole["value"], whole.get("step")) == ("04:05", None)
    assert shown(forms.DateInput(format="%d.%m.%Y"), dt.date(2026, 2, 3)).attrs == {
        "type": "text", "name": "x", "value": "03.02.2026",
    }  # fmt: skip
    assert shown(forms.DateInput(), "2026-02-30")["value"] == "2026-02-30"


def test_fm3_field_with_formats_of_its_own_leaves_the_browsers_picker() -> None:
    assert (
        shown(forms.DateField(input_formats=["%d.%m.%Y"]).widget, dt.date(2026, 2, 3))["value"]
        == "03.02.2026"
    )
    assert shown(forms.DateField(input_formats=["%Y-%m-%d", "%d"]).widget)["type"] == "date"


def test_fm3_textarea_keeps_a_first_empty_line() -> None:
    assert (
        forms.Textarea().render("x", "\n<b>")
        == '<textarea name="x" cols="40" rows="10">\n\n&lt;b&gt;</textarea>'
    )
    assert shown(forms.Textarea({"rows": 3}), "a")["rows"] == "3"


def test_fm3_checkbox() -> None:
    assert shown(forms.CheckboxInput(), True).attrs == {"type": "checkbox", "name": "x", "checked": None}
    assert shown(forms.CheckboxInput(), False).attrs == {"type": "checkbox", "name": "x"}
    assert shown(forms.CheckboxInput(check_test=lambda value: value == "y"), "y")["value"] == "y"


def test_fm3_selects_and_groups() -> None:
    choices = [("", "---"), ("a", "A"), ("Vowels", [("e", "E"), ("i", "I")]), (None, "none")]
    select = shown(forms.Select(choices=choices), "e")
    assert [(option["value"], option.text) for option in select.all("option")] == [
        ("", "---"), ("a", "A"), ("e", "E"), ("i", "I"), ("", "none"),
    ]  # fmt: skip
    assert [option["value"] for option in select.all("option") if "selected" in option.attrs] == ["e"]
    assert select.one("optgroup")["label"] == "Vowels"
    many = shown(forms.SelectMultiple(choices=choices), ["a", "i"])
    assert "multiple" in many.attrs
    assert [option["value"] for option in many.all("option") if "selected" in option.attrs] == ["a", "i"]


def test_fm3_only_the_first_of_equal_options_is_selected() -> None:
    select = shown(forms.Select(choices=[("1", "one"), (1, "eins")]), 1)
    assert [option.text for option in select.all("option") if "selected" in option.attrs] == ["one"]


def test_fm3_required_only_where_html_allows_it() -> None:
    assert forms.Select(choices=[("", "-"), ("a", "A")]).use_required_attribute(None)
    assert not forms.Select(choices=[("a", "A")]).use_required_attribute(None)
    assert not forms.Select().use_required_attribute(None)
    assert forms.SelectMultiple(choices=[("a", "A")]).use_required_attribute(None)
    assert not forms.CheckboxSelectMultiple(choices=[("a", "A")]).use_required_attribute(None)
    assert not forms.HiddenInput().use_required_attribute(None)


def test_fm3_radio_buttons_and_boxes_have_labels_of_their_own() -> None:
    for widget, kind in ((forms.RadioSelect, "radio"), (forms.CheckboxSelectMultiple, "checkbox")):
        group = shown(widget(choices=[("a", "A"), ("G", [("b", "B")])]), ["b"], id="id_x")
        assert (group.tag, group["class"], group["id"]) == ("div", "vv-checks", "id_x")
        inputs = list(group.all("input"))
        assert [each["id"] for each in inputs] == ["id_x_0", "id_x_1_0"]
        assert [each["type"] for each in inputs] == [kind, kind]
        assert [label["for"] for label in group.all("label")] == ["id_x_0", "id_x_1_0"]
        assert [label.text.strip() for label in group.all("label")] == ["A", "B"]
        assert "checked" in inputs[1].attrs
        assert group.one("fieldset").one("legend").text == "G"


def test_fm3_single_buttons_can_be_placed_one_by_one() -> None:
    class Colors(forms.Form):
        color = forms.ChoiceField(
            choices=[("r", "Red"), ("b", "<Blue>")], widget=forms.RadioSelect, initial="b"
        )

    bound = Colors()["color"]
    assert len(bound) == 2
    assert [radio.choice_label for radio in bound] == ["Red", "<Blue>"]
    assert bound[1].id_for_label == "id_color_1"
    assert str(bound[1].tag) == '<input type="radio" name="color" value="b" id="id_color_1" required checked>'
    assert read(bound[1]).one("label", for_="id_color_1").text == " <Blue>"
    with pytest.raises(TypeError):
        bound["r"]


def test_fm3_options_may_get_attributes_in_a_subclass() -> None:
    class Shop(forms.Select):
        def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
            option = super().create_option(name, value, *args, **kwargs)
            option["attrs"]["disabled"] = value == "sold"
            return option

    select = shown(Shop(choices=[("sold", "Sold"), ("new", "New")]))
    assert [option.attrs for option in select.all("option")] == [
        {"value": "sold", "disabled": None},
        {"value": "new"},
    ]


def test_fm3_multi_widget_names_its_parts() -> None:
    class Money(forms.MultiWidget):
        def decompress(self, value: Any) -> list[Any]:
            return value.split() if value else [None, None]

    money = Money({"amount": forms.NumberInput, "": forms.TextInput(attrs={"aria-label": "Currency"})})
    parts = list(shown(money, "5 EUR", id="id_x").all("input"))
    assert [(part["name"], part["value"], part["id"], part["aria-label"]) for part in parts] == [
        ("x_amount", "5", "id_x_0", "Amount"), ("x", "EUR", "id_x_1", "Currency"),
    ]  # fmt: skip
    assert money.value_from_datadict({"x_amount": "1", "x": "USD"}, {}, "x") == ["1", "USD"]
    assert money.value_omitted_from_data({}, {}, "x")
    with pytest.raises(FormError, match="decompress"):
        forms.MultiWidget([forms.TextInput]).render("x", "a")


def test_fm3_select_date() -> None:
    widget = forms.SelectDateWidget(today=lambda: dt.date(2026, 11, 22))
    group = shown(widget, dt.date(2027, 3, 4), id="id_x")
    selects = list(group.all("select"))
    assert [(each["name"], each["id"], each["aria-label"]) for each in selects] == [
        ("x_month", "id_x_month", "Month"), ("x_day", "id_x_day", "Day"), ("x_year", "id_x_year", "Year"),
    ]  # fmt: skip
    chosen = [option["value"] for option in group.all("option") if "selected" in option.attrs]
    assert chosen == ["3", "4", "2027"]
    assert [option["value"] for option in selects[2].all("option")] == ["", *map(str, range(2026, 2036))]
    sent = {"x_year": "2026", "x_month": "2", "x_day": "30"}
    assert widget.value_from_datadict(sent, {}, "x") == "2026-2-30"
    again = shown(widget, "2026-2-30")
    assert [option["value"] for option in again.all("option") if "selected" in option.attrs] == [
        "2",
        "30",
        "2026",
    ]
    with pytest.raises(FormError, match="empty_label"):
        forms.SelectDateWidget(empty_label=["a"])


READING: list[Callable[[Any], Any]] = [
    lambda f: f.TextInput(), lambda f: f.CheckboxInput(), lambda f: f.Select(choices=[("a", "A")]), lambda f: f.NullBooleanSelect(),
    lambda f: f.SelectMultiple(), lambda f: f.RadioSelect(), lambda f: f.CheckboxSelectMultiple(), lambda f: f.SplitDateTimeWidget(),
    lambda f: f.SelectDateWidget(), lambda f: f.MultipleHiddenInput(), lambda f: f.MultiWidget({"a": f.TextInput, "": f.Select}),
]  # fmt: skip


@pytest.mark.parametrize("make", READING)
@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["x", "x_0", "x_1", "x_a", "x_year", "x_month", "x_day"]),
        st.one_of(
            st.text(max_size=4), st.sampled_from(["true", "False", "on", "2", "3", "2026", "0", "unknown"])
        ),
    )
)
def test_fm3_widgets_read_what_the_peers_read(make: Callable[[Any], Any], data: dict[str, str]) -> None:
    theirs = make(django_forms())
    mine: forms.Widget = make(forms)
    assert mine.value_from_datadict(data, {}, "x") == theirs.value_from_datadict(data, {}, "x")
    assert mine.value_omitted_from_data(data, {}, "x") == theirs.value_omitted_from_data(data, {}, "x")


def test_fm3_all_values_of_a_name_where_many_can_be_chosen() -> None:
    data = MultiDict([("x", "a"), ("x", "b")])
    assert forms.SelectMultiple().value_from_datadict(data, {}, "x") == ["a", "b"]
    assert forms.Select().value_from_datadict(data, {}, "x") == "b"


def test_fm3_many_hidden_inputs() -> None:
    page = read(forms.MultipleHiddenInput().render("x", ["a", "b"], {"id": "id_x"}))
    assert [(each["value"], each["id"]) for each in page.inner] == [("a", "id_x_0"), ("b", "id_x_1")]


def test_fm3_split_hidden_date_and_time() -> None:
    page = read(forms.SplitHiddenDateTimeWidget().render("x", dt.datetime(2026, 2, 3, 4, 5)))
    assert [(each["type"], each["value"]) for each in page.inner] == [
        ("hidden", "2026-02-03"),
        ("hidden", "04:05"),
    ]
