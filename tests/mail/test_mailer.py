"""The mailer by itself: when messages are sent, what becomes of those that are not, and the local backends."""

from __future__ import annotations

import asyncio
import email
import io
import stat
import threading
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest

from vivace.config.settings import Mail
from vivace.crypto import Secret
from vivace.errors import AppNotRunning, InvalidMail, MailNotSent, MailURLInvalid, NoCurrentApp
from vivace.mail import (
    Backend,
    ConsoleBackend,
    EmailMessage,
    Envelope,
    FileBackend,
    Mailer,
    MemoryBackend,
    current_mailer,
    mail_admins,
    mail_managers,
    send_mail,
)
from vivace.mail.mailer import LARGE


class Flaky(Backend):
    """Fails as it is told, one outcome for each message; then takes everything."""

    def __init__(self, *outcomes: MailNotSent | None) -> None:
        self.outcomes = list(outcomes)
        self.batches: list[list[Envelope]] = []
        self.gate: asyncio.Event | None = None

    async def deliver(self, envelopes: Sequence[Envelope]) -> list[MailNotSent | None]:
        self.batches.append(list(envelopes))
        if self.gate is not None:
            await self.gate.wait()
        return [self.outcomes.pop(0) if self.outcomes else None for _ in envelopes]


class Around:
    """Surroundings that a test looks into: work and timers are kept and run when the test says so."""

    def __init__(self, transaction: bool = False) -> None:
        self.transaction = transaction
        self.kept: list[Callable[[], None]] = []
        self.work: list[Coroutine[Any, Any, None]] = []
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def after_commit(self, function: Callable[[], None]) -> bool:
        if self.transaction:
            self.kept.append(function)
        return self.transaction

    def spawn(self, work: Coroutine[Any, Any, None]) -> object:
        self.work.append(work)
        return None

    def later(self, seconds: float, function: Callable[[], None]) -> object:
        self.timers.append((seconds, function))
        return None

    async def run(self) -> None:
        while self.work:
            await self.work.pop(0)


def message(subject: str = "s") -> EmailMessage:
    return EmailMessage(subject, "b", to="a@b.c")


TEMPORARY = MailNotSent("busy", temporary=True)
FINAL = MailNotSent("no such user")


async def test_em2_send_waits_and_raises() -> None:
    mailer = Mailer(backend=Flaky(None, FINAL, TEMPORARY))
    with pytest.raises(MailNotSent, match="no such user") as caught:
        await mailer.send(message(), message(), message())
    assert caught.value.failures == [FINAL, TEMPORARY]
    assert not mailer.failed  # who was told must do something about it


class Told(dict[str, str]):
    """Headers that take note of the threads in which they are read."""

    def __init__(self) -> None:
        super().__init__({"X-Note": "x"})
        self.threads: list[int] = []

    def items(self) -> Any:
        self.threads.append(threading.get_ident())
        return super().items()


@pytest.mark.parametrize(("size", "apart"), [(100, False), (LARGE, True)])
async def test_em2_large_attachments_are_encoded_in_a_thread(size: int, apart: bool) -> None:
    told, backend = Told(), MemoryBackend()
    message = EmailMessage("s", "b", "me@example.com", "you@example.com", headers=told)
    message.attach("a.bin", b"x" * size)
    await Mailer(backend=backend).send(message)
    assert (threading.get_ident() not in told.threads) is apart
    with pytest.raises(InvalidMail):
        message.to = "nobody at all"
        await Mailer(backend=backend).send(message)
    assert len(backend.outbox) == 1


async def test_em2_send_soon_encodes_large_files_when_they_leave() -> None:
    around, backend, told = Around(), Flaky(TEMPORARY, FINAL), Told()
    mailer = Mailer(surroundings=around, backend=backend)
    letter = EmailMessage("s", "b", "me@example.com", ["you@example.com"], headers=told)
    letter.attach("a.bin", b"x" * LARGE)
    mailer.send_soon(letter)
    letter.attachments.clear()
    letter.subject = "another"
    await around.run()
    around.timers[0][1]()  # the second try
    await around.run()
    assert await mailer.retry() == 1
    sent = [batch[0] for batch in backend.batches]
    headers = sent[0].message.headers  # a copy
    assert isinstance(headers, Told)
    assert threading.get_ident() in headers.threads  # it was checked at once
    assert threading.get_ident() not in headers.threads[-3:]  # and encoded for each try
    assert len({each.id for each in sent}) == 1
    assert len(sent) == 3
    for each in sent:
        read = email.message_from_bytes(each.content)
        assert (read["Subject"], read["Message-ID"]) == ("s", each.id)
        assert [*read.walk()][-1].get_payload(decode=True) == b"x" * LARGE
    assert not mailer.failed


@pytest.mark.parametrize("name", ["a\nb", "a.bin"])
async def test_em2_what_is_wrong_with_a_large_message_is_told_at_once(name: str) -> None:
    around = Around()
    mailer = Mailer(surroundings=around, backend=Flaky())
    letter = EmailMessage("s", "b", to="a@b.c" if name != "a.bin" else "nobody at all")
    letter.attach(name, b"x" * LARGE)
    with pytest.raises(InvalidMail):
        mailer.send_soon(letter)
    assert around.work == []


async def test_em2_a_local_backend_takes_large_messages_at_once() -> None:
    mailer = Mailer(backend=MemoryBackend())
    letter = EmailMessage("s", "b", to="a@b.c")
    letter.attach("a.bin", b"x" * LARGE)
    mailer.send_soon(letter)
    assert mailer.outbox == [letter]


async def test_em2_a_wrong_message_raises_before_any_is_sent() -> None:
    backend = Flaky()
    mailer = Mailer(backend=backend)
    for call in (mailer.send_soon, mailer.send):
        with pytest.raises(InvalidMail):
            result = call(message(), EmailMessage("a\nb", to="a@b.c"))
            if result is not None:
                await result
    assert backend.batches == []


async def test_em2_transaction_keeps_messages_for_its_commit() -> None:
    around, backend = Around(transaction=True), MemoryBackend()
    mailer = Mailer(surroundings=around, backend=backend)
    await mailer.send(message("first"))
    mailer.send_soon(message("second"))
    assert backend.outbox == []
    for function in around.kept:
        function()
    assert [each.subject for each in backend.outbox] == ["first", "second"]


async def test_em2_queue_goes_over_one_connection() -> None:
    around, backend = Around(), Flaky()
    mailer = Mailer(surroundings=around, backend=backend)
    for n in range(100):
        mailer.send_soon(message(str(n)))
    assert len(around.work) == 1
    await around.run()
    assert [len(batch) for batch in backend.batches] == [100]
    mailer.send_soon(message())
    await around.run()
    assert len(backend.batches) == 2


async def test_em2_what_comes_while_the_queue_is_sent_is_sent_after_it() -> None:
    around, backend = Around(), Flaky()
    backend.gate = asyncio.Event()
    mailer = Mailer(surroundings=around, backend=backend)
    mailer.send_soon(message("1"))
    running = asyncio.ensure_future(around.run())
    while not backend.batches:
        await asyncio.sleep(0)
    mailer.send_soon(message("2"))
    backend.gate.set()
    await running
    assert [[each.message.subject for each in batch] for batch in backend.batches] == [["1"], ["2"]]


async def test_em2_temporary_failure_is_tried_again_with_growing_pauses(
    caplog: pytest.LogCaptureFixture,
) -> None:
    around, backend = Around(), Flaky(TEMPORARY, TEMPORARY, TEMPORARY)
    mailer = Mailer(Mail(retries=2, retry_after=10), around, backend=backend)
    mailer.send_soon(message())
    pauses: list[float] = []
    await around.run()
    while around.timers:
        seconds, function = around.timers.pop()
        pauses.append(seconds)
        function()
        await around.run()
    assert pauses == [10, 20]
    (failed,) = mailer.failed
    assert failed.error is TEMPORARY
    assert "was not sent" in caplog.text
    assert failed.envelope.id in caplog.text
    assert await mailer.retry() == 1
    assert not mailer.failed


async def test_em2_final_failure_is_reported_kept_and_retried(caplog: pytest.LogCaptureFixture) -> None:
    around, backend = Around(), Flaky(FINAL, None, FINAL)
    mailer = Mailer(surroundings=around, backend=backend)
    mailer.send_soon(message("1"), message("2"))
    await around.run()
    assert not around.timers
    assert [each.envelope.message.subject for each in mailer.failed] == ["1"]
    assert "no such user" in caplog.text
    assert await mailer.retry() == 0
    assert await mailer.retry() == 1


async def test_em2_only_refused_recipients_are_tried_again() -> None:
    around = Around()
    backend = Flaky(MailNotSent("one of two", temporary=True, refused={"b@b.c": "452 full"}))
    mailer = Mailer(surroundings=around, backend=backend)
    mailer.send_soon(EmailMessage("s", "b", to=["a@b.c", "b@b.c"]))
    await around.run()
    around.timers.pop()[1]()
    await around.run()
    assert [batch[0].recipients for batch in backend.batches] == [("a@b.c", "b@b.c"), ("b@b.c",)]


async def test_em2_cancelled_queue_keeps_what_was_in_it() -> None:
    around, backend = Around(), Flaky()
    backend.gate = asyncio.Event()
    mailer = Mailer(surroundings=around, backend=backend)
    mailer.send_soon(message("1"))
    running = asyncio.ensure_future(around.run())
    while not backend.batches:
        await asyncio.sleep(0)
    mailer.send_soon(message("2"))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [each.envelope.message.subject for each in mailer.failed] == ["1", "2"]


async def test_em2_what_waits_at_the_stop_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    around, backend = Around(), Flaky(TEMPORARY)
    mailer = Mailer(surroundings=around, backend=backend)
    mailer.send_soon(message("1"), message("2"))
    await around.run()
    await mailer.close()
    assert [each.envelope.message.subject for each in mailer.failed] == ["1"]
    assert "the app stopped before the next try" in caplog.text


async def test_em2_after_the_stop_nothing_is_queued_for_ever() -> None:
    class Stopped(Around):
        def spawn(self, work: Coroutine[Any, Any, None]) -> object:
            work.close()
            raise AppNotRunning("stopping")

        def later(self, seconds: float, function: Callable[[], None]) -> object:
            raise AppNotRunning("stopping")

    mailer = Mailer(surroundings=Stopped(), backend=Flaky())
    mailer.send_soon(message("1"))
    mailer.send_soon(message("2"))
    assert [each.envelope.message.subject for each in mailer.failed] == ["1", "2"]


async def test_em2_a_message_that_was_taken_is_not_sent_twice_when_the_app_stops() -> None:
    class Stopping(Around):
        def later(self, seconds: float, function: Callable[[], None]) -> object:
            raise AppNotRunning("stopping")

    around, backend = Stopping(), Flaky(None, TEMPORARY, None)
    mailer = Mailer(surroundings=around, backend=backend)
    mailer.send_soon(message("1"), message("2"), message("3"))
    await around.run()
    assert [each.envelope.message.subject for each in mailer.failed] == ["2"]


async def test_em2_without_an_app_it_has_tasks_of_its_own() -> None:
    backend = Flaky(TEMPORARY)
    mailer = Mailer(Mail(retry_after=0.0), backend=backend)
    mailer.send_soon(message())
    while len(backend.batches) < 2:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0)
    assert not mailer.failed


async def test_em2_admins_and_managers() -> None:
    backend = MemoryBackend()
    mail = Mail(admins=("a@b.c", "Bo <b@b.c>"), subject_prefix="[shop] ", sender="shop@b.c")
    mailer = Mailer(mail, backend=backend)
    token = current_mailer.set(mailer)
    try:
        await mail_admins("Broken", "text", html="<p>text")
        await mail_managers("nobody", "is there")
        await send_mail("Hi", "text", "", "c@b.c", html="<p>x")
        await send_mail("Hi", "text", "me@b.c", ["d@b.c"], soon=True)
    finally:
        current_mailer.reset(token)
    assert [
        (each.subject, list(envelope.recipients))
        for each, envelope in zip(backend.outbox, backend.envelopes, strict=True)
    ] == [
        ("[shop] Broken", ["a@b.c", "b@b.c"]),
        ("Hi", ["c@b.c"]),
        ("Hi", ["d@b.c"]),
    ]
    assert [envelope.sender for envelope in backend.envelopes] == ["shop@b.c", "shop@b.c", "me@b.c"]


async def test_sending_without_an_app_is_an_error_with_the_fix() -> None:
    with pytest.raises(NoCurrentApp, match=r"app\.mail\.send"):
        await send_mail("s", "b", "", "a@b.c")


@pytest.mark.parametrize(
    ("hosts", "sender"),
    [
        ((), "no-reply@localhost"),
        (("*", ".example.com"), "no-reply@example.com"),
        (("a.b:8000",), "no-reply@a.b"),
    ],
)
def test_default_sender_is_of_the_first_host(hosts: Sequence[str], sender: str) -> None:
    assert Mailer(hosts=hosts).sender == sender


async def test_em3_console_prints_what_a_person_reads() -> None:
    stream = io.StringIO()
    letter = EmailMessage("Grüße", "Text", "me@b.c", "a@b.c")
    letter.attach("a.txt", "x")
    await Mailer(backend=ConsoleBackend(stream)).send(letter)
    assert stream.getvalue().splitlines()[1:-1] == [
        *("To: a@b.c", "From: me@b.c", "Subject: Grüße", "Attachments: a.txt", "", "Text"),
    ]


async def test_em3_file_writes_a_message_into_each_file(tmp_path: Path) -> None:
    mailer = Mailer(Mail(url=Secret("file:sent")), root=tmp_path)
    await mailer.send(message("1"), message("2"))
    files = sorted((tmp_path / "sent").iterdir())
    assert [email.message_from_bytes(file.read_bytes())["Subject"] for file in files] == ["1", "2"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_em3_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "sent").write_text("no folder")
    with pytest.raises(MailNotSent, match="could not be written"):
        await Mailer(backend=FileBackend(tmp_path / "sent")).send(message())


class Own(Backend):
    def __init__(self, mail: Mail) -> None:
        self.mail = mail


class NoBackend:
    pass


def test_em3_backend_of_ones_own() -> None:
    mail = Mail(backend=f"{__name__}:Own")
    backend = Mailer(mail).backend
    assert type(backend).__name__ == "Own"
    assert vars(backend)["mail"] is mail


@pytest.mark.parametrize("path", ["nowhere:X", f"{__name__}:Nothing", f"{__name__}:NoBackend", ""])
def test_em3_backend_that_is_none_is_an_error(path: str) -> None:
    if path:
        with pytest.raises(MailURLInvalid):
            _ = Mailer(Mail(backend=path)).backend


def test_em3_default_is_the_console_in_debug_mode_else_a_server() -> None:
    assert isinstance(Mailer(debug=True).backend, ConsoleBackend)
    assert type(Mailer().backend).__name__ == "SMTPBackend"


async def test_em4_diverted_mail_is_kept_and_put_back() -> None:
    backend = Flaky()
    mailer = Mailer(backend=backend)
    with mailer.diverted() as outbox:
        await mailer.send(message("1"))
        assert mailer.outbox is outbox
    await mailer.send(message("2"))
    await mailer.close()
    assert ([each.subject for each in outbox], len(backend.batches)) == (["1"], 1)
