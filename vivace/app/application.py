"""The App: collects the parts, checks them all at once, freezes them into a plan.

Until the freeze everything may change and nothing is looked at; afterwards nothing changes and nothing is looked at
again. The freeze comes with the start, or with the first use of ``handle``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack, cast, overload

from vivace.config.settings import Settings
from vivace.engine.offload import Offload
from vivace.errors import AppInvalid, ConfigurationError, Finding
from vivace.http.bodies import BodyParser
from vivace.http.types import AfterHook, BeforeHook, ErrorHandler, ErrorKey, Handle, Middleware
from vivace.routing import RoutingOptions
from vivace.routing.routes import Route, RouteKwargs, qualified_name
from vivace.security import Security

from .background import Background
from .belongings import Belongings
from .current import app_variable, current_request
from .data import Data, ModelSource, calling_module
from .dependencies import Providers
from .failures import DebugPage
from .freeze import Frozen, freeze
from .lifespan import Lifespan, LifespanContext, LifespanHook
from .order import RouteHooks, describe_hooks
from .plan import MountedPlan
from .plugins import Plugin, Plugins

if TYPE_CHECKING:
    from vivace.db import Databases
    from vivace.http.lazyparts import PartMaker
    from vivace.mail import Mailer
    from vivace.storage import Storage, Storages
    from vivace.templates import TemplateOptions, Templates

    from .assets import StaticSite
    from .caching import Caches, CacheSource
    from .hood.door import DoorRule
    from .installed import Installed, InstalledSource
    from .messaging import Messaging
    from .site import Site
    from .storing import Storing

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
L = TypeVar("L", bound=LifespanHook)
G = TypeVar("G", bound="Callable[[], AsyncIterator[Any]]")
logger = logging.getLogger("vivace.app")


class AppKwargs(RouteKwargs, total=False):
    """What else an app may be made with: options that all its routes inherit, and its models and databases."""

    models: Sequence[ModelSource]
    databases: Databases | Mapping[str, str]
    storages: Storages | Mapping[str, Storage]
    caches: Mapping[str, CacheSource]
    installed: Sequence[InstalledSource]
    templates: TemplateOptions
    static: StaticSite
    hood: bool | DoorRule


class App(Belongings):
    """One application: routes, hooks, middleware, plugins, models, life.

    ``settings`` default to ``.env`` and the environment (see ``vivace.config``). ``root`` is the folder of the module
    that made the app. ``security`` is on; each of its parts is switched off by an explicit ``None`` in it. ``parsers``
    read more media types for ``request.data()``. ``models`` are adopted beside those of the module that makes the app:
    classes, modules, names of packages. ``databases`` maps aliases to URLs (``default`` is ``DATABASE_URL``, else a SQLite
    file beside the app), or is a ``Databases``; ``storages`` maps aliases to storages (``default`` is the folder ``media``
    beside the app), ``caches`` to URLs of caches, stores or caches. ``installed`` are packages with all that they bring.
    ``hood`` has pages show what happened under the hood, to people on this machine, or to those for whose requests a function
    says so (see ``vivace.app.hood``). Hooks, middleware and ``errors`` hold for whatever the app answers;
    the other options apply to all routes, as those of a ``Router`` do.
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
        parsers: Mapping[str, BodyParser] | None = None,
        **options: Unpack[AppKwargs],
    ) -> None:
        self.import_name, self.import_file, self.import_scope = calling_module()
        self.data = Data(self, options.pop("models", ()), options.pop("databases", None))
        self.given_storages = options.pop("storages", None)
        self._storing: Storing | None = None
        self.given_caches = options.pop("caches", None)
        self.own_caches: Caches | None = None
        installed, templates = options.pop("installed", ()), options.pop("templates", None)
        self._static_options = options.pop("static", None)
        self.given_hood = options.pop("hood", None)
        self.name = options.pop("name", "")
        self.app_before: list[BeforeHook] = list(options.pop("before", ()))
        self.app_after: list[AfterHook] = list(options.pop("after", ()))
        self.app_middleware: list[Middleware] = list(options.pop("middleware", ()))
        self.app_errors: dict[ErrorKey, ErrorHandler] = dict(options.pop("errors", {}))
        self.app_hooks: dict[str, list[Any]] = {
            "on_error": list(options.pop("on_error", ())),
            "on_timeout": list(options.pop("on_timeout", ())),
            "on_abort": list(options.pop("on_abort", ())),
            "on_sent": list(options.pop("on_sent", ())),
        }
        super().__init__(**cast("RouteKwargs", options))
        self.root = Path(root) if root is not None else _folder(self.import_file)
        self.installed = _installed(self, installed) if installed else None
        self._template_options = templates
        self._templates: Templates | None = None
        self._site: Site | None = None
        self._settings = settings
        self._secret_keys = None
        self._debug = debug
        self.security = security
        self.routing = routing or RoutingOptions()
        self.providers = Providers()
        self.parts: dict[str, PartMaker] = {}  # of requests: user, session
        self.part_errors: dict[
            ErrorKey, ErrorHandler
        ] = {}  # what parts raise, and how mounted apps answer it, too
        self.session_id: Callable[[Any], str | None] | None = (
            None  # of a request, without I/O: SHA-256 in hexadecimal, to which tokens are bound
        )
        self.session_lasts: Callable[[Any], float | None] | None = None  # seconds, of a request, without I/O
        self.variables: list[tuple[ContextVar[Any], Any]] = []  # what running code sees beside the databases
        self.plugins = Plugins(plugins)
        self.debug_page: DebugPage | None = None
        self.parsers = dict(parsers or {})
        self._lifespan = Lifespan()
        self.offload = Offload()
        self.pool = self.offload.threads  # plain ``def`` handlers run here, too
        self.background = Background(self)
        self._compiled: Frozen | None = None
        self._freezing = False
        self.first_prefix = ""  # where it was mounted first
        self._mailer: Mailer | None = None
        self.own_messaging: Messaging | None = None
        self.outer: App | None = None  # the app that this one is mounted in
        self._asgi: Any = None

    async def prepare_tables(self) -> list[str]:
        """Give an app of a single file the tables of its models; returns what was done and what was not, in sentences.

        For ``vivace dev`` and ``vivace shell``: tables are made and columns that may be empty are added, nothing is ever
        dropped or changed. An app with a ``migrations`` folder, or in a package, has migrations for that.
        """
        return await self.data.prepare_tables()

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
        if not keys:
            raise ConfigurationError(
                "An error handler was registered for nothing.",
                expected="exception classes or statuses",
                got="@app.error()",
                fix="Name what it handles: @app.error(404), @app.error(KeyError); all errors: @app.error(Exception).",
            )

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

    def on_startup(self, hook: L) -> L:
        """Run ``hook()`` at start, in order of registration; an error stops the start. A decorator."""
        self._unfrozen("a start-up hook")
        self._lifespan.add_startup(hook)
        return hook

    def on_shutdown(self, hook: L) -> L:
        """Run ``hook()`` at stop, in reverse order. A decorator."""
        self._unfrozen("a shutdown hook")
        self._lifespan.add_shutdown(hook)
        return hook

    def lifespan(self, function: G) -> G:
        """Hold the decorated async generator from start (before its ``yield``) to stop (after it)."""
        self._unfrozen("a lifespan")
        generator = cast("Callable[[], AsyncGenerator[Any, None]]", function)
        self._lifespan.add_context(asynccontextmanager(generator), qualified_name(function))
        return function

    def add_lifespan(self, context: LifespanContext, name: str = "") -> None:
        """Hold an async context manager open from start to stop (mounted apps, plugins)."""
        self._unfrozen("a lifespan")
        self._lifespan.add_context(context, name)

    async def startup(self) -> None:
        """Freeze and start; raises ``AppInvalid`` with every finding, or ``StartupFailed`` naming the hook."""
        for finding in self.compile().findings:
            logger.warning("%s", finding)
        app_variable.set(self)
        self.background.open = True
        try:
            await self.data.start()
            if self.own_messaging is not None:
                await self.own_messaging.start(self)
            if self.own_caches is not None:
                await self.own_caches.start()
            await self._lifespan.start()
        except BaseException:
            await self.background.drain(0)
            await self._disconnect()
            raise
        app_variable.set(self)  # mounted apps have started too, and said the same of themselves
        self.data.make_current()
        await self.data.started()

    async def shutdown(self) -> None:
        """Finish owned tasks within ``timeouts.shutdown``, then stop what was started, in reverse."""
        try:
            await self.background.drain(self.settings.timeouts.shutdown)
        finally:
            try:
                with self.data.current():
                    await self._lifespan.stop()
            finally:
                self.offload.close()
                if self._mailer is not None and (
                    self.outer is None or self._mailer is not self.outer._mailer
                ):
                    await self._mailer.close()
                if self._storing is not None:
                    await self._storing.close()
                if app_variable.get() is self:
                    app_variable.set(None)
                await self._disconnect()

    async def _disconnect(self) -> None:
        try:
            if self.own_caches is not None:
                await self.own_caches.close()
            if self.own_messaging is not None:
                await self.own_messaging.stop(self)
        finally:
            await self.data.stop()

    async def __aenter__(self) -> Self:
        await self.startup()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.shutdown()

    # -- work beside requests -------------------------------------------------------------------------------------

    def spawn(self, work: Coroutine[Any, Any, T], *, name: str | None = None) -> asyncio.Task[T]:
        """Start a coroutine that the app owns: its error is reported, and the stop waits for it."""
        return self.background.spawn(work, name=name)

    @overload
    def every(self, seconds: float, function: Callable[[], Any]) -> asyncio.Task[None]: ...
    @overload
    def every(self, seconds: float) -> Callable[[F], F]: ...
    def every(self, seconds: float, function: Callable[[], Any] | None = None) -> Any:
        """Call ``function`` every so many seconds while the app runs; as a decorator, from the start on."""
        if function is not None:
            return self.background.every(seconds, function)

        def register(decorated: F) -> F:
            async def begin() -> None:
                self.background.every(seconds, decorated)

            begin.__module__, begin.__qualname__ = decorated.__module__, decorated.__qualname__
            self.on_startup(begin)
            return decorated

        return register

    def later(self, seconds: float, function: Callable[[], Any]) -> asyncio.Task[None]:
        """Call ``function`` once in so many seconds, unless the app stops before."""
        return self.background.after(seconds, function)

    # -- the plan -------------------------------------------------------------------------------------------------

    def compile(self) -> Frozen:
        """Check everything and freeze it; raises ``AppInvalid`` with all errors at once. Happens once."""
        if self._compiled is None:
            compiled = self._examined()
            errors = [finding for finding in compiled.findings if finding.level == "error"]
            if errors:
                raise AppInvalid(errors)
            self.freeze()
            for name, context in compiled.lifespans:
                self._lifespan.add_context(context, name)
            if self.has_templates:
                self.site.load_templates(
                    compiled.reverser
                )  # Jinja2, and the pages: now, and not in a request
            if "vivace.cache.dependent" in sys.modules:
                from .dependents import expect_dependents

                expect_dependents(self, compiled.routes)
            if "vivace.mail" in sys.modules:
                _ = self.mail  # the program imported it, so its code will look for the current mailer
            self._compiled = compiled
        return self._compiled

    def _examined(self) -> Frozen:
        if self._freezing:
            raise ConfigurationError(
                f"{self!r} is mounted in itself.", expected="apps as a tree", got="a circle"
            )
        self._freezing = True
        try:
            return freeze(self)
        finally:
            self._freezing = False

    def check(self) -> tuple[Finding, ...]:
        """Return everything that is wrong with the app, errors and warnings, without starting it."""
        frozen = self._compiled or self._examined()
        return frozen.findings + (
            tuple(self.site.check_templates(frozen.reverser)) if self.has_templates else ()
        )

    def describe(self) -> list[RouteHooks]:
        """Return, for each route, everything that runs around its handler, in the order in which it runs."""
        return describe_hooks(self)

    def url(self, name: str, /, **params: Any) -> str:
        """Return the address of a named route; ``query=`` and ``fragment=`` are added. Raises with the nearest match.

        In a mounted app the prefix stands before it: that of the request, outside one that of the first mount.
        """
        request = current_request()
        prefix = request.prefix if request is not None and request.app is self else self.first_prefix
        return prefix + self.compile().reverser.url(name, **params)

    reverse = url

    @property
    def site(self) -> Site:
        """What templates ask the app for: addresses of routes and of static files."""
        if self._site is None:
            from .site import Site  # only apps that have pages load it

            self._site = Site(self, self._static_options)
        return self._site

    @property
    def has_static(self) -> bool:
        """Whether the app has any use for static files."""
        wanted = self._static_options or self.installed or self._templates or self._template_options
        folders = any((self.root / name).is_dir() for name in ("static", "templates"))
        return bool(wanted) or folders or any(map(_shows_pages, self.collect()))

    def static_url(self, name: str) -> str:
        """Return the address of a static file: ``/static/app.<hash>.css``; raises ``UnknownStatic`` in debug mode."""
        return self.site.static_url(name)

    def take_settings(self, outer: App) -> None:
        """Have the settings of an app that mounts this one, unless it has some already."""
        if self._settings is None:
            self._settings = outer.settings

    def mounted_in(self, outer: App, prefix: str) -> Handle:
        """Return the handle of this app for an app that mounts it; it is checked now, and adopts missing settings."""
        self.take_settings(outer)
        self.outer = outer
        if self.own_messaging is not None:
            self.own_messaging.mounted(self, outer)
        self.parts = {**outer.parts, **self.parts}  # the outer app's users are its users, too
        self.part_errors = {**outer.part_errors, **self.part_errors}
        self.app_errors = {**self.part_errors, **self.app_errors}
        self.session_id = self.session_id or outer.session_id
        self.session_lasts = self.session_lasts or outer.session_lasts
        if not self.data.own:
            outer.data.adopt(*self.data.models)
            self.data.share(outer.data)
        plan = MountedPlan(self.compile().plan.parts)
        self.first_prefix = self.first_prefix or outer.first_prefix + ("" if "{" in prefix else prefix)
        return self.data.entered(self.data.scoped(plan.handle)) if self.data.own else plan.handle

    @property
    def handle(self) -> Handle:
        """The whole app as one function; the engine, the test client and the ASGI adapter call it."""
        frozen = self.compile()
        return frozen.handle or frozen.plan.handle

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer as an ASGI application."""
        from vivace.engine.asgi import ASGIAdapter  # only when another server runs the app

        if self._asgi is None:
            self._asgi = ASGIAdapter(self.data.entered(self.handle), self.startup, self.shutdown)
        await self._asgi(scope, receive, send)

    def __repr__(self) -> str:
        return f"<App {self.name or self.root.name}>"


def _installed(app: App, entries: Sequence[InstalledSource]) -> Installed:
    from .installed import Installed

    return Installed(app, entries)


def _shows_pages(route: Route) -> bool:
    """Say whether a route is a class-based view with templates, of which some are the framework's own."""
    return bool(getattr(getattr(route.handler, "view_class", None), "shows_pages", False))


def _folder(file: str) -> Path:
    return Path(file).resolve().parent if file else Path.cwd()


__all__ = ["App"]
