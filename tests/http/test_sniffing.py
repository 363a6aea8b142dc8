"""Media types by first bytes."""

from __future__ import annotations

import gzip
import io
import tarfile
import wave
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.http.sniffing import sniff


def wav() -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\0\0")
    return buffer.getvalue()


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a", "b")
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        file.addfile(tarfile.TarInfo("a"))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        (b"GIF89a\1\0", "image/gif"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
        (b"\0\0\0\x20ftypavif\0", "image/avif"),
        (b"\0\0\0\x20ftypisom\0", "video/mp4"),
        (b"%PDF-1.7\n", "application/pdf"),
        (wav(), "audio/wav"),
        (zipped(), "application/zip"),
        (tarred(), "application/x-tar"),
        (gzip.compress(b"x"), "application/gzip"),
        (b"<!DOCTYPE html><p>", "text/html"),
        (b"\xef\xbb\xbf \n<!-- x --><SCRIPT>alert(1)</script>", "text/html"),
        (b'<?xml version="1.0"?>\n<!-- x --><svg xmlns="">', "image/svg+xml"),
        (b"<svg/onload=alert(1)>", "image/svg+xml"),
        (b"<?xml version='1.0'?><feed>", "text/xml"),
        (b"hello", None),
        (b"", None),
    ],
    ids=lambda value: "content" if isinstance(value, bytes) else str(value),  # archives hold the time
)
def test_sc9_types_are_found_by_content(content: bytes, media_type: str | None) -> None:
    assert sniff(content) == media_type


@given(st.binary(max_size=600))
def test_sniffing_never_fails(content: bytes) -> None:
    result = sniff(content)
    assert result is None or "/" in result
