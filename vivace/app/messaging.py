"""What connects the processes of an app: its broker, and the feed of what all of them commit.

Both are made when a part of the app first asks for them, at the latest at the freeze, and started after the databases and
before everything that lives on them. An app of which no part asks starts no broker and loads none. Asked for in an app
that runs already they connect at once, in the background. A mounted app has those of the app it is mounted in, unless it
has databases of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vivace.brokers.base import Broker
from vivace.brokers.choosing import Surroundings, choose
from vivace.brokers.exchange import Exchange
from vivace.brokers.feed import ChangeFeed
from vivace.errors import Finding, VivaceError

from .current import app_variable

if TYPE_CHECKING:
    from .application import App

logger: Final = logging.getLogger("vivace.app")
LAST_WORDS: Final = 5.0  # seconds that a stop waits for changes to be published; without, the epoch rises


class Messaging:
    """The exchange and the feed of one app."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._exchange: Exchange | None = None
        self._feed: ChangeFeed | None = None
        current = app_variable.get()  # who asks first while the app runs is connected at once
        self._running = current is not None and (current is app or current is app.outer)
        self._connecting: asyncio.Task[None] | None = None
        self.alone = False

    @property
    def exchange(self) -> Exchange:
        """The app's broker."""
        if self._exchange is None:
            self._exchange = Exchange()
            if self._running:
                self._connecting = self._app.spawn(self._connect(self._exchange), name="connect the broker")
        return self._exchange

    @property
    def feed(self) -> ChangeFeed:
        """The app's change feed."""
        if self._feed is None:
            self._feed = ChangeFeed(self.exchange)
            if self._running:
                self._attach(self._feed)
                self._app.spawn(self._follow(self._feed), name="connect the change feed")
        return self._feed

    def place(self) -> tuple[Exchange | None, int]:
        """Return the exchange and how far the feed has heard, as far as anybody has asked for them."""
        return self._exchange, self._feed.position.number if self._feed is not None else 0

    def mounted(self, inner: App, outer: App) -> None:
        """Go over to the app that its app is mounted in, unless that has its own, or the databases are others."""
        if outer.own_messaging is None and not inner.data.own:
            outer.own_messaging, self._app = self, outer

    def check(self, app: App) -> list[Finding]:
        """Return what is wrong with the broker that was chosen; nothing is connected."""
        if app is self._app and self._exchange is not None:
            try:
                self.broker()
            except VivaceError as error:
                return [Finding.from_error(error)]
        return []

    async def start(self, app: App) -> None:
        """Connect what was asked for; nothing where ``app`` only shares it."""
        if app is not self._app:
            return
        self._running = True
        if self._exchange is not None:
            await self._connect(self._exchange)
            if self._feed is not None:
                self._attach(self._feed)
                await self._follow(self._feed)

    async def stop(self, app: App) -> None:
        """Publish what waits and say goodbye; nothing where ``app`` only shares it."""
        if app is not self._app:
            return
        self._running, self._connecting = False, None
        told = self._feed is None or await self._feed.stop(LAST_WORDS)
        if not told:
            logger.error("changes could not be published before the stop: the epoch rises")
        if self._exchange is not None:
            await self._exchange.stop(goodbye=told)

    async def _connect(self, exchange: Exchange) -> None:
        await exchange.start(self.broker())

    async def _follow(self, feed: ChangeFeed) -> None:
        if self._connecting is not None:
            await self._connecting
        await feed.start()

    def _attach(self, feed: ChangeFeed) -> None:
        if self._app.data.wanted:
            for database in self._app.databases:
                feed.attach(database)

    def broker(self) -> Broker:
        """Make the broker that the settings and the databases ask for; raises ``BrokerRefused``."""
        app = self._app
        database = app.databases.default if app.data.wanted else None
        home = Path(app.import_file) if app.import_file else app.root
        return choose(app.settings.broker.reveal(), Surroundings(database, home, self._is_alone()))

    def _is_alone(self) -> bool:
        """Whether this app, or one that it is mounted in, is tested."""
        app: App | None = self._app
        while app is not None:
            if app.own_messaging is not None and app.own_messaging.alone:
                return True
            app = app.outer
        return False

    @contextmanager
    def isolated(self) -> Generator[None]:
        """Keep to this process while the block runs, whatever the settings say: for tests."""
        self.alone = True
        try:
            yield
        finally:
            self.alone = False


def messaging_of(app: App) -> Messaging:
    """Return what an app has that did not ask before."""
    return Messaging(app) if app.outer is None or app.data.own else app.outer.messaging


__all__ = ["Messaging", "messaging_of"]
