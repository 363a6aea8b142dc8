"""The debug page: everything about an error, nothing of secrets, nothing an attacker can use, never in production."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from typing import Any

import pytest

from vivace.app import App
from vivace.app.debugpage import as_code, debug_page, editor_link
from vivace.app.evidence import MAX_FRAMES, gather, is_own
from vivace.app.hiding import Hider
from vivace.config.secret import Secret
from vivace.config.settings import Settings
from vivace.errors import ConfigurationError
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.testing import Client

HOSTILE = "</pre></style><script>alert(1)</script><img src=x onerror=alert(2)>{0}{nonce}%s&lt;"
HTML = {"accept": "text/html"}


class Odd(Exception):
    """An error of the tests."""


def failing(debug: bool | None = True, settings: Settings | None = None) -> App:
    app = App(debug=debug, settings=settings or Settings(secret_key=Secret("the-key-of-the-app")))
    app.debug_page = debug_page

    @app.get("/items/{name}")
    async def item(name: str, request: Request) -> str:
        password = "correct horse"
        hostile = HOSTILE
        borrowed = request.app.settings.secret_key.reveal()
        if password and hostile and borrowed is not None:
            raise Odd(f"no item {name}")
        return ""

    @app.get("/chain")
    async def chain() -> None:
        try:
            dict[str, str]()["missing"]
        except KeyError as error:
            error.add_note("look into the box")
            raise Odd("outer") from error

    @app.get("/group")
    async def group() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fail("first"))

    @app.get("/deep")
    async def deep() -> None:
        sink(0)

    @app.get("/three")
    async def three() -> None:
        raise ConfigurationError("It is wrong.", expected="right", got="wrong", fix="Turn it.")

    return app


async def fail(text: str) -> None:
    raise Odd(text)


def sink(depth: int) -> int:
    return sink(depth + 1) + 1


async def fetch(path: str, headers: dict[str, str] | None = None, app: App | None = None) -> Any:
    sent = {**HTML, **(headers or {})}
    async with Client(app or failing(), raise_errors=False, headers=sent) as client:
        return await client.get(path)


async def test_lo3_page_shows_source_locals_request_and_copy() -> None:
    page = await fetch("/items/tea?page=2", {"x-colour": "blue"})
    text = unescape(re.sub(r"</?(mark|b|span)[^>]*>", "", page.text))
    assert page.status == 500
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    for part in (
        "Odd</h1>",
        "no item tea",
        'raise Odd(f"no item {name}")',
        "<tr><th>name</th><td>'tea'</td></tr>",
        "<tr><th>x-colour</th><td>blue</td></tr>",
        "<tr><th>page</th><td>'2'</td></tr>",
        "/items/{name} → failing.<locals>.item",
        "test_debugpage.py",
        "Copy as text",
        "(this one)",
        "Called from",
    ):
        assert part in text, part


async def test_lo3_secrets_are_nowhere_on_the_page() -> None:
    page = await fetch(
        "/items/tea?token=from-the-query",
        {
            "authorization": "Bearer from-the-header",
            "cookie": "session=from-the-cookie",
            "x-api-key": "from-the-api-header",
        },
    )
    text = unescape(page.text)
    assert "correct horse" in text  # in the source, where the programmer wrote it
    assert "<td>'correct horse'" not in text
    for secret in (
        "the-key-of-the-app",
        "from-the-query",
        "from-the-header",
        "from-the-cookie",
        "from-the-api-header",
    ):
        assert secret not in text, secret


async def test_lo3_hostile_texts_are_escaped_and_the_policy_is_strict() -> None:
    page = await fetch("/items/%3Cscript%3Ealert(3)%3C%2Fscript%3E?q=<script>", {"x-odd": HOSTILE})
    assert re.findall(r"<script|<img|onerror=\w", unescape(page.text)) != []  # it is there …
    assert "<script" not in page.text  # … as text
    assert "<img" not in page.text
    assert page.text.count("<style") == 1
    policy = page.headers["content-security-policy"]
    nonce = re.search(r"'nonce-([\w-]+)'", policy)
    assert nonce is not None
    assert policy.startswith("default-src 'none'; style-src 'nonce-")
    assert "script-src" not in policy
    assert f'<style nonce="{nonce[1]}">' in page.text
    assert page.text.count(nonce[1]) == 1
    assert re.search(r'\bstyle="|\bon\w+="', page.text) is None


async def test_causes_groups_and_notes_are_shown() -> None:
    chain, group = await fetch("/chain"), await fetch("/group")
    assert "Caused by" in chain.text
    assert "KeyError" in chain.text
    assert "look into the box" in chain.text
    assert "In the group" in group.text
    assert "unhandled errors in a TaskGroup (1 sub-exception)" in group.text
    assert "first" in group.text


async def test_endless_recursion_is_cut() -> None:
    page = await fetch("/deep")
    assert "more frames" in page.text
    assert page.text.count('class="frame"') <= MAX_FRAMES


async def test_our_errors_keep_their_three_parts() -> None:
    page = await fetch("/three")
    for part in (
        "<dt>Expected</dt><dd>right</dd>",
        "<dt>Got</dt><dd>wrong</dd>",
        "<dt>Fix</dt><dd>Turn it.</dd>",
    ):
        assert part in page.text


async def test_programs_get_a_problem_with_a_traceback() -> None:
    answer = await fetch("/items/tea", {"accept": "application/json"})
    document = answer.json()
    assert answer.status == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert document["detail"].endswith("Odd: no item tea")
    assert any("test_debugpage.py" in line for line in document["traceback"])


async def test_text_for_the_terminal() -> None:
    answer = await fetch("/items/tea", {"accept": "text/plain"})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "Odd: no item tea" in answer.text
    assert "correct horse" not in answer.text


@pytest.mark.parametrize("accept", ["text/html", "application/json", "text/plain"])
async def test_lo3_never_outside_debug_mode(accept: str) -> None:
    app = failing(debug=None)
    answer = await fetch("/items/tea", {"accept": accept}, app)
    assert answer.status == 500
    assert "Odd" not in answer.text
    assert "traceback" not in answer.text.lower()


async def test_asking_for_the_page_of_an_app_in_production_gives_the_ordinary_answer() -> None:
    app = App(settings=Settings())

    @app.get("/")
    async def home(request: Request) -> Response:
        return debug_page(request, Odd("inside"))

    answer = await fetch("/", app=app)
    assert answer.status == 500
    assert "inside" not in answer.text


async def test_script_of_the_live_reload_is_allowed_by_name() -> None:
    app = App(debug=True, settings=Settings())

    @app.get("/")
    async def home(request: Request) -> Response:
        return debug_page(request, Odd("inside"), script="/_vivace/reload.js")

    page = await fetch("/", app=app)
    assert '<script src="/_vivace/reload.js" defer></script>' in page.text
    assert page.headers["content-security-policy"].endswith("script-src 'self'; connect-src 'self'")


@pytest.mark.parametrize(
    ("editor", "link"),
    [
        ("vscode", "vscode://file/src/a%20b.py:3"),
        ("PyCharm", "pycharm://open?file=/src/a%20b.py&line=3"),
        ("my://{path}#{line}", "my:///src/a%20b.py#3"),
        ("javascript:alert('{path}')", ""),
        ("", ""),
        ("vim", ""),
    ],
)
def test_lo3_editor_links(editor: str, link: str) -> None:
    assert editor_link("/src/a b.py", 3, editor) == link


def test_editor_link_on_windows() -> None:
    assert editor_link(r"C:\src\app.py", 3, "vscode") == "vscode://file/C:/src/app.py:3"


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Run `vivace migrate`.", "Run <code>vivace migrate</code>."),
        ("`<b>` & `{0}`", "<code>&lt;b&gt;</code> &amp; <code>{0}</code>"),
        ("one ` alone <", "one ` alone &lt;"),
    ],
)
def test_what_stands_between_backticks_is_code(text: str, html: str) -> None:
    assert as_code(text) == html


async def test_places_open_in_the_editor_of_the_settings() -> None:
    page = await fetch("/items/tea", app=failing(settings=Settings(editor="vscode")))
    assert re.search(r'href="vscode://file/[^"]+test_debugpage\.py:\d+"', page.text)


def test_code_of_python_and_of_packages_is_not_own() -> None:
    assert is_own(__file__)
    assert not is_own(asyncio.__file__)
    assert not is_own(pytest.__file__)
    assert not is_own(App.__init__.__code__.co_filename)
    assert not is_own("<frozen importlib._bootstrap>")


def test_place_of_a_syntax_error_is_shown(tmp_path: Any) -> None:
    file = tmp_path / "broken.py"
    file.write_text("x = 1\ny = (\n", encoding="utf-8")
    with pytest.raises(SyntaxError) as raised:
        compile(file.read_text(encoding="utf-8"), str(file), "exec")
    place = gather(raised.value, Hider()).errors[0].place
    assert place is not None
    assert (place.path, place.line) == (str(file), 2)
    assert [line.text for line in place.source if line.current] == ["y = ("]


def test_an_error_in_the_text_of_an_error_is_survived() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert gather(Mute(), Hider()).errors[0].message == "<its text raised ValueError>"


@pytest.mark.parametrize("kind", ["form", "json"])
async def test_sc13_what_was_sent_under_a_secret_name_is_nowhere_on_the_page(kind: str) -> None:
    app = App(settings=Settings(), debug=True)
    app.debug_page = debug_page

    @app.post("/login")
    async def login(request: Request) -> str:
        sent: Any = await (request.form() if kind == "form" else request.json())
        word, other = sent["password"], sent["note"]
        raise KeyError(f"wrong: {word} ({other})")

    body = {
        "password": "correct horse battery",
        "note": "a note to read",
        "card_number": "4111 1111 1111 1111",
    }
    async with Client(app, raise_errors=False) as client:
        for accept in ("text/html", "application/json", "text/plain"):
            headers = {"accept": accept}
            if kind == "form":
                page = await client.post("/login", headers=headers, form=body)
            else:
                page = await client.post("/login", headers=headers, json=body)
            assert page.status == 500
            assert "correct horse" not in page.text
            assert "4111" not in page.text
            assert "a note to read" in page.text
