"""Dependency providers: kinds, scopes, clean-up, overrides, and what is found at start."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Annotated, Any

import pytest

from vivace.app.binding import Depends, Query, app_scope, check_app_scope
from vivace.app.dependencies import Providers
from vivace.engine.offload import Pool
from vivace.errors import ValidationFailed, WrongResult
from vivace.errors.binding import BrokenEndpoint, DependencyNotReady, DuplicateProvider, UnknownDependency
from vivace.http.eventstream import Event
from vivace.http.request import Request
from vivace.http.websocket import WebSocket

from .support import CollectingSink, answer, compiled, endpoint, get, post, run_inline, written


class Log(list[str]):
    pass


class Database:
    def __init__(self, name: str = "db") -> None:
        self.name = name


class Session:
    def __init__(self, database: Database) -> None:
        self.database = database


class User:
    def __init__(self, name: str) -> None:
        self.name = name


def with_provider(key: Any, function: Callable[..., Any], **options: Any) -> Providers:
    providers = Providers()
    providers.add(key, function, **options)
    return providers


def current(token: Annotated[str, Query()] = "real") -> User:
    return User(token)


async def use_database(database: Database) -> str:
    return database.name


# -- making values ----------------------------------------------------------------------------------------------------


async def test_mw6_every_kind_of_provider() -> None:
    def plain() -> Database:
        return Database("plain")

    async def awaited() -> Database:
        return Database("awaited")

    def generator() -> Iterator[Database]:
        yield Database("generator")

    async def agenerator() -> AsyncIterator[Database]:
        yield Database("agenerator")

    @contextmanager
    def manager() -> Generator[Database, None, None]:
        yield Database("manager")

    @asynccontextmanager
    async def amanager() -> AsyncGenerator[Database, None]:
        yield Database("amanager")

    for provider in (plain, awaited, generator, agenerator, manager, amanager, lambda: Database("lambda")):
        for blocking in (False, True):
            made = endpoint(use_database, providers=with_provider(Database, provider, blocking=blocking))
            name = getattr(provider, "__name__", "").strip("<>")
            assert (await made.respond(get())).body.decode() == name


async def test_mw6_nested_dependencies_are_made_once_and_bind_their_own_parameters() -> None:
    providers = Providers()
    made: list[str] = []

    @providers.decorator()
    def database(name: str = "main") -> Database:
        made.append("database")
        return Database(name)

    @providers.decorator()
    async def session(database: Database, *, request: Request) -> Session:
        made.append("session")
        return Session(database)

    async def show(session: Session, database: Database) -> list[Any]:
        return [session.database is database, database.name]

    assert (database.__name__, session.__name__) == (
        "database",
        "session",
    )  # the decorator gives the function back
    assert await answer(endpoint(show, providers=providers), get("name=x")) == [True, "x"]
    assert made == ["database", "session"]


async def test_wrong_input_of_a_dependency_is_reported_before_anything_is_opened() -> None:
    opened: list[str] = []

    def database(shard: int) -> Iterator[Database]:
        opened.append("opened")
        yield Database()

    async def show(database: Database, page: int) -> None: ...

    made = endpoint(show, providers=with_provider(Database, database))
    with pytest.raises(ValidationFailed) as caught:
        await made.respond(get("shard=x&page=y"))
    assert [found.pointer for found in caught.value.problems] == ["/shard", "/page"]
    assert opened == []


async def test_depends_names_a_provider() -> None:
    async def me(user: Annotated[User, Depends(current)]) -> str:
        return user.name

    assert (await endpoint(me).respond(get("token=ada"))).body == b"ada"


async def test_def_providers_run_on_the_loop_unless_blocking(pool: Pool) -> None:
    def where() -> Database:
        return Database(threading.current_thread().name)

    here = endpoint(use_database, providers=with_provider(Database, where), run_blocking=pool.run)
    there = endpoint(
        use_database, providers=with_provider(Database, where, blocking=True), run_blocking=pool.run
    )
    assert (await here.respond(get())).body.decode() == threading.current_thread().name
    assert (await there.respond(get())).body.startswith(b"vivace-blocking")


# -- clean-up ---------------------------------------------------------------------------------------------------------


def logging_providers(log: Log) -> Providers:
    providers = Providers()

    def database() -> Iterator[Database]:
        log.append("open database")
        try:
            yield Database()
        except BaseException as error:
            log.append(f"database saw {type(error).__name__}")
            raise
        finally:
            log.append("close database")

    async def session(database: Database) -> AsyncIterator[Session]:
        log.append("open session")
        try:
            yield Session(database)
        finally:
            log.append("close session")

    providers.add(Database, database)
    providers.add(Session, session)
    return providers


async def test_mw6_the_scope_closes_after_the_answer_was_made_in_reverse_order() -> None:
    log = Log()

    async def show(session: Session) -> dict[str, str]:
        log.append("handler")
        return {}

    await endpoint(show, providers=logging_providers(log)).respond(get())
    assert log == ["open database", "open session", "handler", "close session", "close database"]


async def test_mw6_errors_and_cancellation_are_thrown_into_providers() -> None:
    log = Log()
    started = asyncio.Event()

    async def fail(session: Session) -> None:
        raise KeyError

    async def hang(session: Session) -> None:
        started.set()
        await asyncio.Event().wait()

    with pytest.raises(KeyError):
        await endpoint(fail, providers=logging_providers(log)).respond(get())
    assert log[2:] == ["close session", "database saw KeyError", "close database"]
    log.clear()
    task = asyncio.ensure_future(endpoint(hang, providers=logging_providers(log)).respond(get()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log[2:] == ["close session", "database saw CancelledError", "close database"]


async def test_a_provider_that_fails_closes_those_before_it() -> None:
    log = Log()
    providers = logging_providers(log)

    async def user(session: Session) -> User:
        raise PermissionError

    providers.add(User, user)

    async def show(user: User) -> None: ...

    with pytest.raises(PermissionError):
        await endpoint(show, providers=providers).respond(get())
    assert log[-1] == "close database"


async def test_a_provider_cannot_swallow_an_error() -> None:
    def database() -> Iterator[Database]:
        try:
            yield Database()
        except KeyError:
            pass

    async def fail(database: Database) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await endpoint(fail, providers=with_provider(Database, database)).respond(get())


async def test_an_error_in_the_clean_up_is_the_requests_error() -> None:
    def database() -> Iterator[Database]:
        yield Database()
        raise ConnectionError  # a commit that failed: the answer must not say that all is well

    with pytest.raises(ConnectionError):
        await endpoint(use_database, providers=with_provider(Database, database)).respond(get())


async def test_a_result_that_is_no_answer_counts_as_an_error() -> None:
    log = Log()

    async def show(session: Session) -> Any:
        return object()

    with pytest.raises(WrongResult):
        await endpoint(show, providers=logging_providers(log)).respond(get())
    assert "database saw WrongResult" in log


async def test_mw6_a_stream_keeps_its_dependencies_until_its_end() -> None:
    log = Log()

    async def show(session: Session) -> AsyncIterator[str]:
        for number in "12":
            log.append(f"chunk {number}")
            yield number

    response = await endpoint(show, providers=logging_providers(log)).respond(get())
    assert log == ["open database", "open session", "chunk 1"]
    assert await written(response) == b"12"
    assert log[3:] == ["chunk 2", "close session", "close database"]


async def test_a_stream_that_is_cut_off_tells_its_dependencies() -> None:
    log = Log()

    async def show(session: Session) -> AsyncIterator[str]:
        try:
            while True:
                yield "x"
        finally:
            log.append("generator closed")

    made = endpoint(show, providers=logging_providers(log))
    response = await made.respond(get())
    with pytest.raises(ConnectionResetError):
        await response.write_to(CollectingSink(stop_after=2))
    await response.close()
    assert log[2:] == [
        "generator closed",
        "close session",
        "database saw ClientDisconnected",
        "close database",
    ]
    log.clear()
    await (await made.respond(get())).close()  # never started
    assert log[2:] == [
        "generator closed",
        "close session",
        "database saw ClientDisconnected",
        "close database",
    ]


async def test_an_error_within_a_stream_reaches_its_dependencies() -> None:
    log = Log()

    async def show(session: Session) -> AsyncIterator[str]:
        yield "x"
        raise KeyError

    response = await endpoint(show, providers=logging_providers(log)).respond(get())
    with pytest.raises(KeyError):
        await written(response)
    assert "database saw KeyError" in log
    assert log[-1] == "close database"


async def test_event_streams_keep_their_dependencies() -> None:
    log = Log()

    async def show(session: Session) -> AsyncIterator[Event]:
        yield Event("one")

    response = await endpoint(show, providers=logging_providers(log)).respond(get())
    assert "close session" not in log
    assert b"data: one" in await written(response)
    assert log[-1] == "close database"


async def test_sockets_keep_their_dependencies_until_the_handler_ends() -> None:
    log = Log()

    async def chat(socket: WebSocket, session: Session) -> None:
        log.append("handler")

    await endpoint(chat, providers=logging_providers(log), websocket=True).run(WebSocket(get()))
    assert log[2:] == ["handler", "close session", "close database"]


async def test_blocking_generators_are_closed_with_the_error(pool: Pool) -> None:
    log = Log()

    def database() -> Iterator[Database]:
        try:
            yield Database()
        except KeyError:
            log.append(threading.current_thread().name[:15])
            raise

    async def fail(database: Database) -> None:
        raise KeyError

    made = endpoint(fail, providers=with_provider(Database, database, blocking=True), run_blocking=pool.run)
    with pytest.raises(KeyError):
        await made.respond(get())
    assert log == ["vivace-blocking"]


# -- the app's scope --------------------------------------------------------------------------------------------------


async def test_app_scope_is_made_once_and_closed_in_reverse_order() -> None:
    log = Log()
    providers = Providers()

    @providers.decorator(scope="app")
    async def session(database: Database) -> AsyncIterator[Session]:
        log.append("open session")
        yield Session(database)
        log.append("close session")

    @providers.decorator(scope="app", blocking=True)
    def database() -> Iterator[Database]:
        log.append("open database")
        yield Database("app")
        log.append("close database")

    made = endpoint(use_database, providers=providers)
    with pytest.raises(DependencyNotReady, match="not running"):
        await made.respond(get())
    async with app_scope(providers, run_inline):
        assert (await made.respond(get())).body == b"app"
        assert (await made.respond(get())).body == b"app"
        assert log == ["open database", "open session"]
    assert log[2:] == ["close session", "close database"]
    with pytest.raises(DependencyNotReady):
        await made.respond(get())
    assert session.__name__ == "session"
    assert database.__name__ == "database"


async def test_app_scope_cannot_depend_on_a_request() -> None:
    providers = Providers()
    providers.add(Database, lambda: Database())

    @providers.decorator(scope="app")
    def session(database: Database) -> Session:
        return Session(database)

    @providers.decorator(scope="app")
    def user(request: Request) -> User:
        return User(request.method)

    assert [found.id for found in check_app_scope(providers)] == ["dependency-scope", "dependency-scope"]
    assert "Database" in check_app_scope(providers)[0].message
    assert (session.__name__, user.__name__) == ("session", "user")


# -- overrides --------------------------------------------------------------------------------------------------------


async def test_mw6_override_for_a_test_and_back() -> None:
    made = endpoint(use_database, providers=(providers := with_provider(Database, lambda: Database("real"))))
    plain = made.respond

    def fake(name: str = "fake") -> Database:
        return Database(name)

    with providers.override(Database, fake):
        assert (await made.respond(get())).body == b"fake"
        with providers.override(Database, lambda: Database("inner")):
            assert (await made.respond(get())).body == b"inner"
        assert (await made.respond(get("name=x"))).body == b"x"
    assert (await made.respond(get())).body == b"real"
    assert plain is not made.respond


async def test_override_of_nested_and_named_providers() -> None:
    async def me(user: Annotated[User, Depends(current)], session: Session) -> list[str]:
        return [user.name, session.database.name]

    providers = with_provider(Database, lambda: Database("real"))
    providers.add(Session, Session)
    made = endpoint(me, providers=providers)
    with (
        providers.override(current, lambda: User("fake")),
        providers.override(Database, lambda: Database("fake")),
    ):
        assert await answer(made, get()) == ["fake", "fake"]
    assert await answer(made, get()) == ["real", "real"]


async def test_override_in_the_scope_of_the_app() -> None:
    providers = Providers()
    providers.add(Database, lambda: Database("real"), scope="app")
    providers.add(Session, Session, scope="app")

    async def show(session: Session, database: Database) -> list[str]:
        return [session.database.name, database.name]

    made = endpoint(show, providers=providers)
    with providers.override(Database, lambda: Database("fake")):
        async with app_scope(providers, run_inline):
            assert await answer(made, get()) == ["fake", "fake"]


async def test_a_broken_override_says_what_is_wrong() -> None:
    providers = with_provider(Database, lambda: Database("real"))
    made = endpoint(use_database, providers=providers)

    def circular(database: Database) -> Database:
        return database

    with providers.override(Database, circular):
        with pytest.raises(BrokenEndpoint, match="Database → Database"):
            await made.respond(get())
    assert (await made.respond(get())).body == b"real"


def test_unknown_overrides_and_second_providers_are_refused() -> None:
    providers = with_provider(Database, lambda: Database())
    endpoint(use_database, providers=providers)
    with pytest.raises(UnknownDependency, match="User"), providers.override(User, lambda: User("x")):
        pass
    with pytest.raises(DuplicateProvider, match="test_dependencies"):
        providers.add(Database, lambda: Database())
    with pytest.raises(UnknownDependency, match="does not say"):
        providers.decorator()(lambda: Database())


# -- findings ---------------------------------------------------------------------------------------------------------


def ids(handler: Callable[..., Any], providers: Providers | None = None, **options: Any) -> list[str]:
    return [found.id for found in compiled(handler, providers=providers, **options).findings]


def test_cycles_and_missing_providers_are_found_at_start() -> None:
    providers = Providers()

    @providers.decorator()
    def database(user: User) -> Database:
        return Database()

    @providers.decorator()
    def user(session: Session) -> User:
        return User("")

    @providers.decorator()
    def session(database: Database) -> Session:
        return Session(database)

    found = compiled(use_database, providers=providers).findings
    assert [one.id for one in found] == ["dependency-cycle"]
    assert "Database → User → Session → Database" in found[0].message
    assert "test_dependencies.py:" in found[0].place
    (missing,) = compiled(use_database).findings
    assert missing.id == "no-provider"
    assert "'database' (Database)" in missing.message
    assert "app.provide(Database" in missing.hint
    assert (database.__name__, user.__name__, session.__name__) == ("database", "user", "session")


def test_what_cannot_be_bound_is_found_at_start_all_at_once() -> None:
    async def many(*args: int, database: Database, socket: WebSocket, **kwargs: str) -> None: ...

    async def needs_body(data: dict[str, int]) -> None: ...

    async def two(a: dict[str, int], b: dict[str, int]) -> None: ...

    async def complex_query(value: Annotated[dict[str, int], Query()]) -> None: ...

    async def unreadable(value: dict[str, Database]) -> None: ...

    async def unresolved(value: Any) -> None: ...

    unresolved.__annotations__["value"] = "Missing"

    async def events(socket: WebSocket) -> AsyncIterator[str]:
        yield ""

    assert ids(many) == ["variadic-parameter", "no-provider", "no-websocket", "variadic-parameter"]
    assert ids(needs_body) == ["no-body"]
    assert ids(two, methods=["POST"]) == ["two-bodies"]
    assert ids(complex_query) == ["unsupported-parameter"]
    assert ids(unreadable, methods=["POST"]) == ["unsupported-parameter"]
    assert ids(unresolved) == ["unresolved-annotation"]
    assert ids(events, websocket=True) == ["websocket-handler"]


async def test_an_endpoint_with_findings_refuses_to_run() -> None:
    with pytest.raises(BrokenEndpoint, match="which no provider makes"):
        await compiled(use_database).respond(get())


# -- threads ----------------------------------------------------------------------------------------------------------

who: ContextVar[str] = ContextVar("who", default="nobody")


async def test_def_handlers_run_in_the_pool_with_the_callers_context(pool: Pool) -> None:
    def show(id: int) -> list[Any]:
        seen = who.get()
        who.set("thread")
        return [id, seen, threading.current_thread().name[:15]]

    who.set("ada")
    assert await answer(endpoint(show, path=["id"], run_blocking=pool.run), get(id=1)) == [
        1,
        "ada",
        "vivace-blocking",
    ]
    assert who.get() == "ada"


async def test_the_pool_is_bounded(pool: Pool) -> None:
    running = most = 0
    lock = threading.Lock()
    both = threading.Barrier(2)

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait(10)
        with lock:
            running -= 1

    await asyncio.gather(*(pool.run(work) for _ in range(6)))
    assert most == 2


async def test_stop_iteration_in_a_thread_does_not_hang(pool: Pool) -> None:
    def broken() -> str:
        return next(iter(list[str]()))

    with pytest.raises(RuntimeError, match="StopIteration"):
        await endpoint(broken, run_blocking=pool.run).respond(get())


async def test_json_bodies_reach_def_handlers(pool: Pool) -> None:
    def total(numbers: list[int]) -> int:
        return sum(numbers)

    assert await answer(endpoint(total, ["POST"], run_blocking=pool.run), post([1, 2])) == 3
