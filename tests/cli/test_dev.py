"""``vivace dev`` with real processes and files: reload, errors as pages, no connection refused."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from .process import Serving, project, serving, until, vivace

pytestmark = pytest.mark.skipif(os.name != "posix", reason="forks")
PAGE: Final = """
from vivace import App, HTML
app = App()

@app.get("/")
async def home() -> HTML:
    return HTML("<html><body><h1>one</h1></body></html>", headers={"content-security-policy": "default-src 'self'"})

@app.get("/fails")
async def fails() -> None:
    token = "tok" + "en-value"
    raise ValueError("on purpose")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return project(tmp_path)


@pytest.fixture
def server(folder: Path, tmp_path: Path) -> Iterator[Serving]:
    with serving("dev", "hello.py", folder=folder, tmp=tmp_path) as started:
        assert until(lambda: started.body() or None) == "Hello, World!"
        yield started


def rewrite(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def answers(server: Serving, wanted: str, path: str = "/", **headers: str) -> str:
    """Wait until an answer has this in it."""
    return until(lambda: body if wanted in (body := server.body(path, **headers)) else None)


def test_hello_does_what_its_readme_says(server: Serving) -> None:
    assert server.ask("/json")[1] == '{"message":"Hello, World!"}'
    assert server.body("/hello/Ada?times=2") == '["Hello, Ada!","Hello, Ada!"]'
    assert server.body("/count") == "1\n2\n3\n"
    status, body, headers = server.ask("/hello/Ada?times=many")
    assert status == 422
    assert headers["content-type"] == "application/problem+json"
    assert "times" in body


def test_dx1_change_brings_a_new_answer_and_the_time_is_told(server: Serving, folder: Path) -> None:
    rewrite(folder / "hello.py", "Hello, World!", "Hello, you!")
    answers(server, "Hello, you!")
    told = r"hello\.py → reloaded, \d+ ms after the save"
    until(lambda: re.search(told, server.said))


def test_dx1_syntax_error_is_shown_and_mended(server: Serving, folder: Path) -> None:
    file = folder / "hello.py"
    right = file.read_text("utf-8")
    file.write_text(right + "\nx = (\n", "utf-8")
    page = answers(server, "SyntaxError", accept="text/html")
    assert "was never closed" in page
    assert "/_vivace/reload.js" in page
    assert "SyntaxError" in server.said
    assert "hello.py" in server.said
    file.write_text(right, "utf-8")
    assert answers(server, "Hello, World!") == "Hello, World!"


def test_dx1_error_while_the_app_starts_is_shown_and_mended(server: Serving, folder: Path) -> None:
    file = folder / "hello.py"
    right = file.read_text("utf-8")
    file.write_text(
        right + "\n@app.on_startup\nasync def begin() -> None:\n    raise OSError('no box')\n", "utf-8"
    )
    assert "no box" in answers(server, "StartupFailed", accept="text/html")
    file.write_text(right + "\n@app.get('/json')\nasync def again() -> str:\n    return ''\n", "utf-8")
    assert "route-duplicate" in answers(server, "AppInvalid", accept="text/html")
    file.write_text(right, "utf-8")
    answers(server, "Hello, World!")


def test_process_that_ends_by_itself_is_told_and_mended(server: Serving, folder: Path) -> None:
    file = folder / "hello.py"
    right = file.read_text("utf-8")
    file.write_text(right + "\nimport os\nos._exit(7)\n", "utf-8")
    assert "ended by itself with status 7" in answers(server, "ended by itself", accept="text/html")
    file.write_text(right, "utf-8")
    answers(server, "Hello, World!")


def test_pain40_no_request_is_refused_or_fails_during_reloads(server: Serving, folder: Path) -> None:
    failures: list[str] = []
    counted = [0] * 4
    done = threading.Event()

    def keep_asking(number: int) -> None:
        while not (done.is_set() and sum(counted) >= 200):
            try:
                status, body, _ = server.ask()
            except OSError as error:
                failures.append(repr(error))
                return
            counted[number] += 1
            if status != 200 or not body.startswith("Hello, "):
                failures.append(f"{status} {body}")

    threads = [threading.Thread(target=keep_asking, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    before = "World"
    for name in ("one", "two", "three"):
        rewrite(folder / "hello.py", f"Hello, {before}!", f"Hello, {name}!")
        answers(server, f"Hello, {name}!")
        before = name
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sum(counted) >= 200


def test_imported_modules_and_new_folders_are_watched(server: Serving, folder: Path) -> None:
    inner = folder / "parts"
    inner.mkdir()
    (inner / "words.py").write_text("WORD = 'first'\n", "utf-8")
    text = (folder / "hello.py").read_text("utf-8").replace('"Hello, World!"\n', "WORD\n", 1)
    (folder / "hello.py").write_text("from parts.words import WORD\n" + text, "utf-8")
    answers(server, "first")
    (inner / "words.py").write_text("WORD = 'second word'\n", "utf-8")
    answers(server, "second word")


def test_secret_is_written_once_for_its_owner_alone(server: Serving, folder: Path) -> None:
    secret = folder / ".vivace" / "secret"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert len(secret.read_text("ascii").strip()) >= 48
    assert (folder / ".vivace" / ".gitignore").read_text("ascii") == "*\n"


def test_only_own_hosts_are_answered(server: Serving) -> None:
    assert server.ask("/", Host="localhost")[0] == 200
    status, body, _ = server.ask("/", Host="evil.example")
    assert status == 421
    assert "evil" not in body.partition('"errors"')[0] or "VIVACE_HOSTS" in body


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_it(server: Serving, number: int) -> None:
    assert server.stop(number) == 0


def test_pain14_stop_ends_streams_and_runs_the_shutdown_hooks(folder: Path, tmp_path: Path) -> None:
    (folder / "streams.py").write_text(
        "import asyncio\nfrom pathlib import Path\nfrom vivace import App, EventStream\napp = App()\n"
        "@app.get('/events')\nasync def events() -> EventStream:\n"
        "    async def ticks():\n"
        "        while True:\n            yield 'tick'\n            await asyncio.sleep(0.05)\n"
        "    return EventStream(ticks())\n"
        "@app.on_shutdown\nasync def end() -> None:\n    Path('ended').touch()\n",
        "utf-8",
    )
    import socket

    with serving("dev", "streams.py", folder=folder, tmp=tmp_path) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.settimeout(20)
            client.sendall(b"GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n")
            until(lambda: b"tick" in client.recv(65536) or None)
            assert server.stop() == 0
    assert (folder / "ended").exists()
    assert "Traceback" not in server.said


def test_dx1_pages_reload_themselves_under_a_strict_policy(folder: Path, tmp_path: Path) -> None:
    (folder / "page.py").write_text(PAGE, "utf-8")
    with serving("dev", "page.py", folder=folder, tmp=tmp_path) as server:
        _, page, headers = server.ask("/", sec_fetch_dest="document")
        found = re.search(r'<script src="(/_vivace/reload\.js\?(\w+))" defer></script></body>', page)
        assert found is not None
        assert headers["content-security-policy"] == "default-src 'self'"
        assert int(headers["content-length"]) == len(page.encode())
        status, script, headers = server.ask(found[1])
        assert (status, headers["content-type"]) == (200, "text/javascript; charset=utf-8")
        assert 'EventSource("/_vivace/reload")' in script
        assert "/_vivace/" not in server.body("/", sec_fetch_dest="empty")
        assert "/_vivace/" not in server.body("/fails", accept="application/json")
        debug = server.ask("/fails", accept="text/html")
        assert debug[0] == 500
        assert "on purpose" in debug[1]
        assert "<td>&#39;token-value" not in debug[1]


def test_dx1_open_pages_hear_of_the_new_process(folder: Path, tmp_path: Path) -> None:
    import http.client

    (folder / "page.py").write_text(PAGE, "utf-8")
    with serving("dev", "page.py", folder=folder, tmp=tmp_path) as server:

        def process() -> str:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
            connection.request("GET", "/_vivace/reload")
            response = connection.getresponse()
            streams.append((connection, response))
            lines = iter(response.readline, b"")
            return next(line for line in lines if line.startswith(b"data: ")).decode()

        streams: list[tuple[http.client.HTTPConnection, http.client.HTTPResponse]] = []
        first = process()
        rewrite(folder / "page.py", "<h1>one</h1>", "<h1>two</h1>")
        streams[0][1].read()  # ends: the old process has closed it
        assert process() != first
        answers(server, "<h1>two</h1>")
        for connection, _ in streams:
            connection.close()


def test_pain22_dev_names_the_line_that_blocks_the_loop(folder: Path, tmp_path: Path) -> None:
    (folder / "slow.py").write_text(
        "import time\nfrom vivace import App\napp = App()\n@app.get('/')\nasync def home() -> str:\n"
        "    time.sleep(0.5)\n    return 'late'\n",
        "utf-8",
    )
    with serving("dev", "slow.py", folder=folder, tmp=tmp_path) as server:
        assert server.body() == "late"
        until(lambda: re.search(r"slow\.py:6", server.said))


def test_fresh_interpreters_do_the_same(folder: Path, tmp_path: Path) -> None:
    with serving("dev", "hello.py", "--fresh", folder=folder, tmp=tmp_path) as server:
        answers(server, "Hello, World!")
        rewrite(folder / "hello.py", "Hello, World!", "Hello, you!")
        answers(server, "Hello, you!")
        assert server.stop() == 0


@pytest.mark.parametrize("options", [(), ("--fresh",)])
@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("nofile.py", "There is no file"),
        ("hello.py:ap", "There is no 'ap'"),
        ("nowhere:app", "There is no module 'nowhere'"),
    ],
)
def test_dx1_target_that_is_not_there_ends_with_status_3(
    folder: Path, target: str, said: str, options: tuple[str, ...]
) -> None:
    result = vivace("dev", target, "--port", "0", *options, folder=folder)
    assert result.returncode == 3
    assert f"error: {said}" in result.stderr
    assert " serves " not in result.stderr


def test_dx1_target_that_goes_away_later_is_waited_for(server: Serving, folder: Path) -> None:
    right = (folder / "hello.py").read_text("utf-8")
    (folder / "hello.py").write_text("x = 1\n", "utf-8")
    assert "is no app" in answers(server, "TargetError", accept="text/html")
    (folder / "hello.py").write_text(right, "utf-8")
    answers(server, "Hello, World!")


def test_dx2_warnings_of_the_check_are_told(server: Serving, folder: Path) -> None:
    text = (folder / "hello.py").read_text("utf-8")
    typo = "\n@app.get('/typo/{name}')\nasync def typo(nmae: str) -> str:\n    return nmae\n"
    (folder / "hello.py").write_text(text + typo, "utf-8")
    until(lambda: "path-parameter-unused" in server.said or None)
    assert "Did you mean 'nmae'?" in server.said


def test_debug_names_the_nearest_route_and_the_methods(server: Serving) -> None:
    detail = server.body("/helo/Ada")
    assert "Did you mean '/hello/Ada'? There is GET" in detail
    assert "/hello/{name}" in detail
    assert "Did you mean '/json'?" in server.body("/jsn", accept="text/html").replace("&#39;", "'")
    assert "Did you mean" not in server.body("/completely-different")


LIVE: Final = """
from vivace import App, Request, render
app = App()

@app.get("/")
async def home(request: Request):
    return render(request, "page.html")
"""


def test_the_first_live_region_of_an_app_works_after_the_reload(folder: Path, tmp_path: Path) -> None:
    (folder / "page.py").write_text(LIVE, "utf-8")
    (folder / "templates").mkdir()
    page = folder / "templates" / "page.html"
    page.write_text("<!doctype html>{% vivace_head %}<p>{{ 1 }}</p>", "utf-8")
    with serving("dev", "page.py", folder=folder, tmp=tmp_path) as server:
        before = answers(server, "<p>1</p>")
        assert "vivace-hood" in before
        assert "live.js" not in before
        assert server.ask("/_vivace/socket")[0] == 404
        page.write_text("<!doctype html>{% vivace_head %}{% live %}<p>{{ 2 }}</p>{% endlive %}", "utf-8")
        after = answers(server, "live.js")
        assert re.search(
            r"<!--live:[\w.-]+:[\w-]+:[\w.-]+--><p>2</p>", after
        )  # with the token to watch it by
        assert server.ask("/_vivace/socket")[0] == 426  # it is there, for WebSockets
