"""FileField of forms: sizes, names, contents, removal; its widgets."""

from __future__ import annotations

from typing import Any

import jinja2
import pytest

from vivace import forms, models
from vivace.errors import ValidationError
from vivace.forms.rendering import TEMPLATES
from vivace.forms.widgets.files import CONTRADICTION
from vivace.http.multidict import MultiValues
from vivace.storage import ContentFile, MemoryStorage

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
HTML = b"<!doctype html><script>alert(1)</script>"
STORAGE = MemoryStorage("/media/")


class Paper(models.Model):
    title = models.CharField(max_length=20)
    file = models.FileField(upload_to="papers", storage=STORAGE, blank=True)
    needed = models.FileField(
        storage=STORAGE, validators=[models.validators.FileExtensionValidator(["txt", "md"])]
    )

    class Meta:
        app_label = "filefields"


class PaperForm(forms.ModelForm):
    class Meta:
        model = Paper
        fields = "__all__"


def sent(**files: Any) -> MultiValues[Any]:
    return MultiValues(list(files.items()))


async def cleaned(field: Any, value: Any, initial: Any = None) -> Any:
    found = field.clean(value, initial)
    return await found if hasattr(found, "__await__") else found


async def code_of(field: Any, value: Any, initial: Any = None) -> str:
    with pytest.raises(ValidationError) as caught:
        await cleaned(field, value, initial)
    error = caught.value.flat()[0]
    assert "%(" not in error.text
    return error.given_code or ""


async def test_fm2_a_file_passes() -> None:
    file = ContentFile(PNG, "me.png")
    assert await cleaned(forms.FileField(), file) is file
    assert await cleaned(forms.FileField(required=False), None) is None
    assert await cleaned(forms.FileField(required=False), "") is None


async def test_fm2_what_is_wrong_has_a_code() -> None:
    file = ContentFile(PNG, "me.png")
    assert await code_of(forms.FileField(), None) == "required"
    assert await code_of(forms.FileField(), "me.png") == "invalid"
    assert await code_of(forms.FileField(), ContentFile(b"", "a.txt")) == "empty"
    assert await cleaned(forms.FileField(allow_empty_file=True), ContentFile(b"", "a.txt"))
    assert await code_of(forms.FileField(max_length=5), file) == "max_length"
    assert await code_of(forms.FileField(max_size=107), file) == "max_size"
    assert await cleaned(forms.FileField(max_size=108), file) is file
    assert await code_of(forms.FileField(), CONTRADICTION) == "contradiction"


async def test_sc9_contents_are_looked_at_not_what_is_said_of_them() -> None:
    fields = forms.FileField()
    assert await code_of(fields, ContentFile(HTML, "me.png")) == "wrong_content"
    assert await code_of(fields, ContentFile(b"MZ" + bytes(60), "report.pdf")) == "wrong_content"
    assert await code_of(fields, ContentFile(b"no picture", "me.png")) == "wrong_content"
    assert await cleaned(forms.FileField(match_content=False), ContentFile(HTML, "me.png"))
    pictures = forms.FileField(content_types=["image/png", "image/jpeg"])
    assert pictures.widget.attrs["accept"] == "image/png,image/jpeg"
    assert await cleaned(pictures, ContentFile(PNG, "me.png"))
    assert await code_of(pictures, ContentFile(b"GIF89a" + bytes(10), "me.gif")) == "content_type"
    assert await code_of(pictures, ContentFile(b"plain", "me.png")) == "wrong_content"
    assert await cleaned(forms.FileField(content_types=["image/*"]), ContentFile(PNG, "anything"))
    assert (
        await code_of(forms.FileField(content_types=["image/*"]), ContentFile(HTML, "me.html"))
        == "content_type"
    )


async def test_fm2_the_initial_file_stays_unless_it_is_removed() -> None:
    there = ContentFile(b"x", "there.txt")
    assert await cleaned(forms.FileField(), None, there) is there
    assert await cleaned(forms.FileField(required=False), False, there) is False
    assert await cleaned(forms.FileField(), False, there) is there
    assert await code_of(forms.FileField(), False) == "required"


async def test_fm2_async_validators_see_the_file() -> None:
    async def no_secrets(file: Any) -> None:
        if b"secret" in await file.read():
            raise ValidationError("A secret!", code="secret")

    field = forms.FileField(validators=[no_secrets])
    assert await code_of(field, ContentFile(b"my secret", "a.txt")) == "secret"
    assert await cleaned(field, ContentFile(b"fine", "a.txt"))


async def test_fm2_several_files() -> None:
    field = forms.MultipleFileField(max_files=2, max_size=200)
    files = [ContentFile(PNG, "a.png"), ContentFile(PNG, "b.png")]
    assert await cleaned(field, files) == files
    assert await code_of(field, [*files, files[0]]) == "max_files"
    assert await code_of(field, [files[0], ContentFile(HTML, "b.png")]) == "wrong_content"
    assert await code_of(field, []) == "required"
    assert await cleaned(forms.MultipleFileField(required=False), None) == []

    class Album(forms.Form):
        pictures = forms.MultipleFileField()

    form = Album({}, MultiValues([("pictures", file) for file in files]))
    assert await form.is_valid(), form.errors
    assert form.cleaned_data["pictures"] == files
    assert '<input type="file" name="pictures" multiple required id="id_pictures">' in str(form)
    assert form.is_multipart()


async def test_fm5_a_model_form_stores_a_file() -> None:
    form = PaperForm(
        {"title": "a"}, sent(file=ContentFile(PNG, "../my pic.png"), needed=ContentFile(b"x", "a.txt"))
    )
    assert await form.is_valid(), form.errors
    assert form.instance.file.name == "../my pic.png"
    await form.instance.file.save("my pic.png", form.cleaned_data["file"], save=False)
    assert form.instance.file.name == "papers/my_pic.png"
    wrong = PaperForm({"title": "a"}, sent(needed=ContentFile(b"x", "a.exe")))
    assert not await wrong.is_valid()
    assert wrong.has_error("needed", "invalid_extension")
    long = PaperForm({"title": "a"}, sent(needed=ContentFile(b"x", "x" * 200 + ".txt")))
    assert not await long.is_valid()
    assert long.has_error("needed", "max_length")


async def test_fm5_a_stored_file_is_shown_kept_and_removed() -> None:
    paper = Paper(title="a", file="papers/a&b.txt", needed="n.txt")
    form = PaperForm(instance=paper)
    html = str(form)
    assert '<a href="/media/papers/a%26b.txt">papers/a&amp;b.txt</a>' in html
    assert 'type="checkbox" name="file-clear" id="file-clear_id"' in html
    assert "needed-clear" not in html
    kept = PaperForm({"title": "a"}, sent(), instance=paper)
    assert await kept.is_valid(), kept.errors
    assert (str(kept.instance.file), kept.changed_data) == ("papers/a&b.txt", [])
    removed = PaperForm({"title": "a", "file-clear": "on"}, sent(), instance=paper)
    assert await removed.is_valid(), removed.errors
    assert not removed.instance.file
    assert removed.changed_data == ["file"]
    both = PaperForm(
        {"title": "a", "file-clear": "on"}, sent(file=ContentFile(b"x", "a.txt")), instance=paper
    )
    assert not await both.is_valid()
    assert both.has_error("file", "contradiction")


async def test_fm5_a_required_file_cannot_be_removed() -> None:
    paper = Paper(title="a", needed="n.txt")
    form = PaperForm({"title": "a", "needed-clear": "on"}, sent(), instance=paper)
    assert await form.is_valid(), form.errors
    assert str(form.instance.needed) == "n.txt"


async def test_fm3_file_widgets_never_show_what_was_chosen() -> None:
    form = PaperForm({}, sent(file=ContentFile(b"x", "secret-name.txt")))
    assert not await form.is_valid()
    assert "secret-name" not in str(form)
    assert 'name="file" id="id_file"' in str(form)


def test_fm3_what_was_sent_and_what_is_required() -> None:
    assert forms.FileInput().value_omitted_from_data({}, {}, "x")
    assert not forms.ClearableFileInput().value_omitted_from_data({"x-clear": "on"}, {}, "x")
    assert forms.FileInput().use_required_attribute(None)
    assert not forms.FileInput().use_required_attribute("there.txt")


@pytest.mark.parametrize("trimmed", [False, True])
async def test_fm4_templates_make_the_same_text_as_the_direct_look(trimmed: bool) -> None:
    loader = jinja2.FileSystemLoader(TEMPLATES)
    pages = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=trimmed, lstrip_blocks=trimmed)
    slow = forms.Renderer(pages, direct=False)
    for stored in (False, True):
        for data in (None, {"title": "a", "file-clear": "on"}):
            fast_form, slow_form = (
                PaperForm(
                    data, sent() if data else None, instance=full() if stored else None, renderer=renderer
                )
                for renderer in (None, slow)
            )
            assert await fast_form.is_valid() is await slow_form.is_valid()
            assert str(fast_form) == str(slow_form)
    fast_form, slow_form = PaperForm(instance=full()), PaperForm(instance=full(), renderer=slow)
    for form in (fast_form, slow_form):
        form.fields["file"].disabled = True
    assert str(fast_form).count("disabled") == 2  # the file and its box
    assert str(fast_form) == str(slow_form)


def full() -> Paper:
    return Paper(title="a", file="papers/a&b.txt", needed="n.txt")
