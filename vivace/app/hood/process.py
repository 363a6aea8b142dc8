"""What is told of the process: its broker, its caches, the rooms that a page is in. Counts, and no word that anybody said."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import msgspec

from .record import AboutFragment

if TYPE_CHECKING:
    from vivace.app import App
    from vivace.realtime.connection import Connection

MAX_SITES: Final = 20


class AboutBroker(msgspec.Struct, frozen=True):
    """What connects the processes, and how far this one has heard: epoch and number."""

    kind: str
    epoch: int
    number: int
    process: str


class AboutCache(msgspec.Struct, frozen=True):
    """What is kept until a commit changes what it was made of."""

    entries: int
    bytes: int
    hits: int
    misses: int
    dropped: dict[str, int]
    sites: list[AboutFragment]


class AboutRoom(msgspec.Struct, frozen=True):
    """A room of a channel: members in this process, and how many are present in all of them."""

    path: str
    members: int
    present: int


class AboutProcess(msgspec.Struct, frozen=True):
    """One process of the app. ``renders`` of pages for their live regions, and the ``queries`` that took."""

    pid: int
    connections: int
    rooms: int
    members: int
    renders: int
    queries: int
    broker: AboutBroker | None
    cache: AboutCache | None
    caches: dict[str, str]  # kind of store by alias


def about_process(app: App) -> AboutProcess:
    """Return what is told of this process."""
    sockets = app.sockets if "sockets" in vars(app) else None
    counts = sockets.channels.counts if sockets is not None and sockets.has_channels else {}
    renderer = app.live.renderer if app.is_live else None
    return AboutProcess(
        pid=os.getpid(),
        connections=len(sockets.hub.connections) if sockets is not None else 0,
        rooms=counts.get("rooms", 0),
        members=counts.get("members", 0),
        renders=renderer.passes if renderer is not None else 0,
        queries=renderer.queries if renderer is not None else 0,
        broker=_broker(app),
        cache=_cache(app),
        caches=_caches(app),
    )


def _broker(app: App) -> AboutBroker | None:
    exchange, number = app.own_messaging.place() if app.own_messaging is not None else (None, 0)
    if exchange is None or not exchange.kind:
        return None
    return AboutBroker(exchange.kind, exchange.epoch, number, exchange.process[:8])


def _cache(app: App) -> AboutCache | None:
    if "dependents" not in vars(app):
        return None
    report = app.dependents.report()
    sites = sorted(report.sites, key=lambda each: -(each.hits + each.misses))[:MAX_SITES]
    return AboutCache(
        report.entries,
        report.bytes,
        report.hits,
        report.misses,
        dict(report.dropped),
        [AboutFragment(each.name, each.hits, each.misses) for each in sites],
    )


def _caches(app: App) -> dict[str, str]:
    if app.own_caches is None:
        return {}
    return {
        alias: type(cache.store).__name__.removesuffix("Store").lower() for alias, cache in app.caches.items()
    }


def rooms_of(app: App, connection: Connection) -> list[AboutRoom]:
    """Return the rooms that a page is in."""
    if "sockets" not in vars(app) or not app.sockets.has_channels:
        return []
    return [AboutRoom(*each) for each in app.sockets.channels.rooms_of(connection)]
