"""Every setting does something: its name is read somewhere outside the module that declares it."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Final

import pytest

import vivace
from vivace.config.settings import Limits, Mail, Media, Secure, Settings, Timeouts

PACKAGE: Final = Path(vivace.__file__).parent
SOURCE: Final = "\n".join(
    file.read_text(encoding="utf-8")
    for file in sorted(PACKAGE.rglob("*.py"))
    if file != PACKAGE / "config" / "settings.py"
)
GROUPS: Final = {
    "limits": Limits,
    "timeouts": Timeouts,
    "mail": Mail,
    "media": Media,
    "secure": Secure,
    "settings": Settings,
}
FOR_USERS: Final = frozenset[str]()  # those that nothing of ours reads
NAMES: Final = [f"{group}.{field.name}" for group, cls in GROUPS.items() for field in fields(cls)]


@pytest.mark.parametrize("name", NAMES)
def test_setting_is_read_somewhere(name: str) -> None:
    used = re.search(rf"(?<!``)\b_?{re.escape(name)}\b(?!``)", SOURCE) is not None
    assert used is not (name in FOR_USERS), f"{name} changes nothing: wire it or drop it"
