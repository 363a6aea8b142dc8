"""How an app's templates and caches tell the record of a request what they did.

An environment and a cache become ones of the classes here when an app with a hood starts; those of other apps know nothing
of this, and pay nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

import jinja2

from vivace.cache.dependent import DependentCache, Entry, Key, Site
from vivace.templates.environment import PageTemplate, TemplateEnvironment

from .record import current_record

if TYPE_CHECKING:
    from vivace.app import App
    from vivace.http.request import Request
    from vivace.templates.response import TemplateResponse


class NotingEnvironment(TemplateEnvironment):
    """Tells which templates a page took."""

    def get_template(
        self,
        name: Any,
        parent: str | None = None,
        globals: MutableMapping[str, Any] | None = None,
    ) -> PageTemplate:
        """Return a compiled template, and take note of it."""
        template = super().get_template(name, parent, globals)
        record = current_record.get()
        if record is not None and not isinstance(name, list | tuple | jinja2.Template):
            record.template(str(name))
        return template


class NotingCache(DependentCache):
    """Tells what was there, and what was made."""

    def look(self, key: Key) -> Entry | None:
        """Return what is kept for a key, and take note of it."""
        entry = super().look(key)
        record = current_record.get()
        if record is not None and entry is not None:
            record.fragment(entry.count.name, hit=True)
        return entry

    def alone(self, key: Key, seconds: float | None, site: Site) -> Any:
        """Return a computation, and take note of it."""
        record = current_record.get()
        if record is not None:
            record.fragment(site.name, hit=False)
        return super().alone(key, seconds, site)


def note_in(app: App) -> None:
    """Have the templates and the cache of an app, and of those that are mounted in it, tell what they do."""
    for each in apps_in(app):
        if each.has_templates:
            templates = each.templates
            templates.environment.__class__ = NotingEnvironment
            if _renders not in templates.before_render:
                templates.before_render.insert(0, _renders)
        if "dependents" in vars(each):
            each.dependents.__class__ = NotingCache


def _renders(request: Request, response: TemplateResponse) -> None:
    record = current_record.get()
    if record is not None:
        record.renders(response.template)


def apps_in(app: App, around: tuple[App, ...] = ()) -> Iterator[App]:
    """Yield an app and those that are mounted in it, each once."""
    yield app
    seen = [*around, app]
    for route in app.collect():
        mount: Any = route.mount
        if hasattr(mount, "mounted_in") and mount not in seen:
            seen.append(mount)
            yield from apps_in(mount, tuple(seen))


__all__ = ["NotingCache", "NotingEnvironment", "apps_in", "note_in"]
