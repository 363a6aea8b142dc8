"""The App: collects the parts, checks them all at once, freezes them into a plan.

Until the freeze everything may change and nothing is looked at; afterwards nothing changes and nothing is looked at
again. The freeze comes with the start, or with the first use of ``handle``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from vivace.config.settings import Settings
from vivace.errors import AppFrozen, AppInvalid, Finding
from vivace.http.headers import HeaderBlock
from vivace.http.types import AfterHook, BeforeHook, ErrorHandler, ErrorKey, Handle, Middleware
from vivace.routing import Router, RoutingOptions
from vivace.routing.routes import RouteKwargs
from vivace.security import Security

from .background import Background
from .blocking import BlockingPool
from .current import app_variable
from .dependencies import Providers
from .failures import DebugPage
from .freeze import Frozen, freeze
from .lifespan import Lifespan, LifespanContext, LifespanHook
from .plugins import Plugin, Plugins

F = TypeVar("F", bound=Callable[..., Any])


class App(Router):
    """One application: routes, hooks, middleware, plugins, life.

    ``settings`` default to ``.env`` and the environment (see ``vivace.config``). ``root`` is the folder of the module
    that made the app. ``security`` is on; each of its parts is switched off by an explicit ``None`` in it. The other
    options apply to all routes, as those of a ``Router`` do.
    """

    def __init__(
        self,
        *,
        settings: Settings | None = None,
        security: Security | None = None,
        routing: RoutingOptions | None = None,
        plugins: Sequence[Plugin] = (),
        root: str | os.PathLike[str] | None = None,
        debug: bool | None = None,
        **options: Unpack[RouteKwargs],
    ) -> None:
        name = options.pop("name", "")
        middleware = options.pop("middleware", ())
        before, after = options.pop("before", ()), options.pop("after", ())
        super().__init__(**options)
        self.name = name
        self.root = Path(root) if root is not None else _calling_folder()
        self._settings = settings
        self._debug = debug
        self.security = security
        self.routing = routing or RoutingOptions()
        self.providers = Providers()
        self.plugins = Plugins(plugins)
        self.debug_page: DebugPage | None = None
        self.app_before: list[BeforeHook] = list(before)
        self.app_after: list[AfterHook] = list(after)
        self.app_middleware: list[Middleware] = list(middleware)
        self.app_errors: dict[ErrorKey, ErrorHandler] = dict(self.defaults.errors)
        self.app_hooks: dict[str, list[Any]] = {
            "on_error": [],
            "on_timeout": [],
            "on_abort": [],
            "on_sent": [],
        }
        self._lifespan = Lifespan()
        self.pool = BlockingPool()
        self.background = Background(self)
        self._compiled: Frozen | None = None

    # -- settings -------------------------------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """The frozen settings; read from ``.env`` and the environment when first asked for."""
        if self._settings is None:
            from vivace.config.load import load  # reads files: only apps that were given no settings need it

            self._settings = load(self.root).settings
        return self._settings

    @property
    def debug(self) -> bool:
        """Whether error pages show what happened; never in production."""
        return self.settings.debug if self._debug is None else self._debug

    @property
    def secret_keys(self) -> tuple[Any, ...]:
        """The keys that sign and verify, the newest first."""
        settings = self.settings
        return tuple(key for key in (settings.secret_key, *settings.secret_key_fallbacks) if key)

    # -- hooks and middleware -------------------------------------------------------------------------------------

    def before(self, hook: F) -> F:
        """Run ``hook(request)`` before routing; a response it returns is the answer. A decorator."""
        self._unfrozen("a before hook")
        self.app_before.append(hook)
        return hook

    def after(self, hook: F) -> F:
        """Run ``hook(request, response)`` on every response; it may change or replace it. A decorator."""
        self._unfrozen("an after hook")
        self.app_after.append(hook)
        return hook

    def middleware(self, middleware: F) -> F:
        """Put ``async def middleware(request, call_next)`` around all that was not there before. A decorator."""
        self._unfrozen("a middleware")
        self.app_middleware.append(middleware)
        return middleware

    def error(self, *keys: type[BaseException] | int) -> Callable[[F], F]:
        """Answer errors of these classes or statuses with the decorated ``(request, error)`` function."""
        self._unfrozen("an error handler")

        def register(handler: F) -> F:
            self.app_errors.update(dict.fromkeys(keys, handler))
            return handler

        return register

    def on_error(self, hook: F) -> F:
        """Tell ``hook(request, error)`` of every error; a response it returns is the answer. A decorator."""
        return self._hook("on_error", hook)

    def on_timeout(self, hook: F) -> F:
        """Tell ``hook(request)`` that a deadline passed. A decorator."""
        return self._hook("on_timeout", hook)

    def on_abort(self, hook: F) -> F:
        """Tell ``hook(request)`` that the client left before the answer. A decorator."""
        return self._hook("on_abort", hook)

    def on_sent(self, hook: F) -> F:
        """Tell ``hook(request, response)`` that a response was handed to the socket. A decorator."""
        return self._hook("on_sent", hook)

    def _hook(self, phase: str, hook: F) -> F:
        self._unfrozen(f"an {phase} hook")
        self.app_hooks[phase].append(hook)
        return hook

    # -- dependencies and plugins ---------------------------------------------------------------------------------

    def provide(self, key: Any = None, *, scope: Any = "request", blocking: bool = False) -> Callable[[F], F]:
        """Register the decorated function as the provider of a type, by default of the one it says it returns."""
        self._unfrozen("a provider")
        return self.providers.decorator(key, scope=scope, blocking=blocking)

    def install(self, *plugins: Plugin) -> None:
        """Add plugins; they are set up at the freeze, each after those it requires."""
        self._unfrozen("a plugin")
        self.plugins.add(*plugins)

    # -- life -----------------------------------------------------------------------------------------------------

    def on_startup(self, hook: LifespanHook) -> LifespanHook:
        """Run ``hook()`` at start, in order of registration; an error stops the start. A decorator."""
        self._unfrozen("a start-up hook")
        self._lifespan.add_startup(hook)
        return hook

    def on_shutdown(self, hook: LifespanHook) -> LifespanHook:
        """Run ``hook()`` at stop, in reverse order. A decorator."""
        self._unfrozen("a shutdown hook")
        self._lifespan.add_shutdown(hook)
        return hook

    def lifespan(self, function: Callable[[], AsyncIterator[Any]]) -> Callable[[], AsyncIterator[Any]]:
        """Hold the decorated async generator from start (before its ``yield``) to stop (after it)."""
        self._unfrozen("a lifespan")
        self._lifespan.add_context(
            asynccontextmanager(function), f"{function.__module__}.{function.__qualname__}"
        )
        return function

    def add_lifespan(self, context: LifespanContext, name: str = "") -> None:
        """Hold an async context manager open from start to stop (mounted apps, plugins)."""
        self._lifespan.add_context(context, name)

    async def startup(self) -> None:
        """Freeze and start; raises ``AppInvalid`` with every finding, or ``StartupFailed`` naming the hook."""
        self.compile()
        app_variable.set(self)
        self.background.open = True
        await self._lifespan.start()

    async def shutdown(self) -> None:
        """Finish owned tasks within ``timeouts.shutdown``, then stop what was started, in reverse."""
        await self.background.drain(self.settings.timeouts.shutdown)
        await self._lifespan.stop()
        self.pool.close()

    async def __aenter__(self) -> Self:
        await self.startup()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.shutdown()

    # -- work beside requests -------------------------------------------------------------------------------------

    def spawn(self, work: Any, *, name: str | None = None) -> Any:
        """Start a coroutine that the app owns: its error is reported, and the stop waits for it."""
        return self.background.spawn(work, name=name)

    def every(self, seconds: float, function: Callable[[], Any] | None = None) -> Any:
        """Call ``function`` every so many seconds while the app runs; as a decorator, from the start on."""
        if function is not None:
            return self.background.every(seconds, function)

        def register(decorated: F) -> F:
            async def begin() -> None:
                self.background.every(seconds, decorated)

            self.on_startup(begin)
            return decorated

        return register

    def later(self, seconds: float, function: Callable[[], Any]) -> Any:
        """Call ``function`` once in so many seconds, unless the app stops before."""
        return self.background.after(seconds, function)

    # -- the plan -------------------------------------------------------------------------------------------------

    def compile(self) -> Frozen:
        """Check everything and freeze it; raises ``AppInvalid`` with all errors at once. Happens once."""
        if self._compiled is None:
            compiled = freeze(self)
            errors = [finding for finding in compiled.findings if finding.level == "error"]
            if errors:
                raise AppInvalid(errors)
            self.freeze()
            self._compiled = compiled
        return self._compiled

    def check(self) -> tuple[Finding, ...]:
        """Return everything that is wrong with the app, errors and warnings, without starting it."""
        return (self._compiled or freeze(self)).findings

    def url(self, name: str, /, **params: Any) -> str:
        """Return the address of a named route; ``query=`` and ``fragment=`` are added. Raises with the nearest match."""
        return self.compile().reverser.url(name, **params)

    reverse = url

    @property
    def handle(self) -> Handle:
        """The whole app as one function; the engine, the test client and the ASGI adapter call it."""
        return self.compile().plan.handle

    @property
    def default_headers(self) -> HeaderBlock:
        """The security headers that every response gets unless it sets them."""
        headers = (self.security or Security()).headers
        return headers.block() if headers is not None else HeaderBlock({})

    def _unfrozen(self, what: str) -> None:
        if self._compiled is not None:
            raise AppFrozen(
                f"The app has started: {what} cannot be added any more.",
                expected="everything is registered before the start",
                fix="Register it where the app is made, at import time.",
            )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer as an ASGI application."""
        from vivace.engine.asgi import ASGIAdapter  # only when another server runs the app

        if self._asgi is None:
            self._asgi = ASGIAdapter(self.handle, self.startup, self.shutdown)
        await self._asgi(scope, receive, send)

    _asgi: Any = None

    def __repr__(self) -> str:
        return f"<App {self.name or self.root.name}>"


def _calling_folder() -> Path:
    """Return the folder of the module that makes the app, or the current one in a console."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("vivace."):
        frame = frame.f_back
    file = frame.f_globals.get("__file__")
    return Path(file).resolve().parent if isinstance(file, str) else Path.cwd()


__all__ = ["App"]
