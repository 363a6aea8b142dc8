"""What ``vivace dev`` puts around an app: pages that reload themselves, and a page in place of an app that fails.

A page that a browser loads gets one more line, a script of the same site (so a policy of ``script-src 'self'`` lets it
in). It opens an event stream to the process that made the page. When that process goes, the browser comes back by
itself, waits in the queue of the listening socket, and finds another process: then it loads the page again.

Everything here lives under ``/_vivace/`` and exists in ``dev`` only.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Final

from vivace.app import App
from vivace.app.debugpage import debug_page
from vivace.app.pages import before_end, is_open_html
from vivace.config.settings import Settings
from vivace.http.eventstream import Event, EventStream
from vivace.http.request import Request
from vivace.http.response import Empty, Response

PREFIX: Final = "/_vivace/"
EVENTS: Final = f"{PREFIX}reload"
SCRIPT: Final = f"{PREFIX}reload.js"
_ICON: Final = "/favicon.ico"
_ICON_KEPT: Final = (
    3600  # seconds that a browser believes that there is none: another app may be next at this address
)
_SHOWN: Final = ("document", "iframe", "frame", "")  # Sec-Fetch-Dest of pages; fetch() sends "empty"
_SOURCE: Final = """\
(() => {
  const made = new URL(document.currentScript.src).search.slice(1);
  let source = null, away = false, delay = 20;
  const open = () => {
    if (away) return;
    source = new EventSource(EVENTS);
    source.addEventListener("process", (event) => {
      delay = 20;
      if (event.data !== made) location.reload();
    });
    source.onerror = () => {  // at once, not after the browser's own pause: the listening socket is always there
      source.close();
      setTimeout(open, delay);
      delay = Math.min(delay * 2, 2000);
    };
  };
  addEventListener("pagehide", () => { away = true; source.close(); });
  addEventListener("pageshow", (event) => { if (event.persisted) { away = false; open(); } });
  open();
})();
""".replace("EVENTS", f'"{EVENTS}"')


class DevApp:
    """An app as ``dev`` serves it; what the engine needs of it and no more.

    ``load`` returns the app. What it raises, or the start of the app, is shown in place of every page until the code
    is mended; ``failed`` is told of it. ``process`` names this process.
    """

    def __init__(
        self, load: Callable[[], App], process: str, failed: Callable[[BaseException], None]
    ) -> None:
        self.process = process
        self.failure: BaseException | None = None
        self._stopping: asyncio.Event | None = None
        self._failed = failed
        self._page = partial(debug_page, script=f"{SCRIPT}?{process}")
        try:
            self.app = load()
            if self.app.debug:
                self.app.debug_page = self._page
            self.app.compile()
        except (Exception, SystemExit) as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self.failure = error
        self.app = App(settings=Settings(debug=True))
        self._failed(error)

    @property
    def settings(self) -> Settings:
        """The settings of the app."""
        return self.app.settings

    async def startup(self) -> None:
        """Start the app; what its start raises becomes the page."""
        self._stopping = asyncio.Event()
        if self.failure is not None:
            return
        try:
            await self.app.startup()
        except Exception as error:
            self._fail(error)

    async def shutdown(self) -> None:
        """Stop the app."""
        if self.failure is None:
            await self.app.shutdown()

    def stop(self) -> None:
        """End the event streams, so that browsers turn to the next process."""
        if self._stopping is not None:
            self._stopping.set()

    async def handle(self, request: Request) -> Response:
        """Answer as the app does, or with the error that keeps it from starting."""
        if request.raw_path in (SCRIPT, EVENTS):
            return self._own(request)
        if self.failure is not None:
            request.app = self.app
            return self._page(request, self.failure)
        response = await self.app.handle(request)
        if (
            response.status == 404 and request.raw_path == _ICON
        ):  # asked for by browsers, not by the app's pages
            return Empty(headers={"cache-control": f"max-age={_ICON_KEPT}"})
        add_script(request, response, self.process)
        return response

    def _own(self, request: Request) -> Response:
        if request.raw_path == SCRIPT:
            return Response(
                _SOURCE, headers={"cache-control": "no-store"}, content_type="text/javascript; charset=utf-8"
            )
        return EventStream(self._events(), heartbeat=5.0)

    async def _events(self) -> AsyncIterator[Event]:
        yield Event(self.process, event="process")
        if self._stopping is not None:
            await self._stopping.wait()


def add_script(request: Request, response: Response, process: str) -> None:
    """Add the script to a page that a browser shows; anything else stays as it is."""
    if not is_open_html(request, response) or request.headers.get("sec-fetch-dest", "") not in _SHOWN:
        return
    line = f'<script src="{SCRIPT}?{process}" defer></script>'.encode()
    if SCRIPT.encode() not in response.body:  # the debug page has it
        response.body = before_end(response.body, line)
