"""What a program says of a channel: ``@app.channel("chat/{room}", guard=signed_in)``, ``@chat.on("say")``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypedDict, TypeVar

import msgspec

from vivace.errors import VivaceError
from vivace.errors.findings import Finding
from vivace.routing.patterns import Pattern, parse_pattern
from vivace.routing.routes import Guard, guards_of, place_of

from .channel import Channel, Event
from .options import Slow

F = TypeVar("F", bound=Callable[..., Any])
CHANNEL: Final = "CHANNEL"
"""The method key of channels in their router; no HTTP method has this name."""

Guards: TypeAlias = "Guard | Sequence[Guard]"


class ChannelKwargs(TypedDict, total=False):
    """The options of a channel, as keyword arguments."""

    guard: Guards
    slow: Slow


class Typed(msgspec.Struct, frozen=True):
    """A function for events of one name: how its arguments are found, and the type of its data."""

    function: Callable[..., Any]
    arguments: tuple[
        tuple[str, str], ...
    ]  # (parameter, what: channel, event, data, or the name of a path parameter)
    type: Any = Any

    async def answer(self, channel: Channel, event: Event) -> Any:
        """Call the function; raises ``EventRefused`` for data that is not of the type."""
        values: dict[str, Any] = {}
        for name, what in self.arguments:
            if what == "data":
                values[name] = event.read(self.type)
            else:
                values[name] = {"channel": channel, "event": event}.get(what) or channel.params[what]
        result = self.function(**values)
        return await result if inspect.isawaitable(result) else result


class ChannelDeclaration:
    """A kind of rooms; made by ``app.channel``, and a decorator of the handler that runs for each member.

    Without a handler its members only get events, and those of ``on`` are answered.
    """

    def __init__(self, path: str, guards: Guards = (), slow: Slow = "close", place: str = "") -> None:
        self.path = path.strip("/")
        self.pattern: Pattern = parse_pattern(f"/{self.path}")
        self.slow: Slow = slow
        self.handler: Callable[..., Any] = idle
        self.place = place
        self.typed: dict[str, Typed] = {}
        self._guards: tuple[Guard, ...] = (guards,) if callable(guards) else tuple(guards)
        self._functions: dict[str, Callable[..., Any]] = {}
        self._doubled: list[Finding] = []

    @property
    def guards(self) -> tuple[Guard, ...]:
        """Who may join: the guards given, and those that decorators left on the handler."""
        return tuple(dict.fromkeys((*self._guards, *guards_of(self.handler))))

    def __call__(self, handler: Callable[..., Any]) -> ChannelDeclaration:
        """Run ``async def handler(…, channel: Channel)`` for each member, from its joining to its leaving. A decorator."""
        if self.handler is not idle:
            self._doubled.append(
                Finding(
                    "channel-handler-twice",
                    f"The channel {self.path!r} has two handlers.",
                    "Give it one; for single events write @….on(name).",
                    place_of(handler),
                )
            )
        self.handler = handler
        self.place = place_of(handler)
        return self

    def on(self, name: str) -> Callable[[F], F]:
        """Answer events of a name with the decorated function: its result is the acknowledgement.

        It takes ``channel``, path parameters by name, the ``Event``, and the data by its annotation, which is checked.
        """

        def register(function: F) -> F:
            if name in self._functions:
                self._doubled.append(
                    Finding(
                        "channel-event-twice",
                        f"The event {name!r} of the channel {self.path!r} is answered twice.",
                        "Keep one of the functions.",
                        place_of(function),
                    )
                )
            self._functions[name] = function
            return function

        return register

    def freeze(self) -> list[Finding]:
        """Read the functions' signatures; returns what is wrong with the channel."""
        findings = [*self._doubled]
        if not inspect.iscoroutinefunction(self.handler):
            findings.append(
                Finding(
                    "channel-handler",
                    f"The handler of the channel {self.path!r} is not `async def`.",
                    "It lives as long as its member: write `async def`, without yield.",
                    self.place,
                )
            )
        for name, function in self._functions.items():
            try:
                self.typed[name] = read_typed(function, self.pattern.names)
            except VivaceError as error:
                findings.append(Finding.from_error(error, place_of(function)))
        return findings

    def __repr__(self) -> str:
        return f"<channel {self.path}>"


async def idle(channel: Channel) -> None:
    """Stay until the member leaves: the handler of a channel that has none. Events that nobody answers fail."""
    async for event in channel:
        event.refuse_unknown()


idle.__name__ = "channel"


def read_typed(function: Callable[..., Any], names: Sequence[str]) -> Typed:
    """Return how an ``on`` function is called; raises ``BadEventHandler``."""
    try:
        parameters: Mapping[str, inspect.Parameter] = inspect.signature(function, eval_str=True).parameters
    except (NameError, AttributeError, SyntaxError, TypeError, ValueError) as error:
        raise _bad(function, f"has a signature that cannot be read: {error}") from error
    arguments, data = list[tuple[str, str]](), list[inspect.Parameter]()
    for parameter in parameters.values():
        what = _meaning(parameter, names)
        if what == "data":
            data.append(parameter)
        arguments.append((parameter.name, what))
    if len(data) > 1:
        raise _bad(function, f"takes the data twice: {', '.join(one.name for one in data)}")
    annotation: Any = data[0].annotation if data else inspect.Parameter.empty
    type_ = Any if annotation is inspect.Parameter.empty else annotation
    try:
        msgspec.json.Decoder(type_)
    except TypeError as error:
        raise _bad(function, f"takes data of a type that cannot be read: {error}") from error
    return Typed(function, tuple(arguments), type_)


def _meaning(parameter: inspect.Parameter, names: Sequence[str]) -> str:
    annotation = parameter.annotation
    if annotation is Channel or (annotation is parameter.empty and parameter.name == "channel"):
        return "channel"
    if annotation is Event or (annotation is parameter.empty and parameter.name == "event"):
        return "event"
    return parameter.name if parameter.name in names else "data"


def _bad(function: Callable[..., Any], why: str) -> VivaceError:
    from vivace.errors import BadEventHandler

    name = getattr(function, "__qualname__", repr(function))
    return BadEventHandler(
        f"The function {name} for events of a channel {why}.",
        expected="channel: Channel, path parameters, event: Event, and one parameter for the data",
    )


__all__ = ["CHANNEL", "ChannelDeclaration", "ChannelKwargs", "Guards", "Typed"]
