"""What ``App(installed=["vivace.auth"])`` installs: models, ``request.user()`` and ``request.session()``, handler parameters,
and the hook that saves sessions. ``Auth(…)`` is the same with options."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypedDict, Unpack

from vivace.errors import ConfigurationError, LoginRequired, nearest
from vivace.http.request import Request
from vivace.routing.routes import RouteOptions
from vivace.security.ratestores import FittingRates, RateStore

from .backends import Backend, ModelBackend
from .current import realm_variable
from .guards import login_required_error, send_to_login, signed_in_unless_public
from .models import ContentType, Group, Permission
from .passwords.hashers import Hasher, best_hasher
from .passwords.rules import Rule, usual_rules
from .passwords.service import Passwords
from .policies import Policies, Policy
from .realm import Realm
from .sessions.cookies import SessionCookies
from .sessions.lifetimes import Lifetimes
from .sessions.rows import session_model_of
from .sessions.session import Session
from .sessions.stores import CookieStore, DatabaseStore, SessionStore
from .throttle import Throttle
from .users import AbstractBaseUser, AbstractUser

if TYPE_CHECKING:
    from vivace.config.settings import Settings

logger: Final = logging.getLogger("vivace.auth")


class AuthOptions(TypedDict, total=False):
    """What else ``Auth`` may be told; each has a default that a site can go live with."""

    backends: Sequence[Backend]  # who is asked, in order: ``ModelBackend()`` alone
    policies: Sequence[type[Policy]]  # what may be done with single objects: none
    rules: Sequence[Rule]  # which passwords are good enough
    hasher: Hasher  # how they are stored: Argon2id, with the parameters of the settings
    store: SessionStore  # where sessions are: as the settings say
    counter: (
        Literal["auto", "memory", "database"] | RateStore
    )  # where logins and mails are counted: where it fits
    pages: str | None  # where the account pages are: "/accounts"; None: nowhere
    forms: Mapping[str, Any]  # other forms for them
    clock: Callable[[], float]  # seconds since 1970


class Auth:
    """Users, sessions and permissions of an app: ``App(installed=[Auth(user=Account, login_required=True)])``.

    ``user``: an own user model (``AbstractUser`` to derive from). ``login_required``: every route needs a login but those
    marked ``login_not_required``. The others: ``AuthOptions``. Raises ``ConfigurationError`` for one that there is not.
    """

    name: ClassVar[str] = "vivace.auth"
    version: ClassVar[str] = "1.0"
    requires: ClassVar[Mapping[str, str]] = MappingProxyType({})
    brings: ClassVar[Sequence[Any]] = ()

    def __init__(
        self,
        *,
        user: type[AbstractUser] | None = None,
        login_required: bool = False,
        **options: Unpack[AuthOptions],
    ) -> None:
        unknown = options.keys() - AuthOptions.__annotations__.keys()
        if unknown:
            name = min(unknown)
            raise ConfigurationError(
                f"Auth() has no option {name!r}.",
                expected=", ".join(["user", "login_required", *AuthOptions.__annotations__]),
                got=name,
                fix=nearest(name, AuthOptions.__annotations__),
            )
        self._user = user
        self.login_required = login_required
        self._options = options

    @property
    def user_model(self) -> type[AbstractUser]:
        """The user model: the one that was given, else ``vivace.auth.User``."""
        if self._user is None:
            from .user import User  # an app with users of its own has no table of these

            self._user = User
        return self._user

    @property
    def models(self) -> tuple[type[Any], ...]:
        """The models that the app adopts with it."""
        user = self.user_model
        store = self._options.get("store")
        stored = store is None or isinstance(store, DatabaseStore)
        return (ContentType, Permission, Group, user, *([session_model_of(user)] if stored else []))

    def setup(self, app: Any) -> None:
        """Install it in an app."""
        app.data.adopt(*self.models)
        realm = self.realm(app.settings, app)
        app.variables.append((realm_variable, realm))
        app.parts["session"] = realm.sessions.load
        app.parts["user"] = realm.user_of
        app.session_id = realm.sessions.bound_id
        app.session_lasts = realm.sessions.lasts
        app.after(realm.sessions.after)
        app.part_errors[LoginRequired] = send_to_login
        app.app_errors.setdefault(LoginRequired, send_to_login)
        _provide(app, self.user_model)
        if self.login_required:
            app.defaults = app.defaults.under(RouteOptions(guards=(signed_in_unless_public,)))
        seeding = _Seeding(app)
        app.on_startup(seeding.at_start)
        seeding.listen()
        app.on_shutdown(_closing(realm))
        if isinstance(realm.throttle.store, FittingRates):
            app.on_startup(realm.throttle.store.settle)
        pages = self._options.get("pages", "/accounts")
        if pages:
            from .pages import auth_pages  # and with them templates and forms

            app.include(auth_pages(pages, forms=self._options.get("forms")))

    def realm(self, settings: Settings, app: Any) -> Realm:
        """Return what an app with these settings knows of people."""
        auth, given = settings.auth, self._options
        lifetimes, clock = Lifetimes(settings.sessions), given.get("clock", time.time)
        policies = given.get("policies", ())
        rules = given.get("rules")
        return Realm(
            self.user_model,
            settings=auth,
            sessions=SessionCookies(
                self._store(settings, app, lifetimes), settings.sessions, lifetimes, clock
            ),
            passwords=Passwords(
                given.get("hasher") or best_hasher(auth.argon2_memory, auth.argon2_passes, auth.argon2_lanes),
                threads=auth.hash_threads,
                queue=auth.hash_queue,
            ),
            backends=[*given.get("backends", [ModelBackend()]), *([Policies(policies)] if policies else [])],
            rules=usual_rules(auth.password_length) if rules is None else rules,
            throttle=Throttle(auth, given.get("counter", "auto")),
            clock=clock,
        )

    def _store(self, settings: Settings, app: Any, lifetimes: Lifetimes) -> SessionStore:
        given = self._options.get("store")
        if given is not None:
            return given
        if settings.sessions.store == "cookie":
            return CookieStore(lambda: app.secret_keys, lifetimes)
        return DatabaseStore(session_model_of(self.user_model), lifetimes)


def _provide(app: Any, user_model: Any) -> None:
    """Let handlers take ``user: User``, ``user: User | None`` and ``session: Session``."""
    for key, provider in (
        *((model, _require_user) for model in (user_model, AbstractUser, AbstractBaseUser)),
        *((model | None, _ask_user) for model in (user_model, AbstractUser, AbstractBaseUser)),
        (Session, _session),
    ):
        if app.providers.find(key) is None:
            app.providers.add(key, provider)


async def _require_user(request: Request) -> Any:
    user: Any = await request.user()
    if not user.is_authenticated:
        raise login_required_error()
    return user


async def _ask_user(request: Request) -> Any:
    user: Any = await request.user()
    return user if user.is_authenticated else None


async def _session(request: Request) -> Any:
    return await request.session()


class _Seeding:
    """Makes the rows of permissions: after a run of ``vivace migrate``, and when the app starts with its tables there."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def listen(self) -> None:
        from vivace.migrations.signals import post_migrate

        # Weakly: it goes with the app, whose start-up hooks hold this object.
        post_migrate.connect(self.after_migrate)

    async def after_migrate(self, *, database: Any, **_: Any) -> None:
        if self._app.data.wanted and any(known is database for known in self._app.databases):
            await self._seed()

    async def at_start(self) -> None:
        from vivace.errors import DatabaseUnavailable, ProgrammingError

        try:
            await self._seed()
        except DatabaseUnavailable:
            return  # the app has said so, and goes on when it is back
        except ProgrammingError as error:
            first = str(error).partition("\n")[0]
            logger.warning("The tables of users are not there yet: run `vivace migrate`. (%s)", first)

    async def _seed(self) -> None:
        from .seeding import create_permissions

        with self._app.data.current():
            await create_permissions(self._app.models)


def _closing(realm: Realm) -> Callable[[], Awaitable[None]]:
    async def close_passwords() -> None:
        realm.passwords.close()

    return close_passwords


plugin = Auth
"""What ``App(installed=["vivace.auth"])`` looks for in a package."""

__all__ = ["Auth", "AuthOptions", "plugin"]
