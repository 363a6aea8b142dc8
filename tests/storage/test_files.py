"""Files: content with a name, read without blocking the loop."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from vivace.http.forms import Upload
from vivace.http.spool import Budget, Spool
from vivace.storage import ContentFile, File, UploadedFile
from vivace.storage.files import as_file

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


async def uploaded(name: str, content: bytes, claimed: str = "image/png", memory: int = 1_000_000) -> Upload:
    spool = Spool(Budget(memory))
    await spool.write(content)
    await spool.flush()
    return Upload("field", name, {"content-type": claimed}, spool)


@pytest.mark.parametrize("memory", [0, 1_000_000], ids=["in a file", "in memory"])
async def test_sf4_an_upload_is_a_file(memory: int) -> None:
    upload = await uploaded("../my pic.png", PNG, "text/html", memory)
    file = as_file(upload)
    assert isinstance(file, UploadedFile)
    assert (file.name, file.size, file.field_name) == ("my pic.png", 108, "field")
    assert (file.content_type, file.claimed_type) == ("image/png", "text/html")
    assert await file.sniffed() == "image/png"
    assert await file.read(4) == PNG[:4]
    assert b"".join([chunk async for chunk in file.chunks(10)]) == PNG
    assert await file.read() == PNG[4:]
    assert await file.read() == b""
    async with file:
        pass
    assert str(file) == "my pic.png"
    assert repr(file) == "<UploadedFile: my pic.png>"


async def test_sf4_a_type_that_nothing_shows_is_that_of_the_name() -> None:
    assert UploadedFile(await uploaded("a.csv", b"a,b")).content_type == "text/csv; charset=utf-8"


async def test_sf4_a_file_object_is_read_in_threads_and_named_after_its_path(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"0123456789")
    async with File(path.open("rb")) as file:
        assert (file.name, file.size) == ("a.bin", 10)
        file.seek(4)
        assert await file.read(2) == b"45"
        assert await file.read() == b"6789"
        lent = file.borrowed()
        async with lent:
            assert await lent.read() == b"0123456789"
        assert await file.read() == b""
        file.seek(0)
        assert await file.read(1) == b"0"
    assert file.file is not None
    assert file.file.closed
    assert File(io.BytesIO(b"x"), "given.txt").name == "given.txt"
    assert File(io.BytesIO(b"x")).name is None


async def test_sf4_texts_are_utf_8_and_nothing_is_no_content() -> None:
    assert await ContentFile("ü", "a.txt").read() == "ü".encode()
    assert as_file(bytearray(b"x"), "a").name == "a"
    with pytest.raises(ValueError, match="no content"):
        await File(None, "a").read()
    with pytest.raises(TypeError, match="cannot be stored"):
        as_file(None)
