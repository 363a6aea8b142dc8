"""Where templates come from, when they are read again, and what outlives a start."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.templates.making import templates
from vivace.errors import TemplateNotFound
from vivace.templates import Library, TemplateOptions, Templates
from vivace.templates.loaders import is_safe_name

SAFE = {
    "a.html": True,
    "books/list.html": True,
    "a b/ü.html": True,
    "..a/b..html": True,
    "": False,
    "/etc/passwd": False,
    "../a.html": False,
    "a/../../b.html": False,
    "a/./b.html": False,
    "a//b.html": False,
    "a/": False,
    "..": False,
    "a\\..\\b.html": False,
    "C:/a.html": False,
    "a\x00.html": False,
    "a\n.html": False,
}


@pytest.mark.parametrize("name", SAFE)
def test_tp6_names_that_could_lead_out_are_refused(name: str) -> None:
    assert is_safe_name(name) is SAFE[name]
    if not SAFE[name]:
        with pytest.raises(TemplateNotFound, match="cannot be the name"):
            Templates().get(name)


def test_tp6_links_that_lead_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.html").write_text("secret")
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "link.html").symlink_to(tmp_path / "secret.html")
    with pytest.raises(TemplateNotFound):
        Templates(root=tmp_path).get("link.html")


def test_tp6_the_first_source_that_has_a_name_wins(tmp_path: Path) -> None:
    for name in ("own", "theirs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "page.html").write_text(name)
    (tmp_path / "theirs" / "only.html").write_text("only")
    made = Templates(TemplateOptions(sources=["own"]), root=tmp_path, folders=[tmp_path / "theirs"])
    assert made.render_now("page.html") == "own"
    assert made.render_now("only.html") == "only"
    assert {"page.html", "only.html"} <= set(made.names())


def change(path: Path, text: str) -> None:
    before = path.stat().st_mtime_ns
    path.write_text(text)
    os.utime(path, ns=(before + 10**9, before + 10**9))


def test_tp6_files_are_read_again_in_debug_and_only_there(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("one")
    options = TemplateOptions(sources=["."])
    dev, run = Templates(options, root=tmp_path, debug=True), Templates(options, root=tmp_path)
    assert dev.render_now("page.html") == run.render_now("page.html") == "one"
    change(page, "two")
    assert dev.render_now("page.html") == "two"
    assert run.render_now("page.html") == "one"


def test_tp6_child_is_compiled_again_when_its_parent_moves_a_block(tmp_path: Path) -> None:
    (tmp_path / "base.html").write_text("<p>{% block a %}{% endblock %}</p>")
    (tmp_path / "page.html").write_text("{% extends 'base.html' %}{% block a %}{{ v }}{% endblock %}")
    made = Templates(TemplateOptions(sources=["."]), root=tmp_path, debug=True)
    assert made.render_now("page.html", {"v": "javascript:1"}) == "<p>javascript:1</p>"
    change(tmp_path / "base.html", "<a href='{% block a %}{% endblock %}'></a>")
    assert "about:invalid" in made.render_now("page.html", {"v": "javascript:1"})


def test_tp6_compiled_templates_outlive_the_process(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text("{{ v }}")
    options = TemplateOptions(bytecode="compiled")

    def compilations() -> int:
        made = Templates(options, root=tmp_path)
        count = 0
        generate = made.environment._generate

        def counted(*args: object, **options: object) -> str:
            nonlocal count
            count += 1
            return generate(*args, **options)  # type: ignore[arg-type]

        made.environment._generate = counted  # type: ignore[method-assign]
        assert made.render_now("page.html", {"v": "<"}) == "&lt;"
        return count

    assert [compilations(), compilations()] == [1, 0]
    assert (tmp_path / "compiled").stat().st_mode & 0o077 == 0
    change(tmp_path / "templates" / "page.html", "{{ v }} ")
    (tmp_path / "templates" / "page.html").write_text("{{ v }}")
    assert compilations() == 0


def test_tp6_compiled_child_is_not_reused_for_another_place_in_the_parent(tmp_path: Path) -> None:
    options = TemplateOptions(sources=["."], bytecode="compiled")
    (tmp_path / "page.html").write_text("{% extends 'base.html' %}{% block a %}{{ v }}{% endblock %}")
    pages: list[str] = []
    for base in ("<p>{% block a %}{% endblock %}</p>", "<a href='{% block a %}{% endblock %}'></a>"):
        (tmp_path / "base.html").write_text(base)
        pages.append(Templates(options, root=tmp_path).render_now("page.html", {"v": "javascript:1"}))
    assert "javascript" in pages[0]
    assert "javascript" not in pages[1]


def test_tp6_all_is_compiled_at_the_start_and_a_mistake_stops_it(tmp_path: Path) -> None:
    made = templates("{{ fine }}", other_html="{% if %}")
    with pytest.raises(Exception, match=r"other\.html"):
        made.load()


async def test_tp4_libraries_can_be_added_before_and_after_the_first_template() -> None:
    first, second = Library(), Library()

    def shout(value: str) -> str:
        return f"{value}!"

    def whisper(value: str) -> str:
        return f"({value})"

    first.filter(shout)
    second.filter(whisper)
    made = templates("{{ v|shout }}", other_html="{{ v|whisper }}")
    made.add(first)
    assert await made.render("page.html", {"v": "a"}) == "a!"
    made.add(second)
    assert await made.render("other.html", {"v": "a"}) == "(a)"


class CountingTexts(dict[str, str]):
    """Texts that know how often each was read."""

    def __init__(self, texts: dict[str, str]) -> None:
        super().__init__(texts)
        self.read: list[str] = []

    def get(self, key: str, default: Any = None) -> Any:
        if key in self:
            self.read.append(key)
        return super().get(key, default)


def test_the_start_reads_each_template_once_and_the_frameworks_own_not_for_live_regions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files: list[Path] = []
    read_text = Path.read_text

    def reading(path: Path, *args: Any, **options: Any) -> str:
        files.append(path)
        return read_text(path, *args, **options)

    monkeypatch.setattr(Path, "read_text", reading)
    texts = CountingTexts({"a.html": "<p>a</p>", "b.txt": "b"})
    made = Templates(TemplateOptions(sources=[texts]))
    assert not made.has_live_tags()
    assert sorted(texts.read) == ["a.html", "b.txt"]
    assert files == []
    made.load()
    assert sorted(texts.read) == ["a.html", "b.txt"]
    assert files
    texts["c.html"] = "{% live %}c{% endlive %}"
    assert made.has_live_tags()
