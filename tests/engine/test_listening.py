"""Listening sockets: opened, shared, reported; and what is said when they cannot be."""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from vivace.engine.listening.addresses import Address
from vivace.engine.listening.listeners import (
    Listener,
    explain,
    find_holder,
    open_listeners,
    report,
    systemd_descriptors,
)
from vivace.errors import ListenError

unix_only = pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")


@contextmanager
def opened(*addresses: str, environ: dict[str, str] | None = None) -> Generator[list[Listener]]:
    listeners = open_listeners(addresses, environ={} if environ is None else environ)
    try:
        yield listeners
    finally:
        for listener in listeners:
            listener.close()


def connects(family: int, address: object) -> bool:
    with closing(socket.socket(family, socket.SOCK_STREAM)) as client:
        client.settimeout(5)
        return client.connect_ex(address) == 0  # type: ignore[arg-type]


def has_ipv6() -> bool:
    try:
        with closing(socket.socket(socket.AF_INET6)) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_hs8_port_0_is_reported() -> None:
    with opened("127.0.0.1:0") as listeners:
        told = json.loads(report(listeners))
        (listener,) = told["listeners"]
        assert told["pid"] == os.getpid()
        assert listener["url"] == f"http://127.0.0.1:{listener['port']}"
        assert connects(socket.AF_INET, ("127.0.0.1", listener["port"]))


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_hs8_all_addresses_share_one_free_port() -> None:
    with opened(":0") as listeners:
        ports = {listener.sock.getsockname()[1] for listener in listeners}
        assert {listener.sock.family for listener in listeners} == {socket.AF_INET, socket.AF_INET6}
        assert len(ports) == 1
        assert connects(socket.AF_INET6, ("::1", ports.pop()))


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_hs8_several_listeners() -> None:
    with opened("127.0.0.1:0", "https://[::1]:0") as listeners:
        first, second = listeners
        assert first.url.startswith("http://127.0.0.1:")
        assert second.url.startswith("https://[::1]:")
        assert second.tls


@unix_only
def test_hs8_unix_socket_has_its_mode_and_goes_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    with opened(f"unix:{path}?mode=600") as (listener,):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert listener.describe() == {"url": f"unix:{path}", "path": str(path)}
        assert connects(socket.AF_UNIX, str(path))
    assert not path.exists()


@unix_only
def test_hs8_stale_unix_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as dead:
        dead.bind(str(path))
    with opened(f"unix:{path}"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        with pytest.raises(ListenError, match="in use") as caught:
            open_listeners([f"unix:{path}"], environ={})
        assert "choose another address" in caught.value.fix
        assert connects(socket.AF_UNIX, str(path))


@unix_only
def test_hs8_other_files_are_never_removed(tmp_path: Path) -> None:
    path = tmp_path / "precious.txt"
    path.write_text("data")
    with pytest.raises(ListenError, match="is not a socket"):
        open_listeners([f"unix:{path}"], environ={})
    assert path.read_text() == "data"


def test_hs8_address_in_use_names_the_holder_and_closes_the_others() -> None:
    with opened("127.0.0.1:0") as (listener,):
        port = listener.sock.getsockname()[1]
        with pytest.raises(ListenError, match=f"127.0.0.1:{port} cannot be listened on") as caught:
            open_listeners(["127.0.0.1:0", f"127.0.0.1:{port}"], environ={})
        assert "port 0 finds a free one" in caught.value.fix
        if sys.platform == "linux":
            assert f"(pid {os.getpid()})" in caught.value.fix
            assert f"(pid {os.getpid()})" in find_holder(port)


def test_free_port_has_no_holder() -> None:
    with opened("127.0.0.1:0") as (listener,):
        port = listener.sock.getsockname()[1]
    assert find_holder(port) == ""


@pytest.mark.parametrize(
    ("number", "address", "fix"),
    [
        (errno.EACCES, Address("tcp", "", 80), "privileged"),
        (errno.EACCES, Address("unix", path="/a"), "write into that folder"),
        (errno.EADDRNOTAVAIL, Address("tcp", "192.0.2.1", 80), ":80 for all"),
        (errno.ENOENT, Address("unix", path="/no/a"), "Make the folder"),
    ],
)
def test_hs8_failures_say_what_to_do(number: int, address: Address, fix: str) -> None:
    error = explain(OSError(number, os.strerror(number)), address)
    assert fix in error.fix
    assert str(address) in error.what
    assert os.strerror(number) in error.what


def test_hs8_unknown_host() -> None:
    with pytest.raises(ListenError, match="host name 'no such host'"):
        open_listeners(["no such host:80"], environ={})


@unix_only
def test_hs8_too_long_unix_path(tmp_path: Path) -> None:
    with pytest.raises(ListenError) as caught:
        open_listeners([f"unix:{tmp_path}/{'x' * 120}"], environ={})
    assert "107 bytes" in caught.value.fix


def test_hs8_inherited_descriptor() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as sock:
        port = sock.getsockname()[1]
        with opened(f"fd:{sock.dup().detach()}") as (listener,):
            assert listener.sock.getsockname()[1] == port
            assert connects(socket.AF_INET, ("127.0.0.1", port))


def test_hs8_descriptor_that_is_no_socket(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        with pytest.raises(ListenError, match=f"Descriptor {file.fileno()} cannot"):
            open_listeners([f"fd:{file.fileno()}"], environ={})


def test_hs8_systemd_variables_are_for_this_process_and_taken_once() -> None:
    environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b", "OTHER": "x"}
    assert systemd_descriptors(environ) == [3, 4]
    assert environ == {"OTHER": "x"}
    assert systemd_descriptors({"LISTEN_PID": "1", "LISTEN_FDS": "2"}) == []
    with pytest.raises(ListenError, match="no socket from systemd"):
        open_listeners([], environ={})
