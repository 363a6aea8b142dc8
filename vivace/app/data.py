"""The models that an app adopts and the databases they live in.

Model classes are process-wide; an app adopts those of the module (or package) that makes it and those it is given. What it
has is found at the freeze, when all modules are imported. An app without models and without a database loads none of this:
``vivace.models`` is looked at only when somebody imported it.

The databases are made when first asked for, opened at the start and closed at the stop. The context variable that queries
look at is set where the app variable is; an app behind a foreign server, or mounted with databases of its own, sets it for
each request.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import Context, ContextVar
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from vivace.errors import ConfigurationError, Finding
from vivace.errors.whose import is_our_module
from vivace.http.request import Request
from vivace.http.response import Response, prepared

if TYPE_CHECKING:
    from vivace.db import Databases

    from .application import App

ModelSource: TypeAlias = "type[Any] | ModuleType | str"
"""A model class, a module, or the dotted name of a module or package whose models are meant."""

Serve: TypeAlias = Callable[[Request], Awaitable[Response]]
Variables: TypeAlias = list[tuple[ContextVar[Any], Any]]
logger: Final = logging.getLogger("vivace.app")
_USUAL_STEMS: Final = frozenset({"app", "main", "__init__", "__main__", "asgi"})


class Data:
    """The models and databases of one app."""

    __slots__ = (
        "_app",
        "_databases",
        "_given",
        "_lent",
        "_models",
        "_sources",
        "compared",
        "left",
        "makes_tables",
        "tells",
    )

    def __init__(
        self,
        app: App,
        models: Sequence[ModelSource] = (),
        databases: Databases | Mapping[str, str] | None = None,
    ) -> None:
        self._app = app
        self._sources = list(models)
        self._given = databases
        self._models: tuple[Any, ...] | None = None
        self._databases: Databases | None = None
        self._lent = False
        self.makes_tables = False  # ``dev`` and ``shell`` say so
        self.tells: Literal["", "files", "models"] = ""  # what the start warns of: see ``behind``
        self.left: tuple[
            str, ...
        ] = ()  # how tables differ from models that may not be brought to it, in sentences
        self.compared: tuple[float, str] | None = (
            None  # when an error last asked ``behind`` for its remedy, and that
        )

    # -- models ---------------------------------------------------------------------------------------------------

    @property
    def models(self) -> tuple[Any, ...]:
        """The models that the app adopts, in the order of their definition."""
        if self._models is None:
            registry = sys.modules.get("vivace.models.registry")
            return () if registry is None else tuple(self._adopted(registry.registry.get_models()))
        return self._models

    def adopt(self, *sources: ModelSource) -> None:
        """Adopt more models: those of a mounted app, of a plugin."""
        self._sources += sources
        self._models = None

    def _adopted(self, known: Iterable[Any]) -> Iterable[Any]:
        classes = {source for source in self._sources if isinstance(source, type)}
        names = {_module_name(source) for source in self._sources if not isinstance(source, type)}
        home = self._app.import_name
        package, _, stem = home.rpartition(".")
        if stem in _USUAL_STEMS and package:  # site/app.py stands for all of site
            names.add(package)
        for model in known:
            place = model.__module__
            at_home = place == home and self._is_in_sight(model.__qualname__)
            if model in classes or at_home or any(_inside(place, name) for name in names):
                yield model

    def _is_in_sight(self, qualname: str) -> bool:
        """Whether a class of the app's module can be meant: one inside a function only where the app was made there."""
        return "<locals>" not in qualname or qualname.startswith(f"{self._app.import_scope}.<locals>.")

    # -- databases ------------------------------------------------------------------------------------------------

    @property
    def wanted(self) -> bool:
        """Whether the app has any use for a database."""
        return bool(
            self._databases is not None or self._given or self._app.settings.database_url or self.models
        )

    @property
    def own(self) -> bool:
        """Whether the app was given databases of its own, and does not share those of the app it is mounted in."""
        return self._given is not None

    @property
    def databases(self) -> Databases:
        """The databases: those given, else ``default`` from ``DATABASE_URL``, else a SQLite file beside the app."""
        if self._databases is None:
            self._databases = self._made()
        return self._databases

    def replace(self, databases: Databases, *, lent: bool) -> None:
        """Use other databases from now on: those of tests, ``lent`` by who opens and closes them."""
        self._databases = databases
        self._lent = lent
        for model in self.models:
            model._meta.adopters.add(databases)
        self._watch()

    def share(self, outer: Data) -> None:
        """Use the databases of the app that this one is mounted in."""
        if outer.wanted:
            self._databases = outer.databases

    def _made(self) -> Databases:
        from vivace.db import Database, Databases
        from vivace.db.urls import connect

        if isinstance(self._given, Databases):
            return self._given
        urls = dict(self._given or {})
        if not urls:
            urls = {"default": self._app.settings.database_url.reveal() or self._default_url()}
        root = self._app.root
        return Databases({alias: Database(alias, connect(url, root=root)) for alias, url in urls.items()})

    def _default_url(self) -> str:
        return f"sqlite:///{_stem(self._app)}.sqlite3"

    @property
    def migrates(self) -> bool:
        """Whether migrations make the tables: not those of a single file that keeps none, also none in a package beside it."""
        if "." in self._app.import_name or (self._app.root / "migrations").exists():
            return True
        from .behind import keeps_migrations

        return keeps_migrations(self.models)

    async def prepare_tables(self) -> list[str]:
        """See ``App.prepare_tables``."""
        if self.migrates or not self.models:
            return []
        from vivace.migrations.create import update_tables

        from .behind import OUTGROWN

        lines: list[str] = []
        left: list[str] = []
        for database in self.databases:
            wanted = [model for model in self.models if self.databases.may_have(database, model)]
            brought = await update_tables(database, wanted)
            lines += [f"made the table {name}" for name in brought.created]
            lines += [f"added the column {name}" for name in brought.added]
            left += brought.left
        self.left = tuple(left)
        return [*lines, *(f"{line} {OUTGROWN}" for line in left)]

    # -- life -----------------------------------------------------------------------------------------------------

    def freeze(self) -> list[Finding]:
        """Fix the models, tell them and the databases of each other; returns what is wrong with them."""
        self._models = self.models
        if not self._models:
            return []
        from vivace.models.adoption import check_models, check_places

        databases = self.databases
        for model in self._models:
            model._meta.adopters.add(databases)
        self._watch()
        return [*check_models(self._models), *check_places(databases, self._models)]

    def _watch(self) -> None:
        from vivace.models.adoption import watched_columns

        columns = watched_columns(self.models)
        for database in self.databases:
            database.watch(columns)

    async def start(self) -> None:
        """Open the databases and make them those of the running code."""
        self.make_current()
        if not self.wanted:
            return
        from vivace.errors import DatabaseUnavailable  # not loaded by a service without a database

        if self.models:
            importlib.import_module(
                "vivace.models.sql.compiling"
            )  # SQLAlchemy: 0.3 s, now and not in a request
        try:
            if self._closes:
                await self.databases.open()
            if self.makes_tables:
                for line in await self.prepare_tables():
                    logger.log(logging.WARNING if line.startswith(self.left) else logging.INFO, "%s", line)
        except DatabaseUnavailable as error:
            self.tells = ""  # this is enough
            logger.error("The app starts without its database, and goes on when that is back: %s", error)

    async def started(self) -> None:
        """Tell what is behind, when the hooks of the start are through: one of them may have migrated."""
        if self.tells and self.models:
            from .behind import tell

            await tell(self)

    def make_current(self) -> None:
        """Make the databases those of the running code from now on."""
        for variable, value in self._variables():
            variable.set(value)

    def current(self) -> AbstractContextManager[None]:
        """Make the databases those of the running code for a block."""
        return _set(self._variables())

    def _variables(self) -> Variables:
        """Return what code that runs in the app sees: its databases, and whether its queries are strict."""
        variables: Variables = [*self._app.variables]
        if not self.wanted:
            return variables
        from vivace.db import current_databases

        variables.append((current_databases, self.databases))
        if self._app.settings.strict_queries:
            from vivace.models.query.rendering import strict_by_default

            variables.append((strict_by_default, True))
        return variables

    @property
    def _closes(self) -> bool:
        return not self._lent and (self.own or self._app.outer is None)

    async def stop(self) -> None:
        """Close the databases."""
        for variable, value in self._app.variables:
            if variable.get(None) is value:
                variable.set(None)
        if self._databases is None:
            return
        from vivace.db import current_databases

        if current_databases.get() is self._databases:
            current_databases.set(None)
        if self._closes:
            await self._databases.close()

    def bind(self, context: Context) -> None:
        """Make a context that of work which the app owns: with its databases, in nobody's transaction."""
        if self._databases is not None:
            from vivace.db.transactions import detach

            detach(context)
        for variable, value in self._variables():
            context.run(variable.set, value)

    def in_transaction(self, serve: Serve) -> Serve:
        """Return ``serve`` in a transaction of the default database: committed with its answer, undone by an error.

        What the answer needs to be made (a template's queries) is made inside. The chunks of a stream are not.
        """
        from vivace.db import atomic

        async def in_one(request: Request) -> Response:
            async with atomic():
                response = await serve(request)
                return await prepared(response, request) if response.needs_prepare else response

        return in_one

    def entered(self, serve: Serve) -> Serve:
        """Return ``serve`` in which code finds what is this app's (databases, mailer …), whoever called it."""
        variables = self._variables()
        if not variables:
            return serve

        async def inside(request: Request) -> Response:
            with _set(variables):
                response = await serve(request)
            if not response.buffered:
                _keep_inside(response, variables)
            return response

        return inside

    def scoped(self, handle: Serve) -> Serve:
        """Return ``handle`` that remembers for each request what it wrote, where reads may go to replicas."""
        if not getattr(self._given, "has_replicas", False):
            return handle
        from vivace.db import begin_scope

        def scoped(request: Request) -> Awaitable[Response]:
            begin_scope()
            return handle(request)

        return scoped


@contextmanager
def _set(variables: Variables) -> Generator[None]:
    tokens = [(variable, variable.set(value)) for variable, value in variables]
    try:
        yield
    finally:
        for variable, token in tokens:
            variable.reset(token)


def _keep_inside(response: Any, variables: Variables) -> None:
    """Have an answer that is still at work when its handler has returned find the same databases."""
    run, write_to, close = getattr(response, "run", None), response.write_to, response.close

    def run_inside(socket: Any) -> Any:
        for variable, value in variables:  # for good: this is the socket's own task
            variable.set(value)
        return run(socket) if run is not None else None

    async def write_inside(sink: Any) -> None:
        with _set(variables):
            await write_to(sink)

    async def close_inside() -> None:
        with _set(variables):
            await close()

    if run is not None:
        response.run = run_inside
    else:
        response.write_to, response.close = write_inside, close_inside


def _module_name(source: ModuleType | str | type[Any]) -> str:
    if isinstance(source, str):
        if source not in sys.modules:
            importlib.import_module(source)
        return source
    if isinstance(source, ModuleType):
        return source.__name__
    raise ConfigurationError(
        "App(models=…) was given something that has no models.",
        expected="model classes, modules, or dotted names of them",
        got=repr(source),
    )


def _inside(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def calling_module() -> tuple[str, str, str]:
    """Return the name and the file of the module that makes the app, and the function; no file in a console."""
    frame = sys._getframe(2)
    while frame.f_back is not None and is_our_module(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    file = frame.f_globals.get("__file__")
    name = frame.f_globals.get("__name__", "__main__")
    return name, file if isinstance(file, str) else "", frame.f_code.co_qualname


def _stem(app: App) -> str:
    """Return the name of the project: the app's file, or its folder where the file has one of the usual names."""
    stem = Path(app.import_file).stem if app.import_file else "__main__"
    return (app.root.name or "app") if stem in _USUAL_STEMS else stem


__all__ = ["Data", "ModelSource", "calling_module"]
