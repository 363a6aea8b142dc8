"""Several workers, no infrastructure: what one commits the others are told, whoever dies (RL6, WK4)."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cli.process import BOUND, Serving, project, serving, until, vivace

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="workers need POSIX"),
    pytest.mark.timeout(240),  # each starts several processes, on a machine that may be busy
]

PROGRAM: Final = '''
import json
import os
from pathlib import Path

from vivace import App, models

app = App()
told: list[int] = []
epochs: list[int] = []


class Note(models.Model):
    text = models.TextField()


def write_down():
    """Say how this process is, in a file: a test cannot choose which worker answers its requests."""
    state = {"told": told, "epochs": epochs, "kind": app.broker.kind}
    unfinished = Path("state", f"{os.getpid()}.new")
    unfinished.write_text(json.dumps(state))
    unfinished.rename(unfinished.with_suffix(""))


def hear(write):
    told.extend(change.key[0] for change in write.changes if change.operation == "insert")
    write_down()


def renew(epoch):
    epochs.append(epoch)
    write_down()


app.changes.subscribe(hear)
app.changes.on_reset(renew)


@app.on_startup
async def begin():
    async with app.broker.lock("tables"):
        await app.prepare_tables()
    write_down()


@app.get("/add")
async def add():
    note = await Note.objects.create(text="x" * 100)
    return {"id": note.pk, "pid": os.getpid()}


@app.get("/count")
async def count():
    return {"value": await app.broker.incr("visits")}
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "site"
    made.mkdir()
    (made / "notes.py").write_text(PROGRAM)
    (made / "state").mkdir()
    return made


def run(folder: Path, tmp: Path, workers: int = 4, **more: str) -> Any:
    return serving("run", "notes.py", "--workers", str(workers), folder=folder, tmp=tmp, **more)


def ask(server: Serving, path: str) -> dict[str, Any]:
    """Ask some worker; again, when it was the one that is being killed."""

    def answered() -> dict[str, Any] | None:
        try:
            answer: dict[str, Any] = json.loads(server.body(path))
        except (OSError, ValueError):
            return None
        return answer

    return until(answered)


def states(folder: Path) -> dict[int, dict[str, Any]]:
    """What each process wrote down, by its id; those that have ended, too."""
    return {
        int(file.name): json.loads(file.read_text())
        for file in (folder / "state").iterdir()
        if not file.suffix
    }


def everywhere(
    folder: Path, true: Callable[[dict[str, Any]], object], *, count: int, but: Collection[int] = ()
) -> dict[int, dict[str, Any]]:
    """Wait until something is true of that many processes; returns what they wrote down, by process."""

    def enough() -> dict[int, dict[str, Any]] | None:
        found = {pid: state for pid, state in states(folder).items() if pid not in but and true(state)}
        return found if len(found) >= count else None

    return until(enough)


def test_rl6_a_commit_of_one_worker_is_told_to_all_once(folder: Path, tmp_path: Path) -> None:
    with run(folder, tmp_path) as server:
        everywhere(folder, lambda state: True, count=4)
        keys = [ask(server, "/add")["id"] for _ in range(10)]
        said = everywhere(folder, lambda state: set(keys) <= set(state["told"]), count=4)
        assert all(sorted(state["told"]) == keys for state in said.values())
        assert all(state["kind"] == "hub" and state["epochs"] == [] for state in said.values())
        assert (folder / "notes.sqlite3-hub").is_socket()
        visits = [ask(server, "/count")["value"] for _ in range(8)]
        assert visits == list(range(1, 9)), "a counter is shared, too"
        assert server.stop() == 0
    assert not (folder / "notes.sqlite3-hub").exists()
    assert "epoch" not in server.said


def test_a_worker_that_is_killed_raises_the_epoch_and_the_others_go_on(folder: Path, tmp_path: Path) -> None:
    with run(folder, tmp_path, 3) as server:
        everywhere(folder, lambda state: True, count=3)
        victim = ask(server, "/add")["pid"]
        os.kill(victim, signal.SIGKILL)
        everywhere(folder, lambda state: state["epochs"], count=2, but=[victim])
        everywhere(folder, lambda state: True, count=3, but=[victim])  # its successor is there
        key = ask(server, "/add")["id"]
        everywhere(folder, lambda state: key in state["told"], count=3, but=[victim])


def test_a_rolling_reload_loses_nothing_and_raises_no_epoch(folder: Path, tmp_path: Path) -> None:
    with run(folder, tmp_path, 2) as server:
        before = everywhere(folder, lambda state: True, count=2)
        server.process.send_signal(signal.SIGHUP)
        written: list[int] = []

        def replaced() -> bool | None:
            written.append(ask(server, "/add")["id"])
            return ("reloaded" in server.said) or None

        until(replaced)
        last = ask(server, "/add")["id"]
        after = everywhere(folder, lambda state: last in state["told"], count=2, but=before)
        for state in after.values():
            assert state["epochs"] == []
            assert {key for key in written if key >= min(state["told"])} <= set(state["told"])


def test_wk4_the_hub_of_a_process_that_is_killed_is_taken_over(folder: Path, tmp_path: Path) -> None:
    """Programs on one database without a supervisor: the first one serves the hub."""
    logs = [tmp_path / name for name in ("first", "second", "third")]
    for log in logs:
        log.mkdir()
    with run(folder, logs[0], 0) as first, run(folder, logs[1], 0) as second:
        key = ask(second, "/add")["id"]
        everywhere(folder, lambda state: key in state["told"], count=2)
        first.process.kill()
        first.process.wait(BOUND)
        (survivor,) = everywhere(folder, lambda state: state["epochs"], count=1)
        assert survivor == second.process.pid
        with run(folder, logs[2], 0) as third:
            key = ask(third, "/add")["id"]
            everywhere(folder, lambda state: key in state["told"], count=2, but=[first.process.pid])


def test_the_shell_is_heard_by_the_workers(folder: Path, tmp_path: Path) -> None:
    with run(folder, tmp_path, 2):
        workers = everywhere(folder, lambda state: True, count=2)
        code = "await Note.objects.create(text='from the shell')"
        done = vivace("shell", "notes.py", "-c", code, folder=folder)
        assert done.returncode == 0, done.stderr
        said = everywhere(folder, lambda state: state["told"], count=3)  # and in the shell
        assert all(said[pid]["epochs"] == [] for pid in workers)


def test_the_memory_broker_is_refused_to_several_workers(folder: Path) -> None:
    done = vivace("run", "notes.py", "--workers", "2", "--port", "0", folder=folder, VIVACE_BROKER="memory")
    assert done.returncode != 0
    assert "broker-refused" in done.stderr
    assert "VIVACE_BROKER" in done.stderr


def test_the_memory_broker_serves_one_worker_and_its_successors(folder: Path, tmp_path: Path) -> None:
    with run(folder, tmp_path, 1, VIVACE_BROKER="memory") as server:
        known = set(everywhere(folder, lambda state: state["kind"] == "memory", count=1))
        for times in (1, 2):
            server.process.send_signal(signal.SIGHUP)
            known |= set(everywhere(folder, lambda state: True, count=1, but=set(known)))
            until(lambda times=times: server.said.count("reloaded") == times or None)  # type: ignore[misc]
        assert ask(server, "/add")["pid"] in known


def test_an_app_that_asks_for_neither_starts_no_broker(tmp_path: Path) -> None:
    site = project(tmp_path)
    with serving("run", "hello.py", "--workers", "2", folder=site, tmp=tmp_path) as server:
        assert server.ask()[0] == 200
        assert not list(site.glob("*-hub"))
