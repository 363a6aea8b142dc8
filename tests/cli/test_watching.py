"""Which folders and files are watched; that changes are seen is shown by ``test_dev``."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivace.cli.watching import Watcher, folders_below


def test_what_is_hidden_installed_or_built_is_left_out(tmp_path: Path) -> None:
    for name in ("app/inner", ".git/objects", "node_modules/x", "app/__pycache__", "build", "env/lib"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "env" / "pyvenv.cfg").touch()
    found = [str(Path(folder).relative_to(tmp_path)) for folder in folders_below([tmp_path])]
    assert sorted(found) == [".", "app", "app/inner"]


def test_uploads_are_left_out_and_an_app_called_media_is_not(tmp_path: Path) -> None:
    for name in ("media/papers", "site/media"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "site" / "media" / "__init__.py").touch()
    found = [Path(folder).relative_to(tmp_path).as_posix() for folder in folders_below([tmp_path])]
    assert sorted(found) == [".", "site", "site/media"]


def test_nearest_folders_come_first_and_the_number_is_bounded(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}" / "deep" / "deeper").mkdir(parents=True)
    found = folders_below([tmp_path], limit=6)
    assert len(found) == 6
    assert all(Path(folder).parent in (tmp_path, tmp_path.parent) for folder in found)


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)
    assert folders_below([tmp_path]) == [str(tmp_path)]


@pytest.mark.parametrize(
    "name", ["app.py", ".env", ".env.local", "page.html", "page.jinja", "style.css", "data.json"]
)
def test_files_that_matter(name: str) -> None:
    assert Watcher([], ["*.json"]).counts(f"/project/{name}")


@pytest.mark.parametrize(
    "name", ["app.pyc", "db.sqlite3", "db.sqlite3-wal", "data.json", ".#app.py", "#app.py#", "app.py~"]
)
def test_files_that_do_not(name: str) -> None:
    assert not Watcher([]).counts(f"/project/{name}")


def changed(watcher: Watcher) -> list[str]:
    return next(filter(None, (watcher.wait() for _ in range(100))))


def test_changes_are_seen_once(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    watcher = Watcher([tmp_path])
    assert watcher.wait() == []
    file.write_text("1", "utf-8")
    assert changed(watcher) == [str(file)]
    assert [watcher.wait() for _ in range(3)] == [[]] * 3
    file.unlink()
    assert changed(watcher) == [str(file)]
    watcher.close()


def test_what_changes_before_the_watch_is_set_up_is_not_lost(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.touch()
    watcher = Watcher([tmp_path])
    file.write_text("1", "utf-8")
    assert watcher.wait() == [str(file)]
    watcher.close()
    file.write_text("22", "utf-8")
    assert watcher.wait() == [str(file)]
    watcher.close()


def test_new_folders_are_watched(tmp_path: Path) -> None:
    watcher = Watcher([tmp_path])
    assert watcher.wait() == []
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "words.py").touch()
    assert changed(watcher) == [str(tmp_path / "inner" / "words.py")]
    (tmp_path / "inner" / "words.py").write_text("1", "utf-8")
    assert changed(watcher) == [str(tmp_path / "inner" / "words.py")]
    watcher.close()


def test_folders_that_appear_before_the_watch_is_set_up_are_watched(tmp_path: Path) -> None:
    watcher = Watcher([tmp_path])
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "words.py").touch()
    assert watcher.wait() == [str(tmp_path / "inner" / "words.py")]
    assert watcher.wait() == []
    (tmp_path / "inner" / "words.py").write_text("1", "utf-8")
    assert changed(watcher) == [str(tmp_path / "inner" / "words.py")]
    watcher.close()


def test_added_folders_are_watched_from_then_on(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.py").touch()
    watcher = Watcher([tmp_path / "one"])
    watcher.add([tmp_path / "two", tmp_path / "one"])
    assert watcher.wait() == []
    (tmp_path / "two" / "app.py").write_text("1", "utf-8")
    assert changed(watcher) == [str(tmp_path / "two" / "app.py")]
    watcher.close()
