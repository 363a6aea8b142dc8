"""FileSystemStorage: what is on the disk, and what a crash leaves there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vivace import App
from vivace.errors import NoCurrentApp, StorageUnsupported, StoredFileMissing, SuspiciousFileName
from vivace.storage import FileSystemOptions, FileSystemStorage, MemoryStorage

posix = pytest.mark.skipif(os.name == "nt", reason="modes, links and signals are those of POSIX")


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@posix
async def test_sf4_files_and_folders_have_their_modes(tmp_path: Path) -> None:
    storage = FileSystemStorage(tmp_path / "m", options=FileSystemOptions(0o640, 0o750))
    path = storage.path(await storage.save("a/b/c.txt", b"x"))
    assert os.stat(path).st_mode & 0o777 == 0o640
    assert os.stat(os.path.dirname(path)).st_mode & 0o777 == 0o750
    assert _files(tmp_path) == ["m/a/b/c.txt"]


async def test_sf4_a_storage_without_a_folder_is_in_that_of_the_app(tmp_path: Path) -> None:
    storage = FileSystemStorage()  # as Django's models write it, in a module where no app runs
    assert storage.deconstruct() == ("vivace.storage.FileSystemStorage", (), {})
    assert storage == FileSystemStorage() != FileSystemStorage("media")
    with pytest.raises(NoCurrentApp):
        storage.path("a.txt")
    app = App(root=tmp_path, storages={})
    async with app:
        assert await storage.save("a.txt", b"x") == "a.txt"
        assert storage.url("a.txt") == "/media/a.txt"
        assert await app.storages["default"].read("a.txt") == b"x"
    assert _files(tmp_path) == ["media/a.txt"]


async def test_sf4_a_storage_without_a_folder_needs_one_that_is_a_folder(tmp_path: Path) -> None:
    async with App(root=tmp_path, storages={"default": MemoryStorage()}):
        with pytest.raises(StorageUnsupported, match="without a folder"):
            FileSystemStorage().path("a.txt")


@posix
async def test_sc9_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    storage = FileSystemStorage(tmp_path / "m")
    await storage.save("a.txt", b"x")
    (tmp_path / "m" / "way").symlink_to(outside)
    (tmp_path / "m" / "leak.txt").symlink_to(outside / "secret.txt")
    for name in ("way/secret.txt", "leak.txt"):
        for asked in (storage.read, storage.size, storage.delete):
            with pytest.raises(SuspiciousFileName, match="leads out"):
                await asked(name)
    with pytest.raises(SuspiciousFileName):
        await storage.save("way/new.txt", b"x")
    assert _files(outside) == ["secret.txt"]


@posix
async def test_sc9_a_link_inside_and_a_pipe_are_no_files(tmp_path: Path) -> None:
    storage = FileSystemStorage(tmp_path)
    await storage.save("a.txt", b"x")
    (tmp_path / "b.txt").symlink_to(tmp_path / "a.txt")
    os.mkfifo(tmp_path / "pipe")
    for name in ("b.txt", "pipe"):
        with pytest.raises(StoredFileMissing):
            await storage.open(name)


@posix
async def test_sf4_a_dangling_link_is_not_written_through(tmp_path: Path) -> None:
    storage = FileSystemStorage(tmp_path / "m")
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "a.txt").symlink_to(tmp_path / "m" / "elsewhere.txt")
    assert (await storage.save("a.txt", b"x")).startswith("a_")
    assert not (tmp_path / "m" / "elsewhere.txt").exists()


def test_sf4_without_an_address_there_is_no_url(tmp_path: Path) -> None:
    with pytest.raises(StorageUnsupported, match="no address"):
        FileSystemStorage(tmp_path).url("a.txt")


def test_sf4_a_storage_can_be_made_again(tmp_path: Path) -> None:
    storage = FileSystemStorage(tmp_path, "/x", options=FileSystemOptions(sync=False))
    path, args, kwargs = storage.deconstruct()
    assert path == "vivace.storage.FileSystemStorage"
    assert FileSystemStorage(*args, **kwargs) == storage
    assert FileSystemStorage(tmp_path) != storage


WRITER = """
import asyncio, sys
from vivace.storage import File, FileSystemStorage

class Endless(File):
    async def _read_at(self, offset, size):
        print("chunk", flush=True)
        await asyncio.sleep(0.001)
        return b"x" * size

asyncio.run(FileSystemStorage(sys.argv[1]).save("big.bin", Endless(None, "big.bin")))
"""


@posix
async def test_sf4_kill_9_leaves_only_what_is_recognised(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for _ in range(4):
        assert process.stdout.readline() == "chunk\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    left = _files(tmp_path)
    assert len(left) == 1
    assert left[0].startswith(".vivace-")
    assert left[0].endswith(".part")
    storage = FileSystemStorage(tmp_path)
    assert await storage.listdir() == ([], [])
    assert await storage.remove_leftovers() == []
    assert await storage.remove_leftovers(clock=lambda: time.time() + 90_000) == left
    assert _files(tmp_path) == []


@posix
async def test_sf4_several_processes_share_a_folder(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\nfrom vivace.storage import FileSystemStorage\n"
        "async def main():\n"
        "    s = FileSystemStorage(sys.argv[1], links=sys.argv[2] == 'links')\n"
        "    for _ in range(20): print(await s.save('same.txt', sys.argv[3].encode()))\n"
        "asyncio.run(main())"
    )
    for way in ("links", "locks"):
        folder = tmp_path / way
        running = [
            subprocess.Popen(
                [sys.executable, "-c", program, str(folder), way, str(n)], stdout=subprocess.PIPE, text=True
            )
            for n in range(2)
        ]
        names = [name for process in running for name in process.communicate(timeout=60)[0].split()]
        assert len(set(names)) == 40
        assert _files(folder) == sorted(names)
