"""The runner of documentation programs, on pages that are right and pages that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from .programs import PageError, Program, blocks

FENCE = "`" * 3


def fenced(text: str, language: str = "python", mark: str = "") -> str:
    return f"{mark}\n{FENCE}{language}\n{text}\n{FENCE}\n\n"


def run(page: str, folder: Path) -> int:
    return Program("page.md", page, folder).run()


def test_blocks_are_found_with_their_marks_and_lines() -> None:
    page = f"# Title\n\n{fenced('x = 1')}text <!-- run -->\n{fenced('$ ls', 'console', '<!-- run -->')}"
    page += fenced("y = 2", "{code-block} python") + fenced("deep = 3", "python").replace("\n", "\n  ")
    found = [(block.language, block.line, block.mark) for block in blocks(page)]
    assert found == [("python", 5, ""), ("console", 11, "run"), ("python", 16, ""), ("python", 21, "")]
    assert blocks(page)[-1].text == "deep = 3\n"


def test_mark_counts_only_directly_before_its_block() -> None:
    assert [block.mark for block in blocks("<!-- no-run: old -->\n\nMore text.\n" + fenced("x = 1"))] == [""]


def test_block_in_a_directive_is_found() -> None:
    page = f"`{FENCE}{{note}}\n{fenced('x = 1')}\n`{FENCE}\n"
    assert [block.text for block in blocks(page)] == ["x = 1\n"]


def test_block_after_a_directive_is_found() -> None:
    page = f"{FENCE}{{note}}\nText.\n{FENCE}\n\n{fenced('x = 1')}{fenced('y = 2')}"
    assert [block.text for block in blocks(page)] == ["x = 1\n", "y = 2\n"]


def test_blocks_of_a_page_share_names_and_loop(tmp_path: Path) -> None:
    page = fenced("import asyncio\nloop = asyncio.get_running_loop()\nawait asyncio.sleep(0)")
    page += fenced("await asyncio.sleep(0)\nassert asyncio.get_running_loop() is loop")
    assert run(page, tmp_path) == 2


def test_page_is_a_module_for_annotations(tmp_path: Path) -> None:
    page = fenced("from __future__ import annotations\nfrom dataclasses import dataclass")
    page += fenced("@dataclass\nclass Point:\n    x: int\nimport typing, inspect")
    page += fenced(
        "assert typing.get_type_hints(Point) == {'x': int}\nassert 'x: int' in inspect.getsource(Point)"
    )
    assert run(page, tmp_path) == 3


def test_error_names_the_line_of_the_page(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run("# Title\n\n" + fenced("x = 1\n1 / 0"), tmp_path)
    assert caught.traceback[-1].lineno == 5  # counted from 0
    assert str(caught.traceback[-1].path).endswith("page_page_md.py")


def test_session_compares_values(tmp_path: Path) -> None:
    assert run(fenced(">>> 1 + 1\n2\n>>> print('a\\nb')\na\nb\n>>> x = 1"), tmp_path) == 1
    with pytest.raises(PageError, match=r"page.md:3: other output(.|\n)*3(.|\n)*Got:\n2"):
        run(fenced(">>> 1 + 1\n3"), tmp_path)
    with pytest.raises(PageError, match="other output"):
        run(fenced(">>> 1 + 1"), tmp_path)


def test_session_awaits_and_expects_errors(tmp_path: Path) -> None:
    text = ">>> import asyncio\n>>> await asyncio.sleep(0, 'slept')\n'slept'\n>>> int('x')\n"
    assert (
        run(fenced(text + "Traceback (most recent call last):\nValueError: invalid literal ..."), tmp_path)
        == 1
    )
    with pytest.raises(PageError, match="other output"):
        run(fenced(text + "Traceback (most recent call last):\nKeyError: ..."), tmp_path)


def test_output_is_compared_with_what_was_printed(tmp_path: Path) -> None:
    program = fenced("print('Hello,')\nprint('World 42')")
    assert run(program + fenced("Hello,\nWorld ...", "text", "<!-- output -->"), tmp_path) == 2
    with pytest.raises(PageError, match="other output"):
        run(program + fenced("Goodbye", "text", "<!-- output -->"), tmp_path)


def test_file_is_written_and_importable(tmp_path: Path) -> None:
    page = fenced("answer = 42", mark="<!-- file: told/answers.py -->") + fenced(
        "from told.answers import answer"
    )
    assert run(page, tmp_path) == 2
    assert (tmp_path / "told" / "answers.py").read_text() == "answer = 42\n"
    page = fenced("answer = 43", mark="<!-- file: told/answers.py -->")
    assert run(page + fenced("from told.answers import answer\nassert answer == 43"), tmp_path) == 2


def test_console_runs_only_when_marked(tmp_path: Path) -> None:
    assert run(fenced("$ exit 1", "console"), tmp_path) == 0
    shown = fenced("$ echo hello\n$ python -c \\\n  'print(1)'", "console", "<!-- run -->")
    assert run(shown + fenced("hello\n1", "text", "<!-- output -->"), tmp_path) == 2
    with pytest.raises(PageError, match="exit status 3"):
        run(fenced("$ exit 3", "console", "<!-- run -->"), tmp_path)


def test_hidden_check_runs(tmp_path: Path) -> None:
    page = fenced("async def test() -> None:\n    raise KeyError('seen')") + "<!-- check: await test() -->\n"
    with pytest.raises(KeyError, match="seen"):
        run(page, tmp_path)


def test_no_run_needs_a_reason(tmp_path: Path) -> None:
    assert run(fenced("1 / 0", mark="<!-- no-run: it shows the error page -->"), tmp_path) == 0
    with pytest.raises(PageError, match="reason"):
        run(fenced("1 / 0", mark="<!-- no-run -->"), tmp_path)
