"""Mail URLs: what each says, and that a wrong one never shows its password."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivace.errors import MailURLInvalid
from vivace.mail import ConsoleBackend, DummyBackend, FileBackend, MemoryBackend
from vivace.mail.urls import make_backend, smtp_options


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "user"),
    [
        ("smtp://u:p@mail.example.com:2525", "mail.example.com", 2525, "starttls", "u"),
        ("smtp://u:p@mail.example.com", "mail.example.com", 587, "starttls", "u"),
        ("smtp://mail.example.com", "mail.example.com", 25, "starttls", ""),
        ("smtps://u%40x:p%2Fq@mail.example.com", "mail.example.com", 465, "tls", "u@x"),
        ("smtp://localhost", "localhost", 25, "none", ""),
        ("smtp://127.0.0.1:1025", "127.0.0.1", 1025, "none", ""),
        ("smtp://[::1]:1025", "::1", 1025, "none", ""),
        ("smtp://localhost:25?tls=starttls", "localhost", 25, "starttls", ""),
        ("smtp://relay.lan?tls=none", "relay.lan", 25, "none", ""),
        ("SMTP://localhost", "localhost", 25, "none", ""),
    ],
)
def test_em3_url_says_it_all(url: str, host: str, port: int, tls: str, user: str) -> None:
    options = smtp_options(url)
    assert (options.host, options.port, options.tls, options.user) == (host, port, tls, user)


def test_password_is_decoded_and_hidden() -> None:
    options = smtp_options("smtp://u:p%2Fq@h?ca=/a.pem&hostname=me.example.com", 3)
    assert options.password.reveal() == "p/q"
    assert "p/q" not in repr(options)
    assert (options.ca, options.hostname, options.timeout) == ("/a.pem", "me.example.com", 3)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "hunter2",
            "smpt://u:hunter2@h",
            "smtp://u:hunter2@h:port",
            "smtp://u:hunter2@h/path",
            "smtp:u:hunter2@h",
        ),
        *(
            "smtp://u:hunter2@h?tls=maybe",
            "smtp://u:hunter2@h?verify=no",
            "smtp://u:hunter2@h?hostname=a%20b",
            "smtp://u:hunter2#x@h",
            "smtp://[u:hunter2@h",
        ),
    ],
)
def test_sc8_wrong_url_does_not_show_its_password(url: str) -> None:
    with pytest.raises(MailURLInvalid) as caught:
        make_backend(url, Path(), 1)
        smtp_options(url)
    assert "hunter2" not in str(caught.value)


def test_nearest_scheme_is_named() -> None:
    with pytest.raises(MailURLInvalid, match="smtp"):
        make_backend("smpt://h", Path(), 1)


def test_em3_local_backends(tmp_path: Path) -> None:
    assert isinstance(make_backend("console:", tmp_path, 1), ConsoleBackend)
    assert isinstance(make_backend("memory:", tmp_path, 1), MemoryBackend)
    assert isinstance(make_backend("dummy:", tmp_path, 1), DummyBackend)
    for url, folder in (
        ("file:sent", tmp_path / "sent"),
        ("file:///var/x", Path("/var/x")),
        ("file:", tmp_path / "sent-mail"),
    ):
        backend = make_backend(url, tmp_path, 1)
        assert isinstance(backend, FileBackend)
        assert backend.folder == folder
