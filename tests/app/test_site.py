"""What templates ask an app for: addresses by name, with the nearest match; and what ``check`` finds in templates."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from vivace import App, Router
from vivace.config.secret import Secret
from vivace.config.settings import Settings
from vivace.errors import AppInvalid, Finding, TemplateSyntaxInvalid, UnknownRoute, WrongRouteParameters
from vivace.http.request import Request
from vivace.templates import TemplateOptions, render
from vivace.templates.checks import words_of
from vivace.testing import Client

SETTINGS = Settings(secret_key=Secret("k" * 50))


def app_in(folder: Path, files: dict[str, str] | None = None, **options: Any) -> App:
    """Return an app whose root is a folder with these files."""
    for name, text in (files or {}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    app = App(root=folder, settings=options.pop("settings", SETTINGS), **options)

    @app.get("/post/{id:int}/{slug?}", name="post")
    async def post(id: int, slug: str = "") -> str:
        return "post"

    @app.get("/show/{number:int}")
    async def show(request: Request, number: int) -> Any:
        return render(request, f"{number}.html")

    @app.get("/", name="home")
    async def home(request: Request) -> Any:
        return render(request, "page.html")

    return app


ADDRESSES: Final = (
    ("{% url 'home' %}", "/"),
    ("{% url 'post' 3 %}", "/post/3"),
    ("{% url 'post' 3 'a b' %}", "/post/3/a%20b"),
    ("{% url 'post' id=3 %}", "/post/3"),
    ("{% url 'post' 3 slug='x' query={'a': 1} fragment='c' %}", "/post/3/x?a=1#c"),
    ("{% url 'post' 3 as p %}[{{ p }}]", "[/post/3]"),
    ("{{ url('post', 3) }}{{ url('home', query={'q': '<'}) }}", "/post/3/?q=%3C"),
    ("<a href=\"{% url 'post' 3 %}\">", '<a href="/post/3">'),
    ("{% querystring page=2 %}", "?q=1&amp;page=2"),
    ("{% querystring q=None %}", "?"),
    ("{% querystring q=['x', 'y'] %}{{ querystring(q='&') }}", "?q=x&amp;q=y?q=%26"),
    ("{{ csrf_token|length > 20 }}", "True"),
)


async def test_tp1_tags_of_addresses(tmp_path: Path) -> None:
    pages = {f"templates/{number}.html": source for number, (source, _) in enumerate(ADDRESSES)}
    async with Client(app_in(tmp_path, pages, debug=True)) as client:
        for number, (source, text) in enumerate(ADDRESSES):
            assert (source, (await client.get(f"/show/{number}?q=1")).text) == (source, text)


@pytest.mark.parametrize(
    ("source", "error", "fix"),
    [
        ("{% url 'pots' 1 %}", UnknownRoute, "Did you mean 'post'?"),
        ("{% url 'post' ids=1 %}", WrongRouteParameters, "Did you mean 'id'?"),
        ("{% url 'post' 1 2 3 %}", WrongRouteParameters, "by their names"),
    ],
)
async def test_tp7_address_of_nothing_is_an_error_in_the_template(
    tmp_path: Path, source: str, error: type[Exception], fix: str
) -> None:
    async with Client(app_in(tmp_path, {"templates/page.html": source}, debug=True)) as client:
        with pytest.raises(error, match="post") as caught:
            await client.get("/")
    assert fix in getattr(caught.value, "fix", "")
    assert caught.value.__notes__ == ["In the template page.html:1"]


async def test_tp1_address_in_a_namespace_and_in_a_mounted_app(tmp_path: Path) -> None:
    inner = app_in(
        tmp_path,
        debug=True,
        files={"templates/page.html": "{% url 'home' %} {% url 'blog:list' %} {% url ':blog:list' %}"},
    )
    blog = Router("/blog", name="blog")

    @blog.get("/", name="list")
    async def listed(request: Request) -> Any:
        return render(request, "list.html")

    (tmp_path / "templates" / "list.html").write_text("{% url 'list' %}")
    inner.include(blog)
    outer = App(root=tmp_path / "templates", settings=SETTINGS)
    outer.mount("/in", inner)
    async with Client(outer) as client:
        assert (await client.get("/in/")).text == "/in/ /in/blog/ /in/blog/"
        assert (await client.get("/in/blog/")).text == "/in/blog/"


async def test_tp1_debug_tag_tells_in_debug_mode_only_and_hides_what_proves_who_one_is(
    tmp_path: Path,
) -> None:
    page = "{% set api_token = 'abc' %}{% set shown = '<here>' %}{% debug %}"
    for debug, expected in ((False, ""), (True, "&lt;here&gt;")):
        async with Client(app_in(tmp_path, {"templates/page.html": page}, debug=debug)) as client:
            text = (await client.get("/")).text
            assert expected in text
            assert bool(text) is debug
            assert "abc" not in text


# -- check ----------------------------------------------------------------------------------------------------------------


def found(app: App) -> dict[str, Finding]:
    return {finding.place: finding for finding in app.check() if ".html" in finding.place}


@pytest.mark.parametrize(
    ("source", "code", "message", "hint"),
    [
        ("{{ x|datte }}", "template-syntax", "no filter 'datte'", "'date'"),
        ("{% if x %}{% if x is evn %}{% endif %}{% endif %}", "template-syntax", "no test 'evn'", "'even'"),
        ("{% statik 'a' %}", "template-syntax", "no tag 'statik'", "'static'"),
        ("{% extends 'bse.html' %}", "template-not-found", "'bse.html'", "'base.html'"),
        ("{% if x %}{% include 'bse.html' %}{% endif %}", "template-not-found", "'bse.html'", "'base.html'"),
        ("{% from 'nothing.html' import a %}", "template-not-found", "'nothing.html'", ""),
        ("{% if x %}{% url 'pots' 1 %}{% endif %}", "unknown-route", "'pots'", "'post'"),
        ("{{ url('hme') }}", "unknown-route", "'hme'", "'home'"),
        ("{% url 'post' %}", "wrong-route-parameters", "lacks 'id'", "id="),
        ("{% url 'post' ids=x %}", "wrong-route-parameters", "has no 'ids'", "'id'"),
        ("{% url 'home' 1 %}", "wrong-route-parameters", "'home'", "names"),
        ("{% static 'ap.css' %}", "unknown-static", "'ap.css'", "'app.css'"),
        ("{{ static('ap.css') }}", "unknown-static", "'ap.css'", "'app.css'"),
        ("<script>var a = {{ x }};</script>", "template-unsafe-output", "script", ""),
    ],
)
def test_tp7_check_finds(tmp_path: Path, source: str, code: str, message: str, hint: str) -> None:
    files = {
        "templates/page.html": f"\n{source}",
        "templates/base.html": "",
        "static/app.css": "",
        "app.py": "x = 1",
    }
    finding = found(app_in(tmp_path, files))[_relative(tmp_path, "templates/page.html:2")]
    assert (finding.id, finding.level) == (code, "error")
    assert message in finding.message
    assert hint in finding.hint


def _relative(folder: Path, place: str) -> str:
    from vivace.app.evidence import short_path

    path, _, line = place.rpartition(":")
    return f"{short_path(str(folder / path))}:{line}"


@pytest.mark.parametrize(
    "source",
    [
        "{% url 'post' 1 %}{% url 'post' id=x %}{% url 'post' **x %}{% url 'post' 1 query={'a': 1} %}{{ url(x) }}",
        "{% include 'no.html' ignore missing %}{% include ['no.html', 'base.html'] %}{% include x %}",
        "{% include 'base.html#part' %}{% static 'app.css' %}{% static x %}{% for y in x %}{{ y }}{{ loop.index }}{% endfor %}",
        "{{ user }}{{ request }}{{ csrf_token }}{{ csp_nonce }}{{ form }}{{ object_list }}{{ debug }}{{ book_list }}",
        "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(x) }}{% import 'base.html' as i %}{{ i.p }}{% from 'base.html' import q, r as s %}{{ q }}{{ s }}{% with b=1 %}{{ b }}{% endwith %}{% now 'Y' as n %}{{ n }}",
    ],
)
def test_tp7_check_is_silent_where_nothing_is_wrong(tmp_path: Path, source: str) -> None:
    files = {
        "templates/page.html": source,
        "templates/base.html": "{% block part %}{% endblock %}",
        "static/app.css": "",
        "app.py": "x = 1\nclass Book: ...",
    }
    assert found(app_in(tmp_path, files)) == {}


def test_tp7_check_warns_of_a_name_that_nobody_can_have_given(tmp_path: Path) -> None:
    files = {
        "templates/page.html": "{{ title }}\n{{ titel }}",
        "views.py": "render(request, 'page.html', title='x')",
    }
    (finding,) = found(app_in(tmp_path, files)).values()
    assert (finding.id, finding.level) == ("template-variable", "warning")
    assert finding.place.endswith("page.html:2")
    assert finding.hint == "Did you mean 'title'?"


def test_check_warns_of_templates_that_code_asks_for_and_that_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """\
from vivace import Request, render, render_to_string as text
from elsewhere import TemplateResponse

def home(request: Request): return render(request, "hom.html", {})
def good(request: Request): return render(request, "home.html#part")
def which(request: Request, name: str): return render(request, name + ".html")
def mail(): return text("mial.txt")
def other(request: Request): return TemplateResponse(request, "theirs.html")
"""
    files = {
        "templates/home.html": "{% block part %}{% endblock %}",
        "views_of_site.py": code,
        "unused.py": code,
    }
    app = app_in(tmp_path, files)
    module = ModuleType("views_of_site")
    module.__file__ = str(tmp_path / "views_of_site.py")
    monkeypatch.setitem(sys.modules, "views_of_site", module)

    async def home() -> None: ...

    home.__module__ = "views_of_site"
    app.add_route("/", home)
    warned = [finding for finding in app.check() if finding.id == "template-not-found"]
    assert [(finding.place.rpartition("/")[2], finding.level) for finding in warned] == [
        ("views_of_site.py:4", "warning"),
        ("views_of_site.py:7", "warning"),
    ]
    assert warned[0].message == "There is no template 'hom.html'."
    assert warned[0].hint == "Did you mean 'home.html'?"


def test_tp7_names_of_a_whole_disk_are_not_looked_for(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / str(number)).mkdir()
    (tmp_path / "a.py").write_text("class Book: title = 1")
    assert words_of([tmp_path], most=4) is None
    words = words_of([tmp_path], most=5) or frozenset[str]()
    assert sorted(words) == ["Book", "book", "book_list", "class", "class_list", "title", "title_list"]


def test_tp7_check_reports_every_template_at_once(tmp_path: Path) -> None:
    files = {f"templates/{name}.html": "{% oops %}" for name in "abc"}
    assert len(found(app_in(tmp_path, files))) == 3


def test_tp7_check_reads_no_files_that_are_no_pages(tmp_path: Path) -> None:
    app = app_in(tmp_path, {"templates/page.html": "fine"})
    (tmp_path / "templates/photo.png").write_bytes(b"\x89PNG\xff")
    assert found(app) == {}


def test_tp7_start_in_production_tells_of_every_template_at_once(tmp_path: Path) -> None:
    files = {f"templates/{name}.html": "{% oops %}" for name in "abc"} | {"templates/d.html": "{{ titel }}"}
    with pytest.raises(AppInvalid) as caught:
        app_in(tmp_path, files).compile()
    assert [finding.id for finding in caught.value.findings] == ["template-syntax"] * 3


async def test_tp7_debug_starts_all_the_same_and_shows_the_error_with_the_page(tmp_path: Path) -> None:
    files = {"templates/page.html": "{% oops %}", "templates/0.html": "fine"}
    async with Client(app_in(tmp_path, files, debug=True)) as client:
        assert (await client.get("/show/0")).text == "fine"
        with pytest.raises(TemplateSyntaxInvalid):
            await client.get("/")


def test_tp7_our_own_templates_are_right(tmp_path: Path) -> None:
    """The pages and widgets that come with the framework pass what ``check`` asks of an app's."""
    from vivace.templates.checks import Questions, check_templates
    from vivace.templates.engine import COMPILED

    app = App(root=tmp_path, settings=SETTINGS, templates=TemplateOptions())
    templates = app.templates
    names = [name for name in templates.names() if name.endswith(COMPILED)]

    def any_route(name: str, positional: int, keywords: tuple[str, ...]) -> None:
        """Take every route for known: this app has none."""

    questions = Questions(any_route, lambda name: None, provided=frozenset(templates.built_in))
    findings = check_templates(templates.environment, names, questions)
    assert [finding for finding in findings if finding.level == "error"] == []
