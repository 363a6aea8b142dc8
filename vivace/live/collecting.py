"""One pass over a page that is rendered again: which regions came of it, and what each of them read.

Theory. The handler runs once and says with which template and values the page is made; nothing is rendered yet, since a
live page has lazy querysets. Then each region that is wanted and stands alone is rendered by itself, as a block of the
template, and the page as a whole only where a region does not stand alone. All that is rendered together is a *root*:
a region that stands alone with those nested in it, or (``WHOLE``) everything else on the page.

What a root read is what the handler read and what was read while it was rendered; and what the roots before it read in
this pass, because they share values: a queryset that the first one has fetched answers the second one without a query.

A root that fails does not take the others with it. A personal read is found by its note, whatever the page's code makes of
the error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from vivace.changes import ReadSet, recording
from vivace.errors import TemplateNotFound
from vivace.http.request import Request
from vivace.templates.bridge import render_in_greenlet
from vivace.templates.context import Scope
from vivace.templates.engine import Templates, templates_of
from vivace.templates.regions import Regions, hash_of, hole, source_of
from vivace.templates.response import TemplateResponse

WHOLE: Final = ""
"""The root of the regions that do not stand alone."""


class Region(msgspec.Struct, frozen=True):
    """A region as it is now: its id, its source (nested regions as holes), the hash of that."""

    id: str
    source: str
    hash: str


class Rendered(msgspec.Struct):
    """What came of a root: ``regions`` by id, nested ones before those around them; ``None`` where it failed.

    ``gone``: the page does not have it. ``every``: seconds after which it is out of date by itself.
    """

    reads: ReadSet
    regions: dict[str, Region] | None = None
    every: float | None = None
    error: Exception | None = None
    gone: bool = False
    personal: str = ""  # what was read of the one who asks


def root_of(region: str) -> str:
    """Return the name of the root that a region belongs to."""
    name, dot, _ = region.partition(".")
    return name if dot and "~" not in name else region.partition("~")[0]


class Pass(Regions):
    """Renders the roots that are wanted; ``request.regions`` while the page is rendered again."""

    def __init__(self, address: Any, roots: Iterable[str], name_region: Callable[[str], str]) -> None:
        super().__init__()
        self.address = address
        self.roots = tuple(sorted(roots))
        self.reads = ReadSet()
        self.rendered: dict[str, Rendered] = {}
        self.answered = False  # a page came of it
        self.personal = ""
        self.session: str | None = None  # of the person for whom it was rendered, where that was asked
        self.lasts = math.inf  # seconds, that session
        self._name = name_region
        self._found: dict[str, Region] = {}
        self._every: float | None = None

    def note(self, kind: str) -> None:
        """Remember that something personal was read."""
        self.personal = self.personal or kind

    async def render(self, response: TemplateResponse) -> None:
        """Render the roots of the page that a handler answered with."""
        self.answered = True
        templates = templates_of(response.request)
        if templates.before_render and not self.personal:
            await response.altered(templates)
        if self.personal:
            return  # by the handler, or a hook: everything here is personal
        for root in self.roots:
            self.rendered[root] = await self._root(root, templates, response)
            self.personal = ""

    async def _root(self, root: str, templates: Templates, response: TemplateResponse) -> Rendered:
        self._restart()
        done = Rendered(self.reads)
        function = self._whole if root == WHOLE else self._alone
        try:
            with recording(self.reads):
                await render_in_greenlet(function, root, templates, response)
            done.regions = self._found
        except TemplateNotFound as error:
            done.gone, done.error = True, error
        except Exception as error:
            # What a personal read raises is nobody's fault, and its traceback would hold this frame, which holds it.
            done.error = error.with_traceback(None) if self.personal else error
        done.reads = ReadSet(self.reads.tables)
        done.every, done.personal = self._every, self.personal
        return done

    def _whole(self, root: str, templates: Templates, response: TemplateResponse) -> None:
        """Render the page; what stands alone in it is rendered by itself, and not kept here."""
        name = response.template
        templates.get(name).fill([], response.context, self._scope(templates, response.request, name))
        self._found = {region: found for region, found in self._found.items() if root_of(region) == WHOLE}

    def _alone(self, root: str, templates: Templates, response: TemplateResponse) -> None:
        """Render a region that stands alone."""
        name = response.template.partition("#")[0]
        scope = self._scope(templates, response.request, name)
        self.namer.root, self.inside = root, 1
        inner = templates.get(name).part(root).fill([], response.context, scope)
        self.inside = 0
        self.take(self._name(root), "", source_of("".join(inner), has_nested=False), [])

    def _scope(self, templates: Templates, request: Request, page: str) -> Scope:
        scope = Scope(request, templates.providers, templates.built_in, page)
        scope.regions = self
        return scope

    def _restart(self) -> None:
        Regions.__init__(self)
        self._found, self._every, self.personal = {}, None, ""

    # -- what the template calls ----------------------------------------------------------------------------------

    def alone(self, name: str) -> str:
        """Return the id of a region that stands alone, met in the whole page."""
        return self._name(name)

    def expires(self, seconds: float) -> None:
        """Render the root again after so long, whatever happens."""
        seconds = max(seconds, LEAST)
        self._every = seconds if self._every is None else min(seconds, self._every)

    def take(self, region: str, text: str, source: str, out: list[str]) -> None:
        """Keep the source of a region; the one around it has a hole in its place."""
        self._found[region] = Region(region, source, hash_of(source))
        out.append(hole(region))


LEAST: Final = 0.1
"""Seconds: a region is not out of date by itself more often than this."""


def group(regions: Iterable[str]) -> Mapping[str, list[str]]:
    """Return region ids by their roots."""
    found: dict[str, list[str]] = {}
    for region in regions:
        found.setdefault(root_of(region), []).append(region)
    return found


__all__ = ["LEAST", "WHOLE", "Pass", "Region", "Rendered", "group", "root_of"]
