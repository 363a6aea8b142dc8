"""Does a file contain what its name says?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.http.contents import CERTAIN, agrees
from vivace.http.media_types import TYPES


@pytest.mark.parametrize(
    ("name", "sniffed", "answer"),
    [
        ("a.png", "image/png", True),
        ("a.PNG", "image/png", True),
        ("a.png", "image/jpeg", False),
        ("a.png", "text/html", False),
        ("a.png", None, False),
        ("a.pdf", "application/vnd.microsoft.portable-executable", False),
        ("a.docx", "application/zip", True),
        ("a.docx", None, False),
        ("a.zip", "application/zip", True),
        ("a.jpg", "application/zip", False),
        ("a.txt", None, True),
        ("a.txt", "text/html", True),
        ("a.txt", "image/png", False),
        ("a.csv", "application/x-elf", False),
        ("a.json", "text/html", True),
        ("a.html", "text/html", True),
        ("a.svg", "image/svg+xml", True),
        ("a.svg", "text/xml", True),
        ("a.svg", "text/html", False),
        ("a.mov", "video/mp4", True),
        ("a.mkv", "video/webm", True),
        ("a.avif", "image/heif", True),
        ("a.ogg", "application/ogg", True),
        ("a.ico", "image/x-icon", True),
        ("a.mp3", None, True),
        ("noext", "text/html", True),
        ("a.unknown", "application/x-elf", True),
        ("", None, True),
        (".png", "text/html", False),
    ],
)
def test_sc9_names_and_contents(name: str, sniffed: str | None, answer: bool) -> None:
    assert agrees(name, sniffed) is answer


@given(st.sampled_from(sorted(TYPES)), st.text(max_size=5))
def test_sc9_a_type_always_agrees_with_itself(extension: str, stem: str) -> None:
    assert agrees(f"{stem}.{extension}", TYPES[extension])


def test_sc9_certain_types_are_types_of_extensions() -> None:
    assert set(TYPES.values()) >= CERTAIN
