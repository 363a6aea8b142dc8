"""Workers: killed, reloaded, drained, blocked, scaled, worn out. Real processes and sockets."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from .serving import APP, PATIENCE, Load, get, read_response, served

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="workers are processes with POSIX signals")


async def test_wk1_killed_worker_loses_only_what_it_was_serving(tmp_path: Path) -> None:
    with served(tmp_path, workers=2) as server:
        first = await server.until_ready(2)
        load = Load(server.port)
        running = asyncio.create_task(load.run())
        await _answers(load, 200)
        os.kill(first[0], signal.SIGKILL)
        second = await server.until_ready(2, without=frozenset({first[0]}))
        await _answers(load, len(load.answers) + 200)
        load.stopped = True
        await running
        assert len(load.failures) <= load.clients, load.failures
        assert not any("Refused" in failure for failure in load.failures)
        assert first[1] in second
        assert "ended with signal 9" in server.log
        assert server.stop() == 0


async def test_rt4_wk1_reload_under_load_loses_nothing_and_serves_new_code(tmp_path: Path) -> None:
    with served(tmp_path, workers=2) as server:
        first = frozenset(await server.until_ready(2))
        fast, slow = Load(server.port), Load(server.port, "/slow")
        running = asyncio.gather(fast.run(), slow.run())
        await _answers(fast, 200)
        server.write(APP.replace('"one"', '"two"'))
        server.send(signal.SIGHUP)
        await server.until_ready(2, without=first)
        await _gone(first)
        await _answers(fast, len(fast.answers) + 200)
        await _answers(slow, len(slow.answers) + 2 * slow.clients)
        fast.stopped = slow.stopped = True
        await running
        assert fast.failures + slow.failures == []
        assert {answer.split()[0] for answer in fast.answers} == {"one", "two"}
        assert fast.answers[-1].startswith("two")
        assert slow.answers[-1].startswith("two")
        assert server.stop() == 0


async def test_wk1_reload_of_broken_code_keeps_the_old_workers(tmp_path: Path) -> None:
    with served(tmp_path, workers=2) as server:
        first = await server.until_ready(2)
        server.write("this is no Python")
        server.send(signal.SIGHUP)
        await _logged(lambda: server.log, "the reload stopped")
        assert "SyntaxError" in server.log
        assert sorted(await server.until_ready(2)) == sorted(first)
        assert (await get(server.port)).startswith("one")


async def test_rt4_sigterm_tells_streams_and_sockets_first(tmp_path: Path) -> None:
    with served(tmp_path, workers=1) as server:
        await server.until_ready(1)
        streams = [await _stream(server.port, "/events") for _ in range(20)]
        sockets = [await _websocket(server.port) for _ in range(20)]
        server.send(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            ends = [await reader.read() for reader, _ in streams]
            closes = [await reader.readexactly(4) for reader, _ in sockets]
        assert all(end.endswith(b"data: bye\n\n\r\n0\r\n\r\n") for end in ends), ends[0][-60:]
        assert closes == [closes[0]] * 20
        assert closes[0][:1] == b"\x88"
        assert int.from_bytes(closes[0][2:4], "big") == 1012
        for _, writer in sockets:
            writer.write(b"\x88\x82\0\0\0\0\x03\xf4")  # the answer: masked with zeros, 1012
        assert server.process.wait(PATIENCE) == 0
        assert "shut down" in server.out
        assert "Traceback" not in server.log
        assert "cut off" not in server.log
        for _, writer in streams + sockets:
            writer.close()


async def test_rt4_streams_that_do_not_listen_are_ended_and_cleaned_up(tmp_path: Path) -> None:
    with served(tmp_path, workers=1) as server:
        await server.until_ready(1)
        reader, writer = await _stream(server.port, "/deaf")
        server.send(signal.SIGTERM)
        assert (await reader.read()).endswith(b"0\r\n\r\n")
        writer.close()
        assert server.process.wait(PATIENCE) == 0
        assert server.out.split("\n")[:2] == ["silence ended", "shut down"]


async def test_rt4_second_signal_is_quick(tmp_path: Path) -> None:
    source = APP.replace("shutdown=4", "shutdown=0").replace("sleep(0.3)", "sleep(3600)")
    with served(tmp_path, source, workers=1) as server:
        await server.until_ready(1)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n")
        async with asyncio.timeout(PATIENCE):
            while not (await server.workers())[0]["last"]["in_flight"]:
                await asyncio.sleep(0.05)
            server.send(signal.SIGTERM)
            while (await server.probe("/ready"))[0] != 503:
                await asyncio.sleep(0.05)
            server.send(signal.SIGTERM)
            with pytest.raises((asyncio.IncompleteReadError, OSError)):
                await read_response(reader)
        writer.close()
        assert server.process.wait(PATIENCE) == 0
        assert "shut down" in server.out


async def test_rt7_blocked_loop_is_named_while_health_answers(tmp_path: Path) -> None:
    with served(tmp_path, workers=1, watch={"blocked": 0.3}) as server:
        await server.until_ready(1)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /block HTTP/1.1\r\nhost: localhost\r\n\r\n")
        async with asyncio.timeout(PATIENCE):
            while (await server.probe("/ready"))[0] != 503:
                await asyncio.sleep(0.05)
            assert (await server.probe("/live"))[0] == 200
            line = APP.splitlines().index("        time.sleep(3)") + 1
            await _logged(lambda: server.log, f"{tmp_path / 'served.py'}:{line} in Small.block")
            assert (await read_response(reader))[2] == b"blocked"
            while (await server.probe("/ready"))[0] != 200:
                await asyncio.sleep(0.05)
        writer.close()
        assert (await server.workers())[0]["last"]["stalls"] == 1


async def test_wk1_stuck_worker_shows_its_stack_and_is_replaced(tmp_path: Path) -> None:
    with served(tmp_path, workers=1, stuck_after=1.0, replace_stuck=True) as server:
        (first,) = await server.until_ready(1)
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /block HTTP/1.1\r\nhost: localhost\r\n\r\n")
        await server.until_ready(1, without=frozenset({first}))
        writer.close()
        assert re.search(r"Thread 0x\w+ .*most recent call first", server.log)
        assert "in block" in server.log


async def test_rt3_failing_startup_ends_with_the_name_of_the_hook(tmp_path: Path) -> None:
    source = (
        "from vivace.app.application import App\napp = App()\n"
        "@app.on_startup\nasync def open_database():\n    raise ConnectionError('no database')\n"
    )
    with served(tmp_path, source, workers=2) as server:
        assert server.process.wait(PATIENCE) == 3
        assert "The start-up hook served.open_database failed" in server.log
        assert "no database" in server.log
        assert (
            len(re.findall("Traceback", server.log)) <= 4
        )  # it was tried once by each worker, not again and again


async def test_wk1_worker_that_dies_again_and_again_is_restarted_later_and_later(tmp_path: Path) -> None:
    with served(tmp_path, workers=2) as server:
        for _ in range(2):
            pids = await server.until_ready(2)
            numbers = {worker["number"]: worker["pid"] for worker in await server.workers()}
            os.kill(numbers[0], signal.SIGKILL)
            await server.until_ready(2, without=frozenset({numbers[0]}))
            assert numbers[1] in pids
        assert re.findall(r"starting another in (\S+) s", server.log) == ["0.0", "0.5"]


async def test_wk1_ttin_and_ttou_change_the_number_of_workers(tmp_path: Path) -> None:
    with served(tmp_path, workers=1) as server:
        await server.until_ready(1)
        server.send(signal.SIGTTIN)
        await server.until_ready(2)
        server.send(signal.SIGTTOU)
        await server.until_ready(1)
        assert (await get(server.port)).startswith("one")


async def test_wk1_worn_worker_is_replaced_without_loss(tmp_path: Path) -> None:
    with served(tmp_path, workers=1, max_requests=50) as server:
        (first,) = await server.until_ready(1)
        load = Load(server.port, clients=4)
        running = asyncio.create_task(load.run())
        await server.until_ready(1, without=frozenset({first}))
        load.stopped = True
        await running
        assert load.failures == []


async def test_wk1_worker_with_many_connections_leaves_new_ones_to_others(tmp_path: Path) -> None:
    async def connections() -> dict[int, int]:
        return {worker["pid"]: worker["last"]["connections"] for worker in await server.workers()}

    with served(tmp_path, workers=2) as server:
        full, other = await server.until_ready(2)
        os.kill(other, signal.SIGSTOP)
        clients = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(60)]
        async with asyncio.timeout(PATIENCE):
            while await connections() != {full: 60, other: 0}:
                await asyncio.sleep(0.05)
            os.kill(other, signal.SIGCONT)
            while (await server.workers())[0]["last"]["accepting"]:
                await asyncio.sleep(0.05)
            clients += [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(20)]
            while await connections() != {full: 60, other: 20}:
                await asyncio.sleep(0.05)
        for _, writer in clients:
            writer.close()


async def test_wk1_workers_end_when_their_supervisor_was_killed(tmp_path: Path) -> None:
    with served(tmp_path, workers=2) as server:
        pids = frozenset(await server.until_ready(2))
        server.stop(signal.SIGKILL)
        await _gone(pids)
        assert server.out.count("shut down") == 2


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux")
async def test_wk1_workers_are_pinned_and_the_pid_file_goes(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    with served(tmp_path, workers=1, pin_cpus=True, pid_file=str(pid_file)) as server:
        (worker,) = await server.until_ready(1)
        assert len(os.sched_getaffinity(worker)) == 1
        assert int(pid_file.read_text()) == server.process.pid
        assert server.stop() == 0
        assert not pid_file.exists()


async def test_wk1_worker_that_cannot_be_started_ends_the_start(tmp_path: Path) -> None:
    with served(tmp_path, expect_start=False, workers=1, user="no-such-user") as server:
        assert server.process.wait(PATIENCE) == 3
        assert "There is no user 'no-such-user' on this machine." in server.log


async def test_wk1_stop_that_comes_while_the_first_workers_start_ends_them(tmp_path: Path) -> None:
    # Python imports this module first of all, so the signal comes before the supervisor has loaded its own code.
    (tmp_path / "sitecustomize.py").write_text("""
import os, signal, time
with open(f"started-{os.getpid()}", "w"):
    os.kill(os.getppid(), signal.SIGTERM)
time.sleep(60)
""")
    path = {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    with served(tmp_path, workers=2, environment=path, expect_start=False) as server:
        assert server.process.wait(PATIENCE) == 0
        started = [int(file.name.rpartition("-")[2]) for file in tmp_path.glob("started-*")]
        await _gone(frozenset(started))
        assert started
        assert "Traceback" not in server.log


async def test_wk1_stop_that_comes_while_forked_workers_start_ends_them(tmp_path: Path) -> None:
    source = """
import os, signal, time
with open(f"started-{os.getpid()}", "w"):
    os.kill(os.getppid(), signal.SIGTERM)
time.sleep(60)
"""
    with served(tmp_path, source, workers=2, expect_start=False) as server:
        assert server.process.wait(PATIENCE) == 0
        started = [int(file.name.rpartition("-")[2]) for file in tmp_path.glob("started-*")]
        await _gone(frozenset(started))
        assert started
        assert "Traceback" not in server.log


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")
async def test_wk1_first_workers_are_forked_and_find_what_fresh_ones_find(tmp_path: Path) -> None:
    source = """
import os, sys
from pathlib import Path
from vivace import App

app = App()

@app.get("/")
async def look() -> dict:
    kinds = [os.readlink(f"/proc/self/fd/{name}").partition(":")[0] for name in os.listdir("/proc/self/fd")[:-1]]
    main = sys.modules["__main__"].__spec__
    return {
        "fresh": main is not None and main.name == "vivace.cli.worker",
        "sockets": kinds.count("socket"),
        "input": os.readlink("/proc/self/fd/0"),
        "leads": os.getpgid(0) == os.getpid(),
        "path": sys.path[0] == os.getcwd(),
        "word": os.environ["WORD"],
    }
"""
    with served(tmp_path, source, workers=2, environment={"WORD": "said"}) as server:
        first = frozenset(await server.until_ready(2))
        forked = msgspec.json.decode(await get(server.port))
        server.send(signal.SIGHUP)
        await server.until_ready(2, without=first)
        await _gone(first)
        fresh = msgspec.json.decode(await get(server.port))
        assert (forked.pop("fresh"), fresh.pop("fresh")) == (False, True)
        assert forked == fresh
        assert (fresh["input"], fresh["leads"], fresh["path"], fresh["word"]) == (
            os.devnull,
            True,
            True,
            "said",
        )
        assert server.stop() == 0


async def test_serving_without_a_supervisor(tmp_path: Path) -> None:
    with served(tmp_path, workers=0) as server:
        async with asyncio.timeout(PATIENCE):
            while (await server.probe("/ready"))[0] != 200:
                await asyncio.sleep(0.05)
        assert await get(server.port) == f"one {server.process.pid}"
        assert server.stop(signal.SIGINT) == 0
        assert "shut down" in server.out


async def _answers(load: Load, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(load.answers) < count:
            await asyncio.sleep(0.02)


async def _logged(log: Callable[[], str], text: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while text not in log():
            await asyncio.sleep(0.05)


async def _gone(pids: frozenset[int]) -> None:
    async with asyncio.timeout(PATIENCE):
        while any(_alive(pid) for pid in pids):
            await asyncio.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def _stream(port: int, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
    await reader.readuntil(b"data: ")
    return reader, writer


async def _websocket(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        "GET /socket HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        f"sec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n\r\n".encode()
    )
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    return reader, writer
