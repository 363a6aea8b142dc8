"""Forms in a running app: submitted, refused, shown again, overridden by the app's templates; one validator for all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.forms.pages import read
from vivace import App, Redirect, Request, forms, models
from vivace.errors import ValidationError
from vivace.templates import TemplateOptions, render
from vivace.testing import Client


def no_shouting(value: str) -> None:
    if value.isupper():
        raise ValidationError("Please do not shout.", code="shouting")


class Book(models.Model):
    title = models.CharField(max_length=40, validators=[no_shouting])

    class Meta:
        app_label = "forms_in_app"


class BookForm(forms.Form):
    title = forms.CharField(max_length=40, validators=[no_shouting])
    kind = forms.ChoiceField(choices=[("p", "Paper"), ("e", "Ebook")])


PAGE = '<!doctype html><title>Book</title><form method="post">{{ form }}<button>Save</button></form>'


def make_app(root: Path, **texts: str) -> App:
    app = App(root=root, templates=TemplateOptions(sources=["templates", {"book.html": PAGE, **texts}]))

    @app.get("/book", name="book")
    async def show(request: Request) -> Any:
        return render(request, "book.html", form=BookForm())

    @app.post("/book")
    async def save(request: Request) -> Any:
        form = BookForm(await request.form())
        if await form.is_valid():
            return Redirect("book")
        return render(request, "book.html", form=form, status=422)

    @app.get("/check")
    async def check(title: str) -> str:
        no_shouting(title)
        return title

    return app


async def test_fm1_submitted_refused_and_accepted(tmp_path: Path) -> None:
    async with Client(make_app(tmp_path)) as client:
        page = read((await client.get("/book")).text)
        assert page.one("label", for_="id_title").text == "Title:"
        answer = await client.post("/book", form={"title": "LOUD", "kind": "x"})
        assert answer.status == 422
        page = read(answer.text)
        assert page.one("input", name="title")["value"] == "LOUD"
        assert page.one("ul", id="id_title_error").text == "Please do not shout."
        assert page.one("ul", id="id_kind_error").text.startswith("Select a valid choice. x is not one")
        assert (await client.post("/book", form={"title": "Quiet", "kind": "e"})).status == 303


async def test_fm4_templates_of_the_app_override_one_widget(tmp_path: Path) -> None:
    folder = tmp_path / "templates" / "vivace" / "forms" / "widgets"
    folder.mkdir(parents=True)
    (folder / "select.html").write_text("<my-select>{{ widget.name }}</my-select>")
    app = make_app(tmp_path)
    async with Client(app) as client:
        text = (await client.get("/book")).text
    assert "<my-select>kind</my-select>" in text
    assert '<div class="vv-field vv-required"><label class="vv-label" for="id_title">' in text


async def test_fm8_one_validator_for_model_form_and_handler(tmp_path: Path) -> None:
    with pytest.raises(ValidationError) as caught:
        await Book(title="LOUD").clean_fields()
    told = caught.value.message_dict["title"]
    form = BookForm({"title": "LOUD", "kind": "p"})
    await form.is_valid()
    async with Client(make_app(tmp_path)) as client:
        answer = await client.get("/check?title=LOUD")
        assert answer.status == 422
        assert told == list(form.errors["title"]) == ["Please do not shout."]
        assert told[0] in answer.text
