"""Names of stored files: made safe, checked, made free."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.errors import SuspiciousFileName
from vivace.storage.names import (
    alternative_name,
    checked_folder,
    checked_name,
    fitted_name,
    split_name,
    valid_name,
)

HOSTILE = [
    "../../etc/passwd",
    "..\\..\\windows\\system.ini",
    "/etc/passwd",
    "C:\\fakepath\\a.txt",
    "a\x00.png",
    "a\r\nSet-Cookie: x.png",
    "invoice\u202efdp.exe",
    "con",
    "NUL.txt",
    "com1.tar.gz",
    ".htaccess",
    "...",
    "..",
    ".",
    "",
    "x. ",
    "a" * 400 + ".png",
    "é" * 300,
    "<script>.html",
    "a?b*c|d.txt",
    "\u200b\u200e",
    "😀.png",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_sc9_hostile_names_become_one_harmless_component(name: str) -> None:
    safe = valid_name(name)
    assert safe
    assert "/" not in safe
    assert "\\" not in safe
    assert not safe.startswith(".")
    assert checked_name(safe) == safe
    assert valid_name(safe) == safe


@given(st.text(max_size=300))
def test_sc9_any_text_becomes_a_name_that_may_be_asked_for(name: str) -> None:
    safe = valid_name(name)
    assert checked_name(safe) == safe
    assert len(safe.encode()) <= 255


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("my photo.png", "my_photo.png"),
        ("Grüße 2026.pdf", "Grüße_2026.pdf"),
        ("हिन्दी.txt", "हिन्दी.txt"),
        ("a%20b&c#d.txt", "a20bcd.txt"),
        ("😀.png", "file.png"),
        ("con.txt", "_con.txt"),
        ("archive.tar.gz", "archive.tar.gz"),
    ],
)
def test_good_names_stay_readable(name: str, expected: str) -> None:
    assert valid_name(name) == expected


@pytest.mark.parametrize(
    "name",
    ["", "/a", "a//b", "a/", "../a", "a/../b", "a/./b", "a\\b", "C:a", "a:b", "a\x00b", "a/con", "a/nul.txt", "a./b",
     "a /b", "a\nb", "x\u202ey", "a" * 256, "a/" + "é" * 128],
)  # fmt: skip
def test_sc9_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(SuspiciousFileName) as caught:
        checked_name(name)
    assert caught.value.status == 400


@pytest.mark.parametrize("name", ["a", "a/b/c.tar.gz", "Grüße/ü.png", ".well-known/x", "a b.txt"])
def test_plain_names_pass(name: str) -> None:
    assert checked_name(name) == name


def test_a_folder_may_have_slashes_around_it() -> None:
    assert checked_folder("/a/b/") == "a/b"
    assert checked_folder("") == ""
    with pytest.raises(SuspiciousFileName):
        checked_folder("a/../..")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a/b.png", ("a/", "b", ".png")),
        ("b.tar.gz", ("", "b", ".tar.gz")),
        ("b.min.js", ("", "b.min", ".js")),
        (".htaccess", ("", ".htaccess", "")),
        ("noext", ("", "noext", "")),
        ("a.averylongword", ("", "a.averylongword", "")),
    ],
)
def test_names_are_split(name: str, parts: tuple[str, str, str]) -> None:
    assert split_name(name) == parts


def test_an_alternative_keeps_folder_and_extension_and_fits() -> None:
    other = alternative_name("a/photo.tar.gz", 20)
    assert other.startswith("a/p")
    assert other.endswith(".tar.gz")
    assert len(other) == 20
    assert alternative_name("a/photo.png") != alternative_name("a/photo.png")


def test_a_name_is_cut_at_its_stem() -> None:
    assert fitted_name("folder/" + "x" * 200 + ".png", 100) == "folder/" + "x" * 89 + ".png"
    assert len(fitted_name("é" * 200 + ".png", None).encode()) <= 255
    with pytest.raises(SuspiciousFileName, match="at most 8"):
        fitted_name("folder/x.png", 8)
