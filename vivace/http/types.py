"""The vocabulary of the request path: what a handler, a hook and a middleware are.

``request → hooks → handler → response``: everything that stands on this path has one of these types.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from .request import Request
from .response import Response

Handle: TypeAlias = Callable[[Request], Awaitable[Response]]
"""What the engine calls: the whole application as one function."""

Handler: TypeAlias = Callable[..., Any]
"""What a user writes: any parameters by annotation, any result that ``DESIGN`` lists; ``def`` or ``async def``."""

CallNext: TypeAlias = Callable[[Request], Awaitable[Response]]
"""What a middleware calls to reach the rest of the chain."""

Middleware: TypeAlias = Callable[[Request, CallNext], Awaitable[Response]]
"""``async def middleware(request, call_next) -> Response``: composed once, when the app is frozen."""

BeforeHook: TypeAlias = Callable[[Request], Awaitable[Response | None] | Response | None]
"""Runs before the handler; a response it returns is the answer and the handler does not run."""

AfterHook: TypeAlias = Callable[[Request, Response], Awaitable[Response | None] | Response | None]
"""Runs after the handler; may change the response in place or return another one."""

RequestHook: TypeAlias = Callable[[Request], Awaitable[None] | None]
"""Told that the deadline of a request passed, or that its client went away."""

ErrorHook: TypeAlias = Callable[[Request, BaseException], Awaitable[Response | None] | Response | None]
"""Told of every error of a handler before it is mapped; a response it returns is the answer."""

ErrorKey: TypeAlias = "type[BaseException] | int"
ErrorHandler: TypeAlias = Callable[[Request, Any], Any]
"""Answers one kind of error: returns anything a handler may return, or ``None`` to leave it to the next that fits."""
