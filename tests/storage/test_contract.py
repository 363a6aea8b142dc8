"""What every storage promises, shown for each of ours."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vivace.errors import StoredFileMissing, SuspiciousFileName
from vivace.storage import ContentFile, File, FileSystemStorage, MemoryStorage, Storage

KINDS = ("folder", "folder without links", "memory")


@pytest.fixture(params=KINDS)
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "memory":
        return MemoryStorage()
    return FileSystemStorage(tmp_path / "media", "/media/", links=request.param == "folder")


async def test_sf4_saved_content_comes_back(storage: Storage) -> None:
    name = await storage.save("a/b/hello.txt", ContentFile("grüße"))
    assert name == "a/b/hello.txt"
    assert await storage.exists(name)
    assert await storage.size(name) == 7
    assert await storage.read(name) == "grüße".encode()
    assert b"".join([chunk async for chunk in storage.stream(name, 2)]) == "grüße".encode()
    async with await storage.open(name) as file:
        assert (file.size, await file.read(2), await file.read()) == (7, b"gr", "üße".encode())
        file.seek(5)
        assert await file.read() == "ße".encode()[1:]


async def test_sf4_all_kinds_of_content_are_taken(storage: Storage, tmp_path: Path) -> None:
    path = tmp_path / "given.bin"
    path.write_bytes(b"from a file")
    with path.open("rb") as opened:
        assert await storage.save(None, File(opened)) == "given.bin"
    assert await storage.read("given.bin") == b"from a file"
    assert await storage.read(await storage.save("b", b"bytes")) == b"bytes"
    assert await storage.read(await storage.save("s", "text")) == b"text"
    assert await storage.read(await storage.save("i", io.BytesIO(b"buffer"))) == b"buffer"
    with pytest.raises(TypeError, match="int cannot be stored"):
        await storage.save("n", 7)


async def test_sf4_a_taken_name_gives_a_name_beside_it(storage: Storage) -> None:
    first = await storage.save("a/me.tar.gz", b"1")
    second = await storage.save("a/me.tar.gz", b"2")
    assert first == "a/me.tar.gz"
    assert second.startswith("a/me_")
    assert second.endswith(".tar.gz")
    assert (await storage.read(first), await storage.read(second)) == (b"1", b"2")
    assert await storage.get_available_name("free.txt") == "free.txt"
    assert await storage.get_available_name(first) not in (first, second)


async def test_sf4_concurrent_saves_of_one_name_give_as_many_names(storage: Storage) -> None:
    contents = [f"content {number}".encode() * 1000 for number in range(20)]
    names = await asyncio.gather(*(storage.save("same.bin", content) for content in contents))
    assert len(set(names)) == 20
    assert [await storage.read(name) for name in names] == contents


async def test_sf4_a_name_fits_into_its_column(storage: Storage) -> None:
    name = await storage.save("folder/" + "x" * 150 + ".png", b"", max_length=100)
    again = await storage.save("folder/" + "x" * 150 + ".png", b"", max_length=100)
    assert len(name) == len(again) == 100
    assert name != again


async def test_sf4_folders_are_listed(storage: Storage) -> None:
    assert await storage.listdir() == ([], [])
    for name in ("z.txt", "a/b.txt", "a/c/d.txt"):
        await storage.save(name, b"")
    assert await storage.listdir("") == (["a"], ["z.txt"])
    assert await storage.listdir("a/") == (["c"], ["b.txt"])
    assert await storage.exists("a")
    with pytest.raises(StoredFileMissing):
        await storage.listdir("nowhere")


async def test_sf4_deleting_is_once_and_for_all(storage: Storage) -> None:
    name = await storage.save("a.txt", b"x")
    await storage.delete(name)
    await storage.delete(name)
    assert not await storage.exists(name)
    assert await storage.save("a.txt", b"y") == "a.txt"


async def test_sf4_a_missing_file_is_a_404(storage: Storage) -> None:
    for asked in (storage.open, storage.size, storage.read, storage.get_modified_time):
        with pytest.raises(StoredFileMissing) as caught:
            await asked("none.txt")
        assert isinstance(caught.value, FileNotFoundError)
        assert caught.value.status == 404


async def test_sf4_times_are_in_utc(storage: Storage) -> None:
    name = await storage.save("a.txt", b"x")
    now = datetime.now(UTC)
    for asked in (storage.get_modified_time, storage.get_created_time, storage.get_accessed_time):
        assert abs(await asked(name) - now) < timedelta(hours=1)


@pytest.mark.parametrize("name", ["../out.txt", "/etc/passwd", "a/../../b", "a\x00b", "C:\\x", "a\\..\\b"])
async def test_sc9_no_storage_is_left_by_a_name(storage: Storage, name: str, tmp_path: Path) -> None:
    for asked in (storage.open, storage.size, storage.delete, storage.exists):
        with pytest.raises(SuspiciousFileName):
            await asked(name)
    with pytest.raises(SuspiciousFileName):
        await storage.save(name, b"x")
    with pytest.raises(SuspiciousFileName):
        storage.url(name)
    assert not list(tmp_path.glob("*.txt"))


def test_sf4_an_address_is_encoded(storage: Storage) -> None:
    assert storage.url("ä b/c.png") == "/media/%C3%A4%20b/c.png"


def test_sf4_names_from_clients_are_made_safe_and_folders_checked(storage: Storage) -> None:
    assert (
        storage.generate_filename("avatars//2026/../2026/my photo.png".replace("/../2026", ""))
        == "avatars/2026/my_photo.png"
    )
    assert storage.generate_filename("evil/.htaccess") == "evil/htaccess"
    for name in ("../x.png", "a/../../x.png", "a\\..\\x.png"):
        with pytest.raises(SuspiciousFileName):
            storage.generate_filename(name)
    with pytest.raises(SuspiciousFileName):
        storage.generate_filename("/etc/x.png")


class _Breaking(File):
    """Content that fails, or never ends, half-way."""

    def __init__(self, endless: bool = False) -> None:
        super().__init__(None, "broken.bin")
        self.endless = endless

    async def _read_at(self, offset: int, size: int) -> bytes:
        if offset == 0:
            return b"x" * 1000
        if self.endless:
            await asyncio.Event().wait()
        raise OSError("the upload broke off")


async def test_sf4_content_that_breaks_off_leaves_nothing(storage: Storage) -> None:
    with pytest.raises(OSError, match="broke off"):
        await storage.save("broken.bin", _Breaking())
    assert await storage.listdir() == ([], [])


async def test_sf4_a_cancelled_save_leaves_nothing(storage: Storage) -> None:
    saving = asyncio.ensure_future(storage.save("broken.bin", _Breaking(endless=True)))
    for _ in range(20):
        await asyncio.sleep(0.005)
    assert await storage.listdir() == ([], [])
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert await storage.listdir() == ([], [])


async def test_sf4_what_a_backend_cannot_do_is_said() -> None:
    from vivace.errors import StorageUnsupported

    bare = Storage()
    with pytest.raises(StorageUnsupported, match="Storage cannot be written to"):
        await bare.save("a", b"")
    with pytest.raises(StorageUnsupported, match="not local"):
        MemoryStorage().path("a")
