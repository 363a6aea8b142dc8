"""Certificates: chosen by name, changed under running connections, asked of clients, and what is wrong with them."""

from __future__ import annotations

import asyncio
import socket
import ssl
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from vivace.config.settings import Settings, Timeouts
from vivace.engine.listening.tls import Certificates, self_signed
from vivace.engine.server import Server
from vivace.engine.workers.options import TLSOptions
from vivace.errors import TLSError
from vivace.http.request import Request
from vivace.http.response import Response, Text

trustme = pytest.importorskip("trustme", reason="trustme comes with the test extra")


class Issuer:
    """An authority, and the files of certificates that it issues."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.file = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(str(self.file))

    def issue(self, *names: str, file: str = "") -> tuple[str, str]:
        made = self.authority.issue_cert(*names)
        certificate = self.folder / f"{file or names[0]}.pem"
        key = self.folder / f"{file or names[0]}.key"
        certificate.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        key.write_bytes(made.private_key_pem.bytes())
        return str(certificate), str(key)

    def trust(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.file))
        context.set_alpn_protocols(["h2", "http/1.1"])
        return context


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path)


async def who(request: Request) -> Response:
    certificate = request.connection.peer_certificate
    return Text(str(dict(certificate or {}).get("subjectAltName")) + " " + request.scheme)


@asynccontextmanager
async def serving(certificates: Certificates) -> AsyncGenerator[int]:
    server = Server(who, Settings(timeouts=Timeouts(shutdown=1)))
    with socket.create_server(("127.0.0.1", 0)) as sock:
        await server.listen([sock], certificates.context)
        yield sock.getsockname()[1]
        await server.close()
        await asyncio.sleep(0.01)


Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(port: int, context: ssl.SSLContext, name: str = "localhost") -> Pair:
    return await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)


async def ask(pair: Pair) -> str:
    reader, writer = pair
    writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.split("content-length: ")[1].split("\r\n")[0])
    return (await reader.readexactly(length)).decode()


def names(pair: Pair) -> list[str]:
    return [str(name) for _, name in pair[1].get_extra_info("peercert")["subjectAltName"]]


def serial(pair: Pair) -> str:
    return str(pair[1].get_extra_info("peercert")["serialNumber"])


async def close(*pairs: Pair) -> None:
    for _, writer in pairs:
        writer.close()
        try:
            await writer.wait_closed()
        except (OSError, ssl.SSLError):
            continue


async def test_hs6_certificates_change_without_dropping_connections(issuer: Issuer) -> None:
    certificates = Certificates(TLSOptions(*issuer.issue("localhost")))
    async with serving(certificates) as port:
        old = await connect(port, issuer.trust())
        assert await ask(old) == "None https"
        assert old[1].get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        assert not certificates.changed()
        issuer.issue("localhost")
        assert certificates.changed()
        certificates.reload()
        assert not certificates.changed()
        new = await connect(port, issuer.trust())
        assert serial(new) != serial(old)
        assert await ask(old) == await ask(new) == "None https"
        await close(old, new)


async def test_hs6_unusable_new_files_leave_the_old_certificate(issuer: Issuer) -> None:
    certificate, key = issuer.issue("localhost")
    certificates = Certificates(TLSOptions(certificate, key))
    async with serving(certificates) as port:
        Path(certificate).write_text(Path(issuer.issue("other.example")[0]).read_text())
        with pytest.raises(TLSError, match="localhost") as caught:
            certificates.reload()
        assert "another certificate" in caught.value.fix
        pair = await connect(port, issuer.trust())
        assert names(pair) == ["localhost"]
        await close(pair)


async def test_hs6_certificate_is_chosen_by_host_name(issuer: Issuer) -> None:
    hosts = {"a.example": issuer.issue("a.example"), "*.b.example": issuer.issue("*.b.example", file="wild")}
    certificates = Certificates(TLSOptions(*issuer.issue("localhost"), hosts=hosts))
    async with serving(certificates) as port:
        for name, expected in (
            ("a.example", "a.example"),
            ("x.b.example", "*.b.example"),
            ("localhost",) * 2,
        ):
            pair = await connect(port, issuer.trust(), name)
            assert names(pair) == [expected]
            await close(pair)
        issuer.issue("a.example")
        first = await connect(port, issuer.trust(), "a.example")
        certificates.reload()
        second = await connect(port, issuer.trust(), "a.example")
        assert serial(first) != serial(second)
        await close(first, second)


async def test_hs6_client_certificate_is_in_the_request(issuer: Issuer) -> None:
    options = TLSOptions(*issuer.issue("localhost"), client_ca=str(issuer.file))
    async with serving(Certificates(options)) as port:
        context = issuer.trust()
        context.load_cert_chain(*issuer.issue("ada@example.org", file="client"))
        known, unknown = await connect(port, context), await connect(port, issuer.trust())
        assert "ada@example.org" in await ask(known)
        assert await ask(unknown) == "None https"
        await close(known, unknown)


async def test_hs6_required_client_certificate(issuer: Issuer) -> None:
    options = TLSOptions(*issuer.issue("localhost"), client_ca=str(issuer.file), client_required=True)
    async with serving(Certificates(options)) as port:
        pair = await connect(port, issuer.trust())  # TLS 1.3: the refusal comes with the first read
        with pytest.raises((ssl.SSLError, OSError, asyncio.IncompleteReadError)):
            await ask(pair)
        await close(pair)


async def test_hs6_old_versions_are_refused(issuer: Issuer) -> None:
    async with serving(Certificates(TLSOptions(*issuer.issue("localhost")))) as port:
        context = issuer.trust()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        pair = await connect(port, context)
        assert pair[1].get_extra_info("ssl_object").version() == "TLSv1.2"
        await close(pair)
    assert (
        Certificates(TLSOptions(*issuer.issue("localhost"))).context.minimum_version == ssl.TLSVersion.TLSv1_2
    )


@pytest.mark.parametrize(
    ("certificate", "key", "what", "fix"),
    [
        ("missing.pem", "missing.key", "No such file", "There is no file"),
        ("text.pem", "", "text.pem cannot be used", ""),
        ("a.example.pem", "b.example.key", "with the key", "another certificate"),
    ],
)
def test_hs6_mistakes_name_the_file(issuer: Issuer, certificate: str, key: str, what: str, fix: str) -> None:
    issuer.issue("a.example")
    issuer.issue("b.example")
    (issuer.folder / "text.pem").write_text("no certificate")
    with pytest.raises(TLSError) as caught:
        Certificates(TLSOptions(str(issuer.folder / certificate), str(issuer.folder / key) if key else ""))
    assert what in caught.value.what
    assert certificate in caught.value.what
    assert fix in caught.value.fix


async def test_hs6_development_certificate(tmp_path: Path) -> None:
    pytest.importorskip("cryptography", reason="the extra encryption makes certificates")
    options = self_signed(str(tmp_path / ".vivace"))
    assert stat.S_IMODE(Path(options.key).stat().st_mode) == 0o600
    assert self_signed(str(tmp_path / ".vivace")) == options
    async with serving(Certificates(options)) as port:
        pair = await connect(port, ssl.create_default_context(cafile=options.certificate))
        assert await ask(pair) == "None https"
        await close(pair)
