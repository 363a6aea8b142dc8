"""The look of forms: direct and by templates the same, overridden by name, and readable for everybody."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import pytest
from markupsafe import Markup

from tests.forms.pages import Element, read
from tests.forms.samples import SENT, Everything, in_every_state
from vivace import forms
from vivace.errors import FormError
from vivace.forms.rendering import BASES, TEMPLATES, WRITERS
from vivace.templates import TemplateOptions, Templates

PAGES = ("as_div", "as_p", "as_ul", "as_table", "error_summary")


def renderer(texts: Mapping[str, str] | None = None, **options: Any) -> forms.Renderer:
    """Return a renderer on the framework's own engine; ``texts`` are templates of the app."""
    templates = Templates(TemplateOptions(sources=[texts or {}]))
    return forms.Renderer(templates.environment, **options)


def bare(trimmed: bool = False) -> jinja2.Environment:
    """Return a Jinja2 environment of another program."""
    loader = jinja2.FileSystemLoader(TEMPLATES)
    return jinja2.Environment(loader=loader, autoescape=True, trim_blocks=trimmed, lstrip_blocks=trimmed)


@pytest.mark.parametrize("environment", ["vivace", "jinja2", "trimmed"])
async def test_fm4_templates_make_the_same_text_as_the_direct_look(environment: str) -> None:
    slow = {
        "vivace": lambda: renderer(direct=False),
        "jinja2": lambda: forms.Renderer(bare(), direct=False),
        "trimmed": lambda: forms.Renderer(bare(trimmed=True), direct=False),
    }[environment]()
    for fast_form, slow_form in zip(await in_every_state(), await in_every_state(renderer=slow), strict=True):
        for page in PAGES:
            assert str(getattr(fast_form, page)) == str(getattr(slow_form, page)), page
        assert str(fast_form.errors) == str(slow_form.errors)
        for mine, other in zip(fast_form["radio"], slow_form["radio"], strict=True):
            assert (str(mine), str(mine.tag)) == (str(other), str(other.tag))


def test_fm4_every_name_of_the_default_look_has_a_template_and_a_writer() -> None:
    shipped = {path.relative_to(TEMPLATES).as_posix() for path in Path(TEMPLATES).rglob("*.html")}
    assert shipped == {*WRITERS, *BASES}
    named = [getattr(forms, name) for name in dir(forms)]
    widgets = [each for each in named if isinstance(each, type) and issubclass(each, forms.Widget)]
    assert {each.template_name for each in widgets if each.template_name} <= shipped


OVERRIDES = {
    "vivace/forms/widgets/select.html": "<my-select>{{ widget.name }}</my-select>",
    "vivace/forms/widgets/radio_option.html": "<my-radio>{{ widget.label }}</my-radio>",
    "vivace/forms/widgets/input.html": '<my-input name="{{ widget.name }}"{{ widget.attrs }}>',
    "vivace/forms/field.html": "<my-field>{{ field.label_tag }}{{ field }}</my-field>",
    "vivace/forms/label.html": "<my-label>{{ label }}</my-label>",
    "vivace/forms/help.html": "<my-help>{{ field.help_text }}</my-help>",
    "vivace/forms/errors/list.html": "<my-errors>{{ errors|join(', ') }}</my-errors>",
    "vivace/forms/summary.html": "<my-summary>{{ links|length }}</my-summary>",
    "vivace/forms/div.html": "<my-form>{% for field, errors in fields %}{{ field.as_field_group }}{% endfor %}</my-form>",
}


@pytest.mark.parametrize("name", OVERRIDES)
async def test_fm4_a_template_of_the_app_takes_the_place_of_one_element(name: str) -> None:
    tag = OVERRIDES[name].partition(">")[0].partition(" ")[0]
    form = Everything(SENT, renderer=renderer({name: OVERRIDES[name]}))
    await form.is_valid()
    plain = Everything(SENT)
    await plain.is_valid()
    assert tag in str(form)
    assert "<my-" not in str(plain)
    assert ("vv-field" in str(form)) is (name != "vivace/forms/field.html")


async def test_fm4_override_of_the_base_changes_what_includes_it() -> None:
    form = Everything(
        renderer=renderer({"vivace/forms/widgets/input.html": OVERRIDES["vivace/forms/widgets/input.html"]})
    )
    page = str(form)
    for name in ("text", "mail", "hidden", "agreed", "both_0"):
        assert f'<my-input name="{name}"' in page
    assert '<input type="radio"' in page


def test_fm4_template_of_one_field_and_of_one_form() -> None:
    class Own(forms.Form):
        a = forms.CharField(template_name="a.html")
        b = forms.CharField()

    texts = {"a.html": "<own-a>{{ field.name }}</own-a>", "whole.html": "<own-form>{{ form.b }}</own-form>"}
    form = Own(renderer=renderer(texts))
    assert "<own-a>a</own-a>" in str(form)
    assert form.render("whole.html").startswith('<own-form><input type="text" name="b"')

    class Pack(forms.Renderer):
        form_template_name = "whole.html"
        field_template_name = "a.html"

    page = str(Own(renderer=Pack(renderer(texts).environment)))
    assert page.startswith("<own-form>")


def test_fm4_missing_template_is_told_with_the_nearest_name() -> None:
    class Own(forms.Form):
        a = forms.CharField(template_name="vivace/forms/fields.html")

    with pytest.raises(FormError, match=r"Did you mean 'vivace/forms/field\.html'"):
        str(Own())
    with pytest.raises(Exception, match=r"fields\.html"):
        str(Own(renderer=renderer()))


def test_fm4_templates_name_methods_without_calling_them() -> None:
    text = (
        "{{ form.as_p }}|{{ form.name.label_tag }}|{{ form.name.as_hidden }}|{{ form.name.css_classes('x') }}|"
        "{% for field in form.visible_fields %}{{ field.name }}{% endfor %}|{{ form.non_field_errors }}|{{ form.is_multipart }}"
    )

    class Named(forms.Form):
        name = forms.CharField()

    page = renderer({"page.html": text}).environment.get_template("page.html")  # type: ignore[union-attr]
    parts = page.render(form=Named()).split("|")
    assert parts[0].startswith(
        '<p class="vv-field vv-required"><label class="vv-label" for="id_name">Name:</label> <input'
    )
    assert parts[1:] == [
        '<label class="vv-label" for="id_name">Name:</label>', '<input type="hidden" name="name" id="id_name">', "x", "name", "", "False",
    ]  # fmt: skip


def test_fm4_own_bound_field_class() -> None:
    class Loud(forms.BoundField):
        def _label_text(self, contents: Any, suffix: str | None) -> Any:
            return str(contents).upper()

    class Plain(forms.Form):
        a = forms.CharField()
        b = forms.CharField(bound_field_class=Loud)

    assert "A:</label>" in str(Plain())
    assert "B</label>" in str(Plain())
    assert type(Plain(bound_field_class=Loud)["a"]) is Loud


# -- for everybody -------------------------------------------------------------------------------------------------


def ids_of(page: Element) -> list[str]:
    return [each["id"] or "" for each in page.all() if "id" in each.attrs]


def assert_accessible(page: Element) -> None:
    """Check what screen readers need: unique ids, references that lead somewhere, a name for every element."""
    ids = ids_of(page)
    assert len(ids) == len(set(ids)), sorted(id_ for id_ in ids if ids.count(id_) > 1)
    for element in page.all():
        for id_ in (element.get("aria-describedby") or "").split():
            assert id_ in ids, f"aria-describedby of <{element.tag}> names {id_!r}"
        if element.tag == "label" and element.get("for"):
            assert element["for"] in ids
        if element.tag == "a":
            assert (element["href"] or "")[1:] in ids
    labels = {label.get("for") for label in page.all("label")}
    for tag in ("input", "select", "textarea"):
        for element in page.all(tag):
            if element.get("type") != "hidden":
                assert element.get("id") in labels or element.get("aria-label"), element.attrs
    for fieldset in page.all("fieldset"):
        assert fieldset.inner[0].tag == "legend"


async def test_fm4_every_element_has_a_name_and_every_reference_leads_somewhere() -> None:
    for form in await in_every_state():
        for page in ("as_div", "as_p", "as_ul", "as_table"):
            if form.auto_id:
                assert_accessible(read(getattr(form, page)))
            else:
                read(getattr(form, page))


async def test_fm4_refused_fields_say_so() -> None:
    form = Everything(SENT)
    await form.is_valid()
    page = read(form)
    mail = page.one("input", name="mail")
    assert (mail["aria-invalid"], mail["aria-describedby"]) == ("true", "id_mail_error")
    assert page.one("ul", id="id_mail_error").text == "Enter a valid email address."
    text = page.one("input", name="text")
    assert text["aria-describedby"] == "id_text_helptext id_text_error"
    both = next(each for each in page.all("fieldset") if "Two parts" in each.text)
    assert both["aria-describedby"] == "id_both_helptext id_both_error"
    assert "aria-describedby" not in next(both.all("input")).attrs
    assert "vv-invalid" in (both["class"] or "")
    assert "aria-invalid" not in page.one("input", name="site").attrs


async def test_fm4_radio_buttons_are_one_group() -> None:
    form = Everything({})
    await form.is_valid()
    group = next(each for each in read(form).all("fieldset") if each.get("role") == "radiogroup")
    assert group["aria-invalid"] == "true"
    assert all("aria-invalid" not in each.attrs for each in group.all("input"))
    assert group.inner[0].text == "Radio:"


async def test_fm4_summary_links_to_the_first_element_of_each_field() -> None:
    form = Everything({})
    await form.is_valid()
    form.add_error(None, "All of it.")
    summary = read(form).one("div", class_="vv-error-summary")
    assert summary["role"] == "alert"
    links = {link.text.partition(":")[0]: link["href"] for link in summary.all("a")}
    assert links["Text"] == "#id_text"
    assert links["Radio"] == "#id_radio_0"
    assert links["Both"] == "#id_both_0"
    assert links["Selects"] == "#id_selects_month"
    items = [item.text for item in summary.all("li")]
    assert items[:2] == ["All of it.", "(Hidden field hidden) This field is required."]
    assert "E-mail? This field is required." in items


async def test_fm4_summary_says_labels_as_text() -> None:
    class Marked(forms.Form):
        a = forms.CharField(label=Markup("<i>A &amp; b</i>"))

    form = Marked({})
    await form.is_valid()
    assert [item.text for item in read(form.error_summary).all("li")] == ["A & b: This field is required."]


def test_fm4_a_form_looks_for_each_template_once() -> None:
    """What keeps a form of 20 fields under a millisecond: a look-up for each kind of element, not for each element."""
    asked: list[str] = []

    class Counting(jinja2.Environment):
        def get_template(self, name: Any, *args: Any, **kwargs: Any) -> jinja2.Template:
            asked.append(name)
            return super().get_template(name, *args, **kwargs)

    class Twenty(forms.Form):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            kinds = [forms.CharField, forms.IntegerField, forms.BooleanField, forms.DateField]
            self.fields = {f"f{n}": kinds[n % 4](help_text="x") for n in range(20)}

    environment = Counting(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True)
    page = str(Twenty(renderer=forms.Renderer(environment)))
    assert page.count("<label") == 20
    assert len(asked) == len(set(asked)) <= 10


def test_fm4_no_summary_without_errors() -> None:
    assert str(Everything().error_summary) == ""
    assert "vv-errors" not in str(Everything())


def test_fm4_label_suffix_and_required_class() -> None:
    class Named(forms.Form):
        a = forms.CharField()
        b = forms.CharField(label="Why?", required=False)
        c = forms.BooleanField()
        required_css_class = "must"

    form = Named(label_suffix=" =")
    assert str(form["a"].label_tag()) == '<label class="vv-label must" for="id_a">A =</label>'
    assert str(form["b"].label_tag()) == '<label class="vv-label" for="id_b">Why?</label>'
    assert str(form["c"].label_tag()) == '<label class="vv-label must" for="id_c">C</label>'
    assert (
        str(form["a"].label_tag("<x>", {"class": "big"}, ""))
        == '<label class="big must" for="id_a">&lt;x&gt;</label>'
    )
    assert str(form["a"].legend_tag()) == '<legend class="vv-label must">A =</legend>'
    assert form["a"].css_classes("one two") == "one two must"
    assert form["a"].widget_type == "text"


async def test_fm4_page_of_many_forms_has_no_id_twice() -> None:
    sent = {f"a-{name}": value for name, value in SENT.items()}
    first, second = Everything(sent, prefix="a"), Everything(prefix="b")
    await first.is_valid()
    assert_accessible(read(str(first) + str(second)))


def test_fm4_names_and_labels_in_every_script() -> None:
    class Fremd(forms.Form):
        größe = forms.CharField(label="Größe", help_text="日本語")

    page = read(Fremd(initial={"größe": "😀"}))
    assert page.one("input", name="größe")["value"] == "😀"
    assert page.one("label", for_="id_größe").text == "Größe:"
    assert page.one("div", class_="vv-help").text == "日本語"
