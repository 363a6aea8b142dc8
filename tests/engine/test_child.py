"""What a worker process is started with."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from vivace.engine.workers.spawning import Spawn, find_group, find_user
from vivace.errors import ConfigurationError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="users and groups are POSIX")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can become somebody else")
def test_wk1_workers_drop_their_privileges() -> None:
    spawn = Spawn(("id",), {}, user="65534", group="daemon")
    shown = subprocess.run(
        spawn.command, capture_output=True, text=True, check=True, **spawn.arguments()
    ).stdout
    uid, gid = find_user("65534")[0], find_group("daemon")
    assert shown.startswith(f"uid={uid}(")
    assert f" gid={gid}(daemon)" in shown
    assert "groups=0" not in shown
    assert "(root)" not in shown


def test_wk1_environment_is_added() -> None:
    arguments = Spawn((), {"SECRET_KEY": "x"}).arguments()
    assert arguments["env"]["SECRET_KEY"] == "x"
    assert arguments["env"].items() >= {key: os.environ[key] for key in ("PATH",)}.items()
    assert "user" not in arguments


def test_unknown_user_and_group_are_named_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"no user 'daemom'[^$]*Did you mean 'daemon'") as caught:
        find_user("daemom")
    assert caught.value.got == "daemom"
    with pytest.raises(ConfigurationError, match=r"no group 'daemom'[^$]*Did you mean 'daemon'"):
        find_group("daemom")
