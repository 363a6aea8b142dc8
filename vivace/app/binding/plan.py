"""The plan of one function: which inputs are read, which providers run, in which order.

Providers are put in topological order, each once however often it is asked for: the per-request cache of
dependencies is a local variable of the compiled function. Cycles, missing providers and providers of the app's scope
that need a request are findings, which name the whole path that leads to them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from vivace.app.dependencies import Provider, name_of

from .signature import Argument, Context, Input, read_signature


class Step(msgspec.Struct, frozen=True):
    """One provider that runs, after those it depends on."""

    provider: Provider
    arguments: tuple[Argument, ...]


class Plan(msgspec.Struct, frozen=True):
    """Everything that happens before the function is called, and with what it is called."""

    arguments: tuple[Argument, ...]
    inputs: tuple[Input, ...]
    steps: tuple[Step, ...]

    @property
    def keys(self) -> frozenset[Any]:
        """What the plan depends on, for overrides."""
        return frozenset(step.provider.key for step in self.steps)

    @property
    def takes_all(self) -> bool:
        """True when something is given the request or the socket, and so may read whatever is in it."""
        every = (self.arguments, *(step.arguments for step in self.steps))
        return any(isinstance(argument.source, str) for arguments in every for argument in arguments)

    def untaken(self, names: frozenset[str]) -> frozenset[str]:
        """Return those path parameters of ``names`` that nothing takes."""
        if self.takes_all:
            return frozenset()
        return names - {found.name for found in self.inputs if found.place == "path"}


def make_plan(function: Callable[..., Any], context: Context) -> Plan:
    """Return the plan of a handler; what is wrong is noted in ``context.findings``."""
    resolver = Resolver(context)
    return resolver.plan(function)


def plan_app_scope(context: Context) -> tuple[Step, ...]:
    """Return the providers of the app's scope in the order in which they must start."""
    resolver = Resolver(context)
    for provider in context.providers.in_app_scope():
        resolver.need(context.providers.find(provider.key) or provider, ())
    return tuple(resolver.steps.values())


class Resolver:
    """Collects the steps of a plan, depth first."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.steps: dict[Any, Step] = {}
        self.inputs: list[Input] = []

    def plan(self, function: Callable[..., Any]) -> Plan:
        """Return the plan of ``function``."""
        arguments = self._arguments(function, ())
        self._check_bodies(function)
        return Plan(arguments, tuple(self.inputs), tuple(self.steps.values()))

    def _arguments(self, function: Callable[..., Any], path: tuple[Provider, ...]) -> tuple[Argument, ...]:
        arguments = read_signature(function, self.context)
        for argument in arguments:
            source = argument.source
            if isinstance(source, Provider):
                self.need(source, path)
            elif isinstance(source, Input):
                self.inputs.append(source)
        return arguments

    def need(self, provider: Provider, path: tuple[Provider, ...]) -> None:
        """Add a provider and what it depends on; ``path`` are those that are waiting for it."""
        if self._starting and self.context.providers.lives_with_app(provider.key):
            provider = replace(provider, scope="app")  # an override that was made before the start
        keys = [waiting.key for waiting in path]
        if provider.key in keys:
            self._cycle((*path[keys.index(provider.key) :], provider))
            return
        if path and path[-1].scope == "app" and provider.scope != "app":
            self._narrower(path[-1], provider.name)
            return
        if provider.key in self.steps:
            return
        if provider.scope == "app" and not self._starting:
            self.steps[provider.key] = Step(provider, ())  # it runs when the app starts; here it is looked up
            return
        arguments = self._arguments(provider.function, (*path, provider))
        if provider.scope == "app":
            for argument in arguments:
                if not isinstance(argument.source, Provider):
                    self._narrower(provider, f"parameter {argument.name!r}")
        self.steps[provider.key] = Step(provider, arguments)

    @property
    def _starting(self) -> bool:
        return not self.context.methods

    def _cycle(self, path: tuple[Provider, ...]) -> None:
        words = " → ".join(provider.name for provider in path)
        self.context.add(
            "dependency-cycle",
            f"Dependencies go round in a circle: {words}.",
            "Split one of them, or let the later one take what it needs from the request.",
            path[0].function,
        )

    def _narrower(self, provider: Provider, needed: str) -> None:
        self.context.add(
            "dependency-scope",
            f"{provider.name} lives as long as the app and cannot depend on {needed}, which belongs to one request.",
            'Give the provider scope="request", or make what it needs scope="app" too.',
            provider.function,
        )

    def _check_bodies(self, function: Callable[..., Any]) -> None:
        bodies = [found for found in self.inputs if found.place == "body"]
        forms = [found for found in self.inputs if found.place == "form"]
        if len(bodies) > 1 or (bodies and forms):
            self.context.add(
                "two-bodies",
                f"{name_of(function)} reads the body {len(bodies) + bool(forms)} times: "
                + ", ".join(f"{found.place} {found.annotation}" for found in (*bodies, *forms)),
                "Put the fields into one Struct; uploads and fields of one form are parameters with Form().",
                function,
            )
