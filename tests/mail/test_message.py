"""Messages: what a mail program reads out of the bytes, and what is refused before there are any."""

from __future__ import annotations

import email
from email import policy
from email.message import EmailMessage as MIMEMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.errors import InvalidMail
from vivace.mail import Attachment, EmailMessage
from vivace.mail.message import seal

SENDER = "Shop <shop@example.com>"


def read(message: EmailMessage) -> MIMEMessage:
    """Write a message and read it as a mail program does."""
    return email.message_from_bytes(seal(message, SENDER).content, policy=policy.default)


def text(part: Any) -> str:
    return str(part.get_content()).replace("\r\n", "\n")


def test_em1_plain_message() -> None:
    mime = read(EmailMessage("Grüße", "Wörter\nund mehr", to=["Ada <ada@example.com>", "b@example.com"]))
    assert mime["Subject"] == "Grüße"
    assert mime["From"] == "Shop <shop@example.com>"
    assert mime["To"] == "Ada <ada@example.com>, b@example.com"
    assert mime.get_content_type() == "text/plain"
    assert text(mime) == "Wörter\nund mehr\n"
    assert mime["Message-ID"].endswith("@example.com>")
    assert mime["Date"].endswith("+0000")
    assert mime["MIME-Version"] == "1.0"


def test_em1_all_bytes_are_ascii_in_short_lines() -> None:
    content = seal(
        EmailMessage("ü" * 500, "ö" * 5000, to="ä <a@b.c>", html="<p>" + "x" * 5000), SENDER
    ).content
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 998  # RFC 5322 section 2.1.1
    assert b"\n" not in content.replace(b"\r\n", b"")


def test_em1_text_and_html_and_files(tmp_path: Path) -> None:
    message = EmailMessage("s", "plain", to="a@b.c", html="<p>rich")
    picture = message.attach_inline("p.png", b"\x89PNG", "image/png")
    message.html += f'<img src="{picture}">'
    message.attach("notes.txt", "nöte")
    message.attach("data", b"\x00\x01", "application/x-own")
    (tmp_path / "übung.pdf").write_bytes(b"%PDF")
    message.attach_file(tmp_path / "übung.pdf")
    mime = read(message)
    assert mime.get_content_type() == "multipart/mixed"
    parts = [
        (part.get_content_type(), part.get_filename()) for part in mime.walk() if not part.is_multipart()
    ]
    assert parts == [
        ("text/plain", None),
        ("text/html", None),
        ("image/png", "p.png"),
        ("text/plain", "notes.txt"),
        ("application/x-own", "data"),
        ("application/pdf", "übung.pdf"),
    ]
    plain, rich = mime.get_body(("plain",)), mime.get_body(("html",))
    assert text(plain) == "plain\n"
    assert picture in text(rich)
    shown = next(part for part in mime.walk() if part.get_content_type() == "image/png")
    assert f"cid:{shown['Content-ID'][1:-1]}" == picture
    assert shown.get_content_disposition() == "inline"


def test_em1_html_alone_is_the_message() -> None:
    assert read(EmailMessage("s", to="a@b.c", html="<p>rich")).get_content_type() == "text/html"


def test_em1_blind_copies_receive_it_and_are_not_named() -> None:
    message = EmailMessage("s", "b", to="a@b.c", cc=["c@d.e", "a@b.c"], bcc="secret@d.e", reply_to="r@s.t")
    envelope = seal(message, SENDER)
    assert envelope.recipients == ("a@b.c", "c@d.e", "secret@d.e")
    assert message.recipients() == list(envelope.recipients)
    assert b"secret" not in envelope.content
    mime = read(message)
    assert (mime["Cc"], mime["Reply-To"]) == ("c@d.e, a@b.c", "r@s.t")


def test_em1_headers_of_your_own() -> None:
    headers = {
        "X-Priority": "1",
        "Message-ID": "<own@example.com>",
        "List-Unsubscribe": "<https://example.com/u>",
    }
    envelope = seal(
        EmailMessage("s", "b", "me@x.y", "a@b.c", headers=headers, envelope_from="bounce@x.y"), SENDER
    )
    mime = email.message_from_bytes(envelope.content, policy=policy.default)
    assert (mime["X-Priority"], mime["List-Unsubscribe"]) == ("1", "<https://example.com/u>")
    assert mime.get_all("Message-ID") == ["<own@example.com>"]
    assert (envelope.id, envelope.sender, mime["From"]) == ("<own@example.com>", "bounce@x.y", "me@x.y")


@pytest.mark.parametrize(
    "evil", ["a\nBcc: x@y.z", "a\r\nBcc: x@y.z", "a\rb", "a\x00b", "a\x0bb", "a\u2028b", "a\x85b"]
)
@pytest.mark.parametrize("place", ["subject", "from_email", "to", "cc", "bcc", "reply_to", "envelope_from"])
def test_sc8_header_injection_is_refused(place: str, evil: str) -> None:
    value = evil if place == "subject" else f"{evil} <a@b.c>"
    message = EmailMessage("s", to="a@b.c")
    setattr(message, place, value)
    with pytest.raises(InvalidMail, match="line break"):
        seal(message, SENDER)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "b\nBcc: x@y.z"},
        {"X-A\nBcc": "x@y.z"},
        {"X A": "b"},
        {"": "b"},
        {"X:A": "b"},
        {"Bcc": "x@y.z"},
        {"to": "x"},
    ],
)
def test_sc8_headers_of_your_own_are_checked(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidMail):
        seal(EmailMessage("s", "b", to="a@b.c", headers=headers), SENDER)


def test_sc8_names_and_types_of_attachments_are_checked() -> None:
    for attachment in (
        Attachment("a\nb", b""),
        Attachment("a", b"", "text/plain\nX: y"),
        Attachment("a", b"", "text"),
    ):
        with pytest.raises(InvalidMail):
            seal(EmailMessage("s", to="a@b.c", attachments=[attachment]), SENDER)


def test_a_message_without_recipient_is_refused() -> None:
    with pytest.raises(InvalidMail, match="no recipient"):
        seal(EmailMessage("s", "b"), SENDER)


def test_addresses_beyond_ascii_ask_for_smtputf8() -> None:
    assert seal(EmailMessage("s", "b", to="用户@example.com"), SENDER).utf8
    assert not seal(EmailMessage("s", "b", to="Ünser <a@bücher.example>"), SENDER).utf8


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_sc8_no_body_reaches_the_headers_and_each_comes_back(body: str) -> None:
    mime = read(EmailMessage("s", body, to="a@b.c"))
    assert sorted(mime.keys()) == sorted(
        [
            "Subject",
            "From",
            "To",
            "Date",
            "Message-ID",
            "MIME-Version",
            "Content-Type",
            "Content-Transfer-Encoding",
        ]
    )
    wanted = body.replace("\r\n", "\n").replace("\r", "\n")
    assert text(mime).rstrip("\n") == wanted.rstrip("\n")
