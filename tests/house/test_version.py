"""One version: in the package, at the top of the changelog, and in the metadata of what is built."""

from __future__ import annotations

import re
import tomllib

import vivace

from .gates import ROOT


def newest(changelog: str) -> str:
    """Return the version that the first heading of a changelog names."""
    match = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    return match[1] if match else ""


def test_changelog_starts_with_this_version() -> None:
    assert newest((ROOT / "CHANGELOG.md").read_text(encoding="utf-8")) == vivace.__version__


def test_package_metadata_takes_the_version_from_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == "vivace/__init__.py"


def test_other_changelog_is_found() -> None:
    assert newest("# Changes\n\n## 9.9.9 (today)\n") == "9.9.9" != vivace.__version__
