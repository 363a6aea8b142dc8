"""The names that a template sees, without a copy of any of them.

They are looked for in this order: what the template set itself; what the view gave; the providers of the app, each
called when a template first reads its name and no sooner; the functions of the environment.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from types import CoroutineType, MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from jinja2.nodes import EvalContext
from jinja2.runtime import BlockReference, Context
from jinja2.utils import missing

from .bridge import wait
from .calling import call, settled

if TYPE_CHECKING:
    from jinja2 import Environment

    from vivace.http.request import Request

    from .fragments import Keeper
    from .regions import Place, Regions

Provider: TypeAlias = Callable[["Request"], Any]
"""Gives a name its value for a request; ``def`` or ``async def``."""
_PROVIDED: Final = "vivace.templates"  # in ``request.state``: what the app's providers gave


class Scope:
    """What all templates of one render share: the request, and the values that providers gave."""

    __slots__ = (
        "_provided",
        "built_in",
        "keeper",
        "page",
        "place",
        "providers",
        "regions",
        "request",
        "watch",
    )

    def __init__(
        self,
        request: Request | None,
        providers: Mapping[str, Provider],
        built_in: Mapping[str, Provider] = MappingProxyType({}),
        page: str = "",
    ) -> None:
        self.request = request
        self.providers = providers
        self.built_in = built_in
        self._provided: dict[str, Any] | None = None
        self.watch: set[str] | None = None  # the names that are read, while a fragment wants to know
        self.page = page  # the template of a whole page; "": what is rendered is a part of something
        self.regions: Regions | None = None  # of a page with live regions
        self.place: Place | None = None
        self.keeper: Keeper | None = None  # of a page with fragments that are kept

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
        blocks: Mapping[str, Callable[..., Any]],
        globals: MutableMapping[str, Any] | None = None,
        scope: Scope = NO_SCOPE,
    ) -> None:
        self.environment = environment
        self.parent = parent  # what the view gave; never written to
        self.name = name
        self.vars: dict[str, Any] = {}
        self.exported_vars: set[str] = set()
        self.blocks = {block: [function] for block, function in blocks.items()} if blocks else {}
        self.names = environment.globals if globals is None else globals
        self.scope = scope
        if scope.watch is not None:
            cast("Any", self).__class__ = WatchedContext

    def __getattr__(self, name: str) -> Any:
        if name == "eval_ctx":  # what only filters that ask and tags that switch escaping need
            self.eval_ctx = EvalContext(self.environment, self.name)
            vars(self.eval_ctx)["cycles"] = {}  # of `{% cycle %}`: derived contexts share it
            return self.eval_ctx
        if name == "globals_keys":
            return set(self.names)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

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
        context = TemplateContext(self.environment, names, self.name, {}, self.names, self.scope)
        context.eval_ctx = self.eval_ctx
        context.blocks = {name: [*functions] for name, functions in self.blocks.items()}
        return context

    def with_locals(self, locals: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the names that the view gave, the template set, and ``locals``; not to be written to."""
        if not self.vars and not locals:
            return self.parent
        values = {**self.parent, **self.vars}
        values.update((key, value) for key, value in (locals or {}).items() if value is not missing)
        return values

    def super(self, name: str, current: Callable[..., Any]) -> Any:
        """Return the block of the parent template."""
        blocks = self.blocks.get(name, [])
        index = blocks.index(current) + 1 if current in blocks else len(blocks)
        if index >= len(blocks):
            return self.environment.undefined(f"there is no parent block called {name!r}.", name="super")
        return BlockReference(name, self, blocks, index)

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


__all__ = ["NO_SCOPE", "Provider", "Scope", "TemplateContext", "WatchedContext"]
