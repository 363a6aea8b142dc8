"""``vivace make resource``: what it writes is clean and passes its tests, and what is there stays as it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vivace.cli.make import navigation_end

from .projects import call, done, in_folder, lint, made, run

EVERY_KIND = (
    *(
        "code:str(8):unique",
        "note:text?",
        "pages:int=0",
        "weight:float?",
        "price:decimal=9.90",
        "tax:decimal?",
    ),
    *("done:bool", "paid:bool=yes", "day:date", "at:datetime?", "start:time?", "mail:email", "home:url?"),
    *("slug:slug:unique?", "key:uuid", "data:json?", "raw:json", "category:fk:Category"),
    *("second:fk(Category)?", "state:choice(draft|in_print|public)=draft", "mood:choice(good|bad)?"),
    "parent:fk(OrderLine)?",
)
ONLY_PAGES = (
    "author:fk(User)",
    "editor:fk:User?",
    "scan:file",
    "proof:file?",
    "tags:m2m(Category)",
    "more:m2m(Category)?",
)
SINGLE = 'from vivace import App\n\napp = App()\n\n\n@app.get("/")\nasync def home() -> str:\n    return ""\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty."""
    return in_folder(tmp_path, monkeypatch)


def files(folder: Path) -> dict[str, str]:
    """Return every file with its text."""
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize(("template", "fields"), [("site", (*EVERY_KIND, *ONLY_PAGES)), ("api", EVERY_KIND)])
def test_resources_are_clean_and_pass_their_tests(
    folder: Path, template: str, fields: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = made(folder, f"{template}-with-resources", template, monkeypatch)
    done("make", "resource", "Category", "name:str:unique", "slug:slug?")
    done("make", "resource", "OrderLine", *fields, "--live")
    if template == "site":
        done("make", "resource", "Scan", "paper:file")
    lint(project)
    assert "[migrations-missing]" in done("check")
    said = done("makemigrations")
    assert "Create model Category" in said
    assert "Create model OrderLine" in said
    assert "Nothing is wrong." in done("check")
    assert "Nothing has changed." in done("makemigrations", "--check")
    done("migrate")
    run("pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", folder=project)
    uploaded = [path for path in project.rglob("*") if path.name.startswith("sample")]
    assert uploaded == []


def test_the_readme_command_writes_what_it_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = made(folder, "a-blog-of-a-test", "site", monkeypatch)
    before = files(project)
    said = done("make", "resource", "Post", "title:str", "body:text", "author:fk(User)")
    after = files(project)
    app = "a_blog_of_a_test/app.py"
    assert {path: text for path, text in after.items() if path in before and path != app} == {
        path: text for path, text in before.items() if path != app
    }
    added = [line for line in after[app].splitlines() if line not in before[app].splitlines()]
    assert added == ["from .posts.views import pages as post_pages", "app.include(post_pages)"]
    assert all(path in said for path in after.keys() - before.keys())
    for command in ("vivace makemigrations", "vivace migrate", "pytest tests/test_posts.py", "vivace dev"):
        assert f"\n  {command}\n" in said
    assert "look at /posts" in said
    assert "vivace createsuperuser" in said
    base = "a_blog_of_a_test/templates/base.html"
    behind = re.search(rf"behind line (\d+) of {base}:\n +<li><a href=\"{{{{ url\('post:list'\) }}}}\"", said)
    assert behind
    assert after[base].splitlines()[int(behind[1]) - 1].endswith("Board</a></li>")


def test_dry_run_writes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = made(folder, "a-dry-run", "site", monkeypatch)
    before = files(project)
    shown = done("make", "resource", "Post", "title:str", "--dry-run")
    assert "# a_dry_run/posts/models.py\n" in shown
    assert "title = models.CharField(max_length=200)" in shown
    assert "+app.include(post_pages)" in shown
    numbers = done("make", "resource", "Product", "name:str", "price:decimal", "--dry-run")
    assert '<th scope="col" class="vv-number">Price</th>' in numbers
    assert '<th scope="col">Name</th>' in numbers
    assert files(project) == before


@pytest.mark.parametrize(
    "there", ["posts/views.py", "posts.py", "templates/posts/post_list.html", "../tests/test_posts.py"]
)
def test_nothing_is_overwritten(folder: Path, there: str, monkeypatch: pytest.MonkeyPatch) -> None:
    project = made(folder, "a-full-one", "site", monkeypatch)
    mine = project / "a_full_one" / there
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("# mine\n", "utf-8")
    before = files(project)
    result = call("make", "resource", "Post", "title:str")
    assert result.exit_code == 1
    assert "[would-overwrite]" in result.output
    assert files(project) == before


def test_a_second_resource_of_the_same_name_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = made(folder, "a-project-twice", "api", monkeypatch)
    done("make", "resource", "Post", "title:str")
    before = files(project)
    result = call("make", "resource", "Post", "title:str")
    assert "There is a model Post already, in a_project_twice.posts.models." in result.output
    assert "[name-refused]" in result.output
    assert files(project) == before


def test_an_app_of_another_shape_is_left_as_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = made(folder, "a-factory", "api", monkeypatch)
    app = project / "a_factory" / "app.py"
    app.write_text(
        "from vivace import App\n\n\ndef make() -> App:\n    app = App()\n    return app\n", "utf-8"
    )
    text = app.read_text("utf-8")
    said = done("make", "resource", "Post", "title:str")
    assert app.read_text("utf-8") == text
    assert "a_factory/app.py has another shape" in said
    assert "\n  from .posts.views import routes as post_routes\n  app.include(post_routes)\n" in said


def test_a_single_file_gets_files_and_is_told_what_to_add(folder: Path) -> None:
    (folder / "app.py").write_text(SINGLE, "utf-8")
    said = done("make", "resource", "Leaflet", "title:str", "state:choice:draft,public")
    assert (folder / "app.py").read_text("utf-8") == SINGLE
    assert "app.py is a single file, so it was left as it is. Add to it:" in said
    assert '  app = App(…, models=["leaflets"])' in said
    text = SINGLE.replace("from vivace", "from leaflets.views import pages as leaflet_pages\nfrom vivace")
    text = text.replace("App()", 'App(models=["leaflets"])') + "\n\napp.include(leaflet_pages)\n"
    (folder / "app.py").write_text(text, "utf-8")
    assert "Nothing is wrong." in done("check")
    assert "Create model Leaflet" in done("makemigrations")


def test_pages_can_be_made_without_templates_and_json_with_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = made(folder, "a-site-of-either", "site", monkeypatch)
    done("make", "resource", "Post", "title:str", "--json")
    assert not (project / "a_site_of_either" / "templates" / "posts").exists()
    assert "msgspec.Struct" in (project / "a_site_of_either" / "posts" / "views.py").read_text("utf-8")
    assert "Nothing is wrong." in done("check", "--ignore", "migrations-missing")


@pytest.mark.parametrize(
    ("arguments", "says", "fix", "code"),
    [
        (["post", "title:str"], "'post' cannot be the name of a model", "make resource Post", "name-refused"),
        (["Router", "title:str"], "cannot be called 'Router'", "make resource RouterItem", "name-refused"),
        (
            ["User", "title:str"],
            "There is a model User already, in vivace.auth.",
            "another name",
            "name-refused",
        ),
        (["Post", "title"], "it has no kind", "Write title:str", "field-spec"),
        (["Post", "author:fk(Usr)"], "There is no model 'Usr'", "Did you mean 'User'?", "no-project"),
        (["Post", "text:fk(Author)"], "There is no model 'Author'", "make resource Author", "no-project"),
        (
            ["Post", "before:fk(Post)"],
            "the first post would need another one",
            "'before:fk(Post)?'",
            "field-spec",
        ),
        (["Post", "scan:file", "--json"], "is not made for JSON", "--pages", "field-spec"),
        (["Vote", "by:fk(User)"], "Nobody could fill in a vote", "Add one", "field-spec"),
        (["Post", "save:bool"], "cannot be called 'save'", "the_save", "name-refused"),
    ],
)
def test_what_cannot_be_made_is_told_in_three_parts(
    folder: Path, arguments: list[str], says: str, fix: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = made(folder, "a-refusing-site", "site", monkeypatch)
    before = files(project)
    result = call("make", "resource", *arguments)
    assert result.exit_code == 1
    assert says in result.output
    assert "\nExpected: " in result.output
    assert "\nGot: " in result.output
    assert fix in result.output.partition("\nFix: ")[2]
    assert result.output.rstrip().endswith(f"[{code}]")
    assert files(project) == before


def test_without_a_project_nothing_is_made(folder: Path) -> None:
    result = call("make", "resource", "Post", "title:str")
    assert result.exit_code == 1
    assert "There is no project in" in result.output
    assert "vivace new NAME" in result.output
    assert list(folder.iterdir()) == []


def test_a_model_in_the_file_of_the_app_cannot_be_imported(folder: Path) -> None:
    text = SINGLE.replace("import App", "import App, models") + "\n\nclass Author(models.Model):\n    pass\n"
    (folder / "app.py").write_text(text, "utf-8")
    result = call("make", "resource", "Post", "author:fk(Author)")
    assert "importing it would go in a circle" in result.output
    assert "Move Author to a file models.py" in result.output


def test_the_kinds_are_told(folder: Path) -> None:
    said = " ".join(call("make", "resource", "--help").output.split())
    assert "choice(…) (one of some words)" in said
    assert "decimal (a number to count money with)" in said


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 0),
        ("<ul>\n<li><a href=/>a</a></li>\n</ul>", 0),
        (
            "<nav>\n<ul>\n<li><a href=/>a</a></li>\n  <li><a href=/>b</a></li>\n{% if x %}\n<li><a>c</a></li>\n</nav>",
            4,
        ),
        ("<nav><a href=/>a</a>\n</nav>\n<li><a href=/>a</a></li>", 0),
    ],
)
def test_the_place_for_a_link_is_behind_the_first_links_of_the_navigation(text: str, line: int) -> None:
    assert navigation_end(text) == line
