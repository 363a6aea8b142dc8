"""The tags and functions that every template has: addresses, static files, the CSRF token, the current query (TP1).

They reach the app through ``Site``: the request's app in a request, else the environment's own. All of a tag's
decisions are here as plain functions; how tags are written is ``tags``'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any, Final, Protocol, cast
from urllib.parse import urlencode

from jinja2.runtime import Context, Undefined
from jinja2.tests import TESTS
from jinja2.utils import missing, pass_context
from markupsafe import Markup, escape

from vivace.errors import ConfigurationError

from . import filters
from .escaping import escape_text
from .filters import dates
from .filters.html import spaceless
from .library import Library, Tag

_CSRF_FIELD: Final = '<input type="hidden" name="csrfmiddlewaretoken" value="'
_STYLESHEET: Final = Markup('<link rel="stylesheet" href="{}">')
_IMPORTMAP: Final = Markup('<script type="importmap"{nonce}>{map}</script>')
_REALTIME: Final = Markup('<meta name="vivace-realtime" content="{}">')
_MODULE: Final = Markup('<script type="module" src="{}"></script>')
_NONCE: Final = Markup(' nonce="{}"')
_DUMP: Final = Markup("<pre>{}</pre>")
_PRIVATE: Final = ("token", "secret", "password", "session", "nonce", "key")
_SHOWN: Final = 200  # characters of a value in {% debug %}
_PRELOAD: Final = Markup('<link rel="modulepreload" href="{}"{}>')
_INTEGRITY: Final = Markup(' integrity="{}"')  # as in the import map, else a preload is not taken
LIVE: Final = "vivace/live.js"  # what keeps live regions true
LIVE_PARTS: Final = tuple(
    f"vivace/{name}.js" for name in ("fields", "forms", "markup", "morph", "socket", "status", "transports")
)
"""What it imports, directly or not: asked for together with it, and not in three rounds one after the other."""
LOOKS: Final = "vivace/vivace.css"  # the stylesheet of the framework's own pages and widgets


class Site(Protocol):
    """What the tags ask of an app: ``app.site``."""

    @property
    def debug(self) -> bool:
        """Whether somebody develops."""
        ...

    def url_by(self, name: str, args: tuple[Any, ...], params: Mapping[str, Any]) -> str:
        """Return the address of a route; ``args`` are the values of its parameters in their order."""
        ...

    def static_url(self, name: str) -> str:
        """Return the address of a static file."""
        ...

    def static_integrity(self, name: str) -> str:
        """Return ``sha384-…`` of a static file; ``""`` where it may change."""
        ...

    def has_static(self, name: str) -> bool:
        """Return whether there is such a file."""
        ...

    @property
    def has_live(self) -> bool:
        """Whether pages have live regions."""
        ...

    def import_map(self) -> str:
        """Return the import map as JSON that may stand in a script; ``""`` without one."""
        ...

    def realtime_base(self) -> str:
        """Return where the client of channels and live regions finds the server; ``""`` where it knows."""
        ...


def known(context: Context, name: str, default: Any = None) -> Any:
    """Return what a template knows by a name, ``default`` for what it does not."""
    value = context.resolve(name)
    return default if isinstance(value, Undefined) else value


def site_of(context: Context) -> Site:
    """Return the app that a template is rendered for; raises ``ConfigurationError`` outside any."""
    scope = getattr(context, "scope", None)  # not by its name: an address is the same in all requests
    request = getattr(scope, "request", None) or known(context, "request")
    app = getattr(request, "app", None) or getattr(context.environment, "site", None)
    site = getattr(app, "site", None)
    if site is None:
        raise ConfigurationError(
            "A template asks for an address, and there is no app that could know it.",
            expected="a template rendered for a request, or by app.templates",
            fix="Render it with render(request, …) or await app.templates.render(…).",
        )
    return cast("Site", site)


@pass_context
def url(context: Context, name: str, /, *args: Any, **params: Any) -> str:
    """Return the address of a named route; raises ``UnknownRoute`` with the nearest name."""
    return site_of(context).url_by(name, args, params)


@pass_context
def static(context: Context, name: str, /) -> str:
    """Return the address of a static file; raises ``UnknownStatic`` with the nearest name."""
    return site_of(context).static_url(str(name))


@pass_context
def static_integrity(context: Context, name: str, /) -> str:
    """Return the hash of a static file for an ``integrity`` attribute; ``""`` while files change (debug mode)."""
    return site_of(context).static_integrity(str(name))


@pass_context
def csrf_token(context: Context) -> Markup:
    """Return the hidden field by which a form proves that it is a page of ours; nothing without a token."""
    token = context.resolve_or_missing("csrf_token")
    if token is missing or not token:
        request = getattr(getattr(context, "scope", None), "request", None)
        if not getattr(request, "is_rerender", False):  # then the page puts its own in
            return Markup()
    escaped = escape_text(token) if type(token) is str else escape(token)
    field = f'{_CSRF_FIELD}{escaped}">'
    return str.__new__(Markup, field)  # the token is escaped; `Markup()` would look for more


@pass_context
def querystring(context: Context, /, *given: Mapping[str, Any] | None, **changes: Any) -> str:
    """Return the query of the current address, changed: a value replaces, a list repeats, ``None`` removes.

    ``given`` are mappings to start from in place of the request's query, later ones winning.
    """
    values: dict[str, list[Any]] = {}
    request = known(context, "request")
    for source in given or (request.query,) if request is not None else given:
        values.update({name: list(several) for name, several in _lists(source)})
    for name, value in changes.items():
        values[name] = [] if value is None else list(_several(value))
    pairs = [(name, value) for name, several in values.items() for value in several if value is not None]
    return f"?{urlencode(pairs)}" if pairs or given or changes else ""


def _lists(source: Any) -> Iterator[tuple[str, list[Any]]]:
    """Yield names with all their values, of a mapping that may have several for a name."""
    if source is None or isinstance(source, Undefined):
        return
    several = getattr(source, "getlist", None)
    for name in dict.fromkeys(source):
        yield name, several(name) if several is not None else list(_several(source[name]))


def _several(value: Any) -> Iterable[Any]:
    if value is None:
        return ()
    return value if _is_many(value) else (value,)


def _is_many(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes))


@pass_context
def importmap(context: Context) -> Markup:
    """Return the import map of the app's options in a script, with the page's nonce; nothing without one."""
    text = site_of(context).import_map()
    if not text:
        return Markup()
    nonce = known(context, "csp_nonce")
    shown = _NONCE.format(nonce) if nonce else Markup()
    return _IMPORTMAP.format(nonce=shown, map=Markup(text))  # noqa: S704 - JSON without < > &


@pass_context
def vivace_head(context: Context) -> Markup:
    """Return what the framework's own pages and widgets need in ``<head>``.

    That is their stylesheet, the import map, and the script that keeps live regions true, in apps that have any.
    """
    site = site_of(context)
    looks = _STYLESHEET.format(site.static_url(LOOKS)) if site.has_static(LOOKS) else Markup()
    base = site.realtime_base()
    realtime = _REALTIME.format(base) if base else Markup()
    modules: list[Markup] = []
    if site.has_live and site.has_static(LIVE):
        modules = [_MODULE.format(site.static_url(LIVE)), *map(partial(_preload, site), LIVE_PARTS)]
    parts = [part for part in (looks, importmap(context), realtime, *modules) if part]
    return Markup("\n").join(parts)


def _preload(site: Site, name: str) -> Markup:
    integrity = site.static_integrity(name)
    return _PRELOAD.format(site.static_url(name), _INTEGRITY.format(integrity) if integrity else "")


def firstof(*values: Any) -> Any:
    """Return the first value that is true; ``""`` when none is."""
    return next((value for value in values if value), "")


def widthratio(value: Any, maximum: Any, width: Any) -> str:
    """Return ``value / maximum * width`` as a whole number, for bars; ``""`` for what is no number, ``"0"`` for 0."""
    try:
        return str(round(float(value) / float(maximum) * float(width)))
    except ZeroDivisionError:
        return "0"
    except (TypeError, ValueError, OverflowError):
        return ""


@pass_context
def debug(context: Context) -> Markup:
    """Return the names that the template knows, with their values; nothing outside of debug mode."""
    if not site_of(context).debug:
        return Markup()
    rows = [f"{name}: {_shown(name, value)}" for name, value in sorted(context.get_all().items())]
    return _DUMP.format("\n".join(row for row in rows if "<function" not in row and "<class" not in row))


def _shown(name: str, value: Any) -> str:
    """Return a value as a line; what proves who somebody is shows its type alone."""
    if any(word in name.lower() for word in _PRIVATE):
        return f"({type(value).__name__}, hidden)"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _now(clock: Callable[[], datetime], zone: tzinfo | None, style: str = "DATE_FORMAT") -> str:
    return dates.date(clock(), style, zone=zone)


def standard_library(
    now: Callable[[], datetime] = lambda: datetime.now(UTC), zone: tzinfo | None = None
) -> Library:
    """Return the filters, tests, functions and tags of Vivace; ``now`` is the clock of ``{% now %}`` and ``timesince``.

    Moments are written as clocks in ``zone`` show them; ``None``: in the zone that they have.
    """
    library = Library("vivace")
    for tag in (url, static, static_integrity, querystring, importmap, vivace_head, firstof, widthratio):
        library.functions[tag.__name__] = tag
        library.tags[tag.__name__] = Tag(tag.__name__, tag)
    for only_tag in (csrf_token, debug):  # as variables these names are values
        library.tags[only_tag.__name__] = Tag(only_tag.__name__, only_tag)
    library.tags["spaceless"] = Tag("spaceless", spaceless, "block")
    library.tags["now"] = Tag("now", partial(_now, now, zone))
    tests: Mapping[str, Any] = TESTS
    for spelt in ("None", "True", "False"):  # Python's and Django's spelling; Jinja has none, true, false
        library.tests[spelt] = tests[spelt.lower()]
    filters.register(library, now, zone)
    return library


__all__ = ["LOOKS", "Site", "known", "site_of", "standard_library"]
