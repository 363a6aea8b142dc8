"""File names from strangers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.http.filenames import MAX_BYTES, safe_filename


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("photo.jpg", "photo.jpg"),
        ("été 1 (2).jpg", "été 1 (2).jpg"),
        ("e\u0301.txt", "é.txt"),
        ("写真.png", "写真.png"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("C:\\fakepath\\a.txt", "a.txt"),
        ("/", "file"),
        ("..", "file"),
        ("", "file"),
        (".htaccess", "htaccess"),
        ("a\r\nSet-Cookie: x=1.txt", "aSet-Cookie_ x=1.txt"),
        ("a\x00.php\x00.jpg", "a.php.jpg"),
        ('a<b>:"|?*.txt', "a_b______.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1 .tar.gz", "_com1 .tar.gz"),
        ("lpt².x", "_lpt².x"),
        ("console.log", "console.log"),
        ("trailing. . ", "trailing"),
        ("x" * 300 + ".jpeg", "x" * 250 + ".jpeg"),
        ("é" * 200 + ".png", "é" * 125 + ".png"),
        ("a." + "x" * 300, "a." + "x" * 253),
    ],
)
def test_sc9_names_are_made_safe(raw: str, safe: str) -> None:
    assert safe_filename(raw) == safe


@given(st.text() | st.text(alphabet="./\\ CONcon:\r\nné\u0301\u202e1²"))
def test_sc9_result_is_one_component_and_stable(raw: str) -> None:
    safe = safe_filename(raw)
    assert safe
    assert 0 < len(safe.encode()) <= MAX_BYTES
    assert not set(safe) & set('/\\\x00\r\n<>:"|?*')
    assert safe not in {".", ".."}
    assert safe[0] != "."
    assert safe[-1] not in ". "
    assert safe_filename(safe) == safe
