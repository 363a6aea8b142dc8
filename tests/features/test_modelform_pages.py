"""Model forms in pages: rows to choose load themselves in the render, and an object comes out of what was sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vivace import App, Redirect, Request, Response, models, render
from vivace.config.secret import Secret
from vivace.config.settings import Settings
from vivace.db import query_log
from vivace.forms import ModelForm
from vivace.testing import Client


class Room(models.Model):
    name = models.CharField(max_length=20)

    class Meta:
        app_label = "formpages"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Booking(models.Model):
    who = models.CharField(max_length=20)
    room = models.ForeignKey(Room, on_delete=models.CASCADE)
    extras = models.ManyToManyField(Room, related_name="+", blank=True)
    plan = models.FileField(upload_to="plans", blank=True)

    class Meta:
        app_label = "formpages"


class BookingForm(ModelForm):
    class Meta:
        model = Booking
        fields = "__all__"


PAGE = '<form method="post" enctype="multipart/form-data">{% csrf_token %}{{ form }}</form>'


@pytest.fixture
def app(tmp_path: Path) -> App:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "form.html").write_text(PAGE)
    settings = Settings(secret_key=Secret("s" * 50))
    made = App(root=tmp_path, models=[Room, Booking], settings=settings)

    @made.get("/{id:int}", name="edit")
    async def edit(request: Request, id: int) -> Response:
        return render(request, "form.html", form=BookingForm(instance=await Booking.objects.get(pk=id)))

    @made.get("/")
    async def new(request: Request) -> Response:
        return render(request, "form.html", form=BookingForm())

    @made.post("/")
    async def add(request: Request) -> Response:
        form = BookingForm(await request.form())
        if not await form.is_valid():
            return render(request, "form.html", status=422, form=form)
        booking = await form.save()
        return Redirect(made.url("edit", id=booking.pk))

    return made


async def test_fm5_rows_load_themselves_in_a_template(app: App) -> None:
    async with Client(app) as client:
        rooms = [await Room.objects.create(name=name) for name in ("blue", "<red>")]
        with query_log() as log:
            page = await client.get("/")
        assert len(log) == 2, log  # one for each field that shows rows
        assert f'<option value="{rooms[0].pk}">blue</option>' in page.text
        assert "&lt;red&gt;" in page.text
        assert 'type="file" name="plan"' in page.text


async def test_fm5_what_was_sent_becomes_an_object_and_is_shown_again(app: App, tmp_path: Path) -> None:
    async with Client(app) as client:
        blue, red = [await Room.objects.create(name=name) for name in ("blue", "red")]
        sent: dict[str, Any] = {"who": "Ada", "room": str(blue.pk), "extras": [str(blue.pk), str(red.pk)]}
        answer = await client.post("/", form=sent, files={"plan": ("plan a.txt", b"sit down")}, follow=False)
        assert answer.status == 303, answer.text
        booking = await Booking.objects.select_related("room").get()
        assert (booking.who, booking.room, str(booking.plan)) == ("Ada", blue, "plans/plan_a.txt")
        page = await client.get(f"/{booking.pk}")
        assert page.text.count(f'<option value="{blue.pk}" selected>') == 2
        assert f'<option value="{red.pk}" selected>' in page.text
        assert '<a href="/media/plans/plan_a.txt">plans/plan_a.txt</a>' in page.text
        assert (await client.get("/media/plans/plan_a.txt")).body == b"sit down"


async def test_fm5_a_refused_form_shows_what_was_sent_and_why(app: App) -> None:
    async with Client(app) as client:
        blue = await Room.objects.create(name="blue")
        page = await client.post("/", form={"who": "<Ada>", "room": "77", "extras": [str(blue.pk)]})
        assert page.status == 422
        assert 'value="&lt;Ada&gt;"' in page.text
        assert "Select a valid choice. That choice is not one of the available choices." in page.text
        assert f'<option value="{blue.pk}" selected>blue</option>' in page.text
        assert not await Booking.objects.exists()
