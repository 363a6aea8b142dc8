"""Files through forms into models, over the whole way: request, form, storage, row, and back as media."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from vivace import App, Request, Response, models
from vivace.config.settings import Limits, Settings
from vivace.forms import FileField, Form, ModelForm, MultipleFileField
from vivace.http.response import JSON
from vivace.testing import Client

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
HTML = b"<!doctype html><script>alert(1)</script>"


class Picture(models.Model):
    title = models.CharField(max_length=20, unique=True)
    image = models.FileField(upload_to="pictures")

    class Meta:
        app_label = "formuploads"


class PictureForm(ModelForm):
    image = FileField(content_types=["image/png"], max_size=10_000)

    class Meta:
        model = Picture
        fields = ["title", "image"]


class ManyForm(Form):
    papers = MultipleFileField(max_files=3)


def make(root: Path, **limits: int) -> App:
    app = App(
        root=root,
        models=[Picture],
        databases={"default": f"sqlite:///{root / 'db.sqlite3'}"},
        settings=Settings(limits=Limits(**limits)),
    )

    @app.post("/pictures")
    async def add(request: Request) -> Response:
        form = PictureForm(await request.form())
        if not await form.is_valid():
            return JSON(form.errors.get_json_data(), 422)
        picture = await form.save()
        return JSON({"url": picture.image.url, "name": picture.image.name}, 201)

    @app.post("/many")
    async def many(request: Request) -> Response:
        form = ManyForm(await request.form())
        if not await form.is_valid():
            return JSON(form.errors.get_json_data(), 422)
        store = app.storages.default
        return JSON(
            [
                await store.save(store.generate_filename(f"many/{file.name}"), file)
                for file in form.cleaned_data["papers"]
            ]
        )

    return app


def stored(root: Path) -> list[str]:
    media = root / "media"
    return (
        sorted(str(path.relative_to(media)) for path in media.rglob("*") if path.is_file())
        if media.exists()
        else []
    )


async def tables(app: App) -> None:
    from vivace.migrations.create import create_tables

    await create_tables(app.databases.default, [Picture])


async def test_sc9_an_upload_is_stored_and_served(tmp_path: Path) -> None:
    app = make(tmp_path)
    async with Client(app, isolate=False) as client:
        await tables(app)
        answer = await client.post("/pictures", form={"title": "me"}, files={"image": ("me.png", PNG)})
        assert answer.status == 201, answer.text
        shown = await client.get(answer.json()["url"])
        assert shown.body == PNG
        assert shown.headers["content-type"] == "image/png"
        again = await client.post("/pictures", form={"title": "you"}, files={"image": ("me.png", PNG)})
        assert again.json()["name"] != answer.json()["name"]
        assert len(stored(tmp_path)) == 2


@pytest.mark.parametrize(
    "name",
    ["../../../etc/cron.d/x.png", "..\\..\\x.png", "C:\\fakepath\\x.png", "/etc/x.png", "a\u202egnp.png", "con.png",
     ".png", "a\x00.png", "x" * 300 + ".png", "%2e%2e%2fx.png", "a;b|c&d.png", "\u00e9\u0301.png"],
)  # fmt: skip
async def test_sc9_a_name_never_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    app = make(tmp_path)
    async with Client(app, isolate=False) as client:
        await tables(app)
        answer = await client.post("/pictures", form={"title": "me"}, files={"image": (name, PNG)})
        assert answer.status in (201, 400, 422), answer.text
        names = stored(tmp_path)
        assert [each.startswith("pictures/") for each in names] == [True] * len(names)
        assert len(names) == (1 if answer.status == 201 else 0)
        if answer.status == 201:
            assert (await client.get(answer.json()["url"])).body == PNG


@pytest.mark.parametrize(
    ("name", "content", "claimed", "code"),
    [
        ("me.png", HTML, "image/png", "content_type"),
        ("me.html", HTML, "image/png", "content_type"),
        ("me.svg", b"<svg onload=alert(1)>", "image/png", "content_type"),
        ("me.png", b"GIF89a" + bytes(20), "image/png", "content_type"),
        ("me.html", PNG, "image/png", "wrong_content"),
        ("me.exe", b"MZ" + bytes(100), "image/png", "content_type"),
        ("me.png", b"", "image/png", "empty"),
        ("me.png", PNG + bytes(10_000), "image/png", "max_size"),
    ],
)
async def test_sc9_wrong_content_is_refused_with_its_reason(
    tmp_path: Path, name: str, content: bytes, claimed: str, code: str
) -> None:
    app = make(tmp_path)
    async with Client(app, isolate=False) as client:
        await tables(app)
        answer = await client.post(
            "/pictures", form={"title": "me"}, files={"image": (name, content, claimed)}
        )
        assert answer.status == 422
        assert [error["code"] for error in answer.json()["image"]] == [code]
        assert stored(tmp_path) == []


async def test_sc14_an_oversized_upload_is_cut_off(tmp_path: Path) -> None:
    app = make(tmp_path, upload_bytes=50_000)
    async with Client(app, isolate=False, raise_errors=False) as client:
        await tables(app)
        answer = await client.post(
            "/pictures", form={"title": "me"}, files={"image": ("me.png", PNG + bytes(100_000))}
        )
        assert answer.status == 413
        assert stored(tmp_path) == []


async def test_sc14_an_endless_upload_is_cut_off(tmp_path: Path) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--B\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n' + PNG
        while True:
            sent += 10_000
            yield bytes(10_000)

    app = make(tmp_path, upload_bytes=200_000)
    async with Client(app, isolate=False, raise_errors=False) as client:
        await tables(app)
        answer = await client.post(
            "/pictures", content=endless(), headers={"content-type": "multipart/form-data; boundary=B"}
        )
        assert answer.status == 413
        assert sent < 1_000_000
        assert stored(tmp_path) == []


async def test_sc14_too_many_files_are_refused(tmp_path: Path) -> None:
    app = make(tmp_path, form_files=5)
    async with Client(app, isolate=False, raise_errors=False) as client:
        await tables(app)
        many: Any = {"papers": [(f"{n}.txt", b"x") for n in range(4)]}
        answer = await client.post("/many", files=many)
        assert (answer.status, answer.json()["papers"][0]["code"]) == (422, "max_files")
        more: Any = {"papers": [(f"{n}.txt", b"x") for n in range(6)]}
        assert (await client.post("/many", files=more)).status == 413
        assert stored(tmp_path) == []
        few: Any = {"papers": [("a.txt", b"x"), ("a.txt", b"y")]}
        assert len((await client.post("/many", files=few)).json()) == 2
        assert len(stored(tmp_path)) == 2


async def test_sf5_a_refused_row_is_not_written(tmp_path: Path) -> None:
    app = make(tmp_path)
    async with Client(app, isolate=False) as client:
        await tables(app)
        await client.post("/pictures", form={"title": "me"}, files={"image": ("me.png", PNG)})
        answer = await client.post("/pictures", form={"title": "me"}, files={"image": ("other.png", PNG)})
        assert answer.status == 422
        assert answer.json() == {
            "title": [{"message": "Picture with this Title already exists.", "code": "unique"}]
        }
        assert len(stored(tmp_path)) == 1


async def test_sf5_a_form_without_a_file_says_so(tmp_path: Path) -> None:
    app = make(tmp_path)
    async with Client(app, isolate=False) as client:
        await tables(app)
        answer = await client.post("/pictures", form={"title": "me", "image": "me.png"})
        assert answer.json()["image"][0]["code"] == "required"
        empty = await client.post("/pictures", form={"title": "me"}, files={"image": ("", b"")})
        assert empty.json()["image"][0]["code"] == "required"
