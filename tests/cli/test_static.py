"""``vivace static``: lists, finds and collects the static files of an app."""

from __future__ import annotations

from pathlib import Path

from .process import vivace

APP = "from vivace import App\napp = App()\n"


def project(folder: Path, css: str = "a{b:url(x.png)}") -> Path:
    (folder / "static").mkdir(parents=True)
    (folder / "app.py").write_text(APP)
    (folder / "static" / "app.css").write_text(css)
    (folder / "static" / "x.png").write_text("x")
    return folder


def test_sf1_static_lists_finds_and_collects(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    listed = vivace("static", folder=folder)
    assert listed.returncode == 0, listed.stderr
    assert "app.css" in listed.stdout
    assert vivace("static", "--find", "app.css", folder=folder).stdout.strip() == str(
        folder / "static" / "app.css"
    )
    collected = vivace("static", "--collect", "out", folder=folder)
    assert collected.returncode == 0, collected.stderr
    assert f"VIVACE_STATIC_ROOT={folder / 'out'}" in collected.stdout
    assert (folder / "out" / "staticfiles.json").exists()
    assert len(list((folder / "out").glob("app.*.css"))) == 1


def test_sf1_unknown_name_tells_the_nearest(tmp_path: Path) -> None:
    found = vivace("static", "--find", "ap.css", folder=project(tmp_path / "p"))
    assert found.returncode == 1
    assert "Did you mean 'app.css'?" in found.stderr


def test_sf2_missing_reference_stops_the_collection_before_it_writes(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", "a{b:url(y.png)}")
    collected = vivace("static", "--collect", "out", folder=folder)
    assert collected.returncode == 1
    assert "app.css:1" in collected.stdout + collected.stderr
    assert not (folder / "out").exists()
