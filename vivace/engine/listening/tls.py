"""TLS contexts, and certificates that change under running connections.

A context is made once and lives as long as its listeners. ``reload`` loads the files into the *same* contexts: OpenSSL
copies certificate and key into each connection when it starts, so open connections keep theirs and new ones get the
new. The files are first loaded into a context that nobody uses; only a pair that fits together reaches the live one.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any, Final

from vivace.engine.workers.options import TLSOptions
from vivace.errors import MissingExtra, TLSError

PROTOCOLS: Final = ["http/1.1"]  # ALPN; HTTP/2 is the work of a server in front
SELF_SIGNED_DAYS: Final = 30


class Certificates:
    """The contexts of a server: one by default and one for each further host name (SNI).

    Raises ``TLSError`` naming the file when a certificate cannot be used.
    """

    def __init__(self, options: TLSOptions) -> None:
        self.options = options
        self.context = self._load(options.certificate, options.key)
        self._hosts = {name.lower(): self._load(*pair) for name, pair in options.hosts.items()}
        self._seen = self._stamps()
        if self._hosts:
            self.context.sni_callback = self._choose

    def reload(self) -> None:
        """Take what the files hold now for new connections; raises ``TLSError`` and keeps the old ones."""
        pairs = dict(self._pairs())
        for certificate, key in pairs.values():
            self._load(certificate, key)
        for name, (certificate, key) in pairs.items():
            self._fill(self._hosts[name] if name else self.context, certificate, key)
        self._seen = self._stamps()

    def changed(self) -> bool:
        """Return whether a file has another time or size than when it was loaded."""
        return self._stamps() != self._seen

    def _pairs(self) -> Iterator[tuple[str, tuple[str, str]]]:
        yield "", (self.options.certificate, self.options.key)
        for name, pair in self.options.hosts.items():
            yield name.lower(), pair

    def _load(self, certificate: str, key: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996 forbids older ones
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(PROTOCOLS)
        self._fill(context, certificate, key)
        if self.options.client_ca:
            required = self.options.client_required
            context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
        return context

    def _fill(self, context: ssl.SSLContext, certificate: str, key: str) -> None:
        if self.options.client_ca:
            self._trust(context, self.options.client_ca)
        try:
            context.load_cert_chain(certificate, key or None, self._password)
        except (OSError, ValueError) as error:
            files = certificate if not key else f"{certificate} with the key {key}"
            raise TLSError(
                f"The certificate {files} cannot be used: {_reason(error)}",
                expected="PEM files of a certificate chain, own certificate first, and its private key",
                fix=_fix(error, certificate, key),
            ) from error

    def _trust(self, context: ssl.SSLContext, path: str) -> None:
        try:
            context.load_verify_locations(path)
        except OSError as error:
            raise TLSError(
                f"The authorities of client certificates in {path} cannot be used: {_reason(error)}",
                expected="a PEM file of certificates",
            ) from error

    def _password(self) -> str:
        if not self.options.password_file:
            raise ValueError("the key is encrypted and there is no password file")
        return Path(self.options.password_file).read_text("utf-8").rstrip("\r\n")

    def _choose(self, connection: Any, name: str | None, _: ssl.SSLContext) -> None:
        """Switch a handshake to the context of its host name; ``*.example.com`` covers one label."""
        wanted = (name or "").lower()
        context = self._hosts.get(wanted) or self._hosts.get("*." + wanted.partition(".")[2])
        if context is not None:
            connection.context = context

    def _stamps(self) -> dict[str, tuple[int, int]]:
        files = {path for _, pair in self._pairs() for path in pair if path}
        stamps: dict[str, tuple[int, int]] = {}
        for path in files:
            try:
                found = os.stat(path)
            except OSError:
                continue  # it is just being replaced
            stamps[path] = (found.st_mtime_ns, found.st_size)
        return stamps


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or str(error)
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _fix(error: Exception, certificate: str, key: str) -> str:
    missing = [path for path in (certificate, key) if path and not Path(path).exists()]
    if missing:
        return f"There is no file {' and no file '.join(missing)}."
    if isinstance(error, PermissionError):
        return "Let the user that the workers run as read both files."
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return "The key belongs to another certificate."
    return ""


def self_signed(folder: str, hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "::1")) -> TLSOptions:
    """Make a certificate for development in ``folder``, or take the one that is there; browsers warn once.

    Raises ``MissingExtra`` without the package cryptography.
    """
    certificate, key = Path(folder, "localhost.pem"), Path(folder, "localhost.key")
    if not (certificate.exists() and key.exists()) or _is_old(certificate):
        pem, key_pem = _make(hosts)
        Path(folder).mkdir(parents=True, exist_ok=True)
        key.touch(0o600)
        key.write_bytes(key_pem)
        certificate.write_bytes(pem)
    return TLSOptions(str(certificate), str(key))


def _is_old(certificate: Path) -> bool:
    import time

    return time.time() - certificate.stat().st_mtime > (SELF_SIGNED_DAYS - 2) * 86_400


def _make(hosts: tuple[str, ...]) -> tuple[bytes, bytes]:
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID
    except ImportError as error:
        raise MissingExtra(
            "A certificate for development cannot be made: the package cryptography is not installed.",
            fix="pip install 'vivace[encryption]', or give --certificate and --key (mkcert makes trusted ones).",
        ) from error
    from datetime import datetime, timedelta

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=SELF_SIGNED_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general_name(x509, host) for host in hosts]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


def _general_name(x509: Any, host: str) -> Any:
    from ipaddress import ip_address

    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


__all__ = ["Certificates", "self_signed"]
