"""The names that a template sees, without a copy of any of them.

They are looked for in this order: what the template set itself; what the view gave; the providers of the app, each
called when a template first reads its name and no sooner; the functions of the environment.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import cached_property
from types import CoroutineType, MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import msgspec
from jinja2.nodes import EvalContext
from jinja2.runtime import BlockReference, Context
from jinja2.utils import missing

from .bridge import wait
from .calling import call, settled

if TYPE_CHECKING:
    from jinja2 import Environment

    from vivace.http.request import Request

    from .environment import PageTemplate
    from .fragments import Keeper
    from .regions import Place, Regions

Provider: TypeAlias = Callable[["Request"], Any]
"""Gives a name its value for a request; ``def`` or ``async def``."""
Blocks: TypeAlias = Mapping[str, tuple[Callable[..., Any], ...]]
"""The functions of each block of a page: that of the innermost child first, the parents' behind it."""
PARTS: Final = ("session", "user")
"""The names whose values are parts of the request, which may have to be waited for."""
_PROVIDED: Final = "vivace.templates"  # in ``request.state``: what the app's providers gave


class Scope(msgspec.Struct, eq=False):
    """What all templates of one render share: the request, and the values that providers gave."""

    # A struct, because each page makes one: with an ``__init__`` in Python that takes three times as long.
    request: Request | None
    providers: Mapping[str, Provider]
    built_in: Mapping[str, Provider] = MappingProxyType({})
    page: str = ""  # the template of a whole page; "": what is rendered is a part of something
    _provided: dict[str, Any] | None = None
    watch: set[str] | None = None  # the names that are read, while a fragment wants to know
    regions: Regions | None = None  # of a page with live regions
    place: Place | None = None
    keeper: Keeper | None = None  # of a page with fragments that are kept
    modules: list[TemplateContext] | None = None  # the contexts of what was imported

    def imported(self, context: TemplateContext) -> None:
        """Take note of the context of an imported template: its macros need it until all is shown."""
        if self is not NO_SCOPE:  # which has no end
            self.modules = [*(self.modules or ()), context]

    def end(self) -> None:
        """Let go of what imported templates define; see ``TemplateContext.end``."""
        modules, self.modules = self.modules or [], None
        for context in modules:
            context.end()

    def find(self, name: str) -> Any:
        """Return the value that a provider gives the name; Jinja's ``missing`` without one, or without a request.

        The app's own providers are asked once per request, the built-in ones once per page: what they give (the user, the
        session) may change while the request is answered, and is kept where it belongs.
        """
        request = self.request
        if request is None:
            return missing
        if self.watch is not None:
            self.watch.add(name)
        if name in self.providers:
            return _provided(_state(request).setdefault(_PROVIDED, {}), name, self.providers[name], request)
        if name in self.built_in:
            if self._provided is None:
                self._provided = {}
            return _provided(self._provided, name, self.built_in[name], request)
        return missing


def _state(request: Request) -> dict[str, Any]:
    """Return the state of a request for what is the framework's own in it, which nobody takes note of."""
    if request._state is None:
        request._state = {}
    return request._state


def _provided(known: dict[str, Any], name: str, provider: Provider, request: Request) -> Any:
    if name not in known:
        known[name] = settled(provider(request))
    return known[name]


NO_SCOPE: Final = Scope(None, {})


class TemplateContext(Context):
    """The context of one template in one render."""

    def __init__(
        self,
        environment: Environment,
        parent: dict[str, Any],
        name: str | None,
        blocks: Blocks,
        globals: MutableMapping[str, Any] | None = None,
        scope: Scope = NO_SCOPE,
    ) -> None:
        self.environment = environment
        self.parent = parent  # what the view gave; never written to
        self.name = name
        self.vars: dict[str, Any] = {}
        self.exported_vars: set[str] = set()
        self.blocks: Blocks = blocks  # type: ignore[assignment] # pyright: ignore[reportIncompatibleVariableOverride] - shared, never written to
        self.names = environment.globals if globals is None else globals
        self.scope = scope
        if scope.watch is not None:
            cast("Any", self).__class__ = WatchedContext

    # What few templates need is made when it is asked for. Not by ``__getattr__``: with that in a class Python finds none of
    # its attributes the fast way (measured: 2,000 instructions of each fragment).

    @cached_property
    def eval_ctx(self) -> EvalContext:  # type: ignore[override] # pyright: ignore[reportIncompatibleVariableOverride] - Jinja makes it at once
        """What filters that ask and tags that switch escaping need."""
        made = EvalContext(self.environment, self.name)
        vars(made)["cycles"] = {}  # of `{% cycle %}`: derived contexts share it
        return made

    @cached_property
    def globals_keys(self) -> set[str]:  # type: ignore[override] # pyright: ignore[reportIncompatibleVariableOverride] - as above
        """The names that the environment gives."""
        return set(self.names)

    @property
    def request(self) -> Request | None:
        """The request that the page answers; ``None`` for what is rendered outside one."""
        return self.scope.request

    def resolve_or_missing(self, key: str) -> Any:
        """Return the value of a name, Jinja's ``missing`` when nobody gives it."""
        if key in self.vars:
            return self.vars[key]
        if key in self.parent:
            given = self.parent[key]
            if type(given) is not CoroutineType:
                return given
            self.vars[key] = wait(cast("Awaitable[Any]", given))  # it can be awaited once, and shown twice
            return self.vars[key]
        value = self.scope.find(key)
        return value if value is not missing else self.names.get(key, missing)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.resolve_or_missing(name) is not missing

    def derived(self, locals: dict[str, Any] | None = None) -> TemplateContext:
        """Return a context of the same template with more names, for scoped blocks and functions in loops."""
        names = self.with_locals(locals)
        context = TemplateContext(self.environment, names, self.name, self.blocks, self.names, self.scope)
        context.eval_ctx = self.eval_ctx
        return context

    def end(self) -> None:
        """Let go of what the template set: it is shown.

        A macro knows the context it was defined in, and the context knows the macro. Such a circle stays until Python looks
        for circles, and there was one for each import of each page: a third of all that was left to the collector (measured
        on the demo), which made the memory of a busy process rise by megabytes between two of its full collections.
        """
        self.vars.clear()

    def with_locals(self, locals: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the names that the view gave, the template set, and ``locals``; not to be written to."""
        if not self.vars and not locals:
            return self.parent
        values = {**self.parent, **self.vars}
        values.update((key, value) for key, value in (locals or {}).items() if value is not missing)
        return values

    def inherit(self, parent: PageTemplate) -> None:
        """Put the blocks of a parent behind those that are there: the template extends it."""
        self.blocks = parent.behind(self.blocks)

    def super(self, name: str, current: Callable[..., Any]) -> Any:
        """Return the block of the parent template."""
        blocks = self.blocks.get(name, ())
        index = blocks.index(current) + 1 if current in blocks else len(blocks)
        if index >= len(blocks):
            return self.environment.undefined(f"there is no parent block called {name!r}.", name="super")
        return BlockReference(name, self, [*blocks], index)

    def call(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call what a template calls; see ``calling``."""
        return call(self, function, args, kwargs)


class WatchedContext(TemplateContext):
    """A context while a fragment is rendered in it that wants to know which names are read."""

    def resolve_or_missing(self, key: str) -> Any:
        """Return the value of a name, and take note of it."""
        if self.scope.watch is not None:
            self.scope.watch.add(key)
        return super().resolve_or_missing(key)

    @property
    def request(self) -> Request | None:
        """The request that the page answers."""
        if self.scope.watch is not None:
            self.scope.watch.add("request")
        return self.scope.request


__all__ = ["NO_SCOPE", "PARTS", "Provider", "Scope", "TemplateContext", "WatchedContext"]
