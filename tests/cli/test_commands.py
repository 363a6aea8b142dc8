"""The commands that look at an app: routes, check, config, version; and how mistakes are told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import vivace
from vivace.cli import main
from vivace.cli.group import COMMANDS

from .process import EXPERIENCE, environment
from .process import vivace as run_process

APP = """
from vivace import App
app = App(name="shop")

async def timed(request, call_next):
    return await call_next(request)

@app.get("/", name="home")
async def home() -> str:
    return ""

@app.post("/items/{id}", middleware=[timed])
async def save(id: int) -> str:
    return ""
"""
BROKEN = (
    APP
    + """
@app.get("/")
async def again() -> str:
    return ""

@app.get("/other", name="home")
async def other() -> str:
    return ""
"""
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an app in it, which is the current one; modules loaded from it are forgotten."""
    (tmp_path / "app.py").write_text(APP, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delitem(sys.modules, "app", raising=False)
    return tmp_path


def call(*arguments: str) -> Result:
    for name in ("app", "broken", "hello"):
        sys.modules.pop(name, None)
    return CliRunner().invoke(main, arguments, prog_name="vivace")


def test_ro11_routes_lists_method_path_name_and_handler(folder: Path) -> None:
    result = call("routes")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["METHOD", "PATH", "NAME", "HANDLER"]
    assert lines[1].split()[:3] == ["GET", "/", "home"]
    assert "app.py:8" in lines[1]
    assert lines[2].split()[:3] == ["POST", "/items/{id}", "save"]


def test_ro11_routes_as_json(folder: Path) -> None:
    rows = json.loads(call("routes", "app.py", "--json").stdout)
    assert [(row["method"], row["path"], row["name"]) for row in rows] == [
        ("GET", "/", "home"),
        ("POST", "/items/{id}", "save"),
    ]
    assert rows[1]["middleware"] == ["app.timed"]
    assert rows[1]["place"].endswith("app.py:12")


@pytest.mark.parametrize(
    ("option", "left"), [("--method=post", "/items/{id}"), ("--path=/items", "/items/{id}")]
)
def test_routes_can_be_narrowed(folder: Path, option: str, left: str) -> None:
    assert [row["path"] for row in json.loads(call("routes", "--json", option).stdout)] == [left]


def test_check_of_a_sound_app(folder: Path) -> None:
    result = call("check")
    assert result.exit_code == 0
    assert "Nothing is wrong." in result.stderr


def test_pain40_check_tells_everything_at_once(folder: Path) -> None:
    (folder / "broken.py").write_text(BROKEN, "utf-8")
    result = call("check", "broken.py", "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["ok"] is False
    ids = {finding["id"] for finding in document["findings"]}
    assert ids == {"route-duplicate", "route-name-duplicate"}
    duplicate = next(finding for finding in document["findings"] if finding["id"] == "route-duplicate")
    assert duplicate["place"].endswith("broken.py:16")
    assert duplicate["hint"]
    text = call("check", "broken.py").stderr
    assert "error: GET / is answered by broken.home" in text
    assert "[route-duplicate]" in text


def test_check_deploy_asks_for_what_the_public_needs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.setenv("VIVACE_DEBUG", "true")
    result = call("check", "--deploy", "--json")
    ids = {finding["id"] for finding in json.loads(result.stdout)["findings"]}
    assert result.exit_code == 1
    assert {"deploy-debug", "deploy-secret-key-missing", "deploy-hosts-missing", "deploy-hsts"} <= ids


def test_check_fails_at_the_level_that_was_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "j8Kx2mQ9vT4wZ7nB5cR1yL6hF3gD0sA-pXqW")
    monkeypatch.setenv("VIVACE_HOSTS", "example.com")
    assert call("check", "--deploy").exit_code == 0
    assert call("check", "--deploy", "--fail-level", "warning").exit_code == 1
    ignored = ("--ignore", "deploy-hsts", "--ignore", "deploy-https")
    assert call("check", "--deploy", "--fail-level", "warning", *ignored).exit_code == 0
    (folder / "broken.py").write_text(BROKEN, "utf-8")
    assert call("check", "broken.py", "--fail-level", "never").exit_code == 0


def test_cl5_config_print_hides_secrets_and_tells_origins(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "not-to-be-seen")
    (folder / ".env").write_text("# first\nVIVACE_LIMITS_JSON_DEPTH=7\n", "utf-8")
    result = call("config", "print", "--origin", "--changed")
    rows = {line.split()[0]: line for line in result.stdout.splitlines()[1:]}
    assert "7" in rows["limits.json_depth"]
    assert ".env:2" in rows["limits.json_depth"]
    assert "********" in rows["secret_key"]
    assert "SECRET_KEY (environment)" in rows["secret_key"]
    assert "not-to-be-seen" not in result.output
    assert "limits.body_bytes" in call("config", "print").stdout


def test_cl5_config_print_of_settings_given_in_code(folder: Path) -> None:
    text = APP.replace('App(name="shop")', "App(settings=Settings(debug=True))")
    (folder / "app.py").write_text("from vivace.config.settings import Settings\n" + text, "utf-8")
    rows = json.loads(call("config", "print", "--json").stdout)
    assert {"setting": "debug", "value": "True", "origin": "the code of the app"} in rows


def test_dx5_unknown_and_wrong_settings_are_told_together(folder: Path) -> None:
    (folder / ".env").write_text("VIVACE_DEBUGG=true\nVIVACE_LIMITS_JSON_DEPTH=many\n", "utf-8")
    result = call("config", "print")
    assert result.exit_code == 3
    assert "VIVACE_DEBUGG is not a setting." in result.stderr
    assert "Did you mean 'VIVACE_DEBUG'?" in result.stderr
    assert "limits.json_depth cannot be read." in result.stderr
    checked = json.loads(call("check", "--json").stdout)
    assert [finding["id"] for finding in checked["findings"]] == ["setting-unknown", "setting-value"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["rotes"], 2, "There is no command 'rotes'. Did you mean 'routes'?"),
        (["xyzzy"], 2, "There are: new, make, dev, run,"),
        (["routes", "--jsn"], 2, "--json"),
        (["routes", "ap.py"], 1, "Did you mean 'app.py'?"),
        (["routes", "app.py:ap"], 1, "Did you mean 'app'?"),
        (["routes", "nowhere.app"], 1, "[target]"),
    ],
)
def test_mistakes_are_told_without_a_trace(folder: Path, arguments: list[str], code: int, told: str) -> None:
    result = call(*arguments)
    assert result.exit_code == code
    assert told in result.stderr
    assert "Traceback" not in result.output


def test_version_says_what_a_bug_report_needs() -> None:
    lines = call("version").stdout.splitlines()
    assert lines[0] == f"vivace {vivace.__version__}"
    assert any(line.startswith("msgspec ") for line in lines)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_its_help(name: str) -> None:
    result = call(name, "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: vivace {name} ")


def test_module_is_the_command(tmp_path: Path) -> None:
    result = run_process("--help", folder=tmp_path)
    assert result.returncode == 0
    assert result.stdout.startswith("Usage: vivace ")
    for name in COMMANDS:
        assert f"  {name} " in result.stdout


def test_rt8_help_imports_no_engine_and_a_worker_no_click() -> None:
    program = "import sys; {0}; print(*[name for name in sys.modules if name in {1!r}])"
    for statement, unwanted in (
        (
            "from vivace.cli import main; main(['--help'], standalone_mode=False)",
            ["vivace.engine.server", "uvloop"],
        ),
        ("import vivace", ["click", "vivace.cli"]),
        ("import vivace.cli.worker", ["click", "watchfiles"]),
    ):
        result = subprocess.run(
            [sys.executable, "-c", program.format(statement, unwanted)],
            capture_output=True,
            text=True,
            env=environment(),
            check=True,
        )
        assert result.stdout.splitlines()[-1] == "", statement


def test_experience_program_is_sound() -> None:
    result: Any = call("check", str(EXPERIENCE / "hello.py"))
    assert result.exit_code == 0, result.output
