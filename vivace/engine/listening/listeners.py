"""Listening sockets: opened once, by the process that starts first; all others inherit them.

Rules:

1. A socket is opened, bound *and listening* before any worker exists, so that no connection is refused while workers
   come and go: what arrives meanwhile waits in the kernel's queue.
2. There is one socket per address and never ``SO_REUSEPORT``: closing one such socket resets the connections that
   were queued on it.
3. A Unix socket is never more open than its mode, not even for a moment; a stale one is removed, a live one is not.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from vivace.errors import ListenError

from .addresses import LOCAL, Address, parse_address

BACKLOG: Final = 2048  # connections that wait in the kernel while all workers are busy or being replaced
FIRST_SYSTEMD_DESCRIPTOR: Final = 3  # sd_listen_fds(3)
UNIX: Final = getattr(socket, "AF_UNIX", -1)
_PORT_ATTEMPTS: Final = (
    20  # port 0 on a name with several addresses: the same port must be free on all of them
)


class Listener(msgspec.Struct, frozen=True):
    """A listening socket. ``owned``: the path of a Unix socket that we made, and remove at the end."""

    sock: socket.socket
    tls: bool = False
    owned: str = ""

    @property
    def url(self) -> str:
        """What to connect to: ``http://127.0.0.1:8000`` or ``unix:/path``."""
        name = self.sock.getsockname()
        if self.sock.family == UNIX:
            return f"unix:{os.fsdecode(name)}"
        host = f"[{name[0]}]" if ":" in name[0] else name[0]
        return f"{'https' if self.tls else 'http'}://{host}:{name[1]}"

    def describe(self) -> dict[str, Any]:
        """Return the listener for programs: ``url``, and ``host`` and ``port`` or ``path``."""
        name = self.sock.getsockname()
        if self.sock.family == UNIX:
            return {"url": self.url, "path": os.fsdecode(name)}
        return {"url": self.url, "host": name[0], "port": name[1]}

    def close(self) -> None:
        """Close the socket, and remove its path if we made it."""
        if self.owned and self.sock.fileno() >= 0:
            with suppress(OSError):
                Path(self.owned).unlink()
        self.sock.close()


def open_listeners(
    addresses: Iterable[str], *, tls: bool = False, environ: MutableMapping[str, str] | None = None
) -> list[Listener]:
    """Open all addresses; when one fails, those before it are closed and ``ListenError`` says what to do.

    ``tls`` is what addresses without a scheme speak. ``environ`` has what systemd says; it is taken out, because the
    sockets are meant for this process alone. Without any address the sockets of systemd are taken.
    """
    environ = os.environ if environ is None else environ
    passed = systemd_descriptors(environ)
    wanted = [parse_address(text) for text in addresses] or [Address("systemd")]
    listeners: list[Listener] = []
    try:
        for address in wanted:
            listeners += open_address(address, tls=tls, passed=passed)
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def open_address(address: Address, *, tls: bool = False, passed: Sequence[int] = ()) -> list[Listener]:
    """Open one address, which may be several sockets (a name with IPv4 and IPv6); raises ``ListenError``."""
    tls = tls if address.tls is None else address.tls
    try:
        if address.kind == "unix":
            return [Listener(_open_unix(address), tls, address.path)]
        if address.kind == "tcp":
            return [Listener(sock, tls) for sock in _open_tcp(address)]
    except OSError as error:
        raise explain(error, address) from error
    if address.kind == "systemd" and not passed:
        raise ListenError(
            "There is no socket from systemd.",
            expected="LISTEN_FDS and LISTEN_PID, as systemd sets them for a service with a .socket unit",
            fix="Start through the .socket unit, or give an address: host:port.",
        )
    descriptors = passed if address.kind == "systemd" else [address.descriptor]
    return [Listener(inherit(descriptor), tls) for descriptor in descriptors]


def systemd_descriptors(environ: MutableMapping[str, str]) -> list[int]:
    """Return the descriptors that systemd passed to this process, and forget that it did (sd_listen_fds(3))."""
    found = {name: environ.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")}
    if found["LISTEN_PID"] != str(os.getpid()) or not found["LISTEN_FDS"].isdigit():
        return []
    return list(range(FIRST_SYSTEMD_DESCRIPTOR, FIRST_SYSTEMD_DESCRIPTOR + int(found["LISTEN_FDS"])))


def inherit(descriptor: int) -> socket.socket:
    """Return the listening socket behind a descriptor; raises ``ListenError`` when it is none."""
    try:
        sock = socket.socket(fileno=descriptor)
        if sock.type != socket.SOCK_STREAM:
            sock.detach()
            raise OSError(errno.ENOTSOCK, "it is not a stream socket")
        sock.listen(BACKLOG)  # a socket that listens already takes the new backlog
    except OSError as error:
        raise ListenError(
            f"Descriptor {descriptor} cannot be listened on: {error.strerror}.",
            expected="a bound stream socket that was inherited",
            fix="Check which descriptor the parent process passes.",
        ) from error
    sock.setblocking(False)
    sock.set_inheritable(False)
    return sock


# -- TCP --------------------------------------------------------------------------------------------------------------


def _open_tcp(address: Address) -> list[socket.socket]:
    found = _resolve(address)
    for attempt in range(_PORT_ATTEMPTS):
        try:
            return _bind_all(found, address.port)
        except OSError as error:
            last = attempt == _PORT_ATTEMPTS - 1
            if last or address.port or len(found) == 1 or error.errno != errno.EADDRINUSE:
                raise
    return []


def _resolve(address: Address) -> list[tuple[int, Any]]:
    """Return (family, socket address) of every address of the host, each once."""
    try:
        answers = socket.getaddrinfo(
            address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (socket.gaierror, UnicodeError) as error:
        raise ListenError(
            f"The host name {address.host!r} is not known: {error}",
            expected="a name or an address of this machine",
            fix=f"For this machine only: {LOCAL}:{address.port}. For all its addresses: :{address.port}.",
        ) from error
    return list(dict.fromkeys((int(family), name) for family, _, _, _, name in answers))


def _bind_all(found: Sequence[tuple[int, Any]], port: int) -> list[socket.socket]:
    """Bind every address; an address family that this machine lacks is skipped as long as another works."""
    sockets: list[socket.socket] = []
    failure: OSError | None = None
    try:
        for family, name in found:
            if sockets and not port:
                port = sockets[0].getsockname()[1]
            try:
                sockets.append(_bind_tcp(family, (name[0], port, *name[2:])))
            except OSError as error:
                if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                    raise
                failure = error
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    if failure is not None and not sockets:
        raise failure
    return sockets


def _bind_tcp(family: int, name: Any) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # on Windows this option would let two programs share a port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(name)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


# -- Unix sockets -----------------------------------------------------------------------------------------------------


def _open_unix(address: Address) -> socket.socket:
    _remove_stale(address)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o777 & ~address.mode)  # of the process, so this happens before there are threads
    try:
        sock.bind(address.path)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    finally:
        os.umask(mask)
    return sock


def _remove_stale(address: Address) -> None:
    """Remove the socket that a dead process left; raises when it is alive, or no socket at all."""
    try:
        mode = os.stat(address.path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ListenError(
            f"{address.path} exists and is not a socket.",
            fix="Remove it or choose another path; it is never removed for you.",
        )
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(address.path)
        except ConnectionRefusedError:
            os.unlink(address.path)
            return
        except TimeoutError:
            pass  # its queue is full, so somebody holds it
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


# -- what went wrong --------------------------------------------------------------------------------------------------


def explain(error: OSError, address: Address) -> ListenError:
    """Return the error in words, with what to do about it."""
    fix = ""
    if error.errno == errno.EADDRINUSE:
        holder = find_holder(address.port) if address.kind == "tcp" else ""
        fix = f"It is held by {holder}. " if holder else ""
        fix += "Stop what listens there, or choose another address" + (
            " (port 0 finds a free one)." if address.kind == "tcp" else "."
        )
    elif error.errno in (errno.EACCES, errno.EPERM):
        fix = (
            f"Ports below {_first_free_port()} are privileged: use a higher one behind a proxy, let systemd open it "
            "(a .socket unit), or start as root with --user."
            if address.kind == "tcp"
            else "Give this user the right to write into that folder."
        )
    elif error.errno == errno.EADDRNOTAVAIL:
        fix = f"Choose an address of this machine, or :{address.port} for all of them."
    elif error.errno == errno.ENOENT:
        fix = "Make the folder first."
    elif address.kind == "unix" and error.errno is None:
        fix = "The path of a Unix socket has at most 107 bytes."
    return ListenError(f"{address} cannot be listened on: {error.strerror or error}.", fix=fix)


def _first_free_port() -> str:
    try:
        return Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text("ascii").strip()
    except OSError:
        return "1024"


def find_holder(port: int) -> str:
    """Return ``python (pid 4711)`` for who listens on a TCP port, ``""`` where that cannot be seen (Linux only)."""
    inodes = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _listening_inodes(table, port)}
    if not inodes:
        return ""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(os.readlink(descriptor) in inodes for descriptor in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text('utf-8').strip()} (pid {process.name})"
    return ""


def _listening_inodes(table: str, port: int) -> list[str]:
    """Read proc_pid_net(5): local address, state 0A is LISTEN, inode."""
    try:
        rows = Path("/proc/net", table).read_text("ascii").splitlines()[1:]
    except OSError:
        return []
    columns = (row.split() for row in rows)
    return [row[9] for row in columns if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port]


# -- telling others ---------------------------------------------------------------------------------------------------


def report(listeners: Iterable[Listener], extra: Mapping[str, Any] | None = None) -> str:
    """Return one line of JSON: ``{"listeners": [{"url": …, "host": …, "port": …}], "pid": …}``."""
    document = {"listeners": [listener.describe() for listener in listeners], "pid": os.getpid()}
    return msgspec.json.encode({**document, **(extra or {})}).decode()


def write_file(path: str, text: str) -> None:
    """Write a small file so that who reads it sees all of it or nothing."""
    partial = Path(f"{path}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


__all__ = [
    "BACKLOG",
    "Listener",
    "explain",
    "find_holder",
    "inherit",
    "open_address",
    "open_listeners",
    "report",
    "systemd_descriptors",
    "write_file",
]
