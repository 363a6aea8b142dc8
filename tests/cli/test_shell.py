"""``vivace shell``, ``dbshell``, ``dumpdata`` and ``loaddata``, as processes."""

from __future__ import annotations

import ast
import doctest
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.process import BOUND, EXPERIENCE, environment, vivace

LIBRARY = (EXPERIENCE / "library.py").read_text("utf-8")
ROWS = """
ada = await Author.objects.create(name="Ada")
alan = await Author.objects.create(name="Alan")
for title, author, year, pages in [
    ("Notes", ada, 1843, 30), ("Letters", ada, 1852, 120), ("Machines", alan, 1936, 36)
]:
    await Book.objects.create(title=title, author=author, year=year, pages=pages)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "shelf"
    made.mkdir()
    shutil.copy(EXPERIENCE / "library.py", made)
    return made


def examples() -> list[doctest.Example]:
    """Return the examples that library.py promises, with what they give."""
    text = ast.get_docstring(ast.parse(LIBRARY)) or ""
    return doctest.DocTestParser().get_examples(text)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_library_gives_what_its_docstring_says(
    database: str, folder: Path, request: pytest.FixtureRequest
) -> None:
    url = {"DATABASE_URL": request.getfixturevalue("postgresql_url")} if database == "postgresql" else {}
    program = ROWS + "".join(example.source for example in examples())  # the last one fails, as it says
    done = vivace("shell", "library.py", "-c", program, folder=folder, **url)
    assert done.stdout == "".join(example.want for example in examples()[:-1]), done.stderr
    assert done.returncode == 1
    assert "vivace.errors.models.NotLoaded: Book.author is not loaded." in done.stderr
    assert 'select_related("author")' in done.stderr


def test_the_shell_reads_a_program_from_standard_input(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vivace", "shell", "library.py"],
        input="x = await Author.objects.count()\nx + 1\nfor n in range(2):\n    print(n)\n",
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment(),
        timeout=BOUND,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("1\n0\n1\n", 0)
    assert "made the table library_author" in done.stderr
    assert (folder / "library.sqlite3").exists()


def test_the_prompt_awaits_goes_on_after_errors_and_ends(folder: Path) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "vivace", "shell", "library.py"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=folder,
        env=environment(TERM="dumb"),
        start_new_session=True,
    )
    os.close(slave)
    try:
        said = _read_until(master, b">>> ")
        assert b"Models: Author, Book" in said
        os.write(master, b"await Author.objects.count() + 41\n")
        assert b"41\r\n" in _read_until(master, b">>> ")
        os.write(master, b"await Author.objects.get(nmae=1)\n")
        assert b"Did you mean 'name'" in _read_until(master, b">>> ")
        os.write(master, b"import asyncio; kept = 7\n")
        _read_until(master, b">>> ")
        os.write(master, b"print(kept, app.models[0].__name__)\n")
        assert b"7 Author" in _read_until(master, b">>> ")
        os.write(master, b"\x04")
        assert process.wait(BOUND) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)


def test_ctrl_c_ends_one_input_each_time_and_never_the_prompt(folder: Path) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "vivace", "shell", "library.py"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=folder,
        env=environment(TERM="dumb"),
        start_new_session=True,
    )
    os.close(slave)
    try:
        _read_until(master, b">>> ")
        for busy in (b"await asyncio.sleep(60)", b"await asyncio.sleep(60)", b"[0 for _ in iter(int, 1)]"):
            os.write(master, b"print('be', 'gun'); " + busy + b"\n")
            _read_until(master, b"be gun\r\n")
            process.send_signal(signal.SIGINT)
            assert b"KeyboardInterrupt" in _read_until(master, b">>> ")
        process.send_signal(signal.SIGINT)
        _read_until(master, b"Ctrl-D ends)\r\n")
        os.write(master, b"40 + 2\n")
        assert b"42" in _read_until(master, b">>> ")
        os.write(master, b"\x04")
        assert process.wait(BOUND) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)


def _read_until(descriptor: int, end: bytes) -> bytes:
    said = b""
    while not said.endswith(end):
        said += os.read(descriptor, 4096)
    return said


def test_or19_data_goes_out_and_comes_back(folder: Path) -> None:
    assert vivace("shell", "library.py", "-c", ROWS, folder=folder).returncode == 0
    done = vivace("dumpdata", "--app", "library.py", "-o", "all.json.gz", folder=folder)
    assert done.returncode == 0, done.stderr
    listed = vivace("dumpdata", "--app", "library.py", "library.book", "--format", "jsonl", folder=folder)
    books = [json.loads(line) for line in listed.stdout.splitlines()]
    assert books[0] == {
        "model": "library.book",
        "pk": 1,
        "fields": {"title": "Notes", "author": 1, "year": 1843, "pages": 30, "kind": "p"},
    }
    (folder / "library.sqlite3").unlink()
    assert vivace("shell", "library.py", "-c", "", folder=folder).returncode == 0
    loaded = vivace("loaddata", "--app", "library.py", "all.json.gz", folder=folder)
    assert "5 objects (2 library.author, 3 library.book)" in loaded.stderr + loaded.stdout
    again = vivace("dumpdata", "--app", "library.py", "library.book", "--format", "jsonl", folder=folder)
    assert again.stdout == listed.stdout


def test_or19_a_broken_fixture_names_its_place_and_changes_nothing(folder: Path) -> None:
    assert vivace("shell", "library.py", "-c", ROWS, folder=folder).returncode == 0
    author = {"model": "library.author", "pk": 9, "fields": {"name": "Grace", "email": ""}}
    broken = {"model": "library.book", "pk": 9, "fields": {"title": "x", "author": 9, "yaer": 1}}
    (folder / "broken.json").write_text(json.dumps([author, broken]), "utf-8")
    done = vivace("loaddata", "--app", "library.py", "broken.json", folder=folder)
    assert done.returncode == 1
    assert "Object 2 of broken.json has the field 'yaer'" in done.stderr
    assert "Did you mean 'year'" in done.stderr
    counted = vivace("shell", "library.py", "-c", "await Author.objects.count()", folder=folder)
    assert counted.stdout == "2\n"
    unknown = vivace("dumpdata", "--app", "library.py", "libary", folder=folder)
    assert unknown.returncode == 1
    assert "Did you mean 'library'" in unknown.stderr


def test_dbshell_is_the_databases_own_shell(folder: Path) -> None:
    assert vivace("shell", "library.py", "-c", ROWS, folder=folder).returncode == 0
    done = vivace("dbshell", "library.py", "--", "select name from library_author order by 1", folder=folder)
    assert done.stdout.split() == ["Ada", "Alan"], done.stderr


def test_dbshell_hands_psql_the_password_by_its_environment(folder: Path, tmp_path: Path) -> None:
    psql = tmp_path / "bin" / "psql"
    psql.parent.mkdir()
    psql.write_text('#!/bin/sh\necho "$PGDATABASE $PGPASSWORD $@"\n')
    psql.chmod(0o755)
    url = "postgresql://ada:secret@db.example:5433/shop"
    path = f"{psql.parent}{os.pathsep}{os.environ['PATH']}"
    done = vivace("dbshell", "library.py", "--", "-c", "x", folder=folder, DATABASE_URL=url, PATH=path)
    assert done.stdout.split() == ["shop", "secret", "-c", "x"], done.stderr
