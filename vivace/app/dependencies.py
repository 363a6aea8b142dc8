"""Dependency providers: who makes the values that handlers ask for by type.

A provider is a function (``def`` or ``async def``), or a generator (sync or async, or a function decorated with
``contextmanager`` / ``asynccontextmanager``) that yields the value once and cleans up after the ``yield``. Its own
parameters are bound like a handler's: other dependencies, query, headers.

Scopes: ``request`` (made once per request however many ask for it; cleaned up in reverse order when the answer was
produced, for streams when the body has ended, also on error and cancellation, which are thrown into generators) and
``app`` (made when the app starts, cleaned up when it stops; may only depend on other ``app`` providers).

A ``def`` provider runs on the loop, because a thread hop costs more than what most of them do (fastapi issue 5554);
``blocking=True`` sends it to the thread pool.

This module is the registry; how values are made is compiled into each endpoint (``binding``), so an override costs
nothing when it is not used: it has the endpoints that need the type compiled again.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, get_args, get_origin

import msgspec

from vivace.errors import nearest
from vivace.errors.binding import DependencyNotReady, DuplicateProvider, UnknownDependency
from vivace.routing.routes import place_of as source_place

F = TypeVar("F", bound="Callable[..., Any]")
Scope: TypeAlias = Literal["request", "app"]
Kind: TypeAlias = Literal["value", "awaited", "context", "async context"]


class Provider(msgspec.Struct, frozen=True):
    """One way to make a value: ``key`` is the type that is asked for, or the function of ``Depends``."""

    key: Any
    function: Callable[..., Any]
    scope: Scope = "request"
    blocking: bool = False

    @property
    def name(self) -> str:
        """What errors call it."""
        return name_of(self.key)

    @property
    def kind(self) -> Kind:
        """How the value is taken out of what the function returns."""
        function = plain_function(self.function)
        if inspect.iscoroutinefunction(function):
            return "awaited"
        made_by = inspect.unwrap(function)
        if inspect.isasyncgenfunction(made_by):
            return "async context"
        return "context" if inspect.isgeneratorfunction(made_by) else "value"

    @property
    def call(self) -> Callable[..., Any]:
        """The function to call: of a bare generator function a context manager is made."""
        function = plain_function(self.function)
        if inspect.isasyncgenfunction(function):
            return asynccontextmanager(self.function)
        return contextmanager(self.function) if inspect.isgeneratorfunction(function) else self.function


class Compiled(Protocol):
    """What an override has compiled again: an endpoint, with the keys of the providers it uses."""

    @property
    def uses(self) -> frozenset[Any]: ...

    def compile(self) -> None: ...


class AppValues(dict[Any, Any]):
    """The values of the app's scope, by key, while the app runs."""

    def __missing__(self, key: Any) -> Any:
        raise DependencyNotReady(
            f"{name_of(key)} belongs to the app's scope and the app is not running.",
            fix="Start the app first: `async with app:`, or the test client as a context manager.",
        )


class Providers:
    """All providers of one app, by the type they provide."""

    def __init__(self) -> None:
        self._registered: dict[Any, Provider] = {}
        self._overrides: dict[Any, Provider] = {}
        self._compiled: list[Compiled] = []
        self.values = AppValues()

    def add(self, key: Any, function: F, *, scope: Scope = "request", blocking: bool = False) -> F:
        """Register ``function`` as the provider of ``key`` and return it; raises ``DuplicateProvider``."""
        if key in self._registered:
            raise DuplicateProvider(
                f"{name_of(key)} has a provider already.",
                expected="one provider for each type",
                got=f"{place_or_name(self._registered[key].function)} and {place_or_name(function)}",
                fix="Use override() in tests, or Annotated[T, Depends(provider)] for a second way to make it.",
            )
        self._registered[key] = Provider(key, function, scope, blocking)
        return function

    def decorator(
        self, key: Any = None, *, scope: Scope = "request", blocking: bool = False
    ) -> Callable[[F], F]:
        """Return a decorator that registers a function for ``key``, by default for what it says it returns."""

        def register(function: F) -> F:
            wanted = provided_type(function) if key is None else key
            return self.add(wanted, function, scope=scope, blocking=blocking)

        return register

    def find(self, key: Any) -> Provider | None:
        """Return the provider of a type (an override first), or ``None``."""
        try:
            return self._overrides.get(key) or self._registered.get(key)
        except TypeError:  # an annotation that cannot be hashed, such as Annotated[int, []]
            return None

    def anonymous(self, function: Callable[..., Any]) -> Provider:
        """Return the provider of ``Depends(function)``, which is its own key."""
        return self._overrides.get(function) or self._registered.get(function) or Provider(function, function)

    def lives_with_app(self, key: Any) -> bool:
        """Tell whether the original provider of a key has the app's scope."""
        registered = self._registered.get(key)
        return registered is not None and registered.scope == "app"

    def in_app_scope(self) -> list[Provider]:
        """Return the providers of the app's scope in the order they were registered."""
        return [provider for provider in self._registered.values() if provider.scope == "app"]

    def watch(self, compiled: Compiled) -> None:
        """Remember an endpoint, so that an override can have it compiled again."""
        self._compiled.append(compiled)

    @contextmanager
    def override(
        self, key: Any, function: Callable[..., Any], *, blocking: bool = False
    ) -> Generator[None, None, None]:
        """Let ``function`` provide ``key`` (a type, or the function of a ``Depends``) within the ``with`` block.

        Made for each request whatever the scope of the original. Raises ``UnknownDependency`` when nothing uses the key.
        """
        users = [endpoint for endpoint in self._compiled if key in endpoint.uses]
        if not users and key not in self._registered:
            known = [name_of(other) for endpoint in self._compiled for other in endpoint.uses]
            raise UnknownDependency(
                f"{name_of(key)} cannot be overridden: nothing provides it.", fix=nearest(name_of(key), known)
            )
        before = self._overrides.get(key)
        self._overrides[key] = Provider(key, function, blocking=blocking)
        try:
            for endpoint in users:
                endpoint.compile()
            yield
        finally:
            self._restore(key, before)
            for endpoint in users:
                endpoint.compile()

    def _restore(self, key: Any, before: Provider | None) -> None:
        if before is None:
            del self._overrides[key]
        else:
            self._overrides[key] = before


def plain_function(function: Any) -> Any:
    """Return the function below partials and callable objects, so that its kind can be told."""
    while isinstance(function, partial):
        function = function.func
    if inspect.isroutine(function) or inspect.isclass(function):
        return function
    return getattr(function, "__call__", function)  # noqa: B004  (an object with __call__: its method tells the kind)


def provided_type(function: Callable[..., Any]) -> Any:
    """Return the type that a provider's return annotation names, an iterator's item for generators."""
    returned = inspect.signature(function, eval_str=True).return_annotation
    origin = get_origin(returned)
    if origin is not None and getattr(origin, "__module__", "") == "collections.abc":
        returned = get_args(returned)[0]
    if returned in (inspect.Signature.empty, None, Any):
        raise UnknownDependency(
            f"The provider {place_or_name(function)} does not say what it provides.",
            expected="a return annotation",
            fix="Write `-> T` (`-> AsyncIterator[T]` for a generator), or name the type: provide(T).",
        )
    return returned


def name_of(key: Any) -> str:
    """Return what errors call a type or a function."""
    return getattr(key, "__qualname__", None) or str(key)


def place_or_name(function: Any) -> str:
    """Return ``file:line`` of a function, or its name where there is no source."""
    return source_place(function) or name_of(function)


__all__ = [
    "AppValues",
    "Compiled",
    "Kind",
    "Provider",
    "Providers",
    "Scope",
    "name_of",
    "place_or_name",
    "plain_function",
    "provided_type",
]
