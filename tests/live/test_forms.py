"""Forms of live pages in a real browser: sent without a reload, and nothing that was typed is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.features.browsing import needs_chromium
from tests.live.scripts import ADDRESS, REGION, SCRIPT, WAIT, reply, until, watching

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = [needs_chromium, pytest.mark.timeout(180)]
FIELDS = "<input name=author {0}> <input name=body {1}> <input type=checkbox name=box><button name=by value=me>Say</button>"
FORM = f"<form method=post>{FIELDS}</form>"
BODY = FORM.format("", "") + "<p id=flash></p>" + REGION + SCRIPT


class Server:
    """Answers what is sent with what the test says; keeps what came."""

    def __init__(self, *answers: Callable[[Any], object]) -> None:
        self.answers: list[Callable[[Any], object]] = list(answers)
        self.posts = list[dict[str, list[str]]]()
        self.gets = list[str]()
        self.held = list[Any]()
        self.page = BODY

    def __call__(self, route: Any) -> bool:
        request = route.request
        if request.method == "POST":
            self.posts.append(parse_qs(request.post_data or "", keep_blank_values=True))
            self.answers.pop(0)(route)
            return True
        if request.resource_type == "fetch":
            self.gets.append(request.url)
            return reply(route, self.page)
        return False

    def hold(self, route: Any) -> None:
        """Answer later."""
        self.held.append(route)


def moved(route: Any) -> None:
    """Answer as the server does to a form of a live page, where others are redirected."""
    reply(route, "", status=204, vivace_location="/")


def fill(page: Any, **values: str) -> None:
    for name, value in values.items():
        page.locator(f"[name={name}]").fill(value)


def test_lv3_a_form_is_sent_without_a_reload_and_reset(browser: Any) -> None:
    server = Server(moved)
    server.page = BODY.replace("flash></p>", "flash>Saved</p>")
    with watching(browser, BODY, server) as (page, wire):
        page.evaluate("window.same = true")
        fill(page, author="Ada", body="hello & <b>")
        page.locator("[name=box]").check()
        page.locator("[name=body]").press("Enter")
        playwright.expect(page.locator("#flash")).to_have_text("Saved", timeout=WAIT)
        playwright.expect(page.locator("[name=body]")).to_have_value("", timeout=WAIT)
        assert page.evaluate("document.activeElement.name") == "body"
        assert server.posts == [{"author": ["Ada"], "body": ["hello & <b>"], "box": ["on"], "by": ["me"]}]
        assert page.evaluate("[same, document.forms[0].author.value, document.forms[0].box.checked]") == [
            True,
            "",
            False,
        ]
        until(page, lambda: len(wire.watched) == 2)  # what is shown is compared again


def test_lv3_a_second_press_sends_nothing(browser: Any) -> None:
    server = Server()
    server.answers = [server.hold, moved]
    with watching(browser, BODY, server) as (page, _):
        fill(page, author="Ada")
        for _ in range(3):
            page.locator("button").click(force=True)
        until(page, lambda: server.held)
        assert page.locator("form").get_attribute("aria-busy") == "true"
        assert page.locator("button").get_attribute("aria-disabled") == "true"
        moved(server.held[0])
        playwright.expect(page.locator("[name=author]")).to_have_value("", timeout=WAIT)
        playwright.expect(page.locator("form[aria-busy]")).to_have_count(0, timeout=WAIT)
        assert len(server.posts) == 1
        page.locator("button").click()
        until(page, lambda: len(server.posts) == 2)


def test_pain34_a_press_is_answered_at_once_on_a_slow_line(browser: Any) -> None:
    with watching(browser, BODY, Server(moved)) as (page, _):
        page.evaluate("import('/live.js').then(live => live.latency(400))")
        fill(page, author="Ada")
        pressed = """() => {
            document.querySelector("button").click()
            return document.querySelector("form").getAttribute("aria-busy")  // in the same task
        }"""
        assert page.evaluate(pressed) == "true"
        playwright.expect(page.locator("[name=author]")).to_have_value("", timeout=WAIT)


def test_lv3_what_was_typed_meanwhile_stays(browser: Any) -> None:
    server = Server()
    server.answers = [server.hold]
    with watching(browser, BODY, server) as (page, _):
        fill(page, author="Ada", body="one")
        page.locator("button").click()
        until(page, lambda: server.held)
        fill(page, body="two")
        page.locator("[name=body]").evaluate("e => e.setSelectionRange(1, 2)")
        moved(server.held[0])
        playwright.expect(page.locator("[name=author]")).to_have_value("", timeout=WAIT)
        caret = "[document.activeElement.value, document.activeElement.selectionStart, document.activeElement.selectionEnd]"
        assert page.evaluate(caret) == ["two", 1, 2]


WRONG = (
    FIELDS.format("value=Ada", "value='' aria-invalid=true aria-describedby=e") + "<p id=e>Say something.</p>"
)


def test_fm4_errors_are_shown_and_the_first_wrong_field_gets_the_focus(browser: Any) -> None:
    server = Server(
        lambda route: reply(route, f"<form method=post>{WRONG}</form>{REGION}", status=422), moved
    )
    with watching(browser, BODY, server) as (page, _):
        fill(page, author="Ada")
        page.locator("button").click()
        playwright.expect(page.locator("#e")).to_have_text("Say something.", timeout=WAIT)
        assert page.input_value("[name=author]") == "Ada"
        assert page.evaluate("document.activeElement.name") == "body"
        assert page.url == ADDRESS
        fill(page, body="now")
        page.locator("[name=body]").press("Enter")
        playwright.expect(page.locator("#e")).to_have_count(0, timeout=WAIT)
        assert page.evaluate("[...document.forms[0]].map(e => e.value)") == ["", "", "on", "me"]
        assert page.locator("[aria-invalid]").count() == 0


def test_fm4_errors_of_a_form_in_a_region_stay_until_it_is_right(browser: Any) -> None:
    """A region is rendered as its page is, and that never had the errors."""
    inside = "<!--live:a:h1:TOKEN--><h2>{0}</h2><form method=post>{1}</form><!--/live:a-->" + SCRIPT
    clean = FIELDS.format("", "")
    server = Server(lambda route: reply(route, inside.format("x", WRONG), status=422), moved)
    server.page = inside.format("3", clean)
    with watching(browser, inside.format("1", clean), server) as (page, wire):
        fill(page, author="Ada")
        page.locator("button").click()
        playwright.expect(page.locator("#e")).to_be_visible(timeout=WAIT)
        wire.send("live", 1, "a", "", "h2", [f"<h2>2</h2><form method=post>{clean}</form>"])
        playwright.expect(page.locator("h2")).to_have_text("2", timeout=WAIT)
        assert page.locator("#e").is_visible()
        assert page.input_value("[name=author]") == "Ada"
        fill(page, body="now")
        page.locator("button").click()
        playwright.expect(page.locator("#e")).to_have_count(0, timeout=WAIT)
        playwright.expect(page.locator("[name=author]")).to_have_value("", timeout=WAIT)


def test_lv3_a_dialog_closes_when_its_form_was_sent(browser: Any) -> None:
    inside = (
        "<input name=id><input name=action><button name=reset>Say</button>"  # names that hide those of forms
    )
    body = f"<dialog><form method=post>{inside}</form></dialog>{REGION}{SCRIPT}"
    server = Server(
        lambda route: reply(route, body.replace("<button", "<p id=e>no</p><button"), status=422), moved
    )
    server.page = body
    with watching(browser, body, server) as (page, _):
        page.evaluate("document.querySelector('dialog').showModal()")
        page.evaluate(
            "document.addEventListener('vivace:sent', event => { window.sent = event.target.tagName })"
        )
        fill(page, id="7")
        page.locator("button").click()
        playwright.expect(page.locator("form")).not_to_have_attribute("aria-busy", "true", timeout=WAIT)
        assert page.locator("dialog").evaluate("each => each.matches(':modal')")
        assert page.input_value("[name=id]") == "7"
        page.locator("button").click()
        playwright.expect(page.locator("dialog")).not_to_be_visible(timeout=WAIT)
        assert page.evaluate("sent") == "FORM"
        assert page.locator("[name=id]").evaluate("each => each.value") == ""


def test_lv3_a_redirect_elsewhere_is_followed_by_the_browser(browser: Any) -> None:
    def away(route: Any) -> None:
        reply(route, "", status=204, vivace_location="/thanks?for=all")

    with watching(browser, BODY, Server(away)) as (page, _):
        page.evaluate("window.same = true")
        page.locator("button").click()
        page.wait_for_url("**/thanks?for=all", timeout=WAIT)
        assert page.evaluate("window.same") is None


def test_lv3_without_a_connection_the_answer_shows_the_regions_as_well(browser: Any) -> None:
    server = Server(moved)
    server.page = "<form method=post></form><!--live:a:h7:TOKEN7--><p>seven</p><!--/live:a-->"

    def answer(route: Any) -> bool:
        if "/_vivace/" in route.request.url:
            route.abort()
            return True
        return server(route)

    with watching(browser, BODY, answer) as (page, wire):
        wire.send("live", 1, "a", "", "h2", ["<p>two</p>"])
        wire.away = True
        wire.cut()
        page.locator("html:not([data-live-state=open])").wait_for(timeout=WAIT)
        page.locator("button").click()
        playwright.expect(page.locator("p").first).to_have_text("seven", timeout=WAIT)
        wire.away = False
        page.evaluate("dispatchEvent(new Event('online'))")
        until(page, lambda: len(wire.watched) == 2)
        assert wire.watched[1] == ["watch", 1, "TOKEN7", [["a", "h7"]]]


@pytest.mark.parametrize("status", [403, 500, 0])
def test_lv3_what_fails_is_said_and_loses_nothing(browser: Any, status: int) -> None:
    def fails(route: Any) -> None:
        if status:
            reply(route, "<h1>no</h1>", status=status, title="No entry")
        else:
            route.abort()

    with watching(browser, BODY, Server(fails, moved)) as (page, _):
        fill(page, author="Ada", body="long text")
        page.locator("button").click()
        alert = page.locator("vivace-status [role=alert]")
        said = f"({status}: No entry)" if status else "not have been sent"
        playwright.expect(alert).to_contain_text(said, timeout=WAIT)
        assert page.evaluate("[...document.forms[0]].map(e => e.value)") == ["Ada", "long text", "on", "me"]
        page.locator("button").click()
        playwright.expect(page.locator("[name=author]")).to_have_value("", timeout=WAIT)
        playwright.expect(alert).to_have_text("", timeout=WAIT)


def test_lv3_what_was_sent_is_not_offered_again_when_the_page_cannot_be_fetched(browser: Any) -> None:
    server = Server(moved)

    def answer(route: Any) -> bool:
        if route.request.method == "GET" and route.request.resource_type == "fetch":
            route.abort()
            return True
        return server(route)

    with watching(browser, BODY, answer) as (page, _):
        fill(page, author="Ada")
        page.locator("button").click()
        playwright.expect(page.locator("[name=author]")).to_have_value("", timeout=WAIT)
        assert page.locator("vivace-status p:not(:empty)").count() == 0


def test_lv3_forms_with_files_send_them(browser: Any) -> None:
    body = BODY.replace("method=post", "method=post enctype=multipart/form-data").replace(
        "type=checkbox name=box", "type=file name=file"
    )
    seen = list[str]()

    def answer(route: Any) -> bool:
        if route.request.method != "POST":
            return route.request.resource_type == "fetch" and reply(route, body)
        seen.append(route.request.headers["content-type"])
        moved(route)
        return True

    with watching(browser, body, answer) as (page, _):
        file = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"content"}
        page.locator("[name=file]").set_input_files(file)
        page.locator("button").click()
        until(page, lambda: seen)
        assert seen[0].startswith("multipart/form-data; boundary=")
        playwright.expect(page.locator("[name=file]")).to_have_js_property("files.length", 0, timeout=WAIT)


@pytest.mark.parametrize(
    "more", ["data-live-off", "target=_top", "enctype=text/plain", "action='http://other.test/'"]
)
def test_lv3_other_forms_stay_the_browsers(browser: Any, more: str) -> None:
    def there(route: Any) -> None:
        reply(route, "there")

    body = BODY.replace("method=post", f"method=post {more}")
    with watching(browser, body) as (page, _):
        page.route("http://other.test/**", there)
        page.evaluate("window.same = true")
        page.locator("button").click()
        page.wait_for_function("() => window.same === undefined", timeout=WAIT)


def test_lv3_a_form_of_a_script_stays_its_own(browser: Any) -> None:
    server = Server()
    with watching(browser, BODY, server) as (page, _):
        page.evaluate("document.forms[0].addEventListener('submit', event => event.preventDefault())")
        page.locator("button").click()
        page.wait_for_function("() => new Promise(done => setTimeout(done, 50, true))")
        assert server.posts == []


def test_lv3_an_answer_that_is_a_file_is_downloaded(browser: Any) -> None:
    def file(route: Any) -> None:
        said = 'attachment; filename="list.csv"'
        route.fulfill(body="a,b", content_type="text/csv", headers={"content-disposition": said})

    with watching(browser, BODY, Server(file)) as (page, _):
        with page.expect_download(timeout=WAIT) as download:
            page.locator("button").click()
        assert download.value.suggested_filename == "list.csv"


def test_lv3_a_form_that_deletes_its_page_leads_where_its_answer_says(browser: Any) -> None:
    held, asked = list[Any](), list[str]()

    def answer(route: Any) -> bool:
        if route.request.method == "POST":
            held.append(route)
            return True
        if route.request.url.endswith("/other"):
            return reply(route, "<h1>other</h1>")
        asked.append(route.request.resource_type)
        return bool(held) and reply(route, "<h1>gone</h1>", status=404)

    with watching(browser, BODY, answer) as (page, wire):
        page.locator("[name=body]").press("Enter")
        until(page, lambda: bool(held))
        wire.send("reload", 1, "refused")  # what it deleted is gone, and its answer is still to come
        page.evaluate("new Promise(done => setTimeout(done))")
        reply(held[0], "", status=204, vivace_location="/other")
        playwright.expect(page.locator("h1")).to_have_text("other", timeout=WAIT)
        assert "fetch" not in asked  # it would have used up the messages for the next page
