"""The types of the browser client: a TypeScript program that uses them is accepted, and what it does wrong is refused.

Needs ``tsc`` (``npm install --global typescript``); without one the test skips and says so.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import vivace

TSC = shutil.which("tsc")
ROOMS = [Path(vivace.__file__).parent / room / "static" / "vivace" for room in ("realtime", "live")]
MODULES = sorted(path for room in ROOMS for path in room.glob("*.js"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_rl12_types_name_what_modules_export(module: Path) -> None:
    def exported(text: str) -> set[str]:
        own = r"^export (?:declare )?(?:async )?(?:class|function|const) (\w+)"
        handed_on = ", ".join(re.findall(r"^export \{([^}]*)\}", text, re.MULTILINE))
        return {*re.findall(own, text, re.MULTILINE), *re.findall(r"\w+", handed_on)}

    script = module.read_text("utf-8")
    types = module.with_suffix(".d.ts").read_text("utf-8")
    assert exported(script) == exported(types) != set()


@pytest.mark.skipif(TSC is None, reason="tsc is not installed")
@pytest.mark.timeout(120)
def test_rl12_a_typed_program_is_read_by_tsc(tmp_path: Path) -> None:
    program = tmp_path / "typed_client.ts"
    shutil.copy(Path(__file__).parent / "typed_client.ts", program)
    options = {
        "strict": True,
        "noEmit": True,
        "target": "es2022",
        "module": "es2022",
        "moduleResolution": "bundler",
        "lib": ["es2022", "dom"],
        "paths": {"vivace/*": [f"{room.as_posix()}/*" for room in ROOMS]},
        "rootDirs": [room.as_posix() for room in ROOMS],  # browsers find all modules in one folder
        "types": [],
    }
    files = [program.name, *(module.with_suffix(".d.ts").as_posix() for module in MODULES)]
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": files}))
    assert TSC is not None
    done = subprocess.run(
        [TSC, "-p", str(tmp_path)], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.stdout == ""
    assert done.returncode == 0
