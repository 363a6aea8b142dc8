"""Forms as a whole: declaration, data, cleaning, errors, changes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.forms.agreement import django_forms
from vivace import forms
from vivace.errors import FormError, FormNotValidated, UnknownFormField
from vivace.forms.base import FormOptions
from vivace.http.forms import FormData
from vivace.http.multidict import MultiDict


class Contact(forms.Form):
    name = forms.CharField(max_length=10)
    email = forms.EmailField(required=False, label="Mail")
    age = forms.IntegerField(required=False, min_value=3)


async def test_fm1_bound_form_is_cleaned_once_awaited() -> None:
    form = Contact({"name": " Ada ", "email": "", "age": "36"})
    assert await form.is_valid()
    assert form.cleaned_data == {"name": "Ada", "email": "", "age": 36}
    assert not form.errors
    assert repr(form) == "<Contact bound=True, valid=True, fields=(name;email;age)>"


async def test_fm1_unbound_form_is_not_valid_and_has_no_errors() -> None:
    form = Contact()
    assert not form.is_bound
    assert form.errors == {}
    assert not await form.is_valid()
    with pytest.raises(FormNotValidated, match="nothing was sent"):
        form.cleaned_data


async def test_fm1_errors_before_validation_say_what_to_do() -> None:
    form = Contact({})
    with pytest.raises(FormNotValidated) as caught:
        form.errors
    assert caught.value.code == "form-not-validated"
    assert "if await form.is_valid():" in caught.value.fix
    with pytest.raises(FormNotValidated, match="cleaned_data of Contact"):
        form.cleaned_data
    assert not await form.is_valid()
    assert form.errors["name"] == ["This field is required."]


async def test_fm1_errors_as_json_data_text_and_list() -> None:
    form = Contact({"name": "x" * 11, "age": "1"})
    await form.is_valid()
    assert json.loads(form.errors.as_json()) == {
        "name": [
            {"message": "Ensure this value has at most 10 characters (it has 11).", "code": "max_length"}
        ],
        "age": [{"message": "Ensure this value is greater than or equal to 3.", "code": "min_value"}],
    }
    assert form.errors.as_data()["age"][0].params == {"limit_value": 3, "show_value": 1, "value": 1}
    assert form.errors.as_text().startswith("* name\n  * Ensure this value has at most")
    assert str(form.errors).startswith(
        '<ul class="vv-errors"><li>name<ul class="vv-errors" id="id_name_error"><li>'
    )
    assert form.errors["age"].as_text() == "* Ensure this value is greater than or equal to 3."
    assert json.loads(form.errors["age"].as_json())[0]["code"] == "min_value"
    assert next(iter(form.errors["age"])) in form.errors["age"]
    assert form.errors["age"][0] == "Ensure this value is greater than or equal to 3."


async def test_fm1_cleaners_and_validators_may_be_async() -> None:
    async def not_taken(value: str) -> None:
        await asyncio.sleep(0)
        if value == "taken":
            raise forms.ValidationError("Taken.", code="taken")

    def not_short(value: str) -> None:
        if len(value) < 6:
            raise forms.ValidationError("Short.", code="short")

    class Signup(forms.Form):
        name = forms.CharField(validators=[not_taken, not_short], error_messages={"taken": "Choose another."})
        code = forms.CharField()
        again = forms.CharField()

        def clean_code(self) -> str:
            return str(self.cleaned_data["code"]).upper()

        async def clean_again(self) -> str:
            await asyncio.sleep(0)
            return f"{self.cleaned_data['again']}{self.cleaned_data['code']}"

        async def clean(self) -> dict[str, Any]:
            await asyncio.sleep(0)
            return {**self.cleaned_data, "more": 1}

    form = Signup({"name": "nobody", "code": "x", "again": "y"})
    assert await form.is_valid()
    assert form.cleaned_data == {"name": "nobody", "code": "X", "again": "yX", "more": 1}
    form = Signup({"name": "taken", "code": "x", "again": "y"})
    assert not await form.is_valid()
    assert form.errors["name"] == ["Choose another.", "Short."]
    assert form.has_error("name", "taken")
    assert form.has_error("name", "short")
    assert not form.has_error("name", "else")
    assert not form.has_error("code")


async def test_fm1_errors_of_clean_belong_to_the_form() -> None:
    class Range(forms.Form):
        low = forms.IntegerField()
        high = forms.IntegerField()

        def clean(self) -> None:
            if self.cleaned_data["low"] > self.cleaned_data["high"]:
                raise forms.ValidationError("Low is above high.", code="order")

    form = Range({"low": "2", "high": "1"})
    assert not await form.is_valid()
    assert form.non_field_errors() == ["Low is above high."]
    assert form.has_error(None, "order")
    assert form.errors == {"__all__": ["Low is above high."]}
    assert form.cleaned_data == {"low": 2, "high": 1}


async def test_fm1_add_error_takes_texts_lists_and_mappings() -> None:
    form = Contact({"name": "Ada"})
    assert await form.is_valid()
    form.add_error("name", "No.")
    form.add_error(None, ["One.", forms.ValidationError("Two.", code="two")])
    form.add_error(None, {"email": ["Three."], "name": "Four."})
    assert form.errors == {"name": ["No.", "Four."], "__all__": ["One.", "Two."], "email": ["Three."]}
    assert "name" not in form.cleaned_data
    with pytest.raises(UnknownFormField, match="Did you mean 'email'"):
        form.add_error("emial", "x")
    with pytest.raises(FormError, match="several fields"):
        form.add_error("name", {"email": "x"})


def test_fm1_fields_are_inherited_replaced_and_removed() -> None:
    class More(Contact):
        phone = forms.CharField()
        age = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
        name = forms.SlugField()

    class Mixed(forms.Form):
        zip = forms.CharField()

    class Both(Mixed, More):
        pass

    assert list(More.base_fields) == ["name", "email", "phone"]
    assert type(More.base_fields["name"]) is forms.SlugField
    assert list(Both.base_fields) == ["name", "email", "phone", "zip"]
    assert list(Contact.base_fields) == ["name", "email", "age"]
    assert not hasattr(Contact, "name")


def test_fm1_fields_of_one_form_are_its_own() -> None:
    form = Contact()
    form.fields["name"].required = False
    form.fields["name"].widget.attrs["class"] = "wide"
    form.fields["name"].validators.append(print)
    del form.fields["age"]
    assert list(Contact().fields) == ["name", "email", "age"]
    assert Contact().fields["name"].required
    assert "class" not in Contact().fields["name"].widget.attrs
    assert print not in Contact().fields["name"].validators


def test_fm1_order_of_fields() -> None:
    assert list(Contact(field_order=["age", "nobody", "name"]).fields) == ["age", "name", "email"]

    class Ordered(Contact):
        field_order = ["email"]

    assert list(Ordered().fields) == ["email", "name", "age"]
    assert [bound.name for bound in Ordered()] == ["email", "name", "age"]


async def test_fm1_prefix_keeps_forms_of_a_page_apart() -> None:
    data = MultiDict([("a-name", "Ada"), ("b-name", ""), ("name", "no")])
    first, second = Contact(data, prefix="a"), Contact(data, prefix="b")
    assert await first.is_valid()
    assert not await second.is_valid()
    assert first["name"].html_name == "a-name"
    assert 'id="id_a-name"' in str(first)
    assert 'id="id_b-name_error"' in str(second)


async def test_fm1_data_may_be_a_submitted_form() -> None:
    class Choose(forms.Form):
        name = forms.CharField()
        some = forms.MultipleChoiceField(choices=[("a", "A"), ("b", "B")])

    form = Choose(FormData([("name", "old"), ("name", "new"), ("some", "a"), ("some", "b")]))
    assert await form.is_valid()
    assert form.cleaned_data == {"name": "new", "some": ["a", "b"]}
    assert await Choose({"name": "x", "some": ["b"]}).is_valid()


def test_fm1_initial_values_and_functions() -> None:
    calls: list[int] = []

    def now() -> int:
        calls.append(1)
        return len(calls)

    class Counted(forms.Form):
        n = forms.IntegerField(initial=now)
        m = forms.IntegerField(initial=5)

    form = Counted(initial={"m": 7})
    assert (form["n"].value(), form["n"].value(), form["m"].value()) == (1, 1, 7)
    assert 'value="7"' in str(form)


async def test_fm1_changed_data() -> None:
    form = Contact({"name": "Ada", "email": "", "age": "4"}, initial={"name": "Ada", "age": 3})
    assert form.changed_data == ["age"]
    assert form.has_changed()
    assert form["age"].has_changed()
    assert not Contact({"name": ""}).has_changed()


async def test_fm1_hidden_initial_says_what_has_changed() -> None:
    class Hidden(forms.Form):
        n = forms.IntegerField(show_hidden_initial=True, initial=lambda: 99)

    form = Hidden({"n": "5", "initial-n": "5"})
    assert await form.is_valid()
    assert not form.has_changed()
    assert '<input type="hidden" name="initial-n" value="5" id="initial-id_n">' in str(form["n"])
    assert Hidden({"n": "5", "initial-n": "x"}).has_changed()


async def test_fm1_form_that_may_be_left_empty() -> None:
    with pytest.raises(FormError, match="use_required_attribute=False"):
        Contact({}, empty_permitted=True)
    form = Contact({"name": ""}, empty_permitted=True, use_required_attribute=False)
    assert await form.is_valid()
    assert form.cleaned_data == {}
    assert not await Contact({"age": "5"}, empty_permitted=True, use_required_attribute=False).is_valid()


async def test_fm1_disabled_field_keeps_its_initial_value() -> None:
    class Fixed(forms.Form):
        n = forms.IntegerField(disabled=True, initial=5)

    form = Fixed({"n": "9"})
    assert await form.is_valid()
    assert form.cleaned_data == {"n": 5}
    assert not form.has_changed()
    assert 'value="5" required disabled' in str(form["n"])


def test_fm1_unknown_names_are_told_with_the_nearest() -> None:
    form = Contact()
    with pytest.raises(UnknownFormField, match="Did you mean 'name'"):
        form["nmae"]
    with pytest.raises(KeyError):
        form["nmae"]
    wrong: FormOptions = {"labelsuffix": ""}  # type: ignore[typeddict-unknown-key]  # pyright: ignore[reportAssignmentType]
    with pytest.raises(FormError, match="Did you mean 'label_suffix'"):
        Contact(**wrong)
    assert "name" in form
    assert "nmae" not in form


async def test_fm1_misspelt_cleaner_is_found() -> None:
    class Misspelt(forms.Form):
        email = forms.EmailField()

        def clean_emial(self) -> str:
            return ""

    with pytest.raises(FormError, match="Did you mean 'email'"):
        str(Misspelt())
    with pytest.raises(FormError, match="clean_emial of Misspelt is never called"):
        await Misspelt({}).is_valid()


async def test_fm1_cleaners_of_fields_that_come_later_are_no_mistake() -> None:
    class Later(forms.Form):
        answer_1 = forms.CharField()

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.fields["answer_2"] = forms.CharField()

        def clean_answer_2(self) -> str:
            return "checked"

        def clean_text(self, text: str) -> str:  # a helper, not a cleaner
            return text

    form = Later({"answer_1": "a", "answer_2": "b"})
    assert await form.is_valid()
    assert form.cleaned_data["answer_2"] == "checked"


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["name", "email", "age", "when_0", "when_1", "kind", "some"]),
        st.one_of(st.text(max_size=12), st.sampled_from(["Ada", "a@b.co", "5", "2026-02-03", "12:30", "a"])),
    )
)
def test_fm1_forms_answer_what_django_answers(data: dict[str, str]) -> None:
    def make(module: Any) -> Any:
        class Form(module.Form):  # type: ignore[misc]
            name = module.CharField(max_length=10, initial="Ada")
            email = module.EmailField(required=False)
            age = module.IntegerField(required=False)
            when = module.SplitDateTimeField(required=False)
            kind = module.ChoiceField(choices=[("a", "A"), ("b", "B")], widget=module.RadioSelect)
            some = module.BooleanField(required=False)

        return Form

    ours, theirs = make(forms)(data), make(django_forms())(data)
    valid = asyncio.run(ours.is_valid())
    if any("\ud800" <= character <= "\udfff" for value in data.values() for character in value):
        return  # refused on purpose
    assert valid == theirs.is_valid()
    assert ours.cleaned_data == theirs.cleaned_data
    assert ours.changed_data == theirs.changed_data
    codes = {
        field: [error["code"] for error in errors] for field, errors in ours.errors.get_json_data().items()
    }
    assert codes == {
        field: [error["code"] for error in errors] for field, errors in theirs.errors.get_json_data().items()
    }


def test_fm2_every_class_of_the_peers_forms_is_here() -> None:
    pytest.importorskip("django")
    django = django_forms()
    names = {name for name in dir(django) if isinstance(getattr(django, name), type) and name[0].isupper()}
    later = {"BaseForm", "DeclarativeFieldsMetaclass", "MediaDefiningClass", "RenderableMixin", "MediaAsset"}
    files = {"FileField", "ImageField", "FileInput", "ClearableFileInput", "FilePathField"}
    models = {name for name in names if "Model" in name or "FormSet" in name or name.startswith("BaseInline")}
    assert names - later - files - models - {"ErrorDict"} <= set(dir(forms)), names - set(dir(forms))
