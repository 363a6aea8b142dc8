"""Where the hub is: one path for all processes of an app, which nobody else may use, and one hub there."""

from __future__ import annotations

import os
import socket
import stat
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from vivace.brokers.hub.place import LONGEST, hub_path, leave, lives, take
from vivace.errors import BrokerRefused

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the hub is a Unix socket")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of the test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_beside_a_sqlite_file() -> None:
    assert hub_path("/srv/shop.sqlite3") == "/srv/shop.sqlite3-hub"


def test_a_path_too_long_for_a_socket_has_a_short_one_elsewhere(temporary: Path) -> None:
    long = "/" + "x" * LONGEST
    path = hub_path(long)
    assert path == hub_path(long) != hub_path(long + "y")
    assert Path(path).parent == temporary / f"vivace-{os.getuid()}"
    assert stat.S_IMODE(Path(path).parent.stat().st_mode) == 0o700


def test_a_folder_that_others_may_use_is_refused(temporary: Path) -> None:
    Path(hub_path("app shop")).parent.chmod(0o777)
    with pytest.raises(BrokerRefused, match="does not belong to this user alone"):
        hub_path("app shop")


def test_a_link_in_place_of_the_folder_is_refused(temporary: Path) -> None:
    (temporary / "elsewhere").mkdir(mode=0o700)
    (temporary / f"vivace-{os.getuid()}").symlink_to(temporary / "elsewhere")
    with pytest.raises(BrokerRefused):
        hub_path("app shop")


def test_one_hub_lives_at_a_path_and_a_dead_one_is_replaced(temporary: Path) -> None:
    path = str(temporary / "hub")
    assert not lives(path)
    first = take(path)
    assert first is not None
    with first:
        assert lives(path)
        assert take(path) is None
    assert not lives(path), "its process has ended, and left the path behind"
    second = take(path)
    assert second is not None
    with second:
        leave(path)
    leave(path)
    assert not os.path.exists(path)


def test_of_many_at_once_one_makes_the_hub(temporary: Path) -> None:
    path = str(temporary / "hub")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    made: list[socket.socket | None] = []
    barrier = threading.Barrier(8)

    def try_it() -> None:
        barrier.wait()
        made.append(take(path))

    threads = [threading.Thread(target=try_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [sock for sock in made if sock is not None]
    try:
        assert len(winners) == 1
        assert lives(path)
    finally:
        for sock in winners:
            sock.close()


def test_the_socket_is_for_this_user_or_for_those_of_the_database(temporary: Path) -> None:
    alone = take(str(temporary / "hub"))
    database = temporary / "shop.sqlite3"
    database.touch()
    database.chmod(0o660)
    shared = take(hub_path(str(database)))
    assert alone is not None
    assert shared is not None
    with alone, shared:
        assert stat.S_IMODE((temporary / "hub").stat().st_mode) == 0o600
        assert stat.S_IMODE((temporary / "shop.sqlite3-hub").stat().st_mode) == 0o660


def test_a_file_that_is_no_socket_is_never_removed(temporary: Path) -> None:
    (temporary / "shop-hub").write_text("precious")
    with pytest.raises(BrokerRefused, match="is not the socket of a hub"):
        take(str(temporary / "shop-hub"))
    assert (temporary / "shop-hub").read_text() == "precious"


def test_where_no_hub_can_be_made_it_says_so(temporary: Path) -> None:
    with pytest.raises(BrokerRefused, match="No hub can be made"):
        take(str(temporary / "no" / "such" / "hub"))
