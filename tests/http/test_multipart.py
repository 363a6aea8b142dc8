"""Multipart bodies: parts as they arrive, forms with uploads, limits, damage, and what stays behind (nothing)."""

from __future__ import annotations

import asyncio
import gc
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.config.settings import Limits
from vivace.errors import BadRequest, ClientDisconnected, ContentTooLarge, HTTPError, UnsupportedMediaType
from vivace.http.bodies import Bodies
from vivace.http.forms import Upload
from vivace.http.multipart import Part
from vivace.http.request import Request

from .bodies import BOUNDARY, MULTIPART, Chunks, cut, multipart, part, post

TEXT = "Content-Type: text/plain"
PNG = "Content-Type: image/png"
SMALL_SPOOL = Bodies(Limits(spool_bytes=1000))


def open_files() -> int:
    """Count the file descriptors of this process."""
    gc.collect()
    return len(os.listdir("/dev/fd"))


def upload_in(request_form: object) -> Upload:
    assert isinstance(request_form, Upload)
    return request_form


async def test_rq5_parts_come_one_by_one() -> None:
    body = multipart(part("title", "é".encode()), part("f", b"\x89PNG\r\n\x1a\n...", "../a.png", PNG))
    seen: list[tuple[object, ...]] = []
    async for piece in post(cut(body, 7), MULTIPART).parts():
        content = await piece.read()
        seen.append(
            (piece.name, piece.filename, piece.raw_filename, piece.content_type, content, piece.received)
        )
    assert seen == [
        ("title", None, None, "", "é".encode(), 2),
        ("f", "a.png", "../a.png", "image/png", b"\x89PNG\r\n\x1a\n...", 11),
    ]


async def test_unread_and_half_read_parts_are_skipped() -> None:
    body = multipart(part("a", b"1" * 100), part("b", b"2" * 100, "b"), part("c", b"3"))
    names: list[str] = []
    first: Part | None = None
    async for piece in post(cut(body, 10), MULTIPART).parts():
        first = first or piece
        names.append(piece.name)
        if piece.name == "b":
            async for chunk in piece:
                assert chunk
                break
    assert names == ["a", "b", "c"]
    assert first is not None
    assert await first.read() == b""


contents = st.binary(max_size=60) | st.lists(
    st.sampled_from([b"\r", b"\n", b"-", b"--", b"\r\n--", BOUNDARY.encode(), BOUNDARY.encode()[:2], b"x"])
).map(b"".join)


@given(
    st.lists(contents.filter(lambda raw: f"\r\n--{BOUNDARY}".encode() not in b"\r\n" + raw), max_size=4),
    st.integers(1, 50),
)
def test_every_body_reads_back_however_it_is_cut(raw_parts: list[bytes], size: int) -> None:
    body = multipart(*(part(f"n{number}", raw, "f") for number, raw in enumerate(raw_parts)))

    async def read() -> list[bytes]:
        return [await piece.read() async for piece in post(cut(body, size), MULTIPART).parts()]

    assert asyncio.run(read()) == raw_parts


@given(st.binary(max_size=200) | contents, st.integers(1, 20), st.integers(0, 200))
def test_no_bytes_raise_anything_but_client_errors(noise: bytes, size: int, place: int) -> None:
    body = multipart(part("a", b"1"), part("f", b"2", "f"))
    for broken in (noise, body[:place] + noise + body[place:], body[:place]):

        async def read(broken: bytes = broken) -> None:
            request = post(cut(broken, size), MULTIPART)
            try:
                await request.form()
            except (BadRequest, ContentTooLarge):
                return
            request.close_form()

        asyncio.run(read())


async def test_every_truncation_is_400() -> None:
    body = multipart(part("a", b"1"), part("f", b"2", "f"))
    for length in range(len(body) - 2):
        with pytest.raises(BadRequest, match="malformed"):
            await post([body[:length]] if length else [], MULTIPART).form()


async def test_form_has_text_and_uploads() -> None:
    body = multipart(
        part("title", "é".encode(), None, "Content-Type: text/plain; charset=utf-8"),
        part("title", b"\xe9", None, "Content-Type: text/plain; charset=iso-8859-1"),
        part("file", b"\x89PNG\r\n\x1a\nxx", "C:\\\\a\\\\b.png", TEXT),
        part("none", b"", "", "Content-Type: application/octet-stream"),
    )
    request = post(cut(body, 100), MULTIPART)
    form = await request.form()
    upload = upload_in(form["file"])
    assert form.getlist("title") == ["é", "é"]
    assert "none" not in form
    assert form.files["file"] is upload
    assert (upload.filename, upload.content_type, upload.sniffed) == ("b.png", "text/plain", "image/png")
    assert (upload.size, upload.in_memory, await upload.read(4), await upload.read()) == (
        10,
        True,
        b"\x89PNG",
        b"\r\n\x1a\nxx",
    )
    assert await upload.read() == b""
    upload.seek(0)
    assert len(await upload.read()) == 10
    assert [chunk async for chunk in upload.chunks(6)] == [b"\x89PNG\r\n", b"\x1a\nxx"]
    assert await request.form() is form
    request.close_form()


async def test_rq5_large_uploads_go_to_a_file_without_a_name(tmp_path: Path) -> None:
    before = open_files()
    large = os.urandom(600_000)
    body = multipart(part("a", b"x" * 900, "small"), part("b", large, "large"), part("c", b"y" * 50, "tiny"))
    request = post(cut(body, 65_536), MULTIPART, bodies=SMALL_SPOOL)
    form = await request.form()
    small, big, tiny = (form.files[name] for name in "abc")
    assert (small.in_memory, big.in_memory, tiny.in_memory) == (True, False, True)
    assert await big.read() == large
    assert b"".join([chunk async for chunk in big.chunks(100_000)]) == large
    for upload in (small, big):
        target = tmp_path / upload.filename
        await upload.save_to(target)
        assert target.stat().st_size == upload.size
        with pytest.raises(FileExistsError):
            await upload.save_to(target)
        await upload.save_to(target, overwrite=True)
    request.close_form()
    assert open_files() == before


async def test_memory_for_uploads_is_shared_by_the_whole_form() -> None:
    body = multipart(*(part("f", b"x" * 400, f"{number}") for number in range(5)))
    request = post(body, MULTIPART, bodies=SMALL_SPOOL)
    form = await request.form()
    assert [upload.in_memory for upload in form.files.getlist("f")] == [True, True, False, False, False]
    request.close_form()


def generated(size: int) -> Iterator[bytes]:
    """Yield a multipart body with one file of ``size`` bytes, never whole in memory."""
    yield part("f", b"", "big.bin")[:-2]
    chunk = os.urandom(65_536)
    for _ in range(size // len(chunk)):
        yield chunk
    yield b"\r\n" + multipart()


async def test_rq5_memory_is_flat_however_large_the_upload() -> None:
    size, received, progress = 256 * 1024 * 1024, 0, list[int]()
    source = Chunks(generated(size))
    request = post(source, MULTIPART)
    tracemalloc.start()
    async for piece in request.parts(progress.append):
        async for chunk in piece:
            received += len(chunk)
            assert source.taken - received < 3 * 65_536  # nothing runs ahead of the reader
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert received == size
    assert peak < 2 * 1024 * 1024
    assert progress == sorted(progress)
    assert progress[-1] == source.taken


async def test_rq5_memory_is_flat_when_a_form_spools(tmp_path: Path) -> None:
    size = 24 * 1024 * 1024
    request = post(Chunks(generated(size)), MULTIPART)
    tracemalloc.start()
    form = await request.form()
    await form.files["f"].save_to(tmp_path / "copy")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "copy").stat().st_size == form.files["f"].size == size
    assert peak < 5 * 1024 * 1024
    request.close_form()


@pytest.mark.parametrize(
    ("limits", "body"),
    [
        (Limits(form_fields=2), multipart(*[part("a", b"1")] * 3)),
        (Limits(form_files=1), multipart(*[part("a", b"1", "f")] * 2)),
        (Limits(form_fields=1, form_files=1), multipart(*[part("a", b"1")] * 3)),
        (Limits(form_field_bytes=10), multipart(part("a", b"1" * 11))),
        (Limits(upload_bytes=100), multipart(part("a", b"1" * 100, "f"))),
        (Limits(form_header_bytes=100), multipart(part("a", b"1", "f" * 100))),
        (Limits(), multipart(part("a", b"1", None, *(f"X-{number}: 1" for number in range(9))))),
        (Limits(form_header_bytes=100), part("a", b"")[:20] + b"x" * 200),
    ],
)
@pytest.mark.parametrize("size", [5, 100_000])
async def test_rq4_limits_are_413(limits: Limits, body: bytes, size: int) -> None:
    with pytest.raises(ContentTooLarge):
        await post(cut(body, size), MULTIPART, bodies=Bodies(limits)).form()


async def test_rq4_body_limit_holds_for_text_and_not_for_files() -> None:
    request = post(cut(multipart(part("a", b"1" * 90, "f"), part("b", b"2" * 50)), 10), MULTIPART)
    request.body_limit = 60
    assert (await request.form())["b"] == "2" * 50
    request.close_form()
    request = post(cut(multipart(part("a", b"1" * 40), part("b", b"2" * 40)), 10), MULTIPART)
    request.body_limit = 60
    with pytest.raises(ContentTooLarge, match="at most 60 bytes"):
        await request.form()


async def test_rq4_announced_size_is_refused_before_anything_is_read() -> None:
    source = Chunks([b"x"])
    with pytest.raises(ContentTooLarge):
        await post(source, MULTIPART, content_length=str(2**40)).form()
    assert source.taken == 0


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        f"multipart/form-data; boundary={'x' * 71}",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary=\xe9",
    ],
)
async def test_unusable_boundary_is_400(content_type: str) -> None:
    with pytest.raises(BadRequest, match="boundary"):
        await post(multipart(), content_type).form()


@pytest.mark.parametrize(
    "body",
    [
        b"--xYzZY\r\n\r\nno disposition\r\n--xYzZY--\r\n",
        b'--xYzZY\r\nContent-Disposition: attachment; name="a"\r\n\r\n1\r\n--xYzZY--\r\n',
        b'--xYzZY\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n1\r\n--xYzZY--\r\n',
        b'--xYzZY\nContent-Disposition: form-data; name="a"\n\n1\n--xYzZY--\n',
        multipart(part("a", b"\xff")),
        multipart(part("a", b"12", None, "Content-Length: 1")),
    ],
)
async def test_malformed_parts_are_400(body: bytes) -> None:
    with pytest.raises(BadRequest):
        await post(body, MULTIPART).form()


async def test_epilogue_is_ignored_however_it_is_cut() -> None:
    body = multipart(part("a", b"1"))
    for tail in ([b"\r\n"], [b"epilogue", b"more"]):
        form = await post([body[:-2], *tail], MULTIPART).form()
        assert form["a"] == "1"


async def test_parts_of_another_media_type_are_415() -> None:
    with pytest.raises(UnsupportedMediaType):
        post(b"", "application/json").parts()


async def test_rq5_disconnect_removes_the_temporary_files() -> None:
    before = open_files()
    head = [part("f", b"x" * 5000, "a"), part("g", b"y" * 5000, "b")[:3000]]
    source = Chunks(head, ClientDisconnected("The client went away."))
    with pytest.raises(ClientDisconnected):
        await post(source, MULTIPART, bodies=SMALL_SPOOL).form()
    assert open_files() == before


class Stalled(Chunks):
    """A source that gives its chunks and then nothing, for ever."""

    async def read(self) -> bytes:
        chunk = await super().read()
        if not chunk:
            await asyncio.Event().wait()
        return chunk


async def until_taken(source: Chunks, count: int) -> None:
    while source.taken < count:
        await asyncio.sleep(0)
    for _ in range(100):  # let the reader work on what it took
        await asyncio.sleep(0.0005)


async def cancelled(reading: asyncio.Task[object]) -> None:
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_rq5_cancellation_removes_the_temporary_files() -> None:
    before = open_files()
    head = part("f", b"x" * 5000, "a")
    source = Stalled([head])
    request = post(source, MULTIPART, bodies=SMALL_SPOOL)
    reading: asyncio.Task[object] = asyncio.create_task(request.form())
    await until_taken(source, len(head))
    await cancelled(reading)
    assert open_files() == before


async def save_first(request: Request, target: Path) -> int:
    async for piece in request.parts():
        return await piece.save_to(target)
    return 0


async def test_rq5_part_is_saved_as_it_arrives(tmp_path: Path) -> None:
    target = tmp_path / "big.bin"
    source = Chunks(generated(3 * 1024 * 1024))
    assert await save_first(post(source, MULTIPART), target) == 3 * 1024 * 1024
    assert target.stat().st_size == 3 * 1024 * 1024
    with pytest.raises(FileExistsError):
        await save_first(post(multipart(part("f", b"x", "f")), MULTIPART), target)
    assert target.stat().st_size == 3 * 1024 * 1024


@pytest.mark.parametrize("failure", [ClientDisconnected("gone"), HTTPError("stop")])
async def test_rq5_failed_save_leaves_no_file(tmp_path: Path, failure: Exception) -> None:
    target = tmp_path / "half"
    source = Chunks([part("f", b"x" * 600_000, "f")], failure)
    with pytest.raises(type(failure)):
        await save_first(post(source, MULTIPART), target)
    assert list(tmp_path.iterdir()) == []


async def test_rq5_cancelled_save_leaves_no_file(tmp_path: Path) -> None:
    head = part("f", b"x" * 600_000, "f")
    source = Stalled(cut(head, 65_536))
    saving: asyncio.Task[object] = asyncio.create_task(save_first(post(source, MULTIPART), tmp_path / "half"))
    await until_taken(source, len(head))
    await cancelled(saving)
    assert list(tmp_path.iterdir()) == []
