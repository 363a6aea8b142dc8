"""What the tests of binding and replies share: an endpoint of a handler, a request, a sink."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest

from vivace.app.binding import Endpoint, EndpointOptions, compile_handler
from vivace.app.dependencies import Providers
from vivace.errors import Problem, ValidationFailed
from vivace.http.request import Connection, Request
from vivace.http.response import Response


class CollectingSink:
    """Keeps what a response writes; ``stop_after`` chunks the client is gone."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.chunks: list[bytes] = []
        self.stop_after = stop_after

    async def write(self, data: bytes) -> None:
        if self.stop_after is not None and len(self.chunks) >= self.stop_after:
            raise ConnectionResetError
        self.chunks.append(data)

    async def send_file(self, descriptor: int, offset: int, count: int) -> None:
        raise ValueError("no files here")


async def run_inline(function: Callable[[], Any]) -> Any:
    return function()


def endpoint(
    handler: Callable[..., Any],
    methods: Iterable[str] = ("GET",),
    path: Iterable[str] = (),
    providers: Providers | None = None,
    **options: Any,
) -> Endpoint:
    """Compile a handler and insist that nothing is wrong with it."""
    made = compiled(handler, methods, path, providers, **options)
    assert made.findings == ()
    return made


def compiled(
    handler: Callable[..., Any],
    methods: Iterable[str] = ("GET",),
    path: Iterable[str] = (),
    providers: Providers | None = None,
    **options: Any,
) -> Endpoint:
    settings: dict[str, Any] = {"run_blocking": run_inline, **options}
    return compile_handler(
        handler,
        EndpointOptions(
            providers or Providers(), path_params=frozenset(path), methods=frozenset(methods), **settings
        ),
    )


def get(query: str = "", headers: dict[str, str] | None = None, **path: Any) -> Request:
    return request("GET", query, headers, b"", path)


def post(
    body: Any = b"",
    content_type: str = "application/json",
    query: str = "",
    headers: dict[str, str] | None = None,
    **path: Any,
) -> Request:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    fields = {"content-type": content_type} if content_type else {}
    return request("POST", query, {**fields, **(headers or {})}, raw, path)


def request(
    method: str, query: str, headers: dict[str, str] | None, body: bytes, path: dict[str, Any]
) -> Request:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
    made = Request(method, f"/?{query}" if query else "/", raw, Connection(), body)
    made.path_params = path
    return made


async def answer(made: Endpoint, asked: Request) -> Any:
    """Return the JSON of the answer."""
    return msgspec.json.decode((await made.respond(asked)).body)


async def problems(made: Endpoint, asked: Request) -> list[tuple[str, str]]:
    """Return (place, pointer) of every problem."""
    return [(found.place, found.pointer) for found in await refused(made, asked)]


async def refused(made: Endpoint, asked: Request) -> tuple[Problem, ...]:
    with pytest.raises(ValidationFailed) as caught:
        await made.respond(asked)
    return caught.value.problems


async def written(response: Response) -> bytes:
    sink = CollectingSink()
    try:
        await response.write_to(sink)
    finally:
        await response.close()
    return b"".join(sink.chunks)
