"""A WebSocket of ours for a mounted ASGI app: its events become calls on the socket, and back."""

from __future__ import annotations

from typing import Any

from vivace.engine.socket import Event
from vivace.http.response import Response, Upgrade
from vivace.http.websocket import WebSocket, WebSocketDisconnect

from .foreign import ForeignApp, fields_of, whole_response


class ASGIUpgrade(Upgrade):
    """A WebSocket served by a mounted ASGI app."""

    __slots__ = ("_app", "_scope")

    def __init__(self, app: ForeignApp, scope: dict[str, Any]) -> None:
        super().__init__()
        self._app = app
        self._scope = scope

    async def run(self, socket: WebSocket) -> None:
        """Run the foreign app over ``socket``."""
        bridge = SocketBridge(socket)
        try:
            await self._app(self._scope, bridge.receive, bridge.send)
        except (OSError, WebSocketDisconnect):
            if not bridge.gone:
                raise


class SocketBridge:
    """``receive`` and ``send`` of a foreign app over our socket."""

    __slots__ = ("_accepted", "_connected", "_denial", "gone", "socket")

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self._accepted = False
        self._connected = False
        self._denial: Response | None = None
        self.gone = False

    async def receive(self) -> Event:
        """Return the next event: connect, messages, disconnect."""
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        try:
            message = await self.socket.receive()
        except WebSocketDisconnect as end:
            self.gone = True
            return {"type": "websocket.disconnect", "code": end.close_code, "reason": end.reason}
        if isinstance(message, str):
            return {"type": "websocket.receive", "text": message}
        return {"type": "websocket.receive", "bytes": message}

    async def send(self, event: Event) -> None:
        """Do what the foreign app says; ``OSError`` once the socket is gone (ASGI 2.4)."""
        try:
            await self._do(event)
        except WebSocketDisconnect as end:
            self.gone = True
            raise OSError(str(end)) from end

    async def _do(self, event: Event) -> None:
        kind = event["type"]
        if kind == "websocket.accept":
            fields = {name.decode(): value.decode("latin-1") for name, value in event.get("headers") or ()}
            self._accepted = True
            await self.socket.accept(event.get("subprotocol"), fields)
        elif kind == "websocket.send":
            text = event.get("text")
            await self.socket.send(event["bytes"] if text is None else text)
        elif kind == "websocket.close":
            await self._close(event)
        elif kind == "websocket.http.response.start":
            self._denial = whole_response(event["status"], fields_of(event.get("headers", ())), b"")
        elif kind == "websocket.http.response.body" and self._denial is not None:
            self._denial.body += event.get("body", b"")
            if not event.get("more_body", False):
                await self.socket.reject(self._denial)

    async def _close(self, event: Event) -> None:
        """Close; before ``accept`` that is a refusal, which ASGI defines as a 403."""
        if self._accepted:
            await self.socket.close(event.get("code") or 1000, event.get("reason") or "")
        else:
            await self.socket.reject(Response("Forbidden", 403))
