"""Media: stored files served by the app, with headers that make hostile ones harmless."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from vivace import App, Text, models
from vivace.config.settings import Media, Settings
from vivace.storage import ContentFile, FileSystemStorage, MemoryStorage
from vivace.testing import ISOLATED, Client

SCRIPT = b"<!doctype html><script>document.title = 'owned'</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)


class Attachment(models.Model):
    file = models.FileField(upload_to="a")

    class Meta:
        app_label = "mediatests"


def make(root: Path, **options: Any) -> App:
    return App(root=root, models=[Attachment], **options)


@pytest.mark.parametrize(
    ("name", "kind", "shown"),
    [
        ("a.png", "image/png", True),
        ("a.jpeg", "image/jpeg", True),
        ("a.txt", "text/plain", True),
        ("a.html", "application/octet-stream", False),
        ("a.HTM", "application/octet-stream", False),
        ("a.xhtml", "application/octet-stream", False),
        ("a.svg", "image/svg+xml", False),
        ("a.xml", "application/octet-stream", False),
        ("a.js", "application/octet-stream", False),
        ("a.css", "application/octet-stream", False),
        ("a.exe", "application/octet-stream", False),
        ("noext", "application/octet-stream", False),
    ],
)
async def test_sc9_every_upload_has_headers_that_disarm_it(
    tmp_path: Path, name: str, kind: str, shown: bool
) -> None:
    app = make(tmp_path)
    async with Client(app) as client:
        stored = await app.storages.default.save(name, SCRIPT)
        answer = await client.get(app.storages.default.url(stored))
        assert answer.status == 200
        assert answer.body == SCRIPT
        assert answer.headers["content-type"].partition(";")[0] == kind
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert answer.headers["content-disposition"].startswith("inline" if shown else "attachment")


async def test_sc9_a_pdf_is_shown_without_anything_it_could_load(tmp_path: Path) -> None:
    app = make(tmp_path)
    async with Client(app) as client:
        await app.storages.default.save("a.pdf", SCRIPT)
        answer = await client.get("/media/a.pdf")
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_sf4_ranges_and_validators_work(tmp_path: Path) -> None:
    app = make(tmp_path)
    async with Client(app) as client:
        await app.storages.default.save("a.bin", bytes(range(256)))
        part = await client.get("/media/a.bin", headers={"range": "bytes=10-19"})
        assert (part.status, part.body) == (206, bytes(range(10, 20)))
        assert part.headers["content-security-policy"]
        whole = await client.get("/media/a.bin")
        again = await client.get("/media/a.bin", headers={"if-none-match": whole.headers["etag"]})
        assert again.status == 304
        assert (await client.request("HEAD", "/media/a.bin")).headers["content-length"] == "256"
        assert (await client.post("/media/a.bin")).status == 405


async def test_sf4_a_deleted_file_is_gone(tmp_path: Path) -> None:
    app = make(tmp_path)
    async with Client(app) as client:
        await app.storages.default.save("a.txt", b"x")
        assert (await client.get("/media/a.txt")).status == 200
        await app.storages.default.delete("a.txt")
        assert (await client.get("/media/a.txt")).status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/media/",
        "/media/a",
        "/media/a/",
        "/media/../secret.txt",
        "/media/%2e%2e/secret.txt",
        "/media/a/..%2f..%2fsecret.txt",
        "/media/..%5csecret.txt",
        "/media//etc/passwd",
        "/media/a%00.txt",
        "/media/.vivace-0123456789abcdef.part",
        "/media/link.txt",
        "/media/way/secret.txt",
    ],
)
async def test_sc9_no_path_leads_out_and_no_folder_is_listed(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    app = make(tmp_path)
    async with Client(app) as client:
        await app.storages.default.save("a/b.txt", b"x")
        media = Path(app.storages.default.path("a/b.txt")).parent.parent
        (media / ".vivace-0123456789abcdef.part").write_text("unfinished")
        if os.name != "nt":
            (media / "link.txt").symlink_to(tmp_path / "secret.txt")
            (media / "way").symlink_to(tmp_path)
        answer = await client.get(path)
        assert answer.status in (400, 404)
        assert b"secret" not in answer.body
        assert b"unfinished" not in answer.body


async def test_sc9_a_compressed_upload_does_not_become_another_file(tmp_path: Path) -> None:
    app = make(tmp_path)
    async with Client(app) as client:
        await app.storages.default.save("a.txt", b"mine")
        await app.storages.default.save("a.txt.gz", b"yours")
        answer = await client.get("/media/a.txt", headers={"accept-encoding": "gzip, br, zstd"})
        assert answer.body == b"mine"


async def test_sf4_where_media_is_and_what_it_is_called_is_set(tmp_path: Path) -> None:
    settings = Settings(media=Media(root=str(tmp_path / "uploads"), url="/files"))
    app = make(tmp_path, settings=settings)
    async with Client(app, isolate=ISOLATED - {"media"}) as client:
        async with app:
            await Attachment(file=ContentFile(b"x", "a.txt")).file.commit()
        assert (tmp_path / "uploads" / "a" / "a.txt").exists()
        assert app.storages.default.url("a/a.txt") == "/files/a/a.txt"
        assert (await client.get("/files/a/a.txt")).body == b"x"


async def test_sf4_only_an_app_that_stores_files_serves_them(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.txt").write_text("x")
    for app in (
        App(root=tmp_path, storages={"default": MemoryStorage()}),
        App(
            root=tmp_path, storages={"default": FileSystemStorage(tmp_path / "media", "https://cdn.example/")}
        ),
        App(root=tmp_path, storages={"default": FileSystemStorage(tmp_path / "media")}),
    ):
        async with Client(app, isolate=False) as client:
            assert (await client.get("/media/a.txt")).status == 404
    given = App(root=tmp_path, storages={"default": FileSystemStorage(tmp_path / "media", "/media/")})
    async with Client(given, isolate=False) as client:
        assert (await client.get("/media/a.txt")).status == 200


async def test_sf4_own_routes_and_mounts_come_first(tmp_path: Path) -> None:
    app = make(tmp_path)

    @app.get("/media/{name}")
    async def own(name: str) -> Text:
        return Text(f"own {name}")

    mounted = make(tmp_path)

    async def everything(request: Any, path: str) -> Text:
        return Text("mounted")

    mounted.mount("/media", everything)
    for each, expected in ((app, "own a.txt"), (mounted, "mounted")):
        async with Client(each) as client:
            await each.storages.default.save("a.txt", b"x")
            assert (await client.get("/media/a.txt")).text == expected


async def test_sf4_a_mounted_app_stores_with_the_outer_one(tmp_path: Path) -> None:
    inner = App(root=tmp_path / "inner", models=[Attachment])

    @inner.post("/")
    async def store() -> Text:
        attachment = Attachment(file=ContentFile(b"x", "a.txt"))
        await attachment.file.commit()
        return Text(attachment.file.url)

    outer = App(root=tmp_path / "outer")
    outer.mount("/inner", inner)
    async with Client(outer) as client:
        url = (await client.post("/inner/")).text
        assert (await client.get(url)).body == b"x"
        assert await outer.storages.default.exists("a/a.txt")
