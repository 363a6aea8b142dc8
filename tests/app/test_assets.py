"""Static files under hashed names: references found and rewritten, hashes that follow the content, what is missing."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace import App
from vivace.app.assets.building import HASH_DIGITS, Built, build
from vivace.app.assets.collecting import collect
from vivace.app.assets.references import references, rewritten
from vivace.app.static import HASHED

PREFIX = "/static/"


def names(name: str, text: str) -> list[str]:
    return [reference.name for reference in references(name, text, PREFIX)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a{b:url(x.png)}", ["css/x.png"]),
        ("a{b:url( 'x.png' )}c{d:url(\"../y.png\")}", ["css/x.png", "y.png"]),
        ("@font-face{src:url(f.eot?#iefix)}", ["css/f.eot"]),
        ("@import 'b.css' screen;@import url(c.css);", ["css/b.css", "css/c.css"]),
        ("a{b:url(/static/x.png)}", ["x.png"]),
        ("a{b:url(my%20pic.png)}", ["css/my pic.png"]),
        ("/*# sourceMappingURL=a.css.map */", ["css/a.css.map"]),
        (
            "a{b:url(data:image/png;base64,x)}c{d:url(#id)}e{f:url(https://x/y)}g{h:url(//x/y)}i{j:url(/other/x)}",
            [],
        ),
        ("/* url(x.png) */ a{content:'url(x.png)'} b{c:url()}", []),
        ("a{b:url(../../outside.png)}", []),
        ("a{b:image-set(url(x.png) 1x, url(y.png) 2x)}", ["css/x.png", "css/y.png"]),
    ],
)
def test_sf2_references_in_css(text: str, found: list[str]) -> None:
    assert names("css/a.css", text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import x from './b.js'", ["js/b.js"]),
        ("import{a as b}from'./b.js';export*from\"../c.js\"", ["js/b.js", "c.js"]),
        ("import './b.js'\nconst c = await import( './c.mjs' )", ["js/b.js", "js/c.mjs"]),
        ("import lit from 'lit'; import x from 'https://x/y.js'; import y from '/other.js'", []),
        ("import y from '/static/y.js'", ["y.js"]),
        ("// import './b.js'\n/* from './b.js' */ const s = \"import './b.js'\"; `from './b.js'`", []),
        ("import('./' + name); obj.import('./b.js'); $from './b.js'", []),
        ("//# sourceMappingURL=a.js.map", ["js/a.js.map"]),
    ],
)
def test_sf2_references_in_javascript(text: str, found: list[str]) -> None:
    assert names("js/a.js", text) == found


def test_sf2_reference_tells_its_line() -> None:
    assert [one.line for one in references("a.css", "\n\na{b:url(x)}\n@import 'y';", PREFIX)] == [3, 4]


@pytest.mark.parametrize(
    ("name", "text", "written"),
    [
        ("css/a.css", "url('../img/x.png?v#f')", "url('../img/x.1.png?v#f')"),
        ("css/a.css", "url(/static/img/x.png)", "url(/static/img/x.1.png)"),
        ("js/a.js", "import '../img/x.png';", "import '../img/x.1.png';"),
        ("img/a.js", "import './x.png';", "import './x.1.png';"),
        ("img/a.css", "url(./x.png) url(x.png)", "url(./x.1.png) url(x.1.png)"),
    ],
)
def test_sf2_reference_is_written_as_it_was(name: str, text: str, written: str) -> None:
    assert rewritten(name, text, PREFIX, {"img/x.png": "img/x.1.png"}.get) == written


@given(st.text(st.sampled_from(list("url('\")import fro@./*\\\n`{};#"))), st.sampled_from(["a.css", "a.js"]))
def test_sf2_text_without_changes_stays_as_it_is(text: str, name: str) -> None:
    assert rewritten(name, text, PREFIX, lambda target: None) == text


# -- building -------------------------------------------------------------------------------------------------------------


def built(folder: Path, files: dict[str, str]) -> Built:
    paths: dict[str, Path] = {}
    for name, text in files.items():
        paths[name] = folder / name
        paths[name].parent.mkdir(parents=True, exist_ok=True)
        paths[name].write_bytes(text.encode())
    return build(paths, PREFIX)


def test_sf2_name_tells_the_content(tmp_path: Path) -> None:
    one = built(tmp_path, {"a.css": "x", "img/b.png": "\r\n"}).assets
    digest = hashlib.sha384(b"x")
    assert one["a.css"].hashed == f"a.{digest.hexdigest()[:HASH_DIGITS]}.css"
    assert one["a.css"].integrity == f"sha384-{base64.b64encode(digest.digest()).decode()}"
    assert one["img/b.png"].hashed.startswith("img/b.")
    assert built(tmp_path, {"a.css": "y"}).assets["a.css"].hashed != one["a.css"].hashed


def test_sf2_names_are_those_that_are_kept_for_ever(tmp_path: Path) -> None:
    import re

    assert re.search(HASHED, built(tmp_path, {"a.css": ""}).assets["a.css"].hashed)


def test_sf2_change_of_an_image_changes_the_style_sheet_that_shows_it(tmp_path: Path) -> None:
    files = {"a.css": "@import 'b.css'", "b.css": "url(c.png)", "c.png": "1", "d.css": "x"}
    before = built(tmp_path, files).assets
    after = built(tmp_path, {**files, "c.png": "2"}).assets
    changed = {name for name in files if before[name].hashed != after[name].hashed}
    assert changed == {"a.css", "b.css", "c.png"}
    content = after["b.css"].content
    assert content is not None
    assert after["c.png"].hashed in content.decode()


def test_sf2_scripts_that_import_each_other(tmp_path: Path) -> None:
    files = {"a.js": "import './b.js'", "b.js": "import './a.js';import './c.js'", "c.js": "import './c.js'"}
    assets = built(tmp_path, files).assets
    for name, others in {"a.js": "b", "b.js": "ac", "c.js": "c"}.items():
        content = (assets[name].content or b"").decode()
        assert all(assets[f"{other}.js"].hashed in content for other in others)
        digest = hashlib.sha384(content.encode()).digest()
        assert assets[name].integrity == f"sha384-{base64.b64encode(digest).decode()}"
    changed = built(tmp_path, {**files, "a.js": "import './b.js';1"}).assets
    assert changed["b.js"].hashed != assets["b.js"].hashed
    assert changed["c.js"].hashed == assets["c.js"].hashed


def test_sf2_line_ends_are_left_alone(tmp_path: Path) -> None:
    asset = built(tmp_path, {"a.css": "a{}\r\nb{c:url(d.png)}\r\n", "d.png": ""}).assets["a.css"]
    assert (asset.content or b"").count(b"\r\n") == 2


def test_sf2_missing_reference_names_file_line_and_the_nearest(tmp_path: Path) -> None:
    found = built(tmp_path, {"css/a.css": "\na{b:url(../img/lgo.png)}", "img/logo.png": ""}).findings
    (finding,) = found
    assert (finding.id, finding.level) == ("static-reference", "error")
    assert finding.place == f"{tmp_path / 'css/a.css'}:2"
    assert "'img/lgo.png'" in finding.message
    assert finding.hint == "Did you mean 'img/logo.png'?"


def test_sf2_missing_source_map_is_a_warning(tmp_path: Path) -> None:
    (finding,) = built(tmp_path, {"a.js": "//# sourceMappingURL=a.js.map"}).findings
    assert finding.level == "warning"


def test_sf2_style_sheet_that_is_no_utf8_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_bytes(b"\xff url(x.png)")
    result = build({"a.css": tmp_path / "a.css"}, PREFIX)
    assert result.findings == ()
    assert result.assets["a.css"].content is None


# -- collecting -----------------------------------------------------------------------------------------------------------


def test_sf1_collection_has_both_names_variants_and_a_manifest(tmp_path: Path) -> None:
    result = built(
        tmp_path / "in", {"a.css": "a{b:url(c.png)}" * 99, "c.png": "\x89" * 999, "small.css": "x"}
    )
    done = collect(result, tmp_path / "out")
    hashed = result.assets["a.css"].hashed
    there = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*")}
    names = {name for asset in result.assets.values() for name in (asset.name, asset.hashed)}
    assert names | {"staticfiles.json", f"{hashed}.gz", f"{hashed}.br", f"{hashed}.zst"} == there
    assert (done.written, done.unchanged, done.compressed) == (3, 0, 3)
    manifest = json.loads((tmp_path / "out" / "staticfiles.json").read_text())
    assert manifest["files"]["a.css"] == {"name": hashed, "integrity": result.assets["a.css"].integrity}
    assert (tmp_path / "out" / "a.css").read_bytes() == result.assets["a.css"].content


def test_sf1_second_collection_keeps_what_open_pages_still_ask_for(tmp_path: Path) -> None:
    old = built(tmp_path / "in", {"a.css": "1", "b.css": "2"})
    collect(old, tmp_path / "out")
    new = built(tmp_path / "in", {"a.css": "3", "b.css": "2"})
    done = collect(new, tmp_path / "out")
    assert (done.written, done.unchanged) == (1, 1)
    assert (tmp_path / "out" / old.assets["a.css"].hashed).read_text() == "1"
    assert (tmp_path / "out" / "a.css").read_text() == "3"


def test_sf1_files_of_the_demo_are_no_files_of_other_apps(tmp_path: Path) -> None:
    names = set(App(root=tmp_path).site.assets.files())
    assert "vivace/vivace.css" in names
    assert all(name.startswith("vivace/") for name in names)
