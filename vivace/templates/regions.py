"""What live regions leave in a page: markers, ids and hashes; ``livetag`` says how they are written.

Theory. The compiled template calls ``live(…)`` where a region stands. Who renders decides what comes of it, by
``request.regions``: an ordinary page has ``PageRegions``, which puts markers around the text; rendering again has a
``Collector``, which keeps each region's source. Nothing is recorded or kept for an ordinary page. ``docs/reference/live.md``
has the format, which the browser client and the server share.

An id consists of the name of the tag (``v1x8k3_2``: the template and a number in it) and of what tells regions of one
tag apart::

    v1x8k3_2.hT4bQz     stands alone: with the beginning of a MAC over page and name, so that nobody can watch a region
                        that this page does not show, such as one of the parent template in a block that it replaces
    v1x8k3_2~3~1        tag 3 of the same template, in that region, shown for the first time
    v1x8k3_2~3~~17      the same, with the key 17
    ~v1x8k3_3~1         not in a region, and not alone
"""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from vivace.http.request import Request

    from .context import TemplateContext

_NESTED: Final = re.compile(r"<!--live:([\w.~-]+):[^>]*-->.*?<!--/live:\1-->", re.DOTALL)
_TOKEN_FIELD: Final = re.compile(r'(<input type="hidden" name="csrfmiddlewaretoken" value=")[^"]*"')
_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")


class Tokens(Protocol):
    """Who signs: ``app.site.live_tokens``."""

    def page(self, request: Request) -> str:
        """Return the token of a page, ``""`` where its address cannot be rendered again."""
        ...

    def region(self, target: str, name: str) -> str:
        """Return the part of an id that proves that a page shows a region."""
        ...


class Place:
    """Where a render is, as far as regions care; one for all templates of a render, made when something asks."""

    __slots__ = ("depth", "steady")

    def __init__(self) -> None:
        self.depth = 0  # of statements that decide about what stands in them
        self.steady = True


def hash_of(source: str) -> str:
    """Return the eight characters that stand for a source."""
    from vivace.crypto.tokens import encode

    return encode(blake2b(source.encode("utf-8", "surrogatepass"), digest_size=6).digest()).decode()


def source_of(text: str, *, has_nested: bool) -> str:
    """Return the source of a region: its text with nested regions as holes and without tokens of forms."""
    if has_nested:
        text = _NESTED.sub(lambda found: hole(found[1]), text)
    if "csrfmiddlewaretoken" in text:
        text = _TOKEN_FIELD.sub(r'\1"', text)
    return text


def hole(region: str) -> str:
    """Return what stands for a nested region in the source of the one around it."""
    return f"<!--live:{region}--><!--/live:{region}-->"


class Namer:
    """Gives regions their ids: the same in each render of a page."""

    __slots__ = ("_counts", "root")

    def __init__(self) -> None:
        self.root = (
            ""  # the name of the region that stands alone, or what stands for it, in which the render is
        )
        self._counts: dict[str, int] = {}

    def inner(self, name: str, key: object) -> str:
        """Return the id of a region that does not stand alone."""
        stem, _, number = name.rpartition("_")
        base = f"{self.root}~{number if self.root.startswith(stem + '_') else name}"
        if key is not None:
            base = f"{base}~~{_key_text(key)}"
        count = self._counts[base] = self._counts.get(base, 0) + 1
        return base if key is not None and count == 1 else f"{base}~{count}"


def _key_text(key: object) -> str:
    text = str(key)
    if _PLAIN_KEY.fullmatch(text):
        return text
    return "." + hash_of(text)


class Regions:
    """The regions of one render; the base of what puts markers and what collects."""

    def __init__(self) -> None:
        self.namer = Namer()
        self._once: set[str] = set()  # names that stood alone: shown again, a region does not
        self.inside = 0  # how many regions are around the place where the render is
        self.nested = 0  # how many the region that is being shown has in it

    def show(self, context: TemplateContext, name: str, key: Any, alone: bool, out: list[str]) -> None:
        """Append a region to the page."""
        region = self.identify(context, name, key, alone)
        before, self.nested = self.nested, 0
        inner: list[str] = []
        shown: Callable[..., Any] = context.blocks[name][0]
        self.inside += 1
        try:
            shown(context, inner)
        finally:
            self.inside -= 1
        if not self.inside:
            self.namer.root = ""
        text, has_nested = "".join(inner), self.nested > 0
        self.nested = before + 1
        self.take(region, text, source_of(text, has_nested=has_nested), out)

    def identify(self, context: TemplateContext, name: str, key: object, alone: bool) -> str:
        """Return the id of a region that is about to be shown."""
        if self.inside or not alone or name in self._once or not is_alone_here(context):
            return self.namer.inner(name, key)
        self._once.add(name)
        self.namer.root = name
        return self.alone(name)

    def alone(self, name: str) -> str:
        """Return the id of a region that stands alone."""
        raise TypeError(f"{type(self).__name__} does not say what {name!r} is called")

    def expires(self, seconds: float) -> None:
        """Take note that the region which is being shown is out of date by itself after so long."""

    def take(self, region: str, text: str, source: str, out: list[str]) -> None:
        """Take the text and the source of a region that was shown."""
        raise TypeError(f"{type(self).__name__} does not say what to do with {region!r}")


def is_alone_here(context: TemplateContext) -> bool:
    """Return whether the page shows what stands here whatever happens."""
    scope = context.scope
    place: Place | None = scope.place
    return context.name == scope.page and (place is None or (place.steady and not place.depth))


class PageRegions(Regions):
    """Puts markers around the regions of an ordinary page."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self._tokens: Tokens = request.app.site.live_tokens
        self._target = request.target
        self._token = self._tokens.page(request)

    def alone(self, name: str) -> str:
        """Return the id of a region that stands alone."""
        return f"{name}.{self._tokens.region(self._target, name)}"

    def take(self, region: str, text: str, source: str, out: list[str]) -> None:
        """Append the region between its markers; the token of the page stands in the first that is in no other."""
        head = hash_of(source)
        if self._token and not self.inside:
            head, self._token = f"{head}:{self._token}", ""
        out.append(f"<!--live:{region}:{head}-->{text}<!--/live:{region}-->")


def live(context: TemplateContext, name: str, key: Any, alone: bool, out: list[str]) -> None:
    """Append a region; where nobody can watch it (a mail, a part of something else) it is only what stands in it."""
    scope = context.scope
    request = scope.request
    if request is None or not scope.page or scope.watch is not None:  # or a part that is kept, for all pages
        shown: Callable[..., Any] = context.blocks[name][0]
        shown(context, out)
        return
    regions = scope.regions
    if regions is None:
        regions = scope.regions = PageRegions(request) if request.regions is None else request.regions
    regions.show(context, name, key, alone, out)


def sheltered(context: TemplateContext, change: int) -> None:
    """Say that the render goes into (1) or out of (-1) a statement that decides about blocks in it."""
    scope = context.scope
    if scope.request is None:  # nobody has a use for it, and the scope is everybody's
        return
    if scope.place is None:
        scope.place = Place()
    scope.place.depth += change


def unsteady(context: TemplateContext) -> None:
    """Say that names of this page depend on more than its prelude."""
    scope = context.scope
    if scope.request is None:
        return
    if scope.place is None:
        scope.place = Place()
    scope.place.steady = False


__all__ = [
    "Namer",
    "PageRegions",
    "Place",
    "Regions",
    "Tokens",
    "hash_of",
    "hole",
    "is_alone_here",
    "live",
    "sheltered",
    "source_of",
    "unsteady",
]
