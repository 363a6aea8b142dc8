"""Blocks that stand for files are shown with the file's name, and with what is new in it.

``<!-- file: NAME -->`` before a block gives it the caption NAME. Where the page, or one that it continues
(``<!-- continues: PAGE -->``), has shown that file before, the lines that are new in it are marked: a reader who types along
sees at once what to change.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FILE: Final = re.compile(
    r"^<!-- file: (?P<name>\S+) -->\n(?P<ticks>`{3,})(?P<language>\w+)\n(?P<text>.*?)^(?P=ticks)$",
    re.MULTILINE | re.DOTALL,
)
CONTINUES: Final = re.compile(r"^<!-- continues: (\S+) -->$", re.MULTILINE)
MOST: Final = 0.8  # of the lines: where more is new, marks help nobody


def earlier(page: str, folder: Path) -> dict[str, str]:
    """Return the files of the pages that a page continues, by name."""
    before = CONTINUES.search(page)
    if before is None:
        return {}
    text = (folder / before[1]).read_text(encoding="utf-8")
    return earlier(text, folder) | {found["name"]: found["text"] for found in FILE.finditer(text)}


def new_lines(old: str, new: str) -> list[int]:
    """Return the numbers of the lines of ``new`` that ``old`` does not have, from one."""
    matcher = difflib.SequenceMatcher(None, old.splitlines(), lines := new.splitlines(), autojunk=False)
    spans = [range(b1, b2) for tag, _, _, b1, b2 in matcher.get_opcodes() if tag in ("insert", "replace")]
    return [number + 1 for span in spans for number in span if lines[number].strip()]


def shown(page: str, folder: Path) -> str:
    """Return the page with captions and marks at its files."""
    files = earlier(page, folder)

    def block(found: re.Match[str]) -> str:
        name, text = found["name"], found["text"]
        options = [f":caption: {name}"]
        marked = new_lines(files[name], text) if name in files else []
        if 0 < len(marked) < MOST * len(text.splitlines()):
            options.append(f":emphasize-lines: {','.join(map(str, marked))}")
        files[name] = text
        language = "html+jinja" if found["language"] == "html" and "{%" in text else found["language"]
        head = "\n".join([f"{found['ticks']}{{code-block}} {language}", *options])
        return f"{head}\n\n{text}{found['ticks']}"

    return FILE.sub(block, page)


def _read(app: Sphinx, name: str, source: list[str]) -> None:
    path = Path(app.env.doc2path(name))
    if path.suffix == ".md":
        source[0] = shown(source[0], path.parent)


def setup(app: Sphinx) -> dict[str, Any]:
    """Change each page when it is read."""
    app.connect("source-read", _read)
    return {"version": "1", "parallel_read_safe": True}
