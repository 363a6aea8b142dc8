"""Forms by class, and the objects they make, change and delete; a whole resource in one line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from vivace import App, Redirect, Request, Secret, Settings, forms, models
from vivace.db import query_log
from vivace.errors import BadView, IntegrityError, ValidationError
from vivace.templates import TemplateOptions
from vivace.testing import Client
from vivace.views import (
    CreateView,
    DeleteView,
    FormView,
    SuccessMessageMixin,
    UpdateView,
    View,
    resource,
)
from vivace.views.flashes import flashes

SETTINGS = Settings(secret_key=Secret("forms and what they make and change"))


class Shelf(models.Model):
    name = models.CharField(max_length=20)

    class Meta:
        app_label = "room"
        verbose_name_plural = "shelves"

    def __str__(self) -> str:
        return self.name


class Volume(models.Model):
    title = models.CharField(max_length=20)
    code = models.CharField(max_length=20, unique=True)
    lent = models.BooleanField(default=False)
    shelf = models.ForeignKey(Shelf, null=True, blank=True, on_delete=models.PROTECT)

    class Meta:
        app_label = "room"
        ordering = ("title",)

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return f"/v/{self.pk}"


class Scan(models.Model):
    name = models.CharField(max_length=20)
    file = models.FileField(upload_to="scans", blank=True)

    class Meta:
        app_label = "room"


class Contact(forms.Form):
    text = forms.CharField(min_length=3)


TEXTS = {
    "form.html": "{{ view.verb }}{{ form['text'].value() or '' }}{{ form.errors|length if form.is_bound else '-' }}",
    "room/volume_form.html": "{{ volume or 'new' }} {{ form['title'].value() or '' }} {% for f in form %}{% for e in form.errors[f.name] or () %}{{ f.name }}:{{ e }} {% endfor %}{% endfor %}",
    "room/volume_confirm_delete.html": "Delete {{ object }}?",
    "room/shelf_confirm_delete.html": "{% for o in protected_objects %}{{ o }} {% endfor %}",
}


def room(
    *routes: tuple[str, type[View], Mapping[str, Any]], texts: Mapping[str, str] = TEXTS, **options: Any
) -> App:
    app = App(
        models=[Shelf, Volume, Scan], templates=TemplateOptions(sources=[texts]), settings=SETTINGS, **options
    )
    for path, view, given in routes:
        app.add_route(path, view.as_view(**given))

    @app.get("/said")
    async def said(request: Request) -> list[str]:
        return [item.text for item in await flashes(request)]

    return app


# -- forms --------------------------------------------------------------------------------------------------------


async def test_ro9_form_view_shows_takes_and_refuses() -> None:
    class Ask(SuccessMessageMixin, FormView):
        form_class = Contact
        template_name = "form.html"
        success_url = "/said"
        success_message = "Sent: %(text)s"
        verb = "ask "

        async def form_valid(self, form: Any) -> Any:
            sent.append(form.cleaned_data["text"])
            return await super().form_valid(form)

    sent: list[str] = []
    client = Client(room(("/", Ask, {"initial": {"text": "hi"}})))
    assert (await client.get("/")).text == "ask hi-"
    refused = await client.post("/", form={"text": "x"})
    assert (refused.status, refused.text) == (422, "ask x1")
    taken = await client.post("/", form={"text": "hello"})
    assert (taken.status, taken.headers["location"]) == (303, "/said")
    assert (await client.get("/said")).json() == ["Sent: hello"]
    assert sent == ["hello"]


async def test_ro9_prefix_and_put() -> None:
    class Ask(FormView):
        form_class = Contact
        template_name = "form.html"
        success_url = "/"
        prefix = "p"
        verb = ""

    client = Client(room(("/", Ask, {})))
    assert (await client.post("/", form={"p-text": "hello"})).status == 303
    assert (await client.put("/", form={"p-text": "hello"})).status == 303
    assert (await client.put("/", form={"text": "hello"})).status == 422


async def test_ro9_create_update_and_delete_on_each_database(database: str) -> None:
    app = room(
        ("/new", CreateView, {"model": Volume, "fields": ["title", "code"]}),
        (
            "/{pk:int}/edit",
            UpdateView,
            {"model": Volume, "fields": ["title", "code"], "success_url": "/done/{id}"},
        ),
        ("/{pk:int}/delete", DeleteView, {"model": Volume, "success_url": "/gone/{code}"}),
        databases={"default": database},
    )
    async with Client(app) as client:
        assert (await client.get("/new")).text.startswith("new")
        missing = await client.post("/new", form={"title": "Emma"})
        assert (missing.status, missing.text) == (422, "new Emma code:This field is required. ")
        made = await client.post("/new", form={"title": "Emma", "code": "e1"})
        volume = await Volume.objects.get()
        assert (made.status, made.headers["location"]) == (303, f"/v/{volume.pk}")
        assert (await client.get(f"/{volume.pk}/edit")).text.startswith("Emma Emma")
        twin = await client.post("/new", form={"title": "Again", "code": "e1"})
        assert (twin.status, "code:" in twin.text) == (422, True)
        changed = await client.post(f"/{volume.pk}/edit", form={"title": "Emma!", "code": "e1"})
        assert changed.headers["location"] == f"/done/{volume.pk}"
        assert (await Volume.objects.get()).title == "Emma!"
        assert (await client.get(f"/{volume.pk}/delete")).text == "Delete Emma!?"
        assert await Volume.objects.count() == 1
        gone = await client.post(f"/{volume.pk}/delete")
        assert (gone.status, gone.headers["location"]) == (303, "/gone/e1")
        assert await Volume.objects.count() == 0
        assert (await client.get(f"/{volume.pk}/edit")).status == 404
        assert (await client.post(f"/{volume.pk}/delete")).status == 404


async def test_ro9_a_value_taken_meanwhile_is_an_error_of_the_form(database: str) -> None:
    class Slow(SuccessMessageMixin, CreateView[Volume]):
        model = Volume
        fields = ["title", "code"]
        success_message = "never"

        async def form_valid(self, form: Any) -> Any:
            await Volume.objects.create(title="First", code="e1")  # between check and write
            return await super().form_valid(form)

    async with Client(room(("/new", Slow, {}), databases={"default": database})) as client:
        late = await client.post("/new", form={"title": "Second", "code": "e1"})
        assert (late.status, "code:" in late.text) == (422, True)
        assert (await client.get("/said")).json() == []


async def test_ro9_errors_that_are_not_the_forms_are_not_hidden() -> None:
    class Broken(CreateView[Volume]):
        model = Volume
        fields = ["title", "code"]

        async def form_valid(self, form: Any) -> Any:
            raise ValidationError("elsewhere")

    async with Client(room(("/new", Broken, {})), raise_errors=False) as client:
        assert (await client.post("/new", form={"title": "a", "code": "b"})).status == 422
        assert IntegrityError.status != 422


async def test_ro9_what_others_need_is_not_deleted() -> None:
    class Remove(SuccessMessageMixin, DeleteView[Shelf]):
        model = Shelf
        success_url = "/"
        success_message = "gone"

    async with Client(room(("/{pk:int}", Remove, {}))) as client:
        shelf = await Shelf.objects.create(name="low")
        await Volume.objects.create(title="Emma", code="e", shelf=shelf)
        held = await client.post(f"/{shelf.pk}")
        assert (held.status, held.text) == (409, "Emma ")
        assert (await client.get("/said")).json() == []


@pytest.mark.parametrize(
    ("view", "given", "match"),
    [
        (FormView, {"template_name": "form.html", "success_url": "/"}, "a form"),
        (FormView, {"template_name": "form.html", "form_class": Contact}, "where to go"),
        (FormView, {"form_class": Contact, "success_url": "/"}, "which template"),
        (CreateView, {"model": Volume}, "the fields of its form"),
        (CreateView, {"model": Shelf, "fields": ["name"]}, "where to go"),
        (CreateView, {"model": Volume, "fields": ["title"], "form_class": Contact}, "says twice"),
        (UpdateView, {"fields": ["name"], "success_url": "/"}, "which rows"),
        (DeleteView, {"model": Volume}, "where to go"),
    ],
)
def test_ro9_editing_views_that_cannot_work_are_refused(view: Any, given: dict[str, Any], match: str) -> None:
    with pytest.raises(BadView, match=match):
        view.as_view(**given)


async def test_ro9_success_url_may_be_the_name_of_a_route() -> None:
    app = room(("/", FormView, {"form_class": Contact, "template_name": "form.html", "success_url": "there"}))

    @app.get("/there", name="there")
    async def there() -> Redirect:
        return Redirect("/")

    assert (await Client(app).post("/", form={"text": "hello"})).headers["location"] == "/there"


# -- resource -----------------------------------------------------------------------------------------------------


async def test_ro9_a_resource_is_one_line(database: str) -> None:
    app = room(texts={}, databases={"default": database})
    app.include(resource(Volume, fields=["title", "code", "lent", "shelf"]))
    app.include(resource(Shelf, prefix="/s", pages=["list"]), "/in", name="other")
    async with Client(app, follow=True) as client:
        shelf = await Shelf.objects.create(name="<low>")
        empty = await client.get("/volumes")
        assert "There are no volumes yet" in empty.text
        assert 'href="/volumes/new"' in empty.text
        assert '<input type="text" name="title"' in (await client.get("/volumes/new")).text
        made = await client.post("/volumes/new", form={"title": "Emma", "code": "e1", "shelf": str(shelf.pk)})
        volume = await Volume.objects.get()
        assert str(made.url).endswith(f"/volumes/{volume.pk}")
        assert "Volume “Emma” was saved." in made.text
        assert "&lt;low&gt;" in made.text
        listed = (await client.get("/volumes")).text
        assert f'<a href="/volumes/{volume.pk}">Emma</a>' in listed
        assert "<td>No</td>" in listed
        assert "&lt;low&gt;" in listed
        again = await client.post(f"/volumes/{volume.pk}/edit", form={"title": "", "code": "e1"})
        assert (again.status, "This field is required" in again.text) == (422, True)
        sure = (await client.get(f"/volumes/{volume.pk}/delete")).text
        assert "will be deleted" in sure
        gone = await client.post(f"/volumes/{volume.pk}/delete")
        assert "Volume “Emma” was deleted." in gone.text
        shelves = (await client.get("/in/s")).text
        assert "&lt;low&gt;" in shelves
        assert 'href="/in/s/new"' not in shelves
    assert app.reverse("volume:edit", pk=3) == "/volumes/3/edit"
    assert app.reverse("other:list") == "/in/s"


async def test_ro9_pages_of_a_resource_are_replaced_by_templates_of_yours() -> None:
    app = room()
    app.include(resource(Volume, fields=["title"], pages=["list", "edit"]))
    async with Client(app) as client:
        volume = await Volume.objects.create(title="Emma", code="e")
        assert (await client.get(f"/volumes/{volume.pk}/edit")).text.startswith(
            "Emma Emma"
        )  # room/volume_form.html
        assert f"/volumes/{volume.pk}/edit" in (await client.get("/volumes")).text
        assert (await client.get(f"/volumes/{volume.pk}")).status == 404


async def test_ro9_a_resource_takes_files(tmp_path: Path) -> None:
    app = room(texts={}, root=tmp_path)
    app.include(resource(Scan))
    async with Client(app, follow=True) as client:
        assert 'enctype="multipart/form-data"' in (await client.get("/scans/new")).text
        files = {"file": ("<one>.txt", b"written by hand", "text/plain")}
        made = await client.post("/scans/new", form={"name": "page"}, files=files)
        scan = await Scan.objects.get()
        assert made.status == 200
        assert str(scan.file).startswith("scans/")
        assert f'<a href="{scan.file.url}">' in made.text
        assert "<one>" not in made.text
        assert (await client.get(scan.file.url)).text == "written by hand"


async def test_ro9_writing_to_a_resource_may_be_guarded() -> None:
    async def nobody() -> bool:
        return False

    app = room()
    app.include(resource(Volume, write_guards=[nobody]))
    async with Client(app) as client:
        assert (await client.get("/volumes")).status == 200
        assert (await client.get("/volumes/new")).status == 403
        assert (await client.post("/volumes/new", form={})).status == 403


async def test_ro9_the_list_of_a_resource_loads_related_objects_together() -> None:
    app = room(texts={})
    app.include(resource(Volume))
    async with Client(app) as client:
        for number in range(6):
            shelf = await Shelf.objects.create(name=f"s{number}")
            await Volume.objects.create(title=f"v{number}", code=str(number), shelf=shelf)
        with query_log() as log:
            assert "s5" in (await client.get("/volumes")).text
        assert len(log) == 3  # how many, the rows, their shelves


async def test_or20_a_resource_is_paged() -> None:
    app = room()
    app.include(resource(Volume, paginate_by=2))
    async with Client(app) as client:
        await Volume.objects.bulk_create([Volume(title=f"v{n}", code=str(n)) for n in range(3)])
        text = (await client.get("/volumes?page=2")).text
        assert ("v2" in text, "v1" in text) == (True, False)
        assert 'aria-current="page"' in text


@pytest.mark.parametrize(
    ("given", "match"),
    [({"pages": ["list", "edt"]}, "Did you mean 'edit'"), ({"columns": ["titel"]}, "Did you mean 'title'")],
)
def test_ro9_a_resource_with_pages_or_columns_that_are_not_is_refused(
    given: dict[str, Any], match: str
) -> None:
    with pytest.raises(BadView, match=match):
        resource(Volume, **given)
