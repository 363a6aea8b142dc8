"""The mailer of an app: what is sent when, and what becomes of what could not be sent.

| call | outside of a transaction | inside |
|---|---|---|
| ``await send(…)`` | waits until the messages are taken; raises ``MailNotSent`` | sends after the commit, never if it rolls back; returns at once |
| ``send_soon(…)`` | returns at once | the same, after the commit |

A message that nobody waits for goes through one queue: one task sends what has gathered there over one connection, so
a thousand messages of a transaction do not open a thousand connections. After a temporary failure it is tried again
(``mail.retries`` times, with growing pauses); what fails for good is logged with its id and kept in ``failed``, from
where ``await retry()`` sends it. Wrong messages (``InvalidMail``) raise in every case where they were handed over.

What a local backend takes (console, file, memory) is there when the call returns, or the commit: tests need not wait.

The mailer knows neither databases nor apps: it is given its ``Surroundings``.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from vivace.config.settings import Mail
from vivace.errors import AppNotRunning, MailNotSent, MailURLInvalid, NoCurrentApp

from .backends.base import Backend, LocalBackend
from .message import EmailMessage, Envelope, seal, seal_again, seal_later
from .urls import make_backend

logger: Final = logging.getLogger("vivace.mail")
LARGE: Final = 262_144  # bytes attached, from which on a message is encoded in a thread
FAILED_KEPT: Final = 1_000  # messages; the oldest are forgotten first

current_mailer: ContextVar[Mailer | None] = ContextVar("vivace_mailer", default=None)


class Surroundings(Protocol):
    """What an app gives its mailer."""

    def after_commit(self, function: Callable[[], None]) -> bool:
        """Keep ``function`` until the current transaction commits; ``False`` when there is none."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> object:
        """Run ``work`` in the background, and let it end before the app stops."""
        ...

    def later(self, seconds: float, function: Callable[[], None]) -> object:
        """Call ``function`` in so many seconds, unless the app stops before."""
        ...


class Alone:
    """The surroundings of a mailer without an app: no transactions, tasks of the running loop."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def after_commit(self, function: Callable[[], None]) -> bool:
        """Keep nothing."""
        return False

    def spawn(self, work: Coroutine[Any, Any, None]) -> object:
        """Start a task, and hold it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def later(self, seconds: float, function: Callable[[], None]) -> object:
        """Set a timer of the loop."""
        return asyncio.get_running_loop().call_later(seconds, function)


class Failed(msgspec.Struct, frozen=True):
    """A message that could not be sent, and why."""

    envelope: Envelope
    error: MailNotSent


class _Waiting(msgspec.Struct, frozen=True):
    """A message in the queue, and how often it was tried."""

    envelope: Envelope
    attempts: int = 0


class Mailer:
    """Sends messages as the settings' group ``mail`` says. ``failed`` are those that nobody waited for and nobody took.

    ``debug`` and ``hosts`` give the defaults for the URL and the sender; ``root`` is where relative folders start.
    """

    def __init__(
        self,
        mail: Mail | None = None,
        surroundings: Surroundings | None = None,
        *,
        backend: Backend | None = None,
        debug: bool = False,
        hosts: Sequence[str] = (),
        root: Path | None = None,
    ) -> None:
        self._mail = mail or Mail()
        self._around = surroundings or Alone()
        self._backend = backend
        self._debug = debug
        self._root = root or Path()
        self._queue: list[_Waiting] = []
        self._paused: list[_Waiting] = []  # for another try
        self._sending = False
        self.sender = self._mail.sender or f"no-reply@{_domain(hosts)}"
        self.failed: deque[Failed] = deque(maxlen=FAILED_KEPT)

    @property
    def backend(self) -> Backend:
        """Where messages go; made when first asked for."""
        if self._backend is None:
            self._backend = self._made()
        return self._backend

    @property
    def outbox(self) -> list[EmailMessage]:
        """What the memory backend has taken; an ``AttributeError`` with any other."""
        outbox: list[EmailMessage] = getattr(self.backend, "outbox")  # noqa: B009 - backends of one's own may have one
        return outbox

    def _made(self) -> Backend:
        mail = self._mail
        if mail.backend:
            return _own_backend(mail.backend, mail)
        url = mail.url.reveal() or ("console:" if self._debug else "smtp://localhost:25")
        backend: Backend = make_backend(url, self._root, mail.timeout)
        return backend

    # -- sending --------------------------------------------------------------------------------------------------

    async def send(self, *messages: EmailMessage) -> None:
        """Send messages and wait until they are taken; inside a transaction they follow its commit instead.

        Raises ``InvalidMail`` before any is sent, ``MailNotSent`` after all were tried.
        """
        if sum(map(_attached, messages)) < LARGE:
            envelopes = self._sealed(messages)
        else:  # 10 MB take the time of a hundred requests to encode
            envelopes = await asyncio.to_thread(self._sealed, messages)
        if self._around.after_commit(lambda: self._enqueue(envelopes)):
            return
        outcomes = await self.backend.deliver(envelopes)
        errors = [outcome for outcome in outcomes if outcome is not None]
        if errors:
            errors[0].failures = errors
            raise errors[0]

    def send_soon(self, *messages: EmailMessage) -> None:
        """Send messages in the background, inside a transaction after its commit; raises ``InvalidMail``.

        Large files are encoded in a thread, when the message is sent.
        """
        small = sum(map(_attached, messages)) < LARGE or isinstance(self.backend, LocalBackend)
        sealed = seal if small else seal_later
        envelopes = [sealed(message, self.sender) for message in messages]
        if not self._around.after_commit(lambda: self._enqueue(envelopes)):
            self._enqueue(envelopes)

    def _sealed(self, messages: Sequence[EmailMessage]) -> list[Envelope]:
        return [seal(message, self.sender) for message in messages]

    async def mail_admins(self, subject: str, body: str, *, html: str = "") -> None:
        """Send to the addresses of ``mail.admins``; to nobody when there are none."""
        await self._to_group(self._mail.admins, subject, body, html)

    async def mail_managers(self, subject: str, body: str, *, html: str = "") -> None:
        """Send to the addresses of ``mail.managers``; to nobody when there are none."""
        await self._to_group(self._mail.managers, subject, body, html)

    async def _to_group(self, group: Sequence[str], subject: str, body: str, html: str) -> None:
        if group:
            await self.send(EmailMessage(self._mail.subject_prefix + subject, body, to=group, html=html))

    # -- the queue ------------------------------------------------------------------------------------------------

    def _enqueue(self, envelopes: Sequence[Envelope], attempts: int = 0) -> None:
        backend = self.backend
        if isinstance(backend, LocalBackend):
            for envelope in envelopes:
                self._settle(_Waiting(envelope), backend.attempt(seal_again(envelope, self.sender)))
            return
        self._queue += [_Waiting(envelope, attempts) for envelope in envelopes]
        if not self._sending and self._queue:
            try:
                self._around.spawn(self._drain())
                self._sending = True
            except AppNotRunning:
                self._give_up_all("the app has stopped")

    async def _drain(self) -> None:
        """Send what is in the queue, and what comes in meanwhile."""
        under_way: list[_Waiting] = []
        try:
            while self._queue:
                under_way, self._queue = self._queue, []
                for outcome in await self._deliver(under_way):
                    self._settle(under_way.pop(0), outcome)
        except BaseException as error:
            self._queue = [*under_way, *self._queue]
            self._give_up_all(f"sending was broken off: {error!r}")
            raise
        finally:
            self._sending = False

    async def _deliver(self, waiting: Sequence[_Waiting | Failed]) -> list[MailNotSent | None]:
        """Hand messages to the backend, those with large files encoded now: in a thread, and not kept."""
        envelopes = [each.envelope for each in waiting]
        if not all(envelope.whole for envelope in envelopes):
            envelopes = await asyncio.to_thread(self._whole, envelopes)
        return await self.backend.deliver(envelopes)

    def _whole(self, envelopes: Sequence[Envelope]) -> list[Envelope]:
        return [seal_again(envelope, self.sender) for envelope in envelopes]

    def _settle(self, waiting: _Waiting, outcome: MailNotSent | None) -> None:
        """Be done with a message, or try it again later: only for the recipients that were refused."""
        if outcome is None:
            return
        again = _Waiting(_narrowed(waiting.envelope, outcome), waiting.attempts + 1)
        if not outcome.temporary or again.attempts > self._mail.retries:
            self._give_up(again, outcome)
            return
        pause = self._mail.retry_after * 2**waiting.attempts
        self._paused.append(again)
        try:
            self._around.later(pause, lambda: self._try_again(again))
        except AppNotRunning:
            self._paused.remove(again)
            self._give_up(again, outcome)
        else:
            logger.warning("%s will be tried again in %g s: %s", again.envelope.id, pause, outcome.what)

    def _try_again(self, waiting: _Waiting) -> None:
        self._paused.remove(waiting)
        self._enqueue([waiting.envelope], waiting.attempts)

    def _give_up_all(self, why: str) -> None:
        """Give up everything that waits: nobody will send it any more."""
        waiting, self._queue, self._paused = [*self._queue, *self._paused], [], []
        for each in waiting:
            self._give_up(each, MailNotSent(f"The message {each.envelope.id} was not sent: {why}."))

    def _give_up(self, waiting: _Waiting, error: MailNotSent) -> None:
        logger.error("the message %s was not sent, app.mail.failed keeps it: %s", waiting.envelope.id, error)
        self.failed.append(Failed(waiting.envelope, error))

    async def retry(self) -> int:
        """Try again what is in ``failed``; returns how many messages were taken. The others stay there."""
        failed = list(self.failed)
        self.failed.clear()
        outcomes = await self._deliver(failed)
        for each, outcome in zip(failed, outcomes, strict=True):
            if outcome is not None:
                self.failed.append(Failed(_narrowed(each.envelope, outcome), outcome))
        return len(failed) - len(self.failed)

    # -- around ---------------------------------------------------------------------------------------------------

    @contextmanager
    def diverted(self) -> Generator[list[EmailMessage]]:
        """Keep messages in a list while the block runs, which it gives: for tests."""
        from .backends.local import MemoryBackend

        memory, before = MemoryBackend(), self._backend
        self._backend = memory
        try:
            yield memory.outbox
        finally:
            self._backend = before

    async def close(self) -> None:
        """Report what still waits, and let go of what the backend holds; the app calls it at its stop."""
        self._give_up_all("the app stopped before the next try")
        if self._backend is not None:
            await self._backend.close()


def _attached(message: EmailMessage) -> int:
    return sum(len(attachment.content) for attachment in message.attachments)


def mailer() -> Mailer:
    """Return the mailer of the current app; raises ``NoCurrentApp``."""
    found = current_mailer.get()
    if found is None:
        raise NoCurrentApp(
            "There is no app here that could send mail.",
            expected="code that runs in a request, a task of an app, or inside `async with app:`",
            fix="Import vivace.mail where the app's modules are imported, or call `await app.mail.send(…)`.",
        )
    return found


def _narrowed(envelope: Envelope, error: MailNotSent) -> Envelope:
    if not error.refused:
        return envelope
    return msgspec.structs.replace(envelope, recipients=tuple(error.refused))


def _domain(hosts: Sequence[str]) -> str:
    """Return the first host that names a domain, without port and leading dot."""
    names = [host.partition(":")[0].lstrip(".") for host in hosts]
    return next((name for name in names if name and "*" not in name), "localhost")


def _own_backend(path: str, mail: Mail) -> Backend:
    from importlib import import_module
    from inspect import signature

    module, _, name = path.partition(":")
    try:
        kind: Any = getattr(import_module(module), name or "Backend")
    except (ImportError, AttributeError, ValueError) as error:
        raise MailURLInvalid(
            "The setting mail.backend names no class.",
            expected="package.module:Class",
            got=path,
            fix=str(error),
        ) from error
    made: Any = kind(mail) if signature(kind).parameters else kind()
    if not isinstance(made, Backend):
        raise MailURLInvalid(
            "The setting mail.backend names something else than a backend.",
            expected="a subclass of vivace.mail.Backend",
            got=path,
        )
    return made


async def send_mail(
    subject: str, body: str, from_email: str, to: str | Sequence[str], *, html: str = "", soon: bool = False
) -> None:
    """Send one message by the current app. ``from_email=""`` is the setting ``mail.sender``.

    Inside a transaction it follows the commit. ``soon``: in the background in any case. Raises ``InvalidMail``, ``MailNotSent``.
    """
    message = EmailMessage(subject, body, from_email, to, html=html)
    if soon:
        mailer().send_soon(message)
    else:
        await mailer().send(message)


async def mail_admins(subject: str, body: str, *, html: str = "") -> None:
    """Send to the addresses of the setting ``mail.admins``, by the current app."""
    await mailer().mail_admins(subject, body, html=html)


async def mail_managers(subject: str, body: str, *, html: str = "") -> None:
    """Send to the addresses of the setting ``mail.managers``, by the current app."""
    await mailer().mail_managers(subject, body, html=html)


__all__ = [
    "Alone",
    "Failed",
    "Mailer",
    "Surroundings",
    "current_mailer",
    "mail_admins",
    "mail_managers",
    "mailer",
    "send_mail",
]
