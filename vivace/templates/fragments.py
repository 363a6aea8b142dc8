"""What ``{% cache %}`` does in a render: the text that is kept, or what the body makes.

Theory. A fragment's text is a function of the values that it used and of the rows that were read while it was rendered;
``vivace.cache.dependent`` keeps it for that. So all that it used must be in its key:

1. Names that the compiler found; their values are there already.
2. Names that included templates, blocks and functions with a context read. While a fragment is rendered for the first
   time its contexts take note of these (``context.WatchedContext``). The site *learns* them: they are in the key from then
   on, and what was rendered without is not kept. A site never forgets.
3. What a provider gives (``user``, the app's own) is a name like any other. With an explicit ``key`` these stay in the
   key all the same: they are what tells people apart.
4. What is read of the request otherwise and belongs to one person (``vivace.http.personal``): then nothing is kept.

The time of a hit is that of its key: values are hashed, nothing is looked for in templates, no query runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias, cast

from jinja2.runtime import Undefined
from jinja2.utils import missing
from msgspec import Raw

from vivace.cache.dependent import Computation, DependentCache, Entry, Key, Site, Waiting
from vivace.cache.keys import Keying, NoKey
from vivace.http.personal import OF_ADDRESS, WatchedRequest, watch_personal
from vivace.http.request import Request

from .bridge import in_render, wait
from .context import NO_SCOPE, Scope, TemplateContext, WatchedContext

if TYPE_CHECKING:
    from .environment import TemplateEnvironment

PERSONAL: Final = frozenset({"user", "session", "perms", "flashes", "csrf_token", "csp_nonce"})
Given: TypeAlias = "tuple[Any, Any, Any]"
NOTHING_GIVEN: Final[Given] = (missing, None, ())
_OURS: Final = "vivace."  # how the framework's own names in ``request.state`` begin
_LIVE: Final = "<!--live:"
_MOST_NAMES: Final = 64


class FragmentSite(Site):
    """A fragment of a template; made when the template is loaded."""

    __slots__ = ("explicit", "learned", "loop", "names", "refusal", "simple")

    def __init__(
        self,
        template: str | None,
        line: int,
        names: tuple[str, ...],
        loop: tuple[str, ...],
        learned: tuple[str, ...],
        explicit: bool,
        refusal: str,
    ) -> None:
        super().__init__(f"{template or 'a template'}:{line}")
        self.names = names
        self.loop = loop
        self.learned = learned
        self.explicit = explicit
        self.refusal = refusal
        self.simple = not (learned or explicit or refusal)  # the values are the whole key

    def learn(self, names: set[str]) -> bool:
        """Have names in the key from now on; returns whether any of them is new."""
        new = names.difference(self.names, self.learned)
        if new:
            self.simple = False
            self.learned = tuple(sorted({*self.learned, *new}))
            if len(self.learned) > _MOST_NAMES:
                self.refusal = "uses too many names"
        return bool(new)


def fragment(
    environment: TemplateEnvironment,
    context: TemplateContext,
    site: FragmentSite,
    values: tuple[Any, ...],
    local: Mapping[str, Any] | None,
    given: Given = NOTHING_GIVEN,
    since: int | None = None,
) -> str | Fragment:
    """Return the text of a fragment where it is kept, else what its body is to be given to.

    ``given``: key, timeout and vary, as they stand in the tag. ``since``: when it began to wait for another's.
    """
    scope = context.scope
    keying = scope.keeper or _keeper(environment, scope)
    cache = keying.cache
    if cache is None:
        return Fragment(context, site, None)
    keying.rows, keying.parts = None, 0
    # What a fragment includes may have changed where templates are read again.
    loads = environment.loads if environment.auto_reload else 0
    try:
        if not site.simple or given is not NOTHING_GIVEN:
            name: Key = (site, keying.prefix, loads, *_more(context, site, values, local, given, keying))
        elif len(values) == 1:  # most are about one thing
            name = (site, keying.prefix, loads, keying.of(values[0]))
        else:
            name = (site, keying.prefix, loads, *map(keying.of, values))
    except (NoKey, RecursionError) as error:
        cache.refused(site, site.refusal or f"no key for {error}")
        return Fragment(context, site, None)
    entry = cache.look(name)
    if entry is not None:
        text: str = entry.value  # not by cast(), which is a call
        return text
    scope.keeper = None  # another fragment may stand in this one, or run while it waits
    mark, seconds = cache.sequence if since is None else since, given[1]
    opened = _opened(cache, name, None if seconds is None else float(seconds), site, mark)
    if isinstance(opened, str):
        return opened
    if opened is None:  # what it waited for was not for it, or learned more names
        return fragment(environment, context, site, values, local, given, mark)
    keying.add_to(opened.reads)
    return Fragment(context, site, opened)


def _opened(
    cache: DependentCache, name: Key, seconds: float | None, site: FragmentSite, mark: int
) -> str | Computation | None:
    """Return the text that another one made, else a computation; ``None`` to ask anew."""
    answer = cache.ask(name, seconds, site)
    if type(answer) is Waiting:
        if not in_render():
            return cache.alone(name, seconds, site)
        over = wait(answer.over())
        return cast("str", over.value) if over.good_for(mark) else None
    return cast("str", answer.value) if type(answer) is Entry else cast("Computation", answer)


def found(context: TemplateContext, local: Mapping[str, Any] | None, name: str) -> Any:
    """Return what a name means where a fragment stands."""
    return local[name] if local is not None and name in local else context.resolve_or_missing(name)


def _more(
    context: TemplateContext,
    site: FragmentSite,
    values: tuple[Any, ...],
    local: Mapping[str, Any] | None,
    given: Given,
    keying: TemplateKeying,
) -> Key:
    """Return the parts of a key that are not only the values: what was learned, what the author gave.

    With the author's key what the request gives is in it all the same: it must not be shown to others.
    """
    if site.refusal:
        raise NoKey(site.refusal)
    key, _, vary = given
    learned = [(name, found(context, local, name)) for name in site.learned]
    if not site.explicit:
        parts = [*map(keying.of, values), site.learned, *[keying.of(value) for _, value in learned]]
        return (*parts, keying.of(_listed(vary)))
    providers = context.scope.providers
    provided = [
        (name, value)
        for name, value in (*zip(site.names, values, strict=False), *learned)
        if name in PERSONAL or name in providers
    ]
    return keying.of(key), keying.of(_listed(vary)), keying.of(provided)


def _listed(vary: Any) -> tuple[Any, ...]:
    return tuple(cast("Sequence[Any]", vary)) if isinstance(vary, list | tuple) else (vary,)


def _missing(value: Any, keying: Keying) -> Hashable:
    return "", "missing"


def _request(value: Request, keying: Keying) -> Hashable:
    """Return the key of a request: what is asked for. What tells who asks is noticed when it is read."""
    values: dict[str, Any] = vars(value)
    state: dict[str, Any] = values.get("_state") or {}
    own = {name: each for name, each in state.items() if not name.startswith(_OURS)}
    host = tuple(each for name, each in values["raw_headers"] if name.lower() == b"host")
    return Request, value.method, value.target, host, values["connection"].scheme, keying.of(own)


class TemplateKeying(Keying, eq=False):
    """The making of a key of what a template may know."""

    makers: ClassVar[Mapping[type[Any], Callable[[Any, Any], Hashable]]] = {
        **Keying.makers,
        missing.__class__: _missing,
        Request: _request,
        WatchedRequest: _request,
    }

    def other(self, value: Any) -> Hashable:
        """Return the key of a value of which the class says nothing."""
        if isinstance(value, Undefined):
            return Undefined, value._undefined_name
        return super().other(value)


class Keeper(TemplateKeying, eq=False):
    """What the fragments of one render share: the cache, ``None`` where nothing may be kept, and how their keys are made."""

    cache: DependentCache | None = None
    prefix: str = ""


def _keeper(environment: TemplateEnvironment, scope: Scope) -> Keeper:
    """Return what the fragments of a render share. Whether anything may be kept does not change while it runs."""
    app, request = environment.site, scope.request
    cache: DependentCache | None = None if app is None else app.dependents
    if cache is not None and not cache.usable:
        cache = None
    keeper = Keeper(cache=cache, prefix="" if request is None else request.prefix)
    if scope is not NO_SCOPE:
        scope.keeper = keeper
    return keeper


class Fragment:
    """A fragment that is being rendered: ``done(pieces)`` returns its text, ``leave()`` ends it however it went."""

    __slots__ = ("_computation", "_context", "_outer", "_personal", "_scope", "_site", "_swapped")

    def __init__(self, context: TemplateContext, site: FragmentSite, computation: Computation | None) -> None:
        self._context = context
        self._site = site
        self._computation = computation
        if computation is None:
            return
        self._scope = scope = _own_scope(context)
        self._outer = scope.watch
        scope.watch = set()
        self._swapped = type(context) is TemplateContext
        if self._swapped:
            context.__class__ = WatchedContext
        computation.__enter__()
        request = scope.request
        self._personal: Any = None
        if request is not None:
            self._personal = watch_personal(request, self._note)
            self._personal.__enter__()

    def _note(self, kind: str) -> None:
        computation = self._computation
        if computation is None:
            return
        if kind not in OF_ADDRESS:
            computation.refuse("personal")
        elif not self._knows_request():
            computation.refuse("of one address")

    def _knows_request(self) -> bool:
        """Return whether the request is in the key, with its address and state, or its use was the author's choice."""
        site = self._site
        return any("request" in names for names in (site.names, site.learned, self._scope.watch or ()))

    def done(self, pieces: list[str]) -> str:
        """Return the text, and keep it if that may be."""
        text = "".join(pieces)
        computation = self._computation
        if computation is not None:
            self._unwatch()
            if _LIVE in text:  # its markers belong to the page that they were made for
                computation.refuse("has a live region")
            if self._site.learn(self._scope.watch or set()):
                computation.refuse("used names that were not known")
            if not text.isascii():
                # This makes Python keep its UTF-8 with it, so that no page encodes it again (see ``PageTemplate.encoded``:
                # measured for 1,200 characters, one of 80 of them Japanese: 7,000 instructions a page, not 19,000).
                Raw(text)
            computation.done(text, text.__sizeof__())
        return text

    def leave(self) -> None:
        """End it."""
        computation, self._computation = self._computation, None
        if computation is None:
            return
        self._unwatch()
        if self._swapped:
            self._context.__class__ = TemplateContext
        read, self._scope.watch = self._scope.watch, self._outer
        if self._outer is not None and read:
            self._outer |= read
        computation.__exit__(sys.exc_info()[0])

    def _unwatch(self) -> None:
        personal, self._personal = self._personal, None
        if personal is not None:
            personal.__exit__(None, None, None)


def _own_scope(context: TemplateContext) -> Scope:
    """Return the scope of a render; one that all renders without a request share is replaced."""
    if context.scope is NO_SCOPE:
        context.scope = Scope(None, {})
    return context.scope


__all__ = ["PERSONAL", "Fragment", "FragmentSite", "fragment"]
