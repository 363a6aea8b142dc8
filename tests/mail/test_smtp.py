"""SMTP over real sockets: TLS in all its forms, logins, refusals, and servers that are slow, rude or gone."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from tests.mail.servers import Certificates, answering, mail_server, scripted
from vivace.config.settings import Mail
from vivace.crypto import Secret
from vivace.errors import MailNotSent
from vivace.mail import EmailMessage, Mailer


def mailer(url: str, timeout: float = 5) -> Mailer:
    return Mailer(Mail(url=Secret(url), sender="Shop <shop@example.com>", timeout=timeout))


def message(to: str = "ada@example.com", subject: str = "Hello") -> EmailMessage:
    return EmailMessage(subject, "A text.\n.\n..dots\nFrom here", to=to)


async def test_em2_message_arrives_as_it_was_written() -> None:
    async with mail_server() as server:
        await mailer(f"smtp://127.0.0.1:{server.port}").send(
            EmailMessage(
                "Hello", "A text.\n.\n..dots", to=["ada@example.com", "b@example.com"], bcc="c@example.com"
            )
        )
    (envelope,) = server.envelopes
    assert envelope.mail_from == "shop@example.com"
    assert envelope.rcpt_tos == ["ada@example.com", "b@example.com", "c@example.com"]
    assert server.texts()[0].endswith(b"\r\n\r\nA text.\r\n.\r\n..dots\r\n")


async def test_em2_many_messages_use_one_connection() -> None:
    async with mail_server() as server:
        await mailer(f"smtp://127.0.0.1:{server.port}").send(
            *(message(f"u{n}@example.com") for n in range(50))
        )
    assert [envelope.rcpt_tos for envelope in server.envelopes] == [[f"u{n}@example.com"] for n in range(50)]
    assert server.connections == 1


async def test_em3_starttls_with_a_login(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    async with mail_server(starttls=certificates.context, user=("ada", "p@ss/wörd")) as server:
        url = f"smtp://ada:p%40ss%2Fw%C3%B6rd@localhost:{server.port}?tls=starttls&ca={certificates.file}"
        await mailer(url).send(message())
    assert len(server.envelopes) == 1


async def test_em3_tls_from_the_first_byte(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    async with mail_server(tls=certificates.context, user=("ada", "secret")) as server:
        await mailer(f"smtps://ada:secret@localhost:{server.port}?ca={certificates.file}").send(message())
    assert len(server.envelopes) == 1


@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
@pytest.mark.parametrize("wrong", ["authority", "name"])
async def test_em3_wrong_certificate_is_refused_and_nothing_is_told(
    scheme: str, wrong: str, tmp_path: Path
) -> None:
    certificates = Certificates(tmp_path, "localhost" if wrong == "authority" else "other.example.com")
    tls, starttls = (certificates.context, None) if scheme == "smtps" else (None, certificates.context)
    async with mail_server(tls=tls, starttls=starttls, user=("ada", "secret")) as server:
        ca = f"&ca={certificates.file}" if wrong == "name" else ""
        how = "" if scheme == "smtps" else "tls=starttls"
        with pytest.raises(MailNotSent, match="certificate of the mail server") as caught:
            await mailer(f"{scheme}://ada:secret@localhost:{server.port}?{how}{ca}").send(message())
    assert not caught.value.temporary  # trying again mends nothing
    assert server.envelopes == []


async def test_em3_a_server_without_starttls_gets_no_password() -> None:
    said: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        while line := await reader.readline():
            said.append(line)
            writer.write(
                b"250-mail.test\r\n250 AUTH PLAIN LOGIN\r\n" if b"EHLO" in line.upper() else b"502 no\r\n"
            )

    async with scripted(script) as (port, _):
        with pytest.raises(MailNotSent, match="cannot do that"):
            await mailer(f"smtp://ada:secret@127.0.0.1:{port}?tls=starttls").send(message())
    assert not any(b"AUTH" in line for line in said)


async def test_em2_wrong_password_is_final_and_not_shown(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    async with mail_server(tls=certificates.context, user=("ada", "secret")) as server:
        with pytest.raises(MailNotSent, match="refused the login") as caught:
            await mailer(f"smtps://ada:hunter2@localhost:{server.port}?ca={certificates.file}").send(
                message()
            )
    assert not caught.value.temporary
    assert "hunter2" not in str(caught.value)


async def test_em2_some_recipients_are_refused_the_others_receive_it() -> None:
    async with mail_server() as server:
        server.refuse = {"b@example.com": "550 no such user"}
        with pytest.raises(MailNotSent, match="1 of 2 recipients") as caught:
            await mailer(f"smtp://127.0.0.1:{server.port}").send(
                EmailMessage("s", "b", to=["a@example.com", "b@example.com"])
            )
    assert list(caught.value.refused) == ["b@example.com"]
    assert not caught.value.temporary
    assert server.envelopes[0].rcpt_tos == ["a@example.com"]


async def test_em2_one_refused_message_does_not_stop_the_others() -> None:
    async with mail_server() as server:
        server.answers = ["250 taken", "554 spam", "452 later"]
        with pytest.raises(MailNotSent) as caught:
            await mailer(f"smtp://127.0.0.1:{server.port}").send(
                *(message(f"u{n}@example.com") for n in range(4))
            )
    assert [failure.temporary for failure in caught.value.failures] == [False, True]
    assert [envelope.rcpt_tos[0] for envelope in server.envelopes] == ["u0@example.com", "u3@example.com"]


async def test_em2_server_that_limits_messages_per_connection_gets_a_new_one() -> None:
    async with scripted(answering(["250 taken", "250 taken"])) as (port, connections):
        await mailer(f"smtp://127.0.0.1:{port}").send(*(message() for _ in range(5)))
    assert len(connections) == 3


async def test_em2_server_that_hangs_up_is_a_temporary_failure() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await reader.readline()

    async with scripted(script) as (port, _):
        with pytest.raises(MailNotSent) as caught:
            await mailer(f"smtp://127.0.0.1:{port}").send(message(), message())
    assert caught.value.temporary
    assert len(caught.value.failures) == 2


async def test_em2_silent_server_is_left_after_the_timeout() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with scripted(script) as (port, connections):
        with pytest.raises(MailNotSent) as caught:
            await mailer(f"smtp://127.0.0.1:{port}", timeout=0.05).send(message(), message())
    assert caught.value.temporary
    assert len(connections) == 1  # the second does not wait for the same again


async def test_em2_no_server_is_a_temporary_failure() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with pytest.raises(MailNotSent) as caught:
            await mailer(f"smtp://127.0.0.1:{port}").send(message())
    assert caught.value.temporary


async def test_em2_cancelled_send_leaves_no_connection() -> None:
    ended = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await reader.read()
        ended.set()

    async with scripted(script) as (port, connections):
        sending = asyncio.create_task(mailer(f"smtp://127.0.0.1:{port}").send(message()))
        while not connections:
            await asyncio.sleep(0.005)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await asyncio.wait_for(ended.wait(), 5)


async def test_em2_addresses_beyond_ascii_where_the_server_knows_them() -> None:
    async with mail_server() as server:
        await mailer(f"smtp://127.0.0.1:{server.port}").send(message("用户@example.com"))
    assert server.envelopes[0].rcpt_tos == ["用户@example.com"]
    async with mail_server(smtputf8=False) as server:
        with pytest.raises(MailNotSent, match="cannot do that") as caught:
            await mailer(f"smtp://127.0.0.1:{server.port}").send(message("用户@example.com"))
    assert not caught.value.temporary


async def test_certificates_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(MailNotSent, match=r"\?ca="):
        await mailer(f"smtps://localhost:1?ca={tmp_path}/none.pem").send(message())
