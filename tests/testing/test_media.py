"""What tests upload stays out of the developer's media: the client keeps it in a folder that goes with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivace import App, models
from vivace.errors.testing import ClientMisuse
from vivace.storage import ContentFile, FileSystemStorage, MemoryStorage
from vivace.testing import ISOLATED, Client

LETTERS = FileSystemStorage("letters-of-test-media")  # not made: no test may write into it


def made_anew() -> FileSystemStorage:
    return FileSystemStorage("calls-of-test-media")


class Paper(models.Model):
    file = models.FileField(upload_to="papers")

    class Meta:
        app_label = "testmedia"


class Letter(models.Model):
    scan = models.FileField(storage=LETTERS)
    call = models.FileField(storage=made_anew)

    class Meta:
        app_label = "testmedia"


def make(root: Path, **options: object) -> App:
    (root / "media").mkdir(parents=True)
    (root / "media" / "mine.txt").write_text("the developer's")
    app = App(root=root, models=[Paper, Letter], **options)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    @app.post("/")
    async def add() -> str:
        paper = Paper(file=ContentFile(b"x", "a.txt"))
        await paper.save()
        return paper.file.url

    return app


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


async def test_uploads_go_to_a_folder_that_goes_with_the_client(tmp_path: Path) -> None:
    app = make(tmp_path)
    for _ in range(2):  # a frozen app, too
        async with Client(app) as client:
            url = (await client.post("/")).text
            assert url == "/media/papers/a.txt"  # the second client begins with nothing
            assert (await client.get(url)).body == b"x"
            assert (await client.get("/media/mine.txt")).status == 404
            folder = Path(app.storages.default.path("papers")).parent
        assert files(tmp_path) == ["media/mine.txt"]
        assert not folder.exists()
    assert app.storages.default.path("a") == str(tmp_path / "media" / "a")


async def test_storages_of_fields_and_of_mounted_apps_go_there_too(tmp_path: Path) -> None:
    inner = make(tmp_path / "inner", storages={"default": FileSystemStorage(tmp_path / "own", "/own/")})
    app = App(root=tmp_path)
    app.mount("/inner", inner)
    own = tmp_path / "own"
    async with Client(app):
        await inner.storages.default.save("a.txt", b"x")
    async with Client(inner):
        letter = await Letter.objects.create(scan=ContentFile(b"y", "b.txt"), call=ContentFile(b"z", "c.txt"))
        assert await letter.scan.storage.read(str(letter.scan.name)) == b"y"
        assert await letter.call.storage.read(str(letter.call.name)) == b"z"
    assert not own.exists()
    assert not Path(LETTERS.own_root).exists()
    assert not Path(made_anew().own_root).exists()


async def test_two_clients_of_one_app_see_the_same_files(tmp_path: Path) -> None:
    app = make(tmp_path)
    async with Client(app) as client:
        url = (await client.post("/")).text
        async with Client(app) as other:
            assert (await other.get(url)).body == b"x"
        assert (await client.get(url)).body == b"x"
    assert files(tmp_path) == ["media/mine.txt"]


@pytest.mark.parametrize("isolate", [ISOLATED - {"media"}, ["databases", "mail"]])
async def test_the_own_media_can_be_kept(tmp_path: Path, isolate: list[str]) -> None:
    app = make(tmp_path)
    async with Client(app, isolate=isolate) as client:
        assert (await client.get("/media/mine.txt")).text == "the developer's"
        await client.post("/")
    assert files(tmp_path) == ["media/mine.txt", "media/papers/a.txt"]


async def test_storages_without_a_folder_stay_as_they_are(tmp_path: Path) -> None:
    memory = MemoryStorage()
    app = App(root=tmp_path, storages={"default": memory})
    async with Client(app):
        await app.storages.default.save("a.txt", b"x")
    assert await memory.read("a.txt") == b"x"


def test_an_unknown_part_is_refused_with_the_nearest() -> None:
    with pytest.raises(ClientMisuse) as caught:
        Client(App(), isolate=["medai"])
    assert "'media'" in str(caught.value)
