"""From a plan to one function: straight lines of Python, written once and compiled when the app is frozen.

A binder in a loop over parameters pays for the loop, the argument tuple and one coroutine frame per layer with every
request; a function written for the signature pays for nothing but the work. What it looks like, for
``async def show(id: int, note: Note, db: Database)``::

    async def respond(request):
        path = read_path(request)
        try:
            i0 = path_0(path)
            raw = request.whole_body()
            if raw is None:
                raw = await request.body()
            i1 = take_1(raw, request)
        except ValidationFailed:
            raise await collect(request) from None
        scope = Scope()
        try:
            d0 = await scope.enter_async_context(make_0())
            response = reply(await handler(i0, i1, d0))
        except BaseException as error:
            await scope.__aexit__(type(error), error, error.__traceback__)
            raise
        return await finish(scope, response)

The first input that fails leads to ``collect``, which reads all of them again and raises every problem. All inputs
are read before the first provider runs, so nothing is opened for a request that is wrong.

Rule: nothing from users gets into the source but the names of keyword-only parameters, which are identifiers. Other
names are made here; everything else is in the namespace.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Final

from vivace.app.dependencies import AppValues, Kind, Provider, plain_function
from vivace.app.kinds import RunBlocking
from vivace.errors import Problem, ValidationFailed
from vivace.http.request import Request

from .bodies import WholeBody, says_form
from .plan import Plan, Step
from .signature import Argument, Input
from .texts import single_values


def _path(request: Request) -> Any:
    return request.path_params


def _query(request: Request) -> Any:
    return single_values(request.query_string)


def _queries(request: Request) -> Any:
    return request.query


def _header(request: Request) -> Any:
    return request.headers


def _cookie(request: Request) -> Any:
    return request.cookies


async def _form(request: Request) -> Any:
    return await request.form()


_SOURCES: Final[dict[str, Callable[[Request], Any]]] = {
    "path": _path,
    "query": _query,
    "queries": _queries,
    "header": _header,
    "cookie": _cookie,
    "form": _form,
}
_AWAITED: Final = frozenset({"form"})


class Writer:
    """Writes one function: lines and the namespace they run in."""

    def __init__(self, plan: Plan, run_blocking: RunBlocking, values: AppValues) -> None:
        self.plan = plan
        self.run_blocking = run_blocking
        self.lines: list[str] = []
        self.namespace: dict[str, Any] = {
            "ValidationFailed": ValidationFailed,
            "Scope": AsyncExitStack,
            "collect": partial(_collect, plan.inputs),
            "partial": partial,
            "run_blocking": run_blocking,
            "values": values,
        }
        self._inputs = {id(found): f"i{index}" for index, found in enumerate(plan.inputs)}
        self._steps = {step.provider.key: f"d{index}" for index, step in enumerate(plan.steps)}

    @property
    def scoped(self) -> bool:
        """True when something must be cleaned up after the call."""
        return any(step.provider.scope != "app" and _is_context(step.provider) for step in self.plan.steps)

    def add(self, line: str, indent: int = 1) -> None:
        """Add a line."""
        self.lines.append("    " * indent + line)

    def read_inputs(self) -> None:
        """Write the lines that read all inputs."""
        if not self.plan.inputs:
            return
        for name in sorted({self._source(found) for found in self.plan.inputs} & _SOURCES.keys()):
            self.namespace[f"read_{name}"] = _SOURCES[name]
            self.add(f"{name} = {'await ' if name in _AWAITED else ''}read_{name}(request)")
        self.add("try:")
        for index, found in enumerate(self.plan.inputs):
            self.namespace[f"read_{index}"] = found.read
            source = self._source(found)
            if isinstance(found.read, WholeBody):
                self._take_body(index, found.read)
            else:
                call = f"await read_{index}(request)" if source == "body" else f"read_{index}({source})"
                self.add(f"i{index} = {call}", 2)
        self.add("except ValidationFailed:")
        self.add("raise await collect(request) from None", 2)

    def _take_body(self, index: int, body: WholeBody) -> None:
        self.namespace[f"take_{index}"] = body.take
        indent = 2
        if body.form is not None:
            self.namespace.update({f"form_{index}": body.form, "says_form": says_form})
            self.add("if says_form(request):", 2)
            self.add(f"i{index} = await form_{index}(request)", 3)
            self.add("else:", 2)
            indent = 3
        self.add("raw = request.whole_body()", indent)
        self.add("if raw is None:", indent)
        self.add("raw = await request.body()", indent + 1)
        self.add(f"i{index} = take_{index}(raw, request)", indent)

    def _source(self, found: Input) -> str:
        if found.place == "query" and any(other.many for other in self.plan.inputs if other.place == "query"):
            return "queries"
        return found.place

    def run_steps(self, indent: int) -> None:
        """Write the lines that run the providers."""
        for index, step in enumerate(self.plan.steps):
            self.add(f"d{index} = {self._make(index, step)}", indent)

    def _make(self, index: int, step: Step) -> str:
        if step.provider.scope == "app":
            self.namespace[f"key_{index}"] = step.provider.key
            return f"values[key_{index}]"
        make, kind = maker(step.provider, self.run_blocking)
        self.namespace[f"make_{index}"] = make
        return _TAKEN[kind].format(f"make_{index}({self.call_arguments(step.arguments)})")

    def call_arguments(self, arguments: tuple[Argument, ...]) -> str:
        """Return the text between the parentheses of a call."""
        return ", ".join(
            f"{argument.name}={self._value(argument)}" if argument.keyword else self._value(argument)
            for argument in arguments
        )

    def _value(self, argument: Argument) -> str:
        source = argument.source
        if isinstance(source, Input):
            return self._inputs[id(source)]
        return source if isinstance(source, str) else self._steps[source.key]

    def function(self, name: str, parameters: str, place: str) -> Callable[..., Awaitable[Any]]:
        """Compile the lines as ``async def name(parameters)``."""
        source = "\n".join([f"async def {name}({parameters}):", *self.lines]) + "\n"
        exec(compile(source, f"<binding of {place}>", "exec"), self.namespace)  # noqa: S102  (the rule above)
        made: Callable[..., Awaitable[Any]] = self.namespace[name]
        return made


def write_respond(writer: Writer, handler: Callable[..., Any], tools: dict[str, Any], place: str) -> Any:
    """Return ``async respond(request) -> Response`` for an HTTP handler."""
    writer.namespace.update(tools, handler=handler)
    writer.read_inputs()
    call = _handler_call(handler, writer.call_arguments(writer.plan.arguments))
    _write_body(writer, f"response = {call}", "finish(scope, response)", f"return {call}")
    return writer.function("respond", "request", place)


def write_run(writer: Writer, handler: Callable[..., Any], tools: dict[str, Any], place: str) -> Any:
    """Return ``run(socket)`` for a WebSocket handler: the handler itself where the socket is all it asks for."""
    arguments = writer.plan.arguments
    if (
        not writer.plan.steps
        and len(arguments) == 1
        and arguments[0].source == "socket"
        and not arguments[0].keyword
    ):
        return handler
    writer.namespace.update(tools, handler=handler)
    writer.add("request = socket.request")
    writer.read_inputs()
    call = f"await handler({writer.call_arguments(writer.plan.arguments)})"
    _write_body(writer, call, "scope.aclose()", call)
    return writer.function("run", "socket", place)


def _write_body(writer: Writer, scoped_call: str, close: str, plain_call: str) -> None:
    if not writer.scoped:
        writer.run_steps(1)
        writer.add(plain_call)
        return
    writer.add("scope = Scope()")
    writer.add("try:")
    writer.run_steps(2)
    writer.add(scoped_call, 2)
    writer.add("except BaseException as error:")
    writer.add("await scope.__aexit__(type(error), error, error.__traceback__)", 2)
    writer.add("raise", 2)
    writer.add(f"return await {close}")


def _handler_call(handler: Callable[..., Any], arguments: str) -> str:
    function = plain_function(handler)
    if inspect.isasyncgenfunction(function):
        return f"await stream(handler({arguments}))"
    if inspect.isgeneratorfunction(function):
        return f"await stream_blocking(handler({arguments}))"
    if inspect.iscoroutinefunction(function):
        return f"reply(await handler({arguments}))"
    inner = f"partial(handler, {arguments})" if arguments else "handler"
    return f"reply(await run_blocking({inner}))"


def _is_context(provider: Provider) -> bool:
    return provider.kind in ("context", "async context")


_TAKEN: Final[dict[Kind, str]] = {
    "value": "{}",
    "awaited": "await {}",
    "context": "scope.enter_context({})",
    "async context": "await scope.enter_async_context({})",
}


def maker(provider: Provider, run_blocking: RunBlocking) -> tuple[Callable[..., Any], Kind]:
    """Return the function to call for a value, and how the value is taken out of what it returns."""
    call, kind = provider.call, provider.kind
    if provider.blocking and kind == "context":
        return partial(_entered_in_thread, run_blocking, call), "async context"
    if provider.blocking and kind == "value":
        return partial(_made_in_thread, run_blocking, call), "awaited"
    return call, kind


async def _made_in_thread(
    run_blocking: RunBlocking, call: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    return await run_blocking(partial(call, *args, **kwargs))


@asynccontextmanager
async def _entered_in_thread(
    run_blocking: RunBlocking, call: Callable[..., Any], *args: Any, **kwargs: Any
) -> AsyncGenerator[Any, None]:
    manager = call(*args, **kwargs)
    value = await run_blocking(manager.__enter__)
    try:
        yield value
    except BaseException as error:
        if not await run_blocking(partial(manager.__exit__, type(error), error, error.__traceback__)):
            raise
    else:
        await run_blocking(partial(manager.__exit__, None, None, None))


async def _collect(inputs: tuple[Input, ...], request: Request) -> ValidationFailed:
    """Read every input again, to know all that is wrong."""
    problems: list[Problem] = []
    for found in inputs:
        try:
            await _read_alone(found, request)
        except ValidationFailed as failure:
            problems.extend(failure.problems)
    count = f"{len(problems)} problem{'' if len(problems) == 1 else 's'} in the request."
    return ValidationFailed(problems, f"{count} {await _json_hint(problems, request)}".rstrip())


async def _json_hint(problems: Iterable[Problem], request: Request) -> str:
    """Return what to do where JSON came as a form: ``curl -d`` says that it is one."""
    if not any(found.place == "form" for found in problems):
        return ""
    first = next(iter(await request.form()), "")
    return "Send content-type: application/json." if first.startswith(("{", "[")) else ""


async def _read_alone(found: Input, request: Request) -> Any:
    if found.place == "body":
        return await found.read(request)
    source = _SOURCES["queries" if found.many and found.place == "query" else found.place](request)
    return found.read(await source if found.place in _AWAITED else source)
