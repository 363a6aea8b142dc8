"""Servers on ports, Unix sockets, inherited sockets and TLS, in processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
import sys
from pathlib import Path

import pytest

from .serving import PATIENCE, get, read_response, served

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX processes")


async def test_hs8_port_0_is_reported_on_stdout_and_in_a_file(tmp_path: Path) -> None:
    with served(tmp_path, workers=1, report=True, listeners=["127.0.0.1:0", "127.0.0.1:0"]) as server:
        await server.until_ready(1)
        told = json.loads(server.out.splitlines()[0])
        assert told == json.loads((tmp_path / "ports.json").read_text())
        assert told["pid"] == server.process.pid
        for listener in told["listeners"]:
            assert (await get(listener["port"])).startswith("one")


async def test_hs8_unix_socket_is_shared_by_workers_and_survives_them(tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    with served(tmp_path, workers=2, listeners=[f"unix:{path}?mode=600"]) as server:
        first = frozenset(await server.until_ready(2))
        server.send(signal.SIGHUP)
        await server.until_ready(2, without=first)
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert (await read_response(reader))[0] == 200
        writer.close()
        assert server.stop() == 0
    assert not path.exists()


async def test_hs8_inherited_socket(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port, number = sock.getsockname()[1], sock.fileno()
        with served(tmp_path, workers=1, listeners=[f"fd:{number}"], pass_fds=[number]) as server:
            assert server.port == port
            await server.until_ready(1)
            assert (await get(port)).startswith("one")
            assert server.stop() == 0
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass  # the socket is ours still


async def test_hs8_systemd_socket(tmp_path: Path) -> None:
    """The variables name the process that runs the server, so a shell sets them and becomes it, as systemd does."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        script = (
            "import os, sys; os.dup2(int(sys.argv[1]), 3, True); os.environ['LISTEN_PID'] = str(os.getpid()); "
            "os.environ['LISTEN_FDS'] = '1'; os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
        )
        wrapped = ["-c", script, str(sock.fileno())]
        with served(tmp_path, workers=1, listeners=[], wrap=wrapped, pass_fds=[sock.fileno()]) as server:
            await server.until_ready(1)
            assert server.port == sock.getsockname()[1]
            assert (await get(server.port)).startswith("one")


async def test_hs8_address_in_use_is_one_clear_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        with served(tmp_path, expect_start=False, workers=2, listeners=[f"127.0.0.1:{port}"]) as server:
            assert server.process.wait(PATIENCE) == 3
            assert f"127.0.0.1:{port} cannot be listened on: Address already in use." in server.log
            assert "[listen]" in server.log
            assert "Traceback" not in server.log
            if sys.platform == "linux":
                assert f"(pid {os.getpid()})" in server.log


async def test_hs6_running_workers_take_new_certificates(tmp_path: Path) -> None:
    trustme = pytest.importorskip("trustme", reason="trustme comes with the test extra")
    authority = trustme.CA()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    files = {"certificate": str(tmp_path / "a.pem"), "key": str(tmp_path / "a.key")}

    def issue() -> None:
        made = authority.issue_cert("localhost")
        Path(files["certificate"]).write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        Path(files["key"]).write_bytes(made.private_key_pem.bytes())

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str]:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=context, server_hostname="localhost"
        )
        return reader, writer, writer.get_extra_info("peercert")["serialNumber"]

    issue()
    with served(tmp_path, workers=1, tls=files) as server:
        assert server.listeners[0]["url"].startswith("https://")
        pids = await server.until_ready(1)
        reader, writer, old = await connect()
        issue()
        async with asyncio.timeout(PATIENCE):
            while True:
                _, other, serial = await connect()
                other.close()
                if serial != old:
                    break
                await asyncio.sleep(0.1)
        writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert (await read_response(reader))[0] == 200
        writer.close()
        assert await server.until_ready(1) == pids
