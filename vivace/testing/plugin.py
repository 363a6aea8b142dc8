"""The pytest plugin: ``async def`` tests and fixtures run, and what they leave behind fails them.

Theory
------
Flaky async tests come from four things: several loops, several tasks (a cancel scope entered in one and left in another),
several contexts (a variable set in a fixture is not there in the test), and leftovers that hit the next test. So here
a test, its fixtures and their clean-up run on *one* loop, in *one* task, in *one* context (``loops.Host``), and at the
end nothing may be left.

- A test has a fresh loop, unless it uses an async fixture of a wider scope than ``function``. Those live on one shared
  loop per session, and so do the tests that use them.
- A task that is still pending at the end of the test, or that ended with an exception nobody looked at, fails the test
  with its name. (With async fixtures the end is after their clean-up, so pytest calls the failure an error.)
- Tests marked ``anyio`` or ``asyncio`` are left to the plugins of these names.
"""

from __future__ import annotations

import contextvars
import functools
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from .loops import Host

if TYPE_CHECKING:
    from .client import Client

_OTHERS = ("anyio", "asyncio")
_host = pytest.StashKey[Host]()
_shared = pytest.StashKey[Host]()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine test to its end; other tests are left to pytest."""
    if _is_foreign(pyfuncitem):
        return None
    function = pyfuncitem.obj
    inner = getattr(getattr(function, "hypothesis", None), "inner_test", None)
    if inspect.iscoroutinefunction(inner):
        function.hypothesis.inner_test = _blocking(inner, pyfuncitem)
        return None
    if not inspect.iscoroutinefunction(function):
        return None
    host = _host_of(pyfuncitem)
    names = pyfuncitem._fixtureinfo.argnames
    host.run(function(**{name: pyfuncitem.funcargs[name] for name in names}))
    if not _has_async_fixtures(pyfuncitem):
        host.check()
    return True


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Make an async fixture an ordinary one whose steps run on the host of the test."""
    function = fixturedef.func
    item = request._pyfuncitem
    if not _is_async(function) or _is_foreign(item):
        return (yield)
    host = _host_of(item) if fixturedef.scope == "function" else _shared_host(item)
    if fixturedef.scope != "function" and _host_of(item) is not host:
        raise pytest.UsageError(
            f"{fixturedef.argname!r} lives on the shared loop; name it as a parameter of the test, so that the test "
            "runs there, too (getfixturevalue comes too late)."
        )
    step = _generator_fixture if inspect.isasyncgenfunction(function) else _coroutine_fixture
    fixturedef.func = functools.partial(step, function, host, request)  # type: ignore[misc]
    try:
        value = yield
        if fixturedef.scope != "function":
            host.begin()  # its tasks live as long as it does
        return value
    finally:
        fixturedef.func = function  # type: ignore[misc]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """After the clean-up of all fixtures: look for leftovers, and close the loop of the test."""
    try:
        result = yield
        host = item.stash.get(_host, None)
        if host is not None:
            host.check()
        return result
    finally:
        host = item.stash.get(_host, None)
        if host is not None:
            del item.stash[_host]
            if host is not item.session.stash.get(_shared, None):
                host.close()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Close the shared loop."""
    host = session.stash.get(_shared, None)
    if host is not None:
        host.close()


@pytest.fixture
async def client() -> AsyncGenerator[Callable[..., Awaitable[Client]], None]:
    """Make clients with the app's startup done: ``http = await client(app)``; all are closed after the test."""
    from .client import Client

    async with AsyncExitStack() as stack:

        async def make(app: Any, base_url: str = "http://localhost", **options: Any) -> Client:
            return await stack.enter_async_context(Client(app, base_url, **options))

        yield make


# which host


def _host_of(item: pytest.Function) -> Host:
    host = item.stash.get(_host, None)
    if host is None:
        if any(scope != "function" for scope in _async_scopes(item)):
            host = _shared_host(item)
            host.begin()
        else:
            host = Host(contextvars.copy_context())
        item.stash[_host] = host
    return host


def _shared_host(item: pytest.Item) -> Host:
    stash = item.session.stash
    if _shared not in stash:
        stash[_shared] = Host(contextvars.copy_context())
    return stash[_shared]


def _async_scopes(item: pytest.Function) -> list[str]:
    definitions = item._fixtureinfo.name2fixturedefs.values()
    return [each.scope for chain in definitions for each in chain[-1:] if _is_async(each.func)]


def _has_async_fixtures(item: pytest.Function) -> bool:
    return bool(_async_scopes(item))


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _is_foreign(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) for name in _OTHERS)


# steps


def _blocking(inner: Callable[..., Any], item: pytest.Function) -> Callable[..., None]:
    """Return a Hypothesis test as a plain function: each example runs on the host and leaves nothing behind."""

    @functools.wraps(inner)
    def run(*args: Any, **kwargs: Any) -> None:
        host = _host_of(item)
        host.run(inner(*args, **kwargs))
        host.check()

    return run


def _coroutine_fixture(function: Any, host: Host, request: pytest.FixtureRequest, /, **kwargs: Any) -> Any:
    return host.run(_bound(function, request)(**kwargs))


def _generator_fixture(function: Any, host: Host, request: pytest.FixtureRequest, /, **kwargs: Any) -> Any:
    generator: AsyncGenerator[Any, None] = _bound(function, request)(**kwargs)

    def finish() -> None:
        host.run(_finish(generator))

    value = host.run(_next(generator))
    request.addfinalizer(finish)
    return value


def _bound(function: Any, request: pytest.FixtureRequest) -> Any:
    """A fixture in a class is a function that still needs its instance."""
    instance = request.instance
    return function.__get__(instance) if instance is not None and _needs_self(function) else function


def _needs_self(function: Any) -> bool:
    return not inspect.ismethod(function) and next(iter(inspect.signature(function).parameters), "") == "self"


async def _next(generator: AsyncGenerator[Any, None]) -> Any:
    return await anext(generator)


async def _finish(generator: AsyncGenerator[Any, None]) -> None:
    try:
        await anext(generator)
    except StopAsyncIteration:
        return
    await generator.aclose()
    raise pytest.UsageError(f"The fixture of {generator!r} yielded more than once.")
