"""The page of the public benchmark, as a user writes it: thirteen rows, sorted and escaped, on both databases."""

from __future__ import annotations

import http.client
import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

from benchmarks.databases import FORTUNES
from tests.cli.process import EXPERIENCE, serving
from tests.db.backends import DIALECTS, url_of
from tests.features.test_worlds import opened
from vivace import App
from vivace.config.secret import Secret
from vivace.config.settings import Settings
from vivace.db import Statement
from vivace.testing import Client

ROWS = (  # as its verification wants them
    (
        11,
        "&lt;script&gt;alert(&#34;This should not be displayed in a browser alert box.&#34;);&lt;/script&gt;",
    ),
    (4, "A bad random number generator: 1, 1, 1, 1, 1, 4.33e+67, 1, 1, 1"),
    (5, "A computer program does what you tell it to do, not what you want it to do."),
    (2, "A computer scientist is someone who fixes things that aren&#39;t broken."),
    (8, "A list is only as strong as its weakest link. — Donald Knuth"),
    (0, "Additional fortune added at request time."),
    (3, "After enough decimal places, nobody gives a damn."),
    (7, "Any program that runs right is obsolete."),
    (10, "Computers make very fast, very accurate mistakes."),
    (6, "Emacs is a nice operating system, but I prefer UNIX. — Tom Christaensen"),
    (9, "Feature: A bug with seniority."),
    (1, "fortune: No such file or directory"),
    (12, "フレームワークのベンチマーク"),
)
PAGE = (
    "<!DOCTYPE html>\n<html>\n<head><title>Fortunes</title></head>\n<body>\n<table>\n"
    "<tr><th>id</th><th>message</th></tr>\n"
    + "".join(f"<tr><td>{key}</td><td>{message}</td></tr>\n" for key, message in ROWS)
    + "</table>\n</body>\n</html>\n"
)


@pytest.fixture(params=DIALECTS)
async def fortune_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that has the table ``fortune``."""
    url = url_of(request.param, tmp_path, request)
    async with opened(url) as database:
        await database.run_script(
            "CREATE TABLE fortune (id integer PRIMARY KEY, message varchar(2048) NOT NULL)"
        )
        insert = "INSERT INTO fortune (id, message) VALUES (?, ?)"
        if database.dialect == "postgresql":
            insert = insert.replace("?, ?", "$1, $2")
        await database.execute_many(Statement(sql=insert), [*enumerate(FORTUNES, 1)])
    return url


def copied(tmp_path: Path) -> Path:
    shutil.copytree(EXPERIENCE / "fortunes", tmp_path / "project")
    return tmp_path / "project"


def loaded(folder: Path, url: str) -> App:
    spec = importlib.util.spec_from_file_location("fortunes_app", folder / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fortunes_app"] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["fortunes_app"]
    app: App = module.app
    app._settings = Settings(database_url=Secret(url))
    return app


async def test_tp3_fortunes_through_the_test_client(fortune_url: str, tmp_path: Path) -> None:
    async with Client(loaded(copied(tmp_path), fortune_url), isolate=False) as client:
        response = await client.get("/fortunes")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.text == PAGE


def test_tp3_fortunes_served_by_vivace_run(fortune_url: str, tmp_path: Path) -> None:
    folder = copied(tmp_path)
    with serving("run", "app.py", folder=folder, tmp=tmp_path, DATABASE_URL=fortune_url) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/fortunes")
        response = connection.getresponse()
        assert response.status == 200
        assert response.read().decode() == PAGE
        connection.close()
