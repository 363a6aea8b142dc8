"""The client of live regions in a real browser; the test plays the server of the wire."""

from __future__ import annotations

from typing import Any

import pytest

from tests.features.browsing import needs_chromium, window
from tests.live.scripts import ADDRESS, REGION, SCRIPT, WAIT, Wire, reply, serve, until, watching

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = [needs_chromium, pytest.mark.timeout(180)]


def shows(page: Any, html: str) -> None:
    """Wait until the region is ``html``."""
    page.wait_for_function(
        """html => {
            const [, ...after] = document.body.innerHTML.split(/<!--live:a[^>]*-->/)
            return after.join().split("<!--/live:a-->")[0] === html
        }""",
        arg=html,
        timeout=WAIT,
        polling=50,  # not by frames, which a test may stop
    )


def test_lv1_a_region_follows_whole_sources_and_splices(browser: Any) -> None:
    with watching(browser, REGION + SCRIPT) as (page, wire):
        assert wire.watched == [["watch", 1, "TOKEN", [["a", "h1"]]]]
        wire.send("live", 1, "a", "", "h2", ["<p>two 😀</p>"])
        shows(page, "<p>two 😀</p>")
        wire.send("live", 1, "a", "h2", "h3", [[3, 3, "three"], [9, 0, "!"]])
        shows(page, "<p>three 😀!</p>")


def test_lv1_what_does_not_fit_is_asked_for_whole(browser: Any) -> None:
    with watching(browser, REGION + SCRIPT) as (page, wire):
        wire.send("live", 1, "a", "h1", "h2", [[3, 3, "two"]])  # it never had the source
        until(page, lambda: len(wire.watched) == 2)
        assert wire.watched[1] == ["watch", 1, "TOKEN", [["a", ""]]]
        wire.send("live", 1, "a", "", "h3", ["<p>3</p>"])
        wire.send("live", 1, "a", "h9", "h10", [[3, 1, "10"]])
        until(page, lambda: len(wire.watched) == 3)
        wire.send("live", 1, "a", "", "h10", ["<p>10</p>"])
        shows(page, "<p>10</p>")


def test_rl5_each_new_connection_says_what_is_shown(browser: Any) -> None:
    with watching(browser, REGION + SCRIPT) as (page, wire):
        wire.send("live", 1, "a", "", "h2", ["<p>2</p>"])
        shows(page, "<p>2</p>")
        wire.cut()
        until(page, lambda: len(wire.watched) == 2)
        assert wire.watched[1] == ["watch", 1, "TOKEN", [["a", "h2", True]]]
        wire.send("live", 1, "a", "h2", "h3", [[3, 1, "3"]])
        shows(page, "<p>3</p>")


def test_lv4_nested_regions_come_before_their_hole_and_go_with_it(browser: Any) -> None:
    with watching(browser, REGION + SCRIPT) as (page, wire):
        wire.send("live", 1, "b", "", "b1", ["<i>inner</i>"])
        wire.send("live", 1, "a", "", "h2", ["<p>2</p><!--live:b--><!--/live:b-->"])
        shows(page, "<p>2</p><!--live:b--><i>inner</i><!--/live:b-->")
        wire.send("live", 1, "a", "h2", "h3", [[0, 8, ""]])
        wire.send("live", 1, "b", "b1", "b2", [[3, 5, "changed"]])
        shows(page, "<!--live:b--><i>changed</i><!--/live:b-->")
        wire.cut()
        until(page, lambda: len(wire.watched) == 2)
        assert wire.watched[1][3] == [["a", "h3", True], ["b", "b2", True]]
        wire.send("live", 1, "a", "", "h4", ["<p>4</p><!--live:c--><!--/live:c-->"])
        until(page, lambda: len(wire.watched) == 3)
        assert wire.watched[2][3] == [["a", "h4", True], ["c", ""]]


def test_lv3_a_burst_is_painted_together_and_told(browser: Any) -> None:
    with watching(browser, REGION + SCRIPT) as (page, wire):
        page.evaluate(
            """() => {
                window.told = []
                document.addEventListener("vivace:update", event => told.push(event.detail.region))
                window.requestAnimationFrame = () => 0  // as in a window that nobody sees: a few times a second
            }"""
        )
        wire.send("live", 1, "a", "", "n0", ["<p>0</p>"])
        for number in range(200):
            old, new = str(number), str(number + 1)
            wire.send("live", 1, "a", f"n{old}", f"n{new}", [[3, len(old), new]])
        shows(page, "<p>200</p>")
        assert set(page.evaluate("told")) == {"a"}
        assert len(page.evaluate("told")) < 150


def test_lv3_composed_text_is_not_disturbed_and_the_region_follows_after(browser: Any) -> None:
    body = "<!--live:a:h1:TOKEN--><p>one</p><input name=f><!--/live:a-->"
    with watching(browser, body + SCRIPT) as (page, wire):
        session = page.context.new_cdp_session(page)
        page.locator("input").focus()
        session.send("Input.imeSetComposition", {"text": "に", "selectionStart": 1, "selectionEnd": 1})
        wire.send("live", 1, "a", "", "h2", ["<p>two</p><input name=f class=x>"])
        wire.send("live", 1, "x", "", "h2", [""])
        page.wait_for_function(
            "() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 50, true)))"
        )
        assert page.inner_text("p") == "one"
        session.send("Input.insertText", {"text": "日本"})
        playwright.expect(page.locator("p")).to_have_text("two", timeout=WAIT)
        assert page.input_value("input") == "日本"


def test_lv3_a_field_with_the_focus_follows_when_it_is_left(browser: Any) -> None:
    body = "<!--live:a:h1:TOKEN--><input name=f value=1><!--/live:a--><button>x</button>"
    with watching(browser, body + SCRIPT) as (page, wire):
        page.locator("input").focus()
        wire.send("live", 1, "a", "", "h2", ["<input name=f value=2 title=new>"])
        page.locator("input[title=new]").wait_for(timeout=WAIT)
        assert page.input_value("input") == "1"
        page.locator("button").focus()
        playwright.expect(page.locator("input")).to_have_value("2", timeout=WAIT)


def test_lv3_a_calm_list_is_put_in_order_when_the_pointer_has_left(browser: Any) -> None:
    def rows(*order: str) -> str:
        return "".join(f"<li data-key={row[0]} tabindex=0>{row}</li>" for row in order)

    body = f"<!--live:a:h1:TOKEN--><ol data-live-calm>{rows('a1', 'b2')}</ol><!--/live:a--><button>x</button>"
    with watching(browser, body + SCRIPT) as (page, wire):
        shown = page.locator("li")
        page.hover("li[data-key=b]")
        wire.send("live", 1, "a", "", "h2", [f"<ol data-live-calm>{rows('b3', 'a1')}</ol>"])
        playwright.expect(shown).to_have_text(["a1", "b3"], timeout=WAIT)
        page.hover("button")
        playwright.expect(shown).to_have_text(["b3", "a1"], timeout=WAIT)
        page.keyboard.press("Tab")
        wire.send("live", 1, "a", "h2", "h3", [f"<ol data-live-calm>{rows('a4', 'b3')}</ol>"])
        playwright.expect(shown).to_have_text(["b3", "a4"], timeout=WAIT)
        page.locator("button").focus()
        playwright.expect(shown).to_have_text(["a4", "b3"], timeout=WAIT)


def test_rl5_the_page_is_fetched_again_when_the_server_asks(browser: Any) -> None:
    def answer(route: Any) -> bool:
        if route.request.resource_type != "fetch":
            return False
        return reply(
            route, "<h1>new</h1><!--live:b:b1:TOKEN2--><p>b</p><!--/live:b-->" + SCRIPT, title="newer"
        )

    with watching(browser, "<h1>old</h1><input>" + REGION + SCRIPT, answer) as (page, wire):
        page.evaluate("window.stays = document.querySelector('h1')")
        wire.send("reload", 1, "refused")
        until(page, lambda: len(wire.watched) == 2)
        assert wire.watched[1] == ["watch", 1, "TOKEN2", [["b", "b1"]]]
        assert page.title() == "newer"
        assert page.evaluate("stays === document.querySelector('h1') && stays.textContent") == "new"


def test_rl5_a_server_that_fails_meanwhile_is_asked_again(browser: Any) -> None:
    statuses = [503, 200]

    def answer(route: Any) -> bool:
        if route.request.resource_type != "fetch":
            return False
        return reply(route, f"<input>{REGION.replace('one', 'new')}", status=statuses.pop(0))

    with watching(browser, f"<input>{REGION}{SCRIPT}", answer) as (page, wire):
        page.locator("input").fill("typed")
        wire.send("reload", 1, "refused")
        playwright.expect(page.locator("p")).to_have_text("new", timeout=WAIT)
        assert page.input_value("input") == "typed"
        assert statuses == []


def test_lv8_who_may_no_longer_see_the_page_sees_the_refusal(browser: Any) -> None:
    refused = list[int]()

    def answer(route: Any) -> bool:
        return bool(refused) and reply(route, "<h1>no</h1>", status=403)

    with watching(browser, REGION + SCRIPT, answer) as (page, wire):
        refused.append(1)
        wire.send("reload", 1, "refused")
        page.locator("h1").wait_for(timeout=WAIT)
        assert "one" not in page.content()


def test_a_page_comes_back_from_the_history_and_catches_up(browser: Any) -> None:
    def answer(route: Any) -> bool:
        return route.request.url.endswith("/other") and reply(route, "<h1>other</h1>")

    with watching(browser, REGION + SCRIPT, answer) as (page, wire):
        wire.send("live", 1, "a", "", "h2", ["<p>2</p>"])
        shows(page, "<p>2</p>")
        page.goto(f"{ADDRESS}other")
        page.go_back()
        until(page, lambda: len(wire.watched) == 2)
        wire.send("live", 1, "a", "", "h3", ["<p>3</p>"])
        shows(page, "<p>3</p>")


def test_a_region_may_stand_between_rows(browser: Any) -> None:
    table = "<table><!--live:a:h1:TOKEN--><tr><td>1</td></tr><!--/live:a--></table>"
    with watching(browser, table + SCRIPT) as (page, wire):
        wire.send("live", 1, "a", "", "h2", ["<tr><td>0</td></tr><tr><td>1</td></tr>"])
        playwright.expect(page.locator("tbody > tr")).to_have_count(2, timeout=WAIT)


def test_a_region_that_is_no_part_of_the_tree_is_told(browser: Any) -> None:
    with window(browser) as (page, complaints):
        body = f"{REGION}<p><!--live:b:h1--><div>x</div><!--/live:b--></p>{SCRIPT}"
        serve(page, body)
        wire = Wire(page)
        page.goto(ADDRESS)
        until(page, lambda: wire.watched)
        assert wire.watched[0][3] == [["a", "h1"]]
        assert [said[:66] for said in complaints] == [
            'The live region "b" does not begin and end in one element; it stay'
        ]


def test_an_error_in_one_region_stops_no_other(browser: Any) -> None:
    with window(browser) as (page, complaints):
        serve(page, f"{REGION}<!--live:b:h1--><i>one</i><!--/live:b-->{SCRIPT}")
        wire = Wire(page)
        page.goto(ADDRESS)
        until(page, lambda: wire.watched)
        page.evaluate(
            """() => {
                document.importNode = () => { delete document.importNode; throw new Error("on purpose") }
            }"""
        )
        wire.send("live", 1, "a", "", "h2", ["<p>two</p><b>new</b>"])
        wire.send("live", 1, "b", "", "h2", ["<i>two</i>"])
        playwright.expect(page.locator("i")).to_have_text("two", timeout=WAIT)
        wire.send("live", 1, "a", "h2", "h3", [[3, 3, "three"]])
        shows(page, "<p>three</p><b>new</b>")
        assert complaints == ["on purpose"]


def test_the_state_of_the_connection_is_said_quietly(browser: Any) -> None:
    def answer(route: Any) -> bool:
        if away := "/_vivace/" in route.request.url:
            route.abort()
        return away

    with watching(browser, REGION + SCRIPT, answer) as (page, wire):
        page.locator("html[data-live-state=open]").wait_for(timeout=WAIT)
        playwright.expect(page.locator("vivace-status p:not(:empty)")).to_have_count(0, timeout=WAIT)
        wire.away = True
        wire.cut()
        status = page.locator("vivace-status [role=status]")
        playwright.expect(status).to_have_text("Reconnecting …", timeout=WAIT)
        colour = status.evaluate("e => getComputedStyle(e).backgroundColor")
        assert colour == "rgb(35, 37, 45)"  # the policy lets the look of it in


def test_forms_of_regions_get_the_token_of_the_page(browser: Any) -> None:
    token = '<input type="hidden" name="csrfmiddlewaretoken" value="{0}">'
    body = f"<form>{token.format('secret')}</form>{REGION}{SCRIPT}"
    with watching(browser, body) as (page, wire):
        wire.send("live", 1, "a", "", "h2", [f"<form id=f>{token.format('')}</form>"])
        page.locator("#f").wait_for(state="attached", timeout=WAIT)
        assert page.evaluate("document.querySelector('#f input').value") == "secret"


def test_lv5_latency_is_simulated_and_kept_for_the_next_page(browser: Any) -> None:
    with watching(browser, REGION + SCRIPT) as (page, wire):
        page.evaluate("import('/live.js').then(live => live.latency(60))")
        assert page.evaluate("import('/socket.js').then(each => each.socket.latency)") == 60
        wire.send("live", 1, "a", "", "h2", ["<p>2</p>"])
        shows(page, "<p>2</p>")
        page.reload()
        until(page, lambda: len(wire.watched) >= 2)
        assert page.evaluate("import('/socket.js').then(each => each.socket.latency)") == 60


def test_a_thousand_updates_leave_nothing_behind(browser: Any) -> None:
    with watching(browser, REGION + SCRIPT) as (page, wire):
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")

        def count(name: str) -> int:
            session.send("HeapProfiler.collectGarbage")
            found = session.send("Performance.getMetrics")["metrics"]
            return next(int(each["value"]) for each in found if each["name"] == name)

        def update(first: int, last: int) -> None:
            for number in range(first, last):
                rows = "".join(f"<li>{n}</li>" for n in range(number, number + 5))
                wire.send("live", 1, "a", "", f"n{number}", [f"<p>{number}</p><ul>{rows}</ul>"])
            playwright.expect(page.locator("p")).to_have_text(str(last - 1), timeout=WAIT)

        update(0, 50)
        before = count("Nodes"), count("JSEventListeners")
        update(50, 1050)
        after = count("Nodes"), count("JSEventListeners")
        assert after[0] - before[0] < 200
        assert after[1] - before[1] < 50
