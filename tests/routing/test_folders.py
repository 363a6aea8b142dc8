"""Routes by folder: modules become prefixes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.routing.build import bound, compiled
from vivace.errors import BadPattern
from vivace.routing import package_router

MODULE = """
from vivace.routing import Router
router = Router(name={name!r})

@router.get("")
def show(**params): ...
"""


def write(folder: Path, files: dict[str, str]) -> None:
    """Write the modules of a package."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_ro11_a_folder_of_modules_is_a_router(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    files = {
        "__init__.py": "",
        "helper.py": "x = 1",
        "about.py": MODULE.format(name="about"),
        "users/__init__.py": MODULE.format(name="users"),
        "users/_id.py": MODULE.format(name="user"),
    }
    write(tmp_path / "folder_of_routes", files)
    router = package_router("folder_of_routes")
    assert [(route.path, route.name) for route in bound(router)] == [
        ("/about", "about:show"),
        ("/users", "users:show"),
        ("/users/{id}", "user:show"),
    ]
    assert compiled(router).match("GET", "/users/ada") == ("show", {"id": "ada"})


def test_ro11_a_router_under_another_name_is_taken_for_a_slip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    write(
        tmp_path / "slip_of_routes",
        {
            "__init__.py": MODULE.format(name="x")
            .replace("router =", "routes =")
            .replace("@router", "@routes")
        },
    )
    with pytest.raises(BadPattern, match="not called 'router'"):
        package_router("slip_of_routes")
