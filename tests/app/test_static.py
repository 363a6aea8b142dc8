"""Static files: what is served, how it is described, what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.http.sinks import body_of
from vivace.app.static import StaticFiles, StaticOptions, split_path
from vivace.errors import (
    ConfigurationError,
    MethodNotAllowed,
    NotFound,
    PreconditionFailed,
    RangeNotSatisfiable,
)
from vivace.http.request import Connection, Request
from vivace.http.response import Response

SCRIPT = b"console.log('vivace');\n" * 20
LARGE = bytes(range(256)) * 400


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "static"
    (made / "deep").mkdir(parents=True)
    (made / "app.js").write_bytes(SCRIPT)
    (made / "large.bin").write_bytes(LARGE)
    (made / "deep" / "naïve page.txt").write_bytes(b"deep")
    (made / ".env").write_bytes(b"SECRET")
    (tmp_path / "outside.txt").write_bytes(b"outside")
    return made


def ask(target: str, method: str = "GET", **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request(method, target, raw, Connection())


async def get(files: StaticFiles, path: str, method: str = "GET", **headers: str) -> Response:
    request = ask(f"/static{path}", method, **headers)
    response = await files(request, request.raw_path.removeprefix("/static"))
    return await response.prepare(request)


async def body(response: Response) -> bytes:
    return response.body if response.buffered else await body_of(response)


async def test_sf3_small_file_from_memory(root: Path) -> None:
    response = await get(StaticFiles(root), "/app.js")
    state = (root / "app.js").stat()
    assert response.buffered
    assert response.body == SCRIPT
    assert response.status == 200
    fields = dict(response.headers.items())
    assert fields.pop("last-modified").endswith("GMT")
    assert fields == {
        "content-type": "text/javascript; charset=utf-8",
        "etag": f'"{state.st_mtime_ns:x}-{state.st_size:x}"',
        "accept-ranges": "bytes",
        "cache-control": "max-age=60, public",
        "x-content-type-options": "nosniff",
    }


async def test_sf3_large_file_is_sent_by_descriptor(root: Path) -> None:
    response = await get(StaticFiles(root), "/large.bin")
    assert not response.buffered
    assert response.headers["content-length"] == str(len(LARGE))
    assert len(response.headers.getlist("etag")) == 1
    assert await body(response) == LARGE


async def test_names_are_percent_decoded(root: Path) -> None:
    assert await body(await get(StaticFiles(root), "/deep/na%C3%AFve%20page.txt")) == b"deep"


@pytest.mark.parametrize("name", ["/app.js", "/large.bin"])
async def test_sf3_validators(root: Path, name: str) -> None:
    files = StaticFiles(root)
    first = await get(files, name)
    tag = first.headers["etag"]
    await first.close()
    same = await get(files, name, if_none_match=tag)
    assert (same.status, same.headers["etag"]) == (304, tag)
    assert "content-type" not in same.headers
    await same.close()
    assert (await get(files, name, if_modified_since=first.headers["last-modified"])).status == 304
    other = await get(files, name, if_none_match='"other"')
    assert other.status == 200
    await other.close()
    with pytest.raises(PreconditionFailed):
        await get(files, name, if_match='"other"')


@pytest.mark.parametrize(("name", "content"), [("/app.js", SCRIPT), ("/large.bin", LARGE)])
async def test_rs3_ranges(root: Path, name: str, content: bytes) -> None:
    files = StaticFiles(root)
    part = await get(files, name, range="bytes=5-9")
    assert (part.status, part.headers["content-range"]) == (206, f"bytes 5-9/{len(content)}")
    assert await body(part) == content[5:10]
    stale = await get(files, name, range="bytes=5-9", if_range='"other"')
    assert (stale.status, await body(stale)) == (200, content)
    several = await get(files, name, range="bytes=0-1,8-9")
    assert several.headers["content-type"].startswith("multipart/byteranges")
    await several.close()
    with pytest.raises(RangeNotSatisfiable):
        await get(files, name, range="bytes=9999999-")


async def test_head_and_other_methods(root: Path) -> None:
    files = StaticFiles(root)
    assert (await get(files, "/app.js", "HEAD")).headers["etag"]
    with pytest.raises(MethodNotAllowed) as caught:
        await get(files, "/app.js", "POST")
    assert caught.value.headers == {"allow": "GET, HEAD"}


TRAVERSAL = [
    "/../outside.txt",
    "/..%2foutside.txt",
    "/%2e%2e/outside.txt",
    "/%2e%2e%2foutside.txt",
    "/deep/../../outside.txt",
    "/deep/%2e%2e/%2e%2e/outside.txt",
    "/..%5coutside.txt",
    "/..\\outside.txt",
    "/....//outside.txt",
    "/%252e%252e/outside.txt",
    "/%c0%ae%c0%ae/outside.txt",
    "/.%00./outside.txt",
    "/app.js%00.txt",
    "/app.js%00",
    "//etc/passwd",
    "/%2fetc/passwd",
    "/C:/Windows/win.ini",
    "/C%3a%5cWindows%5cwin.ini",
    "/app.js::$DATA",
    "/app.js.",
    "/app.js%20",
    "/.env",
    "/%2eenv",
    "/.git/config",
    "/deep",
    "/deep/",
    "/deep//na%C3%AFve%20page.txt",
    "/./app.js",
    "/app.js/",
    "/app.js/x",
    "/%FF",
    "/" + "a" * 5000,
    "/a%0ab",
    "/",
    "",
]


@pytest.mark.parametrize("path", TRAVERSAL)
async def test_sf3_what_is_not_served(root: Path, path: str) -> None:
    for options in (StaticOptions(), StaticOptions(dotfiles=path != "/.env" and path != "/%2eenv")):
        with pytest.raises(NotFound):
            await get(StaticFiles(root, options), path)


@given(
    st.lists(
        st.sampled_from(["..", ".", "/", "%2e", "%2f", "\\", "%5c", "a", "C:", "%00", "%", "é"]), max_size=9
    )
)
def test_sf3_no_path_leaves_the_folder(parts: list[str]) -> None:
    names = split_path("/" + "".join(parts), StaticOptions(dotfiles=True, index="index.html"))
    if names is not None:
        assert os.path.normpath(os.path.join("/srv", *names)).startswith("/srv/")
        assert os.path.join("/root", *names).count("/") == len(names) + 1


async def test_sf3_links_out_of_the_folder_are_refused(root: Path, tmp_path: Path) -> None:
    (root / "leak.txt").symlink_to(tmp_path / "outside.txt")
    (root / "up").symlink_to(tmp_path)
    (root / "alias.js").symlink_to(root / "app.js")
    (root / "app.js.gz").symlink_to(tmp_path / "outside.txt")
    files = StaticFiles(root)
    for path in ("/leak.txt", "/up/outside.txt"):
        with pytest.raises(NotFound):
            await get(files, path)
    assert await body(await get(files, "/alias.js")) == SCRIPT
    assert await body(await get(files, "/app.js", accept_encoding="gzip")) == SCRIPT
    following = StaticFiles(root, StaticOptions(follow_links=True))
    assert await body(await get(following, "/leak.txt")) == b"outside"


async def test_a_linked_root_is_a_root(root: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(root)
    assert await body(await get(StaticFiles(tmp_path / "current"), "/app.js")) == SCRIPT


@pytest.mark.parametrize(
    ("accepted", "coding", "content"),
    [
        ("gzip, br, zstd", "br", b"BR"),
        ("gzip, zstd", "zstd", b"ZSTD"),
        ("gzip;q=1, br;q=0.5", "gzip", b"GZIP"),
        ("identity", None, SCRIPT),
        ("", None, SCRIPT),
        ("deflate", None, SCRIPT),
        ("*;q=0", None, SCRIPT),
    ],
)
async def test_sf3_precompressed(root: Path, accepted: str, coding: str | None, content: bytes) -> None:
    for suffix, data in ((".br", b"BR"), (".zst", b"ZSTD"), (".gz", b"GZIP")):
        (root / f"app.js{suffix}").write_bytes(data)
    response = await get(StaticFiles(root), "/app.js", accept_encoding=accepted)
    assert response.body == content
    assert response.headers.get("content-encoding") == coding
    assert response.headers["content-type"] == "text/javascript; charset=utf-8"
    assert response.headers["vary"] == "accept-encoding"


async def test_sf3_precompressed_only_when_it_is_newer(root: Path) -> None:
    (root / "app.js.gz").write_bytes(b"OLD")
    os.utime(root / "app.js.gz", (1, 1))
    response = await get(StaticFiles(root), "/app.js", accept_encoding="gzip")
    assert response.body == SCRIPT
    assert "vary" not in response.headers


async def test_sf3_large_precompressed_file(root: Path) -> None:
    (root / "large.bin.zst").write_bytes(LARGE[::-1])
    response = await get(StaticFiles(root), "/large.bin", accept_encoding="zstd")
    assert response.headers["content-encoding"] == "zstd"
    assert response.headers["content-type"] == "application/octet-stream"
    assert await body(response) == LARGE[::-1]


async def test_sf3_hashed_names_are_immutable(root: Path) -> None:
    (root / "app.55e7cbb9ba48.js").write_bytes(SCRIPT)
    files = StaticFiles(root, StaticOptions(max_age=0))
    hashed = await get(files, "/app.55e7cbb9ba48.js")
    assert hashed.headers["cache-control"] == "max-age=31536000, public, immutable"
    assert (await get(files, "/app.js")).headers["cache-control"] == "max-age=0, public"


async def test_index(root: Path) -> None:
    (root / "deep" / "index.html").write_bytes(b"<h1>deep</h1>")
    files = StaticFiles(root, StaticOptions(index="index.html"))
    page = await get(files, "/deep/")
    assert (page.body, page.headers["content-type"]) == (b"<h1>deep</h1>", "text/html; charset=utf-8")
    moved = await get(files, "/deep?a=1")
    assert (moved.status, moved.headers["location"]) == (308, "./deep/?a=1")
    assert (await get(files, "")).headers["location"] == "./static/"
    with pytest.raises(NotFound):
        await get(files, "/")


async def test_a_change_is_seen_when_the_state_is_no_longer_fresh(root: Path) -> None:
    now = [0.0]
    files = StaticFiles(root, clock=lambda: now[0])
    assert (await get(files, "/app.js")).body == SCRIPT
    (root / "app.js").write_bytes(b"new")
    assert (await get(files, "/app.js")).body == SCRIPT
    now[0] = 1.0
    assert (await get(files, "/app.js")).body == b"new"
    (root / "app.js").unlink()
    now[0] = 2.0
    with pytest.raises(NotFound):
        await get(files, "/app.js")
    assert files._known == {}
    assert files._in_memory == 0


async def test_memory_is_bounded(root: Path) -> None:
    for index in range(20):
        (root / f"{index}.txt").write_bytes(b"x" * 1000)
    files = StaticFiles(root, StaticOptions(memory=5_500))
    for index in range(20):
        assert (await get(files, f"/{index}.txt")).body == b"x" * 1000
    assert files._in_memory == 5_000
    assert list(files._known) == [f"/{index}.txt" for index in range(15, 20)]
    for accepted in range(100):
        await get(files, "/19.txt", accept_encoding=f"x{accepted}")
    assert len(files._known["/19.txt"].choices) <= 16


async def test_missing_files_are_not_remembered(root: Path) -> None:
    files = StaticFiles(root)
    for index in range(50):
        with pytest.raises(NotFound):
            await get(files, f"/{index}")
    assert files._known == {}


async def test_start_needs_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        await StaticFiles(tmp_path / "nowhere").startup()
    files = StaticFiles(tmp_path)
    await files.startup()
    await files.shutdown()
