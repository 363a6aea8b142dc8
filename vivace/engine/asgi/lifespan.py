"""The lifespan of a mounted ASGI app, run with ours."""

from __future__ import annotations

import asyncio
from typing import Any

from vivace.engine.socket import Event
from vivace.errors.foreign import MountedAppFailed

from .foreign import ForeignApp


class Lifespan:
    """The lifespan of a foreign app; an app that does not know it (Django) is served without."""

    def __init__(self, app: ForeignApp) -> None:
        self._app = app
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._replies: asyncio.Queue[Event] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self.state: dict[str, Any] = {}

    async def startup(self) -> None:
        """Run the foreign app's startup; raises ``MountedAppFailed`` when it reports a failure."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="mounted lifespan")
        reply = await self._ask("startup")
        if reply is not None and reply["type"] == "lifespan.startup.failed":
            await asyncio.wait({self._task})
            raise MountedAppFailed("The mounted app did not start.", got=reply.get("message", ""))

    async def shutdown(self) -> None:
        """Run the foreign app's shutdown; raises ``MountedAppFailed`` when it reports a failure."""
        reply = await self._ask("shutdown")
        if self._task is not None:
            await asyncio.wait({self._task})
        if reply is not None and reply["type"] == "lifespan.shutdown.failed":
            raise MountedAppFailed("The mounted app did not stop cleanly.", got=reply.get("message", ""))

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            await self._app(scope, self._events.get, self._replies.put)
        except Exception:  # noqa: S110 - the spec: an app that raises here does without lifespan
            pass

    async def _ask(self, step: str) -> Event | None:
        """Send an event and return the reply, or ``None`` when the app has ended without one."""
        task = self._task
        if task is None or task.done():
            return None
        self._events.put_nowait({"type": f"lifespan.{step}"})
        reply = asyncio.ensure_future(self._replies.get())
        await asyncio.wait({reply, task}, return_when=asyncio.FIRST_COMPLETED)
        if not reply.done() and self._replies.empty():
            reply.cancel()
            return None
        return await reply
