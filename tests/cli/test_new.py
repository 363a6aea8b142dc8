"""``vivace new``: every template is a project that passes its own checks, and nothing is ever overwritten.

Ruff and the tests of ``site`` and ``api`` run in ``test_make``, together with those of resources that were made in them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vivace.cli.new import TEMPLATES

from .process import serving
from .projects import call, done, in_folder, lint, made, run

KEY = "kD8fJ2mQ4xV7bN1zR6tY3wP9sL5hG0cA"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty."""
    return in_folder(tmp_path, monkeypatch)


def with_production(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment that ``.env.example`` documents."""
    example = (project / ".env.example").read_text("utf-8")
    assert "\nSECRET_KEY=\n" in example
    env = project / ".env"
    env.write_text(example.replace("\nSECRET_KEY=\n", f"\nSECRET_KEY={KEY}\n"), "utf-8")
    env.chmod(0o600)


@pytest.mark.parametrize("template", ["site", "api"])
def test_a_project_is_clean_by_all_its_own_checks(
    folder: Path, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = made(folder, f"the-{template}-of-a-test", template, monkeypatch)
    assert "Nothing is wrong." in done("check")
    assert "Nothing has changed." in done("makemigrations", "--check")
    assert (project / ".github" / "workflows" / "ci.yml").read_text("utf-8").count(
        "${{ matrix.python }}"
    ) == 1
    left = [
        path for path in project.rglob("*") if path.is_file() and "<<" in path.read_text("utf-8", "replace")
    ]
    assert [path for path in left if "__pycache__" not in path.parts] == []


@pytest.mark.parametrize("template", ["site", "api"])
def test_a_project_is_ready_to_be_deployed(
    folder: Path, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = made(folder, f"a-{template}-in-public", template, monkeypatch)
    assert "deploy-secret-key-missing" in call("check", "--deploy").output
    with_production(project, monkeypatch)
    result = call("check", "--deploy", "--fail-level", "warning")
    assert result.exit_code == 0, result.output
    assert "Nothing is wrong." in result.output


def test_a_minimal_project_runs_and_passes_its_test(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = made(folder, "a-tiny-project", "minimal", monkeypatch)
    assert sorted(path.name for path in project.iterdir()) == ["app.py", "test_app.py"]
    lint(project, "--isolated", "--select", "E,F,I,UP,S", "--ignore", "S101")
    run("pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", folder=project)
    environ = {"SECRET_KEY": KEY, "VIVACE_HOSTS": "example.com"}
    for name, value in {
        **environ,
        "VIVACE_SECURE_HTTPS_REDIRECT": "1",
        "VIVACE_SECURE_HSTS_SECONDS": "31536000",
    }.items():
        monkeypatch.setenv(name, value)
    assert "Nothing is wrong." in done("check", "--deploy", "--fail-level", "warning")


def test_a_site_is_served(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = made(folder, "a-served-site", "site", monkeypatch)
    done("migrate")
    with serving("run", "--workers", "0", folder=project, tmp=tmp_path, SECRET_KEY=KEY) as server:
        status, page, headers = server.ask("/")
        assert status == 200
        assert "<h1>A Served Site</h1>" in page
        assert "default-src" in headers["content-security-policy"]
        assert server.ask("/accounts/login")[0] == 200
    assert (project / "a-served-site.sqlite3").is_file()


def test_settings_of_a_project_tell_where_they_come_from(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = made(folder, "a-set-site", "site", monkeypatch)
    (project / ".env").write_text("VIVACE_DEBUG=1\n", "utf-8")
    monkeypatch.setenv("VIVACE_NOTES_SHOWN", "9")
    lines = done("config", "print", "--origin", "--changed").splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["debug", "True", "VIVACE_DEBUG", "(.env:1)"],
        ["notes_shown", "9", "VIVACE_NOTES_SHOWN", "(environment)"],
    ]


def test_a_project_says_what_comes_next(folder: Path) -> None:
    said = done("new", "a-told-site", "--folder", "here/it is")
    assert (folder / "here" / "it is" / "a_told_site" / "app.py").is_file()
    assert said.splitlines()[1:] == [
        "  cd 'here/it is'",
        "  pip install -e '.[dev]'",
        "  vivace migrate",
        "  vivace createsuperuser",
        "  vivace dev",
    ]


@pytest.mark.parametrize(
    ("name", "says", "fix"),
    [
        ("class", "a word of Python's grammar", "vivace new class-site"),
        ("Match", "a word of Python's grammar", "vivace new Match-site"),
        ("email", "a module of Python's standard library", "vivace new email-site"),
        ("jinja2", "a module that is installed here", "vivace new jinja2-site"),
        ("vivace", "a module that is installed here", "vivace new vivace-site"),
        ("tests", "another folder of each project", "vivace new tests-site"),
        ("3 Bären & co", "cannot be the name of a project", "vivace new baren-co."),
        ("../up", "cannot be the name of a project", "vivace new up."),
        ("a--b", "cannot be the name of a project", "vivace new a-b."),
        ("?", "cannot be the name of a project", "vivace new my-site."),
        ("x" * 41, "cannot be the name of a project", "vivace new xxx"),
    ],
)
def test_a_name_that_means_something_else_is_refused(folder: Path, name: str, says: str, fix: str) -> None:
    result = call("new", "--", name)
    assert result.exit_code == 1
    assert says in result.output
    assert f"Fix: {fix}" in result.output
    assert "[name-refused]" in result.output
    assert list(folder.iterdir()) == []


def test_nothing_is_overwritten(folder: Path) -> None:
    (folder / "a-shop").mkdir()
    (folder / "a-shop" / "mine.txt").write_text("mine", "utf-8")
    (folder / "a-shop-2").write_text("a file", "utf-8")
    for arguments in (["a-shop"], ["an-other", "--folder", "a-shop"], ["an-other", "--folder", "a-shop-2"]):
        result = call("new", *arguments)
        assert result.exit_code == 1
        assert "[would-overwrite]" in result.output
    assert "Fix: vivace new a-shop --folder a-shop-3" in call("new", "a-shop").output
    assert (folder / "a-shop" / "mine.txt").read_text("utf-8") == "mine"
    assert len(list(folder.rglob("*"))) == 3


def test_an_empty_folder_and_a_fresh_repository_are_filled(folder: Path) -> None:
    (folder / "a-shop" / ".git").mkdir(parents=True)
    done("new", "a-shop", "--template", "minimal")
    assert (folder / "a-shop" / "app.py").is_file()


def test_templates_are_told(folder: Path) -> None:
    said = call("new", "--help").output
    assert all(f"{name}:" in " ".join(said.split()) for name in TEMPLATES)
    wrong = call("new", "a-shop", "--template", "sight")
    assert wrong.exit_code == 2
    assert "'site', 'api', 'minimal'" in wrong.output
    assert os.listdir(folder) == []
