"""The connections of an app's pages, and its channels: what the program declares becomes routes, checks and rooms.

The freeze binds each channel as it does routes: path parameters by the handler's annotations, guards and handlers with all
that they may ask for. The routes ``/_vivace/socket``, ``/_vivace/events`` and ``/_vivace/send`` exist in apps that have channels
or other parts that talk with open pages (``app.realtime.verbs``). They are open to everybody, whatever the app's guards
say: each channel has guards of its own, those that the app gives to all its routes among them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from contextvars import Context, copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Unpack, cast

from vivace.errors import AppNotRunning, Finding
from vivace.http.request import Request
from vivace.http.websocket import WebSocket, WebSocketOptions
from vivace.realtime.channel import Channel
from vivace.realtime.declaration import CHANNEL, ChannelDeclaration, ChannelKwargs
from vivace.realtime.hub import Hub
from vivace.realtime.manager import CHANNEL_STATE, Channels, Parts
from vivace.realtime.options import EVENTS_PATH, SEND_PATH, SOCKET_PATH
from vivace.realtime.paths import JoinableChannel, Rooms
from vivace.realtime.streams import Streams
from vivace.routing import Route, RouteOptions, bind_routes, check_routes
from vivace.routing.routes import guards_of, qualified_name

from .binding import Endpoint, EndpointOptions, compile_handler, path_annotations
from .current import app_variable, request_variable
from .lifespan import LifespanContext
from .pipeline import guard_handler

if TYPE_CHECKING:
    from .application import App

logger: Final = logging.getLogger("vivace.app")
_OPEN: Final = {"public": True, "realtime": True}


class Sockets:
    """What an app has for open pages: ``hub`` with the connections, and its ``channels`` once it is frozen."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._declared: list[ChannelDeclaration] = []
        self._channels: Channels | None = None
        self._routed = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self.hub = Hub()

    # -- declaring --------------------------------------------------------------------------------------------------

    def declare(self, path: str, place: str, **options: Unpack[ChannelKwargs]) -> ChannelDeclaration:
        """Return a new channel; see ``App.channel``."""
        declared = ChannelDeclaration(path, options.get("guard", ()), options.get("slow", "close"), place)
        self._declared.append(declared)
        return declared

    @property
    def channels(self) -> Channels:
        """The channels; raises ``AppNotRunning`` before the app is frozen, and where it has none."""
        if self._channels is None:
            raise AppNotRunning(
                "The app has no channels that could be used now.",
                expected="a running app with an @app.channel",
                fix="Declare a channel, and use it while the app runs: `async with app:`.",
            )
        return self._channels

    @property
    def has_channels(self) -> bool:
        """Whether there are channels that can be used."""
        return self._channels is not None

    @property
    def wanted(self) -> bool:
        """Whether anything of the app talks with open pages."""
        return bool(self._declared or set(self.hub.verbs) - {"ping"})

    # -- freezing ---------------------------------------------------------------------------------------------------

    def freeze(self, lifespans: list[tuple[str, LifespanContext]]) -> list[Finding]:
        """Add the routes, bind the channels; returns what is wrong with them. What lives with the app goes to a list."""
        if not self.wanted:
            return []
        streams = Streams(self.hub, self._app.broker, self.spawn)
        self._route(streams)
        if not self._declared:
            return []
        findings, joinable = self._bind()
        if not findings:
            self._channels = Channels(self._parts(Rooms(joinable, self.hub.options.room_bytes)))
            lifespans.append(("the channels", self._running(self._channels)))
        return findings

    def _route(self, streams: Streams) -> None:
        if self._routed:
            return
        self._routed = True
        hub, app = self.hub, self._app
        # Frames are encoded once for all members, so no connection has a compression of its own.
        socket = WebSocketOptions(
            message_bytes=hub.options.message_bytes, buffer_bytes=hub.options.buffer_bytes
        )
        app.websocket(SOCKET_PATH, name="vivace:socket", socket=socket, hidden=True, extra=_OPEN)(hub.serve)
        app.get(EVENTS_PATH, name="vivace:events", hidden=True, extra=_OPEN)(streams.open)
        app.post(
            SEND_PATH, name="vivace:send", hidden=True, extra=_OPEN, body_limit=2 * hub.options.message_bytes
        )(streams.take)

    def _parts(self, rooms: Rooms) -> Parts:
        app = self._app
        feed = app.changes if app.data.wanted else None
        return Parts(self.hub, app.broker, feed, rooms, self.spawn, "user" in app.parts)

    def _bind(self) -> tuple[list[Finding], list[JoinableChannel]]:
        findings: list[Finding] = []
        if self._app.providers.find(Channel) is None:
            self._app.providers.add(Channel, current_channel)
        for declared in self._declared:
            findings += declared.freeze()
        routes, found = bind_routes([self._as_route(*pair) for pair in enumerate(self._declared)], _types_of)
        findings += [*found, *check_routes(routes)]
        joinable = [self._joinable(route, findings) for route in routes]
        return findings, joinable

    def _as_route(self, index: int, declared: ChannelDeclaration) -> Route:
        own = RouteOptions(guards=declared.guards).under(self._app.defaults)
        guards = tuple(dict.fromkeys((*own.guards, *guards_of(declared.handler))))
        return Route(
            declared.pattern,
            (CHANNEL,),
            declared.handler,
            RouteOptions(guards=guards, extra=own.extra),
            name=f"channel{index}",
            place=declared.place,
            converters=self._app.converters,
        )

    def _joinable(self, route: Route, findings: list[Finding]) -> JoinableChannel:
        declared = self._declared[int(route.name.removeprefix("channel"))]
        handler = compile_handler(route.handler, self._binding(route, websocket=True))
        guards = [
            compile_handler(guard_handler(guard), self._binding(route)) for guard in route.options.guards
        ]
        for endpoint in (handler, *guards):
            findings += endpoint.findings
        if any(taken.name == "channel" and taken.place == "query" for taken in handler.inputs):
            findings.append(
                Finding(
                    "channel-without-type",
                    f"The parameter 'channel' of {qualified_name(route.handler)} has no type.",
                    "Write `channel: Channel`.",
                    route.place,
                )
            )
        # Looked up on the endpoint at each use: a test may override what they depend on.
        return JoinableChannel(
            declared,
            route,
            [partial(_ask, guard) for guard in guards],
            partial(_run, handler),
        )

    def _binding(self, route: Route, *, websocket: bool = False) -> EndpointOptions:
        return EndpointOptions(
            providers=self._app.providers,
            run_blocking=self._app.pool.run,
            path_params=frozenset(route.names),
            websocket=websocket,
        )

    # -- running ----------------------------------------------------------------------------------------------------

    def _running(self, channels: Channels) -> LifespanContext:
        @asynccontextmanager
        async def running() -> AsyncGenerator[None]:
            await channels.start()
            sweeping = self._app.every(max(1.0, self.hub.options.recheck / 10), channels.sweep)
            try:
                yield
            finally:
                sweeping.cancel()
                await channels.stop()
                await self._finished()

        return running

    def spawn(self, work: Coroutine[Any, Any, Any], request: Request | None = None) -> asyncio.Task[Any]:
        """Run work in a task of the app: in nobody's transaction, for a request or for none."""
        context = self._context(request)
        task = asyncio.get_running_loop().create_task(work, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _context(self, request: Request | None) -> Context:
        context = copy_context()
        context.run(app_variable.set, self._app)
        context.run(request_variable.set, request)
        self._app.data.bind(context)
        return context

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("%s failed", task.get_name(), exc_info=task.exception())

    async def _finished(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)
        for task in list(self._tasks):
            task.cancel()


async def _ask(guard: Endpoint, request: Request) -> None:
    await guard.respond(request)


async def _run(handler: Endpoint, channel: Channel) -> None:
    await handler.run(cast("WebSocket", channel))  # of a socket the binding reads its request alone


def current_channel(request: Request) -> Channel:
    """Return the channel that a request is for."""
    channel: Channel = request.state[CHANNEL_STATE]
    return channel


def _types_of(route: Route) -> dict[str, Any]:
    return path_annotations(route.handler, frozenset(route.names))


__all__ = ["Sockets", "current_channel"]
