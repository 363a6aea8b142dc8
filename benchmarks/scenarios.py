"""What is measured, as a table: the budgets of the design, each with the floor it has to reach."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from . import apps, data, live, memory, pages, peers, rooms, startup
from .contest import Contest, Options, Rival, compare
from .load import Load
from .report import Row
from .servers import Program

BOOK = {"sku": "BOOK-0001", "title": "Notes on the Analytical Engine, volume 1", "quantity": 2, "price": 12.5}
ORDER: dict[str, Any] = {
    "email": "ada.lovelace@example.com",
    "address": {"street": "12 St James's Square", "city": "London", "postcode": "SW1Y 4JH", "country": "GB"},
    "lines": [BOOK] * 6,
    "note": "",
    "gift": True,
}


def order_body() -> bytes:
    """Return an order of exactly 1,024 bytes of JSON: the note fills what is missing."""
    bare = json.dumps(ORDER)
    return json.dumps(ORDER | {"note": "x" * (1024 - len(bare))}).encode()


JSON = Load("/json", expect={"message": "Hello, World!"})
TYPED = Load(
    "/shops/7/orders?dry_run=true&limit=25",
    body=order_body(),
    refuse=json.dumps(ORDER | {"lines": [{"sku": "BOOK-0001"}]}).encode(),
    expect={"shop": 7, "dry_run": True, "limit": 25, "email": ORDER["email"], "quantity": 12, "total": 150.0},
)


DEFAULT_HEADER = "x-content-type-options"  # ours come with the security headers, as they do for every user


def find(name: str) -> Program:
    """Return the program called ``name``, ours or a peer's; raises ``Unavailable`` when it cannot run here."""
    return apps.program(name) if name in apps.OURS else peers.program(name)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A name for ``--only`` and what measures it, row by row."""

    name: str
    measure: Callable[[Options], Iterator[Row]]


def contest(name: str, work: str, load: Load, *rivals: Rival, ours: str = "Vivace") -> Scenario:
    """Return a scenario that compares answers per second."""
    return Scenario(
        name, lambda options: compare(Contest(work, load, ours, rivals, DEFAULT_HEADER), find, options)
    )


def data_contest(
    name: str,
    work: str,
    load: Load,
    *rivals: Rival,
    on: Callable[..., Iterator[Row]],
    ours: str = "Vivace's ORM",
) -> Scenario:
    """Return a scenario that compares answers made of rows."""
    made = Contest(work, load, ours, rivals, DEFAULT_HEADER)
    return Scenario(name, lambda options: on(made, find, options))


def kept_contest(name: str, work: str, load: Load, floor: float) -> Scenario:
    """Return a scenario that compares a page that is kept with the JSON reply, which keeps nothing."""
    rivals, loads = (Rival("Vivace", floor),), {"Vivace": JSON}
    made = Contest(work, load, "Vivace's kept pages", rivals, DEFAULT_HEADER, loads)
    return Scenario(name, lambda options: data.postgresql_contest(made, find, options))


SCENARIOS = (
    contest(
        "json",
        "JSON reply, default hooks on",
        JSON,
        Rival("node:http", 1.25),
        Rival("Fastify", 1.3),
        Rival("FastAPI", 6.0),
        Rival("Django", 20.0),
    ),
    contest("typed", "typed path, query, 1 KB body", TYPED, Rival("Fastify", 1.3), Rival("FastAPI")),
    contest(
        "middleware", "ten no-op middlewares", JSON, Rival("Vivace", 0.95), ours="Vivace, 10 middlewares"
    ),
    contest("echo", "WebSocket echo, 64 sockets", Load("/echo", "echo"), Rival("ws", 1.3)),
    contest("fan", "WebSocket fan-out to 1,000", Load("/fan", "fan", connections=1000), Rival("ws", 1.3)),
    Scenario("channels", lambda options: compare(rooms.ONE_PROCESS, find, options)),
    Scenario("live", lambda options: live.regions(1_000, find, options)),
    Scenario("live-10000", lambda options: live.regions(10_000, find, options)),
    Scenario("relay", lambda options: rooms.two_workers(find, options)),
    contest("plaintext", "plain text, 16 pipelined", Load("/plaintext", pipeline=16), Rival("node:http")),
    data_contest(
        "row",
        "one row by key, PostgreSQL",
        data.ONE,
        Rival("Fastify + pg", 1.2),
        Rival("bare asyncpg", 0.8),
        Rival("Django's ORM", 5.0),
        Rival("SQLAlchemy", 3.0),
        Rival("Tortoise", 2.0),
        on=data.postgresql_contest,
    ),
    data_contest(
        "twenty",
        "20 queries in a request, PostgreSQL",
        data.TWENTY,
        Rival("Fastify + pg", 1.1),
        on=data.postgresql_contest,
    ),
    data_contest(
        "row-sqlite",
        "one row by key, SQLite",
        data.ONE,
        Rival("Fastify + better-sqlite3", 1.0),
        on=data.sqlite_contest,
    ),
    data_contest(
        "fortunes",
        "12 rows through a template, PostgreSQL",
        data.FORTUNES,
        Rival("Fastify + pg + eta", 1.2),
        Rival("Django's ORM", 12.0),
        Rival("Django's ORM, no middleware"),
        on=data.postgresql_contest,
        ours="Vivace's templates",
    ),
    data_contest(
        "member",
        "page with session, user and CSRF token",
        pages.MEMBER,
        Rival("Django's users", 10.0),
        on=data.postgresql_contest,
        ours="Vivace's users",
    ),
    kept_contest("cachedpage", "page kept whole by cache_page", pages.KEPT, 0.8),
    kept_contest("fragments", "page of kept fragments, lazy querysets", pages.FRAGMENTS, 0.35),
    Scenario("unmatched", pages.unmatched),
    Scenario("form", pages.form),
    Scenario("hydrate", data.hydration),
    Scenario("bulk", data.bulk),
    Scenario("writes", data.sqlite_writes),
    Scenario("shapes", data.shapes),
    Scenario("idle", lambda options: memory.idle_sockets("Vivace", "ws", find, options)),
    Scenario("stall", lambda options: memory.stalled_readers("/gigabyte", find("Vivace"), options)),
    Scenario("stall-file", lambda options: memory.stalled_readers("/gigabyte-file", find("Vivace"), options)),
    Scenario("upload", lambda options: memory.upload("/upload", find("Vivace"), options)),
    Scenario("million", lambda options: memory.million("a million requests", find("Vivace"), JSON, options)),
    Scenario(
        "million-nogc",
        lambda options: memory.million(
            "a million requests, no garbage collector", find("Vivace, no collector"), JSON, options
        ),
    ),
    Scenario("import", lambda options: startup.imports("import vivace", options)),
    Scenario("import-app", lambda options: startup.imports("from vivace import App", options)),
    Scenario("ready", lambda options: startup.ready(find("hello"), "/", options)),
)
