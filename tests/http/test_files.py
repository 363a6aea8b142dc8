from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.errors import Forbidden, NotFound, PreconditionFailed, RangeNotSatisfiable
from vivace.http import files
from vivace.http.files import File, content_disposition, x_accel, x_sendfile
from vivace.http.media_types import guess_type
from vivace.http.request import Connection, Request
from vivace.http.response import Response

from .sinks import Collector, body_of

CONTENT = bytes(range(256)) * 4
MTIME_NS = 784_111_777_123_456_789
MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "data.bin"
    made.write_bytes(CONTENT)
    os.utime(made, ns=(MTIME_NS, MTIME_NS))
    return made


def request(method: str = "GET", **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request(method, "/", raw, Connection())


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def answer(path: Path, method: str = "GET", **headers: str) -> Response:
    return await File(path).prepare(request(method, **headers))


async def test_rs3_whole_file(path: Path) -> None:
    response = await answer(path)
    assert response.status == 200
    assert dict(response.headers.items()) == {
        "content-type": "application/octet-stream",
        "etag": f'"{MTIME_NS:x}-{len(CONTENT):x}"',
        "last-modified": MODIFIED,
        "accept-ranges": "bytes",
        "content-length": "1024",
    }
    assert await body_of(response) == CONTENT


async def test_rs3_head_says_the_same_and_ignores_ranges(path: Path) -> None:
    response = await answer(path, "HEAD", range="bytes=0-1")
    assert (response.status, response.headers["content-length"]) == (200, "1024")
    await response.close()


async def test_rs3_one_range(path: Path) -> None:
    response = await answer(path, range="bytes=10-19")
    assert response.status == 206
    assert response.headers["content-range"] == "bytes 10-19/1024"
    assert response.headers["content-length"] == "10"
    assert await body_of(response) == CONTENT[10:20]


async def test_rs3_several_ranges(path: Path) -> None:
    response = await answer(path, range="bytes=0-1,-2")
    assert response.status == 206
    assert "content-range" not in response.headers
    kind, _, boundary = response.headers["content-type"].partition("; boundary=")
    body = await body_of(response)
    assert kind == "multipart/byteranges"
    assert len(body) == int(response.headers["content-length"])
    first, second = body.split(f"--{boundary}".encode())[1:3]
    assert first.endswith(b"content-range: bytes 0-1/1024\r\n\r\n\x00\x01\r\n")
    assert second.endswith(b"content-range: bytes 1022-1023/1024\r\n\r\n\xfe\xff\r\n")
    assert body.endswith(f"--{boundary}--\r\n".encode())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"range": "bytes=0-1", "if_range": f'"{MTIME_NS:x}-400"'}, 206),
        ({"range": "bytes=0-1", "if_range": MODIFIED}, 206),
        ({"range": "bytes=0-1", "if_range": '"other"'}, 200),
        ({"range": "bytes=0-,0-"}, 200),
        ({"range": "lines=0-1"}, 200),
        ({"if_none_match": f'"{MTIME_NS:x}-400"'}, 304),
        ({"if_none_match": "*", "range": "bytes=0-1"}, 304),
        ({"if_modified_since": MODIFIED}, 304),
        ({"if_modified_since": "Sun, 06 Nov 1994 08:49:36 GMT"}, 200),
    ],
)
async def test_rs3_conditions(path: Path, headers: dict[str, str], status: int) -> None:
    before = descriptors()
    response = await answer(path, **headers)
    assert response.status == status
    if status == 304:
        assert sorted(response.headers.keys()) == ["etag", "last-modified"]
    await response.close()
    assert descriptors() == before


async def test_rs3_refused_requests_leave_no_file_open(path: Path) -> None:
    before = descriptors()
    with pytest.raises(RangeNotSatisfiable) as unsatisfiable:
        await answer(path, range="bytes=1024-")
    assert unsatisfiable.value.headers == {"content-range": "bytes */1024"}
    with pytest.raises(PreconditionFailed):
        await answer(path, if_match='"other"')
    assert descriptors() == before


async def test_rs3_answer_to_post_is_the_whole_file(path: Path) -> None:
    response = await answer(path, "POST", range="bytes=0-1", if_none_match="*")
    assert response.status == 200
    assert await body_of(response) == CONTENT


async def test_rs3_missing_file_is_404_that_does_not_tell_the_path(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").write_text("")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for name in ("absent", "", "fifo", "socket", "file/below", "a\0b", "x" * 5000):
            before = descriptors()
            with pytest.raises(NotFound) as caught:
                await answer(tmp_path / name)
            assert str(tmp_path) not in str(caught.value)
            assert descriptors() == before


async def test_rs3_unreadable_file_is_403(path: Path) -> None:
    path.chmod(0)
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)  # root may read everything
    try:
        with pytest.raises(Forbidden):
            await answer(path)
    finally:
        os.seteuid(before)


async def test_rs3_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    response = await answer(tmp_path / "empty.txt")
    assert response.headers["content-length"] == "0"
    sink = Collector()
    await response.write_to(sink)
    await response.close()
    assert sink.writes == [b""], "one write, so that the head leaves"


async def test_rs3_bytes_are_those_that_were_measured(path: Path) -> None:
    response = await answer(path)
    path.rename(path.with_name("old"))
    path.write_bytes(b"other")
    assert await body_of(response) == CONTENT


async def test_rs3_unprepared_file_sends_itself_whole(path: Path) -> None:
    response = File(path)
    assert await body_of(response) == CONTENT
    assert response.headers["content-length"] == "1024"


async def test_rs3_cancelled_while_opening_leaves_no_file_open(path: Path) -> None:
    before = descriptors()
    opening = asyncio.ensure_future(File(path).prepare(request()))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await asyncio.get_running_loop().shutdown_default_executor()
    await asyncio.sleep(0)
    assert descriptors() == before


async def test_rs3_own_validators_and_headers_win(path: Path) -> None:
    made = File(path, headers={"etag": '"mine"', "cache-control": "no-cache"}, content_type="text/x-log")
    response = await made.prepare(request(if_none_match='"mine"'))
    assert response.status == 304
    assert response.headers["cache-control"] == "no-cache"
    await response.close()


@pytest.mark.parametrize(
    ("filename", "header"),
    [
        ("report.pdf", 'attachment; filename="report.pdf"'),
        ("a b.txt", 'attachment; filename="a b.txt"'),
        (
            "Prüfung €.txt",
            "attachment; filename=\"Pr_fung _.txt\"; filename*=UTF-8''Pr%C3%BCfung%20%E2%82%AC.txt",
        ),
        ("100%.txt", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
        ("../../etc/passwd", 'attachment; filename="passwd"'),
        ("C:\\temp\\a.txt", 'attachment; filename="a.txt"'),
        ("a\r\nSet-Cookie: x=1", 'attachment; filename="aSet-Cookie_ x=1"'),
        ('a"; filename="b.exe', 'attachment; filename="a_; filename=_b.exe"'),
        ("invoice\u202efdp.exe", 'attachment; filename="invoicefdp.exe"'),
    ],
)
def test_rs3_name_of_a_download(filename: str, header: str) -> None:
    assert content_disposition("attachment", filename) == header
    assert File("/x/y", filename=filename, disposition="attachment").headers["content-disposition"] == header


@given(st.text(max_size=60))
def test_sc8_no_file_name_splits_the_header(filename: str) -> None:
    value = content_disposition("inline", filename)
    assert value.isascii()
    assert value.isprintable()
    assert value.count('"') == 2


def test_rs3_attachment_has_the_name_of_the_file() -> None:
    assert (
        File("/x/y.pdf", disposition="attachment").headers["content-disposition"]
        == 'attachment; filename="y.pdf"'
    )
    assert "content-disposition" not in File("/x/y.pdf").headers
    assert File("/x/y", filename="z.html").headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.b.CSS", "text/css; charset=utf-8"),
        ("a.woff2", "font/woff2"),
        ("a.svg", "image/svg+xml"),
        ("a.tar.gz", "application/gzip"),
        ("Makefile", "application/octet-stream"),
        ("html", "application/octet-stream"),
        ("a.unknown", "application/octet-stream"),
    ],
)
def test_type_by_name(name: str, kind: str) -> None:
    assert guess_type(name) == kind


async def test_rs3_server_in_front_sends_the_file(tmp_path: Path) -> None:
    absent = tmp_path / "absent.pdf"
    response = File(absent, disposition="attachment", hand_over=x_accel("/protected/a b%\r\n.pdf"))
    response.set_cookie("seen", "1")
    answered = await response.prepare(request())
    assert (answered.status, answered.body, answered.buffered) == (200, b"", True)
    assert answered.headers["x-accel-redirect"] == "/protected/a%20b%25%0D%0A.pdf"
    assert answered.headers["content-type"] == "application/pdf"
    assert answered.headers["content-disposition"] == 'attachment; filename="absent.pdf"'
    assert "set-cookie" in answered.headers
    assert x_sendfile("/srv/ü.txt") == files.HandOver("x-sendfile", "/srv/%C3%BC.txt")
