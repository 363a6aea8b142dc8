"""The databases of one app, and which of them a query goes to.

A ``Databases`` is what an app has: aliases, routers, replicas. Code finds it through a context variable that the app
sets where it runs (server, client, shell, tasks); a model that only one app adopted finds it without.

Reads may go to replicas. What a request wrote it must read back, so once it has written (or is in a transaction) its
reads stay on the primary: the flag lives in the context, which child tasks share.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Final, cast
from weakref import WeakSet

from vivace.errors import NoCurrentApp, UnknownDatabase, nearest

from .database import Database
from .transactions import current_block

DEFAULT: Final = "default"

current_databases: ContextVar[Databases | None] = ContextVar("vivace_databases", default=None)
_wrote: ContextVar[set[str] | None] = ContextVar("vivace_wrote", default=None)


class Databases:
    """Aliases and their databases; ``default`` is one of them.

    ``replicas`` maps an alias to the aliases that follow it. ``routers`` are asked in
    turn and the first opinion counts: any objects with some of Django's ``db_for_read``, ``db_for_write``,
    ``allow_relation`` and ``allow_migrate``, where ``None`` is no opinion.
    """

    def __init__(
        self,
        databases: Mapping[str, Database],
        *,
        routers: Sequence[Any] = (),
        replicas: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self._databases = dict(databases)
        self._routers = tuple(routers)
        self._replicas: dict[str, Iterator[str]] = {}
        for primary, followers in (replicas or {}).items():
            for alias in (primary, *followers):
                self._check(alias)
            self._replicas[primary] = itertools.cycle(followers)
        self._arranged = {primary: tuple(followers) for primary, followers in (replicas or {}).items()}
        alone = len(self._databases) == 1 and not self._routers and not self._replicas
        self.only: Database | None = self._databases.get(DEFAULT) if alone else None
        """The database of every query that names none, where there is nothing to choose."""
        self._followers = frozenset(alias for followers in self._arranged.values() for alias in followers)

    def replaced(self, substitute: Callable[[Database], Database]) -> Databases:
        """Return the same arrangement of other databases: those of tests. Replicas become their primaries."""
        primaries = {follower: alias for alias, followers in self._arranged.items() for follower in followers}
        own = {alias: substitute(one) for alias, one in self._databases.items() if alias not in primaries}
        return Databases(
            {alias: own[primaries.get(alias, alias)] for alias in self._databases}, routers=self._routers
        )

    def __getitem__(self, alias: str) -> Database:
        self._check(alias)
        return self._databases[alias]

    def __iter__(self) -> Iterator[Database]:
        return iter(dict.fromkeys(self._databases.values()))  # in tests several aliases mean one

    @property
    def has_replicas(self) -> bool:
        """Whether reads may go elsewhere than writes."""
        return bool(self._replicas)

    def __len__(self) -> int:
        return len(self._databases)

    def _check(self, alias: str) -> None:
        if alias not in self._databases:
            raise UnknownDatabase(
                f"There is no database {alias!r}.",
                expected=", ".join(self._databases) or "a database: none is configured",
                fix=nearest(alias, self._databases),
            )

    @property
    def default(self) -> Database:
        """The database that queries go to when nothing else is said."""
        return self[DEFAULT]

    async def open(self) -> None:
        """Open all databases on the running loop."""
        await asyncio.gather(*(database.open() for database in self))

    async def close(self) -> None:
        """Close all databases; errors are raised when all are closed."""
        results = await asyncio.gather(*(database.close() for database in self), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    # -- choosing -------------------------------------------------------------------------------------------------

    def choose(self, model: Any, *, write: bool, hints: Mapping[str, Any]) -> Database:
        """Return the database for a query of ``model``: a router's opinion, else where the object came from, else the default.

        Reads go to a replica of that database, if it has any.
        """
        if self._routers and model is not None:
            alias = self._ask("db_for_write" if write else "db_for_read", model, **hints)
            if alias is not None:
                return self._primary(alias) if write else self._reader(alias)
        home = self._home_of(hints.get("instance")) if hints else None
        if home is not None:
            return self._primary(home) if write else self._reader(home)
        if not self._replicas:
            return self._databases[DEFAULT] if DEFAULT in self._databases else self[DEFAULT]
        return self._primary(DEFAULT) if write else self._reader(DEFAULT)

    def _home_of(self, instance: Any) -> str | None:
        """Return the database that an object came from (of a replica, its primary), if that is not the default.

        What is related to an object is looked for where it came from, unless a router knows better.
        """
        alias = None if instance is None else instance._state.db
        if alias in self._followers:
            alias = next(primary for primary, followers in self._arranged.items() if alias in followers)
        return None if alias == DEFAULT or alias not in self._databases else alias

    def named(self, alias: str, *, write: bool) -> Database:
        """Return the database that a query asked for by its alias."""
        return self._primary(alias) if write else self[alias]

    def _primary(self, alias: str) -> Database:
        if alias in self._replicas:
            use_primary(alias)
        return self[alias]

    def _reader(self, alias: str) -> Database:
        primary = self[alias]
        followers = self._replicas.get(alias)
        written = _wrote.get()
        if followers is None or (written is not None and alias in written) or current_block(primary):
            return primary
        return self[next(followers)]

    def allow_relation(self, first: Any, second: Any, **hints: Any) -> bool | None:
        """Say whether two objects may be related: a router's opinion, ``None`` without one."""
        return cast("bool | None", self._ask("allow_relation", first, second, **hints))

    def allow_migrate(self, alias: str, app_label: str, **hints: Any) -> bool:
        """Say whether an app's tables belong on a database; without an opinion they do, except on replicas."""
        opinion = self._ask("allow_migrate", alias, app_label, **hints)
        return True if opinion is None else bool(opinion)

    def may_have(self, database: Database, model: Any) -> bool:
        """Say whether a model's table belongs on a database: on ``default``, unless a router knows better."""
        meta = model._meta
        opinion = self._ask(
            "allow_migrate", database.alias, meta.app_label, model_name=meta.model_name, model=model
        )
        return database.alias == DEFAULT if opinion is None else bool(opinion)

    def _ask(self, question: str, *args: Any, **hints: Any) -> Any:
        for router in self._routers:
            method = getattr(router, question, None)
            if method is not None:
                opinion = method(*args, **hints)
                if opinion is not None:
                    return opinion
        return None


def begin_scope() -> None:
    """Begin to remember what was written here, also by child tasks: at the start of each request with replicas."""
    _wrote.set(set())


def use_primary(alias: str = DEFAULT) -> None:
    """Send the reads of this scope to the primary from now on."""
    written = _wrote.get()
    if written is None:
        _wrote.set({alias})
    else:
        written.add(alias)


def database_for(
    model: Any = None,
    using: str | None = None,
    *,
    write: bool = False,
    hints: Mapping[str, Any] | None = None,
) -> Database:
    """Return the database that a query goes to.

    That of the current app; else of the only app that adopted the model; else ``NoCurrentApp``. ``using`` names an
    alias; without it routers and replicas decide.
    """
    databases = current_databases.get()
    if databases is None:
        databases = _only_adopter(model)
    if databases.only is not None and using is None:
        return databases.only
    if using is not None:
        return databases.named(using, write=write)
    return databases.choose(model, write=write, hints=hints or {})


def _only_adopter(model: Any) -> Databases:
    adopters: Iterable[Databases] = getattr(getattr(model, "_meta", None), "adopters", ())
    found = list(adopters)
    if len(found) == 1:
        return found[0]
    name = model._meta.label if model is not None else "a query without a model"
    raise NoCurrentApp(
        f"No app is running here, and it is not clear which database {name} belongs to.",
        expected="code that runs in an app (a request, a task, `async with app:`), or a model of one app only",
        got=f"{len(found)} apps that adopted it",
        fix="Wrap the code in `async with app:`.",
    )


Adopters = WeakSet[Databases]

__all__ = [
    "DEFAULT",
    "Adopters",
    "Databases",
    "begin_scope",
    "current_databases",
    "database_for",
    "use_primary",
]
