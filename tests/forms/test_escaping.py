"""Nothing that data, labels, choices or errors say comes out of a form unescaped."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from tests.forms.pages import Element, read
from tests.forms.samples import Everything
from tests.forms.test_rendering import renderer
from vivace import forms
from vivace.errors import FormError
from vivace.forms.html import Attrs, encodable, escaped

PAGES = ("as_div", "as_p", "as_ul", "as_table")
ATTACKS = [
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)", "</textarea><svg onload=alert(1)>",
    "</title><b>", "javascript:alert(1)", "&lt;b&gt;", "{{ 7*7 }}", "</ul></div>", "<!--", "]]>", "\u2028</option>", "a\x00b<", "%(value)s<",
]  # fmt: skip
EVIL = st.one_of(
    st.sampled_from(ATTACKS),
    st.text("<>&\"'/= ab\n", max_size=12),
    st.text(st.characters(codec="utf-8"), max_size=8),
)


def make(label: str, help_text: str, choice: str, message: str, value: str) -> forms.Form:
    def refuse(given: Any) -> None:
        raise forms.ValidationError(message)

    choices = [(choice, label), (label, [(value + choice, choice)])]

    class Evil(forms.Form):
        text = forms.CharField(label=label, help_text=help_text, validators=[refuse], strip=False)
        area = forms.CharField(
            label=label, widget=forms.Textarea, validators=[refuse], required=False, strip=False
        )
        select = forms.ChoiceField(label=label, choices=choices, help_text=help_text)
        radio = forms.ChoiceField(label=label, choices=choices, widget=forms.RadioSelect)
        boxes = forms.MultipleChoiceField(
            label=label, choices=choices, widget=forms.CheckboxSelectMultiple(attrs={"title": value})
        )
        hidden = forms.CharField(widget=forms.HiddenInput, validators=[refuse], strip=False)
        parts = forms.SplitDateTimeField(
            label=label, widget=forms.SplitDateTimeWidget(attrs={"placeholder": value})
        )
        json = forms.JSONField(label=label)

    names = ("text", "area", "select", "radio", "hidden", "parts_0", "parts_1", "json")
    return Evil({**dict.fromkeys(names, value), "boxes": [value]})


def refused(form: forms.Form, message: str) -> forms.Form:
    asyncio.run(form.is_valid())
    form.add_error(None, message)
    return form


HARMLESS = ("l", "h", "c", "m", "v")


@settings(max_examples=60, deadline=None)
@given(st.tuples(EVIL, EVIL, EVIL, EVIL, EVIL))
def test_fm4_data_cannot_change_the_elements_of_a_page(evil: tuple[str, str, str, str, str]) -> None:
    form = refused(make(*evil), evil[3])
    tame = refused(make(*(f"{word}{len(each)}" for word, each in zip(HARMLESS, evil, strict=True))), "m")
    tame_errors = {name: len(errors) for name, errors in tame.errors.items()}
    if {name: len(errors) for name, errors in form.errors.items()} != tame_errors:
        return  # the value is empty, or one of the choices: other elements are right
    if not all(each.strip() for each in evil):
        return  # an empty label or help text leaves out its element
    for page in PAGES:
        mine, other = read(getattr(form, page)), read(getattr(tame, page))
        assert [each[:2] for each in flat(mine)] == [each[:2] for each in flat(other)]


def flat(page: Element) -> list[tuple[str, list[str]]]:
    """Return tags and names of attributes; ``checked`` and ``selected`` depend on values and are left out."""
    return [(each.tag, sorted({*each.attrs} - {"checked", "selected"})) for each in page.all()]


@settings(max_examples=60, deadline=None)
@given(EVIL)
def test_fm4_what_a_page_says_is_what_was_meant(text: str) -> None:
    form = refused(make("label", "help", "choice", text, text), text)
    page = read(form)
    assert page.one("input", name="hidden").get("value") == (text or None)
    assert page.one("textarea", name="area").text == "\n" + text
    assert page.one("div", class_="vv-error-summary").one("ul").inner[0].text == text
    if text:
        assert form["text"].errors
    for each in read(form["boxes"]).all("input"):
        assert each["title"] == text


@pytest.mark.parametrize("attack", ATTACKS)
def test_fm4_templates_escape_as_the_direct_look_does(attack: str) -> None:
    fast = refused(make(attack, attack, attack, attack, attack), attack)
    slow = make(attack, attack, attack, attack, attack)
    slow.renderer = renderer(direct=False).for_form()
    refused(slow, attack)
    for page in PAGES:
        assert str(getattr(fast, page)) == str(getattr(slow, page))
        assert "<script" not in str(getattr(fast, page))


@settings(max_examples=80, deadline=None)
@given(st.text("ab-:@<>\"'/= \t\n\x00\x7fü", min_size=1, max_size=6), EVIL)
def test_fm4_names_of_attributes_cannot_break_out(name: str, value: str) -> None:
    attrs = Attrs({name: value})
    if set(name) & set("<>\"'/= \t\n\x00\x7f"):
        with pytest.raises(FormError, match="a name that HTML does not allow"):
            str(attrs)
    else:
        assert read(f"<p{attrs}></p>").one("p").attrs == {name: value}


def test_fm4_attributes_that_are_true_false_and_none() -> None:
    assert (
        str(Attrs({"a": True, "b": False, "c": None, "d": 0, "e": Markup("&amp;"), "f": ""}))
        == ' a d="0" e="&amp;" f=""'
    )


@given(st.text(st.characters()))
def test_fm4_escaped_text_reads_back(text: str) -> None:
    from html import unescape

    assert unescape(escaped(text)) == unescape(text.replace("&", "&amp;"))
    assert not set(escaped(text)) & set("<>\"'")
    encodable(text).encode()


def test_fm4_markup_of_the_programmer_stays_markup() -> None:
    class Own(forms.Form):
        a = forms.CharField(label=Markup("<i>A</i>"), help_text=Markup("<b>bold</b>"))

    page = str(Own())
    assert "<i>A</i>:" in page
    assert "<b>bold</b>" in page
    assert "<script" not in str(Everything(initial={"text": "<script>"}))


def test_fm4_half_characters_are_shown_as_question_marks() -> None:
    form = refused(Everything({"text": "a\ud800", "color": "\udfff"}), "\ud800")
    assert str(form).encode()
    assert 'value="a?"' in str(form)
