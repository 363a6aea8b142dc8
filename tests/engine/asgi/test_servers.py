"""The adapter under real servers, each in a process of its own: uvicorn and Granian (also HTTP/2)."""

from __future__ import annotations

import hashlib
import http.client
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync import client as sockets
from websockets.typing import Subprotocol

HERE = Path(__file__).parent
PATIENCE = 20.0  # seconds; a bound for a broken run, not an expectation


class Server:
    """A running server on ``port``."""

    def __init__(self, name: str, port: int, process: subprocess.Popen[str]) -> None:
        self.name = name
        self.port = port
        self.process = process

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers, encode_chunked=body is not None)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def log(self) -> list[str]:
        entries: list[str] = json.loads(self.request("GET", "/log")[1])
        return entries

    def chunks(self) -> int:
        """How many pieces the endless stream has made, asked after a moment."""
        time.sleep(0.1)
        return int(self.request("GET", "/chunks")[1])

    def leave(self, request: bytes, after: str) -> None:
        """Send a request, wait for a line of the log, and go away."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as raw:
            raw.sendall(request)
            until(lambda: after in self.log())

    def connect(self, path: str, **options: Any) -> Any:
        talk: Any = cast("Any", sockets).connect(f"ws://127.0.0.1:{self.port}{path}", **options)
        return talk


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(name: str, *options: str, port: int) -> Server:
    granian = [
        "granian",
        "--interface",
        "asgi",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        *options,
        "site_app:app",
    ]
    uvicorn = ["uvicorn", "--port", str(port), "--log-level", "warning", *options, "site_app:app"]
    command = [sys.executable, "-m", *(granian if name == "granian" else uvicorn)]
    process = subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    server = Server(name, port, process)
    until(lambda: accepts(server))
    return server


def accepts(server: Server) -> bool:
    assert server.process.poll() is None, server.process.stdout and server.process.stdout.read()
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", server.port)) == 0


def stop(server: Server) -> str:
    server.process.terminate()
    try:
        return server.process.communicate(timeout=PATIENCE)[0]
    except subprocess.TimeoutExpired:
        server.process.kill()
        return server.process.communicate()[0] + "(killed)"


@pytest.fixture(scope="module", params=["uvicorn", "granian"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    running = start(request.param, port=free_port())
    yield running
    assert "down" in stop(running)  # the lifespan ended with the server


def test_rt1_request_reaches_the_app_whole(server: Server) -> None:
    status, body = server.request("GET", "/a%2Fb/%C3%B6?q=1&q=%20")
    assert status == 200
    seen = json.loads(body)
    assert (seen["method"], seen["target"], seen["path"]) == ("GET", "/a%2Fb/%C3%B6?q=1&q=%20", "/a/b/ö")
    assert server.log()[0] == "up"


def test_rt1_upload_streams(server: Server) -> None:
    pieces = [bytes([number]) * 50_000 for number in range(60)]
    status, body = server.request("POST", "/hash", iter(pieces), **{"Transfer-Encoding": "chunked"})
    assert (status, body.decode()) == (200, hashlib.sha256(b"".join(pieces)).hexdigest())


def test_rt1_head_and_errors(server: Server) -> None:
    assert server.request("HEAD", "/x") == (200, b"")
    assert server.request("GET", "/fail")[0] == 500
    assert server.request("GET", "/ws/echo")[0] == 426


def test_rt5_endless_stream_waits_for_its_client_and_ends_with_it(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as reader:
        reader.sendall(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n")
        assert reader.recv(1000)
        until(lambda: server.chunks() == server.chunks())  # it stands still while nobody reads
        assert server.chunks() < 1000
    until(lambda: "endless ended" in server.log())


def test_rt5_disconnect_cancels_what_is_safe_and_lets_unsafe_finish(server: Server) -> None:
    server.leave(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n", after="/wait began")
    until(lambda: "/wait cancelled" in server.log())
    server.leave(b"POST /work HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n", after="/work began")
    until(lambda: "/work finished" in server.log())
    assert "/work cancelled" not in server.log()


def test_rl1_websocket_echo_subprotocol_and_close(server: Server) -> None:
    with server.connect("/ws/echo", subprotocols=[Subprotocol("v1"), Subprotocol("v2")]) as talk:
        assert talk.subprotocol == "v2"
        if server.name == "uvicorn":  # Granian 2.8 drops the headers of an accept
            assert talk.response.headers["x-room"] == "7"
        for message in ("grüße", b"\0\1", "x" * 100_000):
            talk.send(message)
            assert talk.recv() == message
        talk.send("close")
        with pytest.raises(ConnectionClosed) as end:
            talk.recv()
        assert end.value.rcvd is not None
        assert (end.value.rcvd.code, end.value.rcvd.reason) == (4000, "as you wish")


def test_rl1_websocket_client_close_reaches_the_handler(server: Server) -> None:
    with server.connect("/ws/leave") as talk:
        talk.close(4001, "bye")
    until(lambda: any(entry.startswith("left /ws/leave") for entry in server.log()))


def test_rl1_websocket_error_closes_with_1011(server: Server) -> None:
    with server.connect("/ws/fail") as talk:
        with pytest.raises(ConnectionClosed) as end:
            talk.recv()
    assert end.value.rcvd is not None
    assert end.value.rcvd.code == 1011


def test_rl1_websocket_denial(server: Server) -> None:
    with pytest.raises(InvalidStatus) as refused:
        server.connect("/ws/no")
    assert refused.value.response.status_code == 403
    if server.name == "uvicorn":  # Granian does not offer the denial extension
        assert refused.value.response.body == b"members only"


def curl(*arguments: str) -> list[str]:
    program = shutil.which("curl")
    if (
        program is None
        or "HTTP2" not in subprocess.run([program, "-V"], capture_output=True, text=True).stdout
    ):
        pytest.skip("needs curl with HTTP/2")
    done = subprocess.run(
        [program, "-sS", "-w", "\n%{http_version} %{http_code}", *arguments], capture_output=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().splitlines()


def test_hs4_http2_cleartext_under_granian() -> None:
    running = start("granian", "--http", "2", port=free_port())
    try:
        body, status = curl("--http2-prior-knowledge", f"http://127.0.0.1:{running.port}/x?y=1")
        assert status == "2 200"
        assert json.loads(body) == {"method": "GET", "target": "/x?y=1", "path": "/x", "http": "2"}
        body, status = curl(
            "--http2-prior-knowledge", "--data-binary", "abc", f"http://127.0.0.1:{running.port}/hash"
        )
        assert (body, status) == (hashlib.sha256(b"abc").hexdigest(), "2 200")
    finally:
        stop(running)


def test_hs4_http2_over_tls_under_granian(tmp_path: Path) -> None:
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    for number, blob in enumerate(certificate.cert_chain_pems):
        blob.write_to_path(str(tmp_path / "cert.pem"), append=number > 0)
    tls = ("--ssl-certificate", str(tmp_path / "cert.pem"), "--ssl-keyfile", str(tmp_path / "key.pem"))
    running = start("granian", *tls, port=free_port())
    try:
        url = f"https://localhost:{running.port}/x"
        trust = ("--cacert", str(tmp_path / "ca.pem"))
        body, status = curl("--http2", *trust, url)
        assert status == "2 200"
        assert json.loads(body)["http"] == "2"
        assert curl("--http1.1", *trust, url)[1] == "1.1 200"
    finally:
        stop(running)
