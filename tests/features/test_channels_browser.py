"""Channels in real browsers: the chat program as it stands between two people, lines that break, proxies that block."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import Serving
from tests.features.browsing import needs_chromium
from tests.features.chatting import chat_served, person, wait, write_chat
from tests.features.lines import line_to

pytestmark = [needs_chromium, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("chat")
    write_chat(made)
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Generator[Serving]:
    with chat_served(folder) as running:
        yield running


def of_pages(complaints: list[str]) -> list[str]:
    """Return complaints without those of the network, which these tests cut on purpose."""
    return [said for said in complaints if not said.startswith("WebSocket connection to")]


def test_rl3_rl10_two_people_talk_and_see_each_other(browser: Any, server: Serving) -> None:
    with (
        person(browser, server.port, "ada") as (ada, of_ada),
        person(browser, server.port, "bob") as (bob, of_bob),
    ):
        wait(ada, "chat.members.size === 2")
        wait(bob, "chat.members.size === 2 && chat.members.has(chat.me)")
        assert ada.evaluate("socket.transport") == "websocket"
        assert ada.evaluate("say('one')") == "taken"
        assert bob.evaluate("say('two')") == "taken"
        for page in (ada, bob):
            wait(page, "said.length === 2")
            assert page.evaluate("said") == ["one", "two"]
        bob.evaluate("chat.leave()")
        wait(ada, "chat.members.size === 1")
        assert bob.evaluate("[chat.state, socket.state, chat.send('say', { text: 'gone' })]") == [
            "left",
            "idle",
            False,
        ]
        assert of_ada == of_bob == []


def test_rl7_what_came_and_went_while_the_line_was_cut_arrives_once_and_in_order(
    browser: Any, server: Serving
) -> None:
    with (
        line_to(server.port) as line,
        person(browser, line.port, "ada") as (ada, complaints),
        person(browser, server.port, "bob") as (bob, _),
    ):
        ada.evaluate("say('before')")
        wait(bob, "said.length === 1")
        line.cut()
        wait(ada, "chat.state === 'waiting'")
        ada.evaluate("void (window.answers = Promise.all([0, 1, 2].map((at) => say(`ada ${at}`))))")
        assert bob.evaluate("Promise.all([0, 1, 2].map((at) => say(`bob ${at}`)))") == ["taken"] * 3
        line.restore()
        assert ada.evaluate("answers") == ["taken"] * 3
        wait(ada, "said.length === 7")
        wait(bob, "said.length === 7")
        expected = ["before", *(f"bob {at}" for at in range(3)), *(f"ada {at}" for at in range(3))]
        assert ada.evaluate("said") == bob.evaluate("said") == expected
        assert ada.evaluate("resyncs") == 0
        assert of_pages(complaints) == []


def test_rl7_a_line_that_breaks_again_and_again_doubles_nothing(browser: Any, server: Serving) -> None:
    with (
        line_to(server.port) as line,
        person(browser, line.port, "ada") as (ada, _),
        person(browser, server.port, "bob") as (bob, _),
    ):
        ada.evaluate("window.answers = []")
        for attempt in range(6):
            ada.evaluate(
                "(attempt) => { for (let at = 0; at < 8; at++) answers.push(say(`${attempt} ${at}`)) }",
                attempt,
            )
            line.break_connections()
            wait(ada, "states.filter((state) => state === 'waiting').length > given", attempt)
            ada.evaluate("dispatchEvent(new Event('online'))")  # so that it waits no longer each time
            wait(ada, "chat.state === 'joined'")
        answers = ada.evaluate("Promise.all(answers)")
        bob.evaluate("say('end')")
        for page in (ada, bob):
            wait(page, "said.at(-1) === 'end'")
        said = ada.evaluate("said")
        assert said == bob.evaluate("said")
        sent = [f"{attempt} {at}" for attempt in range(6) for at in range(8)]
        assert set(answers) <= {"taken", "unconfirmed"}
        assert len(said) == len(set(said))
        assert said[:-1] == [text for text in sent if text in said]
        assert {text for text, answer in zip(sent, answers, strict=True) if answer == "taken"} <= set(said)


def test_rl3_what_got_lost_is_asked_again_and_what_arrived_is_not(browser: Any, server: Serving) -> None:
    with (
        line_to(server.port) as line,
        person(browser, line.port, "ada") as (ada, complaints),
        person(browser, server.port, "bob") as (bob, _),
    ):
        assert ada.evaluate("say('first')") == "taken"
        line.silent = True
        ada.evaluate("void (window.lost = say('lost'))")
        line.restore()
        assert ada.evaluate("lost") == "taken"
        line.mute = True
        ada.evaluate("void (window.arrived = say('arrived'))")
        wait(bob, "said.at(-1) === 'arrived'")
        line.restore()
        assert ada.evaluate("arrived") == "unconfirmed"
        assert ada.evaluate("say('last')") == "taken"
        for page in (ada, bob):
            wait(page, "said.at(-1) === 'last'")
            assert page.evaluate("said") == ["first", "lost", "arrived", "last"]
        assert of_pages(complaints) == []


def test_rl7_a_page_comes_back_out_of_the_history(browser: Any, server: Serving) -> None:
    with (
        person(browser, server.port, "ada") as (ada, complaints),
        person(browser, server.port, "bob") as (bob, _),
    ):
        ada.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
        assert ada.evaluate("[socket.state, chat.state]") == ["idle", "waiting"]
        wait(bob, "chat.members.size === 1")
        assert bob.evaluate("say('meanwhile')") == "taken"
        ada.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
        wait(ada, "said.at(-1) === 'meanwhile'")
        wait(bob, "chat.members.size === 2")
        assert complaints == []


def test_rl7_the_browser_goes_offline_and_comes_back(browser: Any, server: Serving) -> None:
    with (
        person(browser, server.port, "ada") as (ada, complaints),
        person(browser, server.port, "bob") as (bob, _),
    ):
        ada.context.set_offline(True)
        assert bob.evaluate("say('meanwhile')") == "taken"
        ada.context.set_offline(False)
        wait(ada, "said.at(-1) === 'meanwhile'")
        assert ada.evaluate("say('back')") == "taken"
        assert of_pages(complaints) == []


def pass_time(page: Any, expression: str) -> None:
    """Let the page's time pass in steps until an expression is true."""
    for _ in range(100):
        if page.evaluate(expression):
            return
        page.clock.fast_forward(5_000)
    wait(page, expression)


def test_rl7_a_silent_line_is_noticed(browser: Any, server: Serving) -> None:
    with line_to(server.port) as line, person(browser, line.port, "ada") as (ada, complaints):
        ada.clock.install()
        ada.reload()
        wait(ada, "window.chat?.state === 'joined'")
        line.silent = True
        pass_time(ada, "states.includes('waiting')")
        line.restore()
        pass_time(ada, "chat.state === 'joined'")
        assert ada.evaluate("say('heard')") == "taken"
        assert of_pages(complaints) == []


def test_rl8_an_event_stream_takes_the_place_of_blocked_websockets(browser: Any, server: Serving) -> None:
    with line_to(server.port) as line, person(browser, server.port, "bob") as (bob, _):
        line.blocks_websockets = True
        with person(browser, line.port, "ada") as (ada, complaints):
            assert ada.evaluate("socket.transport") == "events"
            assert line.handshakes >= 2
            answers = ada.evaluate("Promise.all(Array.from({ length: 20 }, (_, at) => say(`${at}`)))")
            assert answers == ["taken"] * 20
            assert bob.evaluate("say('from bob')") == "taken"
            for page in (ada, bob):
                wait(page, "said.length === 21")
                assert page.evaluate("said") == [*map(str, range(20)), "from bob"]
            line.break_connections()
            wait(ada, "chat.state === 'waiting'")
            wait(ada, "chat.state === 'joined'")
            assert ada.evaluate("say('again')") == "taken"
            assert ada.evaluate("said.at(-1)") == "again"
            wait(ada, "chat.members.size === 2")
            assert of_pages(complaints) == []
        wait(bob, "chat.members.size === 1")


def test_rl8_websockets_come_back_when_nothing_blocks_them(browser: Any, server: Serving) -> None:
    with line_to(server.port) as line:
        line.blocks_websockets = True
        with person(browser, line.port, "ada") as (ada, complaints):
            ada.evaluate(
                """() => {
                    window.other = new Socket({ probe: 200, patience: 1000, first: 10 })
                    window.lab = channel("lab/probe", { socket: other })
                    return lab.joined().then(() => true)
                }"""
            )
            assert ada.evaluate("other.transport") == "events"
            line.blocks_websockets = False
            wait(ada, "other.transport === 'websocket' && lab.state === 'joined'")
            assert ada.evaluate("lab.ask('echo', 1)") == 1
            assert of_pages(complaints) == []


def test_rl7_the_server_is_replaced(browser: Any, folder: Path) -> None:
    with (
        chat_served(folder) as first,
        line_to(first.port) as line,
        person(browser, line.port, "ada") as (ada, complaints),
    ):
        assert ada.evaluate("say('to the first')") == "taken"
        first.stop()
        wait(ada, "chat.state === 'waiting'")
        ada.evaluate("void (window.answer = say('between'))")
        with chat_served(folder) as second:
            line.target = second.port
            assert second.ask("/")[0] == 200
            ada.evaluate("socket.reconnect()")
            assert ada.evaluate("answer") == "taken"
            wait(ada, "said.at(-1) === 'between'")
            assert ada.evaluate("said") == ["to the first", "between"]
            assert of_pages(complaints) == []


def test_rl2_who_may_not_join_is_told_so(browser: Any, server: Serving) -> None:
    with person(browser, server.port, "ada") as (ada, complaints):
        ada.context.clear_cookies()
        ada.reload()
        wait(ada, "window.chat?.state === 'refused'")
        code, status = ada.evaluate(
            "chat.joined().catch(({ code, problem }) => [code, problem?.status ?? null])"
        )
        assert code == "refused"
        assert ada.evaluate("say('x')") == "refused"
        assert ada.evaluate("socket.state") == "idle"
        assert status is None or 400 <= status < 500
        assert complaints == []


def test_rl3_answers_refusals_questions_and_times(browser: Any, server: Serving) -> None:
    with person(browser, server.port, "ada") as (ada, complaints):
        ada.evaluate("window.lab = channel('lab/one')")
        assert ada.evaluate("lab.ask('echo', { deep: [1, null, 'ü'] })") == {"deep": [1, None, "ü"]}
        refused = ada.evaluate(
            "lab.ask('refuse').catch(({ code, message, problem }) => [code, message, problem.status])"
        )
        assert refused == ["failed", "Not that.", 409]
        ada.evaluate("void lab.answer('sum', (numbers) => numbers.reduce((sum, number) => sum + number, 0))")
        assert ada.evaluate("lab.ask('quiz', [1, 2, 3]).then(({ answer }) => answer)") == 6
        assert (
            ada.evaluate("lab.ask('silence', null, { timeout: 50 }).catch(({ code }) => code)") == "timeout"
        )
        assert ada.evaluate("channel('lab/one') === lab && channel('lab/two') !== lab")
        ada.evaluate("lab.send('out')")
        wait(ada, "lab.state === 'left'")
        assert ada.evaluate("[channel('lab/two').state, socket.state]") == ["joined", "open"]
        ada.evaluate("lab.join()")
        wait(ada, "lab.state === 'joined'")
        assert complaints == []


def test_rl9_binary_goes_as_it_is(browser: Any, server: Serving) -> None:
    with person(browser, server.port, "ada") as (ada, complaints):
        echoed = ada.evaluate(
            """async () => {
                const lab = channel("lab/ü")
                const got = new Promise((done) => lab.on("echoed", done))
                const answer = await lab.ask("echo", Uint8Array.from({ length: 300 }, (_, at) => at))
                return [answer, await got].map((data) => [data instanceof Uint8Array, data.length, data[299]])
            }"""
        )
        assert echoed == [[True, 300, 299 - 256]] * 2
        assert complaints == []


def test_rl7_what_waits_is_bounded(browser: Any, server: Serving) -> None:
    with line_to(server.port) as line, person(browser, line.port, "ada") as (ada, _):
        ada.evaluate("window.lab = channel('lab/bounded', { buffer: 3 }); lab.joined().then(() => true)")
        line.cut()
        wait(ada, "lab.state === 'waiting'")
        kept = ada.evaluate("[0, 1, 2, 3].map((at) => lab.send('echo', at))")
        assert kept == [True, True, True, False]
        assert ada.evaluate("lab.send('echo', 4, { volatile: true })") is False
        assert ada.evaluate("lab.ask('echo', 5).catch(({ code }) => code)") == "buffer-full"
        ada.evaluate("window.echoes = []; void lab.on('echoed', (data) => echoes.push(data))")
        line.restore()
        wait(ada, "echoes.length === 3")
        assert ada.evaluate("echoes") == [0, 1, 2]


@pytest.mark.parametrize("transport", ["websocket", "events"])
def test_rl9_a_message_that_is_too_large_ends_nothing_else(
    browser: Any, server: Serving, transport: str
) -> None:
    with line_to(server.port) as line:
        line.blocks_websockets = transport == "events"
        with person(browser, line.port, "ada") as (ada, complaints):
            assert ada.evaluate("socket.transport") == transport
            code = "lab.ask('echo', 'x'.repeat(600_000)).catch(({ code }) => code)"
            assert ada.evaluate(f"window.lab = channel('lab/large'); {code}") == "unconfirmed"
            assert ada.evaluate("lab.ask('echo', 'small', { timeout: 60_000 })") == "small"
            assert ada.evaluate("lab.ask('echo', 1n).catch(({ name }) => name)") == "TypeError"
            assert of_pages(complaints) == []


def test_rl7_what_waits_is_what_it_was(browser: Any, server: Serving) -> None:
    with line_to(server.port) as line, person(browser, line.port, "ada") as (ada, _):
        ada.evaluate("window.lab = channel('lab/kept'); lab.joined().then(() => true)")
        ada.evaluate("window.echoes = []; void lab.on('echoed', (data) => echoes.push(Array.from(data)))")
        line.cut()
        wait(ada, "lab.state === 'waiting'")
        ada.evaluate(
            """() => {
                const list = [1], bytes = new Uint8Array([1, 2, 3]).subarray(1)
                lab.send("echo", list)
                lab.send("echo", bytes)
                list.push(2)
                bytes[0] = 9
            }"""
        )
        line.restore()
        wait(ada, "echoes.length === 2")
        assert ada.evaluate("echoes") == [[1], [2, 3]]
