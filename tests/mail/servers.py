"""Real mail servers for tests: aiosmtpd on a socket of the test's own loop, and scripted ones that misbehave."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword


@dataclass
class Received:
    """What a server has taken, and over how many connections."""

    port: int = 0
    envelopes: list[Envelope] = field(default_factory=list[Envelope])
    connections: int = 0
    refuse: dict[str, str] = field(default_factory=dict[str, str])  # recipient → answer
    answers: list[str] = field(default_factory=list[str])  # of the next DATA commands; then 250

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Envelope, address: str, options: Any
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer.startswith("250"):
            self.envelopes.append(envelope)
        return answer

    def texts(self) -> list[bytes]:
        """The messages, as they came."""
        return [bytes(envelope.original_content or b"") for envelope in self.envelopes]


class Certificates:
    """An authority and a certificate of ``localhost``."""

    def __init__(self, folder: Any, name: str = "localhost") -> None:
        authority = trustme.CA()
        self.file = str(folder / "ca.pem")
        authority.cert_pem.write_to_path(self.file)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(self.context)


@asynccontextmanager
async def mail_server(
    *,
    tls: ssl.SSLContext | None = None,
    starttls: ssl.SSLContext | None = None,
    user: tuple[str, str] | None = None,
    smtputf8: bool = True,
) -> AsyncGenerator[Received]:
    """A server that keeps what it receives."""
    received, loop = Received(), asyncio.get_running_loop()

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        given = (data.login.decode(), data.password.decode()) if isinstance(data, LoginPassword) else None
        return AuthResult(success=given == user, handled=False)

    def protocol() -> SMTP:
        received.connections += 1
        options: dict[str, Any] = {"authenticator": check, "auth_required": True} if user else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it cannot know that the socket is encrypted already
            return SMTP(
                received,
                hostname="mail.test",
                enable_SMTPUTF8=smtputf8,
                tls_context=starttls,
                require_starttls=starttls is not None,
                auth_require_tls=tls is None,
                loop=loop,
                **options,
            )

    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls)
    received.port = server.sockets[0].getsockname()[1]
    try:
        yield received
    finally:
        server.close()
        await asyncio.sleep(0.01)  # lets connections that have ended say so


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def scripted(script: Script) -> AsyncGenerator[tuple[int, list[int]]]:
    """A server that behaves as ``script`` does; gives its port and a list with an entry for each connection."""
    connections: list[int] = []
    tasks: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(len(connections))
        task = asyncio.current_task()
        if task is not None:
            tasks.add(task)
        try:
            await script(reader, writer)
        except asyncio.CancelledError:
            pass  # asyncio's streams report a cancelled callback as an error (cpython issue 110894)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], connections
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answering(answers: Sequence[str]) -> Script:
    """A script that greets, says OK to each command, and then what ``answers`` say, one for each DATA; then hangs up."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = list(answers)
        writer.write(b"220 hello\r\n")
        while line := await reader.readline():
            if line.upper().startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                while await reader.readline() not in (b".\r\n", b""):
                    pass
                writer.write(left.pop(0).encode() + b"\r\n")
                if not left:
                    return
            elif line.upper().startswith(b"QUIT"):
                writer.write(b"221 bye\r\n")
                return
            else:
                writer.write(b"250 OK\r\n")

    return script
