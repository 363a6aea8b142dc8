"""The parts of the benchmarks that decide what is printed: rates, ratios, verdicts, wrk's output, frames."""

from __future__ import annotations

import json
import select
import socket
import sys
import threading
from pathlib import Path

import pytest

from benchmarks import databases, loadgen, pages, scenarios, visitors
from benchmarks.contest import Contest, Options, Rival, check, compare, visiting
from benchmarks.load import Load, Sample, parse_wrk, raw_request, wrk_script
from benchmarks.report import Bound, Row, ratio, save, short, table
from benchmarks.servers import Broken, Program, Unavailable, serving

WRK = """Running 3s test @ http://127.0.0.1:7001/json
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.14ms  300.00us  10.20ms   95.00%
    Req/Sec    57.00k     1.20k   58.00k    90.00%
  171000 requests in 3.10s, 32.10MB read
{more}Requests/sec:  55161.29
Transfer/sec:     10.35MB
"""
WITHOUT_EPOLL = not hasattr(select, "epoll")


def test_wrk_output_gives_count_and_seconds() -> None:
    assert parse_wrk(WRK.format(more="")) == (171_000, 3.1)
    assert parse_wrk("  50 requests in 500.00ms, 1.00KB read\n") == (50, 0.5)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("  Non-2xx or 3xx responses: 12\n", "12 of 171000 replies were not 2xx or 3xx"),
        ("  Socket errors: connect 0, read 5, write 0, timeout 0\n", "connect 0, read 5"),
    ],
)
def test_wrk_output_with_errors_is_no_result(more: str, message: str) -> None:
    with pytest.raises(Broken, match=message):
        parse_wrk(WRK.format(more=more))


def test_wrk_output_without_a_total_is_no_result() -> None:
    with pytest.raises(Broken, match="unable to connect"):
        parse_wrk("unable to connect to 127.0.0.1:1 Connection refused\n")


def test_wrk_script_only_where_needed() -> None:
    assert wrk_script(Load("/json")) == ""
    assert 'wrk.body = \'{"a": "it\\\'s"}\'' in wrk_script(Load("/", body=b'{"a": "it\'s"}'))
    assert "for index = 1, 16 do" in wrk_script(Load("/", pipeline=16))


def test_a_visitors_cookie_is_sent_by_both_generators() -> None:
    load = Load("/", cookie="a=b; c=d")
    assert "wrk.headers['Cookie'] = 'a=b; c=d'" in wrk_script(load)
    assert raw_request(80, load) == b"GET / HTTP/1.1\r\nHost: 127.0.0.1:80\r\nCookie: a=b; c=d\r\n\r\n"


def test_memory_that_fills_up_and_then_stays_has_no_late_slope() -> None:
    fills = [(float(second), min(90.0 + second / 60, 93.0), second * 50) for second in range(0, 600, 2)]
    found = visitors._memory(fills)
    assert (found["first"], found["last"], found["highest"]) == (90.0, 93.0, 93.0)
    assert found["slope"] > found["late"] == found["late for 10,000 events"] == 0.0
    leaks = [(at, 90.0 + at / 60, count) for at, _, count in fills]
    assert (visitors._memory(leaks)["late"], visitors._memory(leaks)["late for 10,000 events"]) == (1.0, 3.33)
    assert visitors._memory([]) == visitors._memory([(0.0, 90.0, 0), (2.0, 90.0, 0)]) == {}


def test_a_visitor_keeps_the_cookie_of_the_first_page(tmp_path: Path) -> None:
    program = Program("page", (sys.executable, "-c", COOKIES, "{port}"), tmp_path)
    with serving(program, core=None) as server:
        assert visiting(server, Load("/")).cookie == ""
        assert visiting(server, Load("/", cookie="a=b")).cookie == "a=b; token=1"
        with pytest.raises(Broken, match="expected 200"):
            visiting(server, Load("/", cookie="a=b", accept_text=lambda page: "token" not in page))


def test_a_member_is_shown_with_a_token_or_the_page_is_wrong() -> None:
    page = f'Signed in as {databases.MEMBER}</p><input name="csrfmiddlewaretoken" value="{"x" * 43}">'
    assert pages.member_is_right(page)
    assert not pages.member_is_right(page.replace(databases.MEMBER, ""))
    assert not pages.member_is_right(page.replace("x" * 43, ""))


def test_raw_request_is_what_wrk_sends() -> None:
    assert raw_request(80, Load("/json")) == b"GET /json HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n"
    assert raw_request(80, Load("/", body=b"{}")).endswith(b"Content-Length: 2\r\n\r\n{}")


def test_ratio_is_the_median_of_neighbouring_rounds() -> None:
    assert ratio([100, 50, 100], [50, 25, 10]) == 2  # the machine was half as fast in the second round


def test_sample_counts_the_servers_cpu_where_it_is_known() -> None:
    sample = Sample(count=300, seconds=3.0, cpu=1.5)
    assert (sample.per_second, sample.per_cpu_second, sample.busy) == (100, 200, 0.5)
    assert Sample(count=300, seconds=3.0, cpu=0.0).per_cpu_second == 100


def test_sample_tells_what_others_took_of_the_core() -> None:
    assert Sample(count=300, seconds=2.0, cpu=1.0, core=1.5).taken == 0.25
    assert Sample(count=300, seconds=2.0, cpu=1.0, core=0.0).taken == 0  # not known


PAGE = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("X-Seen", "yes")
        self.end_headers()
        self.wfile.write(b"[1]")
    def do_POST(self):
        self.do_GET()
HTTPServer(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
"""


COOKIES = PAGE.replace('"X-Seen", "yes"', '"Set-Cookie", "token=1; Path=/"').replace(
    'b"[1]"', 'str(self.headers["Cookie"]).encode()'
)


def test_a_server_that_answers_wrongly_is_no_rival(tmp_path: Path) -> None:
    program = Program("page", (sys.executable, "-c", PAGE, "{port}"), tmp_path)
    with serving(program, core=None) as server:
        check(server, Load("/", expect=[1]), "x-seen")
        with pytest.raises(Broken, match=r"expected 200 .2., got 200"):
            check(server, Load("/", expect=[2]))
        with pytest.raises(Broken, match="expected the header x-missing, got server, date, x-seen"):
            check(server, Load("/", expect=[1]), "x-missing")
        with pytest.raises(Broken, match="expected 4xx for a bad body"):
            check(server, Load("/", body=b"{}", refuse=b"[]"))


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Row("a", result=1.25, bound=Bound(1.25)), "pass"),
        (Row("a", result=1.24, bound=Bound(1.25)), "MISS"),
        (Row("a", result=5.1, bound=Bound(5, at_most=True)), "MISS"),
        (Row("a", result=4.9, bound=Bound(5, at_most=True)), "pass"),
        (Row("a", result=3.0), "info"),
        (Row("a"), "skipped"),
        (Row("a", failed=True), "ERROR"),
    ],
)
def test_verdict(row: Row, verdict: str) -> None:
    assert row.verdict == verdict


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.5, "0.5"), (950, "950"), (8250, "8.25k"), (14_300, "14.3k"), (101_400, "101k"), (1.2e6, "1.20M")],
)
def test_short_numbers(number: float, text: str) -> None:
    assert short(number) == text


def test_table_is_aligned() -> None:
    lines = table(
        [Row("JSON", "ws", "9k/s", "3k/s", 3.0, bound=Bound(1.3)), Row("a longer name")]
    ).splitlines()
    assert lines[0].index("against") == lines[2].index("ws") == lines[3].index("–")
    assert "3.00 ×  ≥ 1.3  pass" in lines[2]
    assert lines[3].split()[-1] == "skipped"


def test_results_are_kept_as_json(tmp_path: Path) -> None:
    path = save([Row("JSON", result=1.5, bound=Bound(1.3))], {"python": "3"}, tmp_path / "results")
    document = json.loads(path.read_text())
    assert document["environment"] == {"python": "3"}
    assert document["rows"][0]["verdict"] == "pass"
    assert document["rows"][0]["bound"] == {"value": 1.3, "at_most": False}


def test_client_frame_is_masked() -> None:
    frame = loadgen.masked_frame(b"ab")
    assert frame[:2] == b"\x81\x82"
    assert bytes(byte ^ frame[2 + index] for index, byte in enumerate(frame[6:])) == b"ab"


def test_order_is_one_kilobyte_and_its_receipt_is_right() -> None:
    order = json.loads(scenarios.order_body())
    assert len(scenarios.order_body()) == 1024
    assert len(order["note"]) <= 500
    assert sum(line["quantity"] for line in order["lines"]) == scenarios.TYPED.expect["quantity"]
    assert sum(line["quantity"] * line["price"] for line in order["lines"]) == scenarios.TYPED.expect["total"]


def test_scenario_names_are_unique() -> None:
    names = [scenario.name for scenario in scenarios.SCENARIOS]
    assert len(set(names)) == len(names)


def test_missing_peer_is_skipped_and_broken_one_is_an_error(tmp_path: Path) -> None:
    def find(name: str) -> Program:
        if name == "gone":
            raise Unavailable("node is not installed")
        return Program(name, (sys.executable, "-c", "print('no such port'); raise SystemExit(1)"), tmp_path)

    missing = next(compare(Contest("work", Load("/"), "gone", (Rival("gone", 2.0),)), find, Options()))
    assert (missing.verdict, missing.notes) == ("skipped", "gone: node is not installed")
    broken = next(compare(Contest("work", Load("/"), "gone", (Rival("here", 2.0),)), find, Options()))
    assert (broken.verdict, broken.notes) == (
        "ERROR",
        "gone: node is not installed; here: did not start: no such port",
    )


def test_server_is_started_measured_and_stopped(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("hello")
    program = Program(
        "files", (sys.executable, "-m", "http.server", "{port}", "--bind", "127.0.0.1"), tmp_path
    )
    with serving(program, core=None) as server:
        assert server.process.poll() is None
        if Path("/proc/self/statm").exists():
            assert server.rss() > 1_000_000
            assert server.cpu() > 0
    assert server.process.poll() is not None


@pytest.mark.skipif(WITHOUT_EPOLL, reason="the load generator needs epoll")
def test_generator_counts_replies_that_come_in_pieces() -> None:
    ours, theirs = socket.socketpair()

    def answer() -> None:
        while theirs.recv(64):
            theirs.send(b"ab")
            theirs.send(b"cd")

    thread = threading.Thread(target=answer)
    thread.start()
    result = loadgen.ping_pong([ours], b"question", 4, seconds=0.05)
    ours.shutdown(socket.SHUT_WR)
    thread.join()
    ours.close()
    theirs.close()
    assert result["count"] > 0
    assert result["seconds"] >= 0.05
