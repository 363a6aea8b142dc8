"""Where the hub of an app is: a path that all its processes on this machine find, and nobody else may use.

Beside a SQLite file, ``shop.sqlite3-hub``: whoever may write the database may join. Other apps (PostgreSQL with the hub,
or no database at all) have it in a folder of this user's in the folder for temporary files, named after a digest; so have
SQLite files whose path is too long for the address of a socket (108 bytes on Linux, 104 elsewhere).

Whether a hub lives is what ``connect`` says: a socket whose process has ended refuses. Who makes a new one holds the lock
of the folder meanwhile, so that two do not replace each other's socket.
"""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from vivace.errors import BrokerRefused

SUFFIX: Final = "-hub"
LONGEST: Final = 100  # bytes of a path; the kernels take 104 or 108 with the zero at the end
BACKLOG: Final = 1_024


def hub_path(name: str) -> str:
    """Return the path of the hub for ``name``: the absolute path of a SQLite file, or any other name for the app."""
    if os.path.isabs(name):
        beside = name + SUFFIX
        if len(os.fsencode(beside)) <= LONGEST:
            return beside
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:24]
    return str(_own_folder() / f"{digest}{SUFFIX}")


def _own_folder() -> Path:
    """Return a folder that only this user may use; raises ``BrokerRefused`` where somebody else made it."""
    folder = Path(tempfile.gettempdir()) / "vivace"
    if sys.platform == "win32":  # where this folder is the user's own
        folder.mkdir(exist_ok=True)
        return folder
    folder = folder.with_name(f"vivace-{os.getuid()}")
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise BrokerRefused(
            f"The hub's folder {folder} does not belong to this user alone.",
            expected="a folder with mode 0700 of this user's own",
            fix=f"Remove {folder}, or set TMPDIR to a folder of your own.",
        )
    return folder


def lives(path: str) -> bool:
    """Return whether a hub answers at a path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # its queue may be full, which is a sign of life
        try:
            probe.connect(path)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True


def take(path: str) -> socket.socket | None:
    """Return a listening socket at a path; ``None`` where a hub lives or is being made. Raises ``BrokerRefused``."""
    if lives(path):
        return None
    try:
        with _locked(os.path.dirname(path)):
            return None if lives(path) else _listen(path)
    except BlockingIOError:
        return None
    except OSError as error:
        raise BrokerRefused(
            f"No hub can be made at {path}: {error.strerror or error}.",
            expected="a folder in which this process may make files, on a disk of this machine",
            fix="Let the processes of the app run as one user, or set VIVACE_BROKER.",
        ) from error


def _listen(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_dead(path)
        sock.bind(path)
        _admit_owners(path)  # before anybody can connect
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _remove_dead(path: str) -> None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise BrokerRefused(
            f"{path} exists and is not the socket of a hub.",
            fix="Remove or rename it; it is never removed for you.",
        )
    os.unlink(path)


def _admit_owners(path: str) -> None:
    """Give the socket owner and mode of the database that it stands beside; else it is this user's alone."""
    database = path.removesuffix(SUFFIX)
    if database == path or not os.path.exists(database):
        os.chmod(path, 0o600)
        return
    found = os.stat(database)
    if os.geteuid() == 0:
        os.chown(path, found.st_uid, found.st_gid)
    os.chmod(path, stat.S_IMODE(found.st_mode) & 0o666)


@contextmanager
def _locked(folder: str) -> Generator[None]:
    if sys.platform == "win32":
        raise BrokerRefused(
            "There is no hub on Windows.", fix="Set VIVACE_BROKER to memory or to a server's URL."
        )
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def leave(path: str) -> None:
    """Remove the path of a hub that ends; before its socket is closed, as nobody replaces it until then."""
    with suppress(OSError):
        os.unlink(path)


__all__ = ["hub_path", "leave", "lives", "take"]
