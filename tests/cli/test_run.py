"""``vivace run`` and ``vivace demo`` with real processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from functools import partial
from pathlib import Path

import pytest

from vivace.cli.demo import forget

from .process import EXPERIENCE, Serving, project, serving, until, vivace

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")
NEEDS_KEY = """
from vivace import App
app = App()

@app.get("/")
async def home() -> str:
    return app.settings.secret_key.reveal()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return project(tmp_path)


@pytest.mark.parametrize("workers", ["0", "1", "2"])
def test_hello_is_served(folder: Path, tmp_path: Path, workers: str) -> None:
    with serving("run", "hello.py", "--workers", workers, folder=folder, tmp=tmp_path) as server:
        assert until(lambda: server.body() or None) == "Hello, World!"
        assert server.body("/hello/Ada?times=2") == '["Hello, Ada!","Hello, Ada!"]'
        assert server.ask("/hello/Ada?times=many")[0] == 422
        until(lambda: f"serves hello.py on http://127.0.0.1:{server.port} (" in server.said or None)
        assert server.stop() == 0


def test_key_of_the_start_is_shared_by_all_workers_with_a_warning(folder: Path, tmp_path: Path) -> None:
    (folder / "app.py").write_text(NEEDS_KEY, "utf-8")
    with serving("run", "--workers", "2", folder=folder, tmp=tmp_path) as server:
        keys = {server.body() for _ in range(20)}
        assert "warning: SECRET_KEY is not set." in server.said
    assert len(keys) == 1
    assert len(keys.pop()) >= 48
    assert not (folder / ".vivace").exists()


def test_key_that_was_set_is_taken(folder: Path, tmp_path: Path) -> None:
    (folder / "app.py").write_text(NEEDS_KEY, "utf-8")
    (folder / ".env").write_text("SECRET_KEY=from-the-file\n", "utf-8")
    with serving("run", folder=folder, tmp=tmp_path) as server:
        assert server.body() == "from-the-file"
        assert "SECRET_KEY" not in server.said


def test_app_that_cannot_start_ends_with_status_3(folder: Path) -> None:
    (folder / "hello.py").write_text(
        "from vivace import App\napp = App()\nraise OSError('no box')\n", "utf-8"
    )
    result = vivace("run", "hello.py", "--port", "0", folder=folder)
    assert result.returncode == 3
    assert "no box" in result.stderr


def test_address_in_use_is_told_in_three_parts(folder: Path, tmp_path: Path) -> None:
    with serving("run", "hello.py", folder=folder, tmp=tmp_path) as server:
        result = vivace("run", "hello.py", "--port", str(server.port), folder=folder)
    assert result.returncode == 3
    assert "cannot be listened on" in result.stderr
    assert "Fix:" in result.stderr
    assert "Traceback" not in result.stderr


def test_lo3_debug_page_is_not_part_of_run(folder: Path, tmp_path: Path) -> None:
    (folder / "app.py").write_text(
        "from vivace import App\napp = App(debug=True)\n@app.get('/')\nasync def home() -> str:\n    raise OSError('in')\n",
        "utf-8",
    )
    with serving("run", folder=folder, tmp=tmp_path, VIVACE_DEBUG="true") as server:
        status, page, _ = server.ask(accept="text/html")
    assert status == 500
    assert "OSError" not in page


def test_unix_socket_pid_file_and_health(folder: Path, tmp_path: Path) -> None:
    import http.client
    import socket

    path, pid = tmp_path / "s", tmp_path / "pid"
    with serving(
        "run", "hello.py", "--unix", str(path), "--pid-file", str(pid), "--health", "127.0.0.1:0", "--report",
        folder=folder, tmp=tmp_path,
    ) as server:  # fmt: skip
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(str(path))
            client.sendall(b"GET /json HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert int(pid.read_text("ascii")) == server.process.pid
        connection = http.client.HTTPConnection("127.0.0.1", server.report["health"][0]["port"], timeout=20)
        connection.request("GET", "/live")
        assert connection.getresponse().status == 200
        connection.close()
        assert server.stop(signal.SIGINT) == 0
    assert not path.exists()


async def test_echo_answers_over_a_real_socket(tmp_path: Path) -> None:
    from websockets.asyncio.client import connect

    def talk() -> None:
        async def speak() -> None:
            async with connect(f"ws://127.0.0.1:{server.port}/echo") as socket:
                await socket.send("hello")
                assert await socket.recv() == "hello"
                await socket.send(b"\x00\x01")
                assert await socket.recv() == b"\x00\x01"

        asyncio.run(speak())

    with serving("run", "echo.py", folder=EXPERIENCE, tmp=tmp_path) as server:
        await asyncio.to_thread(talk)


@pytest.mark.parametrize(
    ("form", "line"), [("text", '"GET /json?token=***" 200'), ("json", '"target":"/json?token=***"')]
)
def test_access_log_is_written_to_standard_output(folder: Path, tmp_path: Path, form: str, line: str) -> None:
    with serving("run", "hello.py", "--access-log", form, folder=folder, tmp=tmp_path) as server:
        server.body("/json?token=abc")
        assert server.stop() == 0
        assert server.process.stdout is not None
        assert line in server.process.stdout.read().decode()


def told(server: Serving, text: str) -> bool | None:
    """Return true once a server has said something."""
    return text in server.said or None


def test_demo_writes_a_site_once_and_keeps_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for start in ("first", "second"):
        with serving("demo", "--data", str(data), folder=tmp_path, tmp=tmp_path) as server:
            assert "Piazza" in server.body("/activity")
            until(partial(told, server, "Ctrl-C closes it"))
            assert ("3,000 comments" in server.said) is (start == "first")
            assert "made up by a program" in server.said
            assert f"http://localhost:{server.port}" in server.said
            assert server.stop() == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "said.txt",
        "data",
    }  # it leaves nothing beside its folder


def test_fresh_demo_deletes_what_the_demo_wrote_and_nothing_else(tmp_path: Path) -> None:
    for name in ("piazza.sqlite3", "piazza.sqlite3-wal", "media/a.png", "mine.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("kept?", "utf-8")
    forget(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_report_is_one_line_of_json(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "ports"
    with serving("run", "hello.py", "--port-file", str(file), folder=folder, tmp=tmp_path) as server:
        assert json.loads(file.read_text("utf-8")) == server.report
        assert server.report["listeners"][0]["url"] == f"http://127.0.0.1:{server.port}"


def test_dx4_it_serves_is_said_when_a_worker_does_and_not_of_an_app_that_cannot_start(folder: Path) -> None:
    (folder / "app.py").write_text(
        "from vivace import App\napp = App()\n@app.get('/')\nasync def a() -> str: ...\n"
        "@app.get('/')\nasync def b() -> str: ...\n",
        "utf-8",
    )
    for workers in ("0", "1"):
        result = vivace("run", "--workers", workers, "--port", "0", folder=folder)
        assert result.returncode == 3
        assert " serves " not in result.stderr
        assert "error: The app cannot start: 1 problem." in result.stderr


def test_help_names_what_a_value_is(folder: Path) -> None:
    text = vivace("run", "--help", folder=folder).stdout
    assert "--max-memory SIZE" in text
    assert "--max-lag DURATION" in text
    assert "such as" in vivace("run", "--max-lag", "soon", folder=folder).stderr
