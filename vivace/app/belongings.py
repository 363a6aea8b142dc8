"""What an app has: settings, databases, mail, files, templates, caches, channels; each made when somebody first asks.

The half of ``App`` that hands out; the other half registers, checks and freezes. A service pays for what it touches: none of
these loads its room before.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, cast

from vivace.config.secret import Secret
from vivace.config.settings import Settings
from vivace.errors import AppFrozen
from vivace.routing import Router
from vivace.routing.routes import caller_place

from .data import Data

if TYPE_CHECKING:
    from vivace.brokers.exchange import Exchange
    from vivace.brokers.feed import ChangeFeed
    from vivace.cache import Cache
    from vivace.cache.dependent import DependentCache
    from vivace.db import Databases
    from vivace.live.server import Live
    from vivace.mail import Mailer
    from vivace.realtime.declaration import ChannelDeclaration, ChannelKwargs
    from vivace.realtime.hub import Hub
    from vivace.realtime.manager import Channels
    from vivace.storage import Storage, Storages
    from vivace.templates import TemplateOptions, Templates

    from .application import App
    from .caching import Caches, CacheSource
    from .channels import Sockets
    from .freeze import Frozen
    from .hood import Hood
    from .hood.door import DoorRule
    from .installed import Installed
    from .messaging import Messaging
    from .storing import Storing

F = TypeVar("F", bound=Callable[..., Any])


class Belongings(Router):
    """See the module. ``App`` fills the attributes; whoever makes something of the app is given the whole of it."""

    data: Data
    root: Path
    outer: App | None
    installed: Installed | None
    given_storages: Storages | Mapping[str, Storage] | None
    given_caches: Mapping[str, CacheSource] | None
    own_caches: Caches | None
    own_messaging: Messaging | None
    given_hood: bool | DoorRule | None
    _settings: Settings | None
    _secret_keys: tuple[Settings, tuple[Any, ...]] | None
    _debug: bool | None
    _storing: Storing | None
    _template_options: TemplateOptions | None
    _templates: Templates | None
    _mailer: Mailer | None
    _compiled: Frozen | None
    _freezing: bool

    @property
    def _app(self) -> App:
        return cast("App", self)

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
    def has_hood(self) -> bool:
        """Whether pages show what happened under the hood: as the app says, else the setting, which may forbid it."""
        if self.outer is not None:
            return self.outer.has_hood
        said = self.settings.hood
        return said != "off" and (said == "on" if self.given_hood is None else self.given_hood is not False)

    @property
    def secret_keys(self) -> tuple[Any, ...]:
        """The keys that sign and verify, the newest first."""
        known = self._secret_keys
        if known is not None and known[0] is self._settings:  # each form of each page asks
            return known[1]
        settings = self.settings
        keys = tuple(key for key in (settings.secret_key, *settings.secret_key_fallbacks) if key)
        self._secret_keys = (settings, keys)
        return keys

    def ensure_secret(self) -> None:
        """Give the app a random key if it has none; it is good until the process ends, which is what tests need."""
        if not self.secret_keys:
            import secrets  # a service that has a key does without

            self._settings = replace(self.settings, secret_key=Secret(secrets.token_urlsafe(48)))

    # -- models and databases -------------------------------------------------------------------------------------

    @property
    def models(self) -> tuple[Any, ...]:
        """The model classes that the app adopted."""
        return self.data.models

    @property
    def databases(self) -> Databases:
        """The databases by alias; they open at the start, or with the first query."""
        return self.data.databases

    @property
    def mail(self) -> Mailer:
        """What sends mail, as the settings say: ``await app.mail.send(EmailMessage(…))``."""
        if self._mailer is None:
            from .mailing import make_mailer  # only apps that send mail load it

            outer = self.outer
            shared = outer is not None and outer.settings is self.settings
            self._mailer = outer.mail if outer is not None and shared else make_mailer(self._app)
        return self._mailer

    @property
    def messaging(self) -> Messaging:
        """What connects the processes of the app; made when a part of it asks."""
        if self.own_messaging is None:
            from .messaging import messaging_of  # an app with nothing live loads none of it

            self.own_messaging = messaging_of(self._app)
        return self.own_messaging

    @property
    def broker(self) -> Exchange:
        """What carries messages between the app's processes: ``await app.broker.publish("topic", b"…")``."""
        return self.messaging.exchange

    @property
    def changes(self) -> ChangeFeed:
        """What every process of the app committed, told at once: ``app.changes.subscribe(callback)``."""
        return self.messaging.feed

    @property
    def storages(self) -> Storages:
        """Where files are kept, by alias; ``default`` is the folder ``media`` beside the app."""
        return self.storing.storages

    @property
    def storing(self) -> Storing:
        """What keeps and serves files; made when a program uses files."""
        if self._storing is None:
            from .storing import Storing  # an app without files loads none of it

            self._storing = Storing(self._app)
        return self._storing

    @property
    def templates(self) -> Templates:
        """The templates: those in the folder ``templates`` beside the app, of installed packages, and the framework's."""
        if self._templates is None:
            from .templating import make_templates  # only apps that have pages load Jinja2

            self._templates = make_templates(self._app, self._template_options)
        return self._templates

    @property
    def has_templates(self) -> bool:
        """Whether the app has any use for templates."""
        wanted = self._templates or self._template_options or self.installed
        return bool(wanted) or "vivace.templates" in sys.modules or (self.root / "templates").is_dir()

    def context_provider(self, function: F) -> F:
        """Give all templates a name, that of the decorated ``function(request)``, which is called when one reads it."""
        self._unfrozen("a context provider")
        return self.templates.provider(function)

    def before_render(self, hook: F) -> F:
        """Run ``hook(request, response)`` before a page is rendered: it may change its context. A decorator."""
        self._unfrozen("a before_render hook")
        self.templates.before_render.append(hook)
        return hook

    @property
    def caches(self) -> Caches:
        """The caches by alias; ``default`` is what ``VIVACE_CACHE`` says, else this process's memory."""
        if self.own_caches is None:
            from .caching import Caches  # an app that keeps nothing loads none of it

            self.own_caches = Caches(self._app, self.given_caches)
        return self.own_caches

    @property
    def cache(self) -> Cache:
        """The cache ``default``: ``await app.cache.get_or_set("rates", fetch_rates, 60)``; another may be assigned."""
        return self.caches["default"]

    @cache.setter
    def cache(self, cache: Cache) -> None:
        self.caches.replace("default", cache)

    @cached_property
    def dependents(self) -> DependentCache:
        """What is kept until a commit changes what it was made of: ``app.dependents.report()``."""
        from .dependents import make_dependents

        return make_dependents(self._app)

    # -- open pages -----------------------------------------------------------------------------------------------

    @cached_property
    def sockets(self) -> Sockets:
        """What the app has for open pages."""
        from .channels import Sockets  # a service without them loads none of it

        return Sockets(self._app)

    @property
    def realtime(self) -> Hub:
        """The connections of open pages in this process, and who hears what they say."""
        return self.sockets.hub

    @property
    def channels(self) -> Channels:
        """The app's channels: ``await app.channels.emit("chat/lobby", "said", {…})``, from anywhere in the program."""
        return self.sockets.channels

    def channel(self, path: str, **options: Unpack[ChannelKwargs]) -> ChannelDeclaration:
        """Declare rooms: ``@app.channel("chat/{room}", guard=signed_in)`` on what runs for each member of one."""
        self._unfrozen("a channel")
        return self.sockets.declare(path, caller_place(), **options)

    @cached_property
    def live(self) -> Live:
        """The live regions that are watched in this process: ``app.live.describe()``."""
        from .living import make_live

        return make_live(self._app)

    @cached_property
    def hood(self) -> Hood:
        """What pages show of what happened under the hood, where ``has_hood``."""
        from .hood import Hood

        return Hood(self._app)

    @property
    def is_live(self) -> bool:
        """Whether any page has live regions."""
        return "live" in vars(self)

    def _unfrozen(self, what: str) -> None:
        if self._compiled is not None:
            raise AppFrozen(
                f"The app has started: {what} cannot be added any more.",
                expected="everything is registered before the start",
                fix="Register it where the app is made, at import time.",
            )


__all__ = ["Belongings"]
