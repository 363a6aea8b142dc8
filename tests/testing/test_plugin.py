"""The pytest plugin, seen from outside: small test files and what pytest says about them."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]


def run(pytester: pytest.Pytester, source: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(f"import asyncio, contextvars, pytest\n{source}")
    return pytester.runpytest_inprocess(
        "-p", "no:randomly", "-p", "no:cacheprovider", "-W", "error", *options
    )


def test_te4_tests_and_fixtures_share_loop_task_and_context(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
variable = contextvars.ContextVar("variable", default="unset")
ends = []

@pytest.fixture
async def place():
    return asyncio.get_running_loop(), asyncio.current_task()

@pytest.fixture
async def thing(place):
    variable.set("from the fixture")
    async with asyncio.timeout(60):      # entered and left in one task
        async with asyncio.TaskGroup() as group:
            task = group.create_task(asyncio.sleep(3600))
            yield place
            task.cancel()
    assert variable.get() == "from the test"
    ends.append("cleaned")

async def test_one(thing, place):
    assert thing == place == (asyncio.get_running_loop(), asyncio.current_task())
    assert variable.get() == "from the fixture"
    variable.set("from the test")

async def test_two(place):
    assert ends == ["cleaned"]
    assert variable.get() == "unset"

class TestInClass:
    @pytest.fixture
    async def own(self):
        yield self

    async def test_method(self, own):
        assert isinstance(own, TestInClass)
""",
    )
    result.assert_outcomes(passed=3)


def test_te4_sync_tests_use_async_fixtures(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
ends = []

@pytest.fixture
async def number():
    await asyncio.sleep(0)
    yield 7
    ends.append("cleaned")

def test_sync(number):
    assert number == 7

def test_after():
    assert ends == ["cleaned"]
""",
    )
    result.assert_outcomes(passed=2)


def test_te4_wider_fixtures_live_on_the_loop_of_their_tests(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
made = []

@pytest.fixture(scope="module")
async def pool():
    made.append("up")
    worker = asyncio.create_task(asyncio.sleep(3600), name="pool worker")
    yield asyncio.get_running_loop()
    worker.cancel()
    made.append("down")

@pytest.fixture(scope="session")
async def site():
    return asyncio.get_running_loop()

@pytest.fixture
async def narrow(pool):
    yield asyncio.get_running_loop()

async def test_one(pool, narrow):
    assert pool is narrow is asyncio.get_running_loop()

async def test_two(site, pool):
    assert made == ["up"]
    assert site is pool is asyncio.get_running_loop()

async def test_fresh():
    await asyncio.sleep(0)
""",
    )
    result.assert_outcomes(passed=3)


def test_te4_pending_tasks_fail_the_test_by_name(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
async def test_leaks():
    asyncio.create_task(asyncio.sleep(3600), name="forgotten")

async def test_clean():
    task = asyncio.create_task(asyncio.sleep(3600))
    task.cancel()

@pytest.fixture
async def leaky():
    asyncio.create_task(asyncio.sleep(3600), name="of the fixture")
    yield

async def test_with_fixture(leaky):
    pass
""",
    )
    result.assert_outcomes(passed=2, failed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["*task 'of the fixture' is still pending*", "*task 'forgotten' is still pending*"]
    )


def test_te4_errors_nobody_looked_at_fail_the_test(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
kept = []

async def fail():
    raise ZeroDivisionError("unseen")

async def test_in_a_task():
    kept.append(asyncio.create_task(fail(), name="failing"))
    await asyncio.sleep(0)

async def test_in_a_callback():
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    await asyncio.sleep(0)

async def test_seen():
    with pytest.raises(ZeroDivisionError):
        await asyncio.create_task(fail())
""",
    )
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*task 'failing' failed: ZeroDivisionError('unseen')*"])


def test_te4_cleanup_runs_when_the_test_fails_or_is_cancelled(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
ends = []

@pytest.fixture
async def thing():
    yield
    await asyncio.sleep(0)
    ends.append("cleaned")

async def test_fails(thing):
    assert False

async def test_cancels(thing):
    asyncio.current_task().cancel()
    await asyncio.sleep(0)

async def test_after():
    assert ends == ["cleaned", "cleaned"]
""",
    )
    result.assert_outcomes(passed=1, failed=2)


def test_te4_client_fixture_runs_the_lifespan(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
from vivace.http.response import Text

class App:
    state = "new"
    async def startup(self): self.state = "up"
    async def shutdown(self): self.state = "down"
    async def handle(self, request): return Text(self.state)

app = App()

async def test_client(client):
    http = await client(app, follow=True)
    assert (await http.get("/")).text == "up"

def test_after():
    assert app.state == "down"
""",
    )
    result.assert_outcomes(passed=2)


def test_te4_hypothesis_drives_async_tests(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
from hypothesis import given, settings, strategies

seen = []

@settings(max_examples=10, database=None, deadline=None)
@given(strategies.integers())
async def test_numbers(number):
    await asyncio.sleep(0)
    seen.append(number)

@settings(max_examples=10, database=None, deadline=None)
@given(strategies.integers())
async def test_wrong(number):
    assert number < 0

def test_after():
    assert len(seen) >= 5
""",
    )
    result.assert_outcomes(passed=2, failed=1)


def test_te4_other_plugins_keep_their_tests(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.anyio
async def test_theirs():
    assert asyncio.current_task().get_name() != "test"
""",
    )
    result.assert_outcomes(passed=1)


def test_te4_a_shared_fixture_must_be_named(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
@pytest.fixture(scope="session")
async def pool():
    return 1

async def test_late(request):
    request.getfixturevalue("pool")
""",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*'pool' lives on the shared loop*"])


def test_te4_a_thousand_runs_are_the_same(pytester: pytest.Pytester) -> None:
    """Fixture, client, socket and tasks, a thousand times: no flake."""
    result = run(
        pytester,
        """
from vivace.http.response import Text, Upgrade

class Echo(Upgrade):
    async def run(self, socket):
        async for message in socket:
            await socket.send(message)

async def handle(request):
    await asyncio.sleep(0)
    return Echo() if request.path == "/echo" else Text("hello")

@pytest.mark.parametrize("number", range(1000))
async def test_again(client, number):
    http = await client(handle)
    answers = await asyncio.gather(*[http.get("/") for _ in range(3)])
    assert [answer.text for answer in answers] == ["hello"] * 3
    async with http.websocket("/echo") as socket:
        await socket.send("x")
        assert await socket.receive() == "x"
""",
        "-q",
    )
    result.assert_outcomes(passed=1000)
