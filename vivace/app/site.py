"""What templates ask an app for: addresses of its routes and of its static files, with the nearest match to a misspelt one.

An app that has no page loads none of this; one without static files none of ``assets``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vivace.errors import AppInvalid, Finding, TemplateError, WrongRouteParameters
from vivace.errors.whose import is_our_file

from .current import current_request

if TYPE_CHECKING:
    from vivace.live.tokens import LiveTokens
    from vivace.routing import Reverser

    from .application import App
    from .assets import Assets, StaticSite

_ORDERS: Final = 1_000  # that are kept: those that templates ask for are fewer
_REALTIME: Final = "/_vivace"


class Site:
    """The addresses of one app."""

    def __init__(self, app: App, options: StaticSite | None = None) -> None:
        self.app = app
        self._options = options
        self._orders: dict[tuple[object, ...], tuple[str, ...]] = {}  # of what is given without names

    @property
    def debug(self) -> bool:
        """Whether somebody develops."""
        return self.app.debug

    # -- routes ---------------------------------------------------------------------------------------------------

    @property
    def prefix(self) -> str:
        """The path that the app is mounted under: that of the request, outside one that of the first mount."""
        request = current_request()
        return request.prefix if request is not None and request.app is self.app else self.app.first_prefix

    @property
    def reverser(self) -> Reverser:
        """What makes addresses; names are looked for in the namespace of the current route first."""
        reverser = self.app.compile().reverser
        request = current_request()
        route: Any = request.route if request is not None and request.app is self.app else None
        return reverser.within(route.namespace) if route is not None and route.namespace else reverser

    def url_by(self, name: str, args: tuple[Any, ...], params: Mapping[str, Any]) -> str:
        """Return the address of a route; ``args`` are the values of the parameters in its path, in their order."""
        reverser = self.reverser
        if not args:
            return self.prefix + reverser.url(name, **params)
        key = (reverser.namespace, name, len(args), *params)
        names = self._orders.get(key)
        if names is None:
            names = tuple(placed(reverser, name, args, params))
            if len(self._orders) < _ORDERS:
                self._orders[key] = names
        return self.prefix + reverser.url(name, **dict(zip(names, args, strict=False)), **params)

    # -- static files ---------------------------------------------------------------------------------------------

    @cached_property
    def assets(self) -> Assets:
        """The static files."""
        from .assets import Assets

        return Assets(self, self._options)

    def static_url(self, name: str) -> str:
        """Return the address of a static file; raises ``UnknownStatic`` in debug mode."""
        return self.assets.url(name)

    def static_integrity(self, name: str) -> str:
        """Return the hash of a static file; ``""`` while files change."""
        return self.assets.integrity(name)

    def has_static(self, name: str) -> bool:
        """Return whether there is such a file, here or in the app that this one is mounted in."""
        outer = self.app.outer
        return self.assets.has(name) or (outer is not None and outer.site.has_static(name))

    def import_map(self) -> str:
        """Return the import map as JSON for a script; ``""`` without one."""
        return self.assets.import_map()

    def realtime_base(self) -> str:
        """Return where pages of an app that is mounted below a prefix find its channels; ``""`` where that is as usual."""
        return f"{self.prefix}{_REALTIME}" if self.prefix and "sockets" in vars(self.app) else ""

    def installed_folders(self) -> Iterator[Path]:
        """Yield the ``static`` folders of installed packages."""
        if self.app.installed is not None:
            yield from self.app.installed.folders("static")

    def freeze(self) -> list[Finding]:
        """Mount the static files if there are any; returns what is wrong with them."""
        return self.assets.freeze() if self.assets.folders() else []

    # -- live regions ---------------------------------------------------------------------------------------------

    @property
    def has_live(self) -> bool:
        """Whether pages of this app have live regions."""
        app: App | None = self.app
        while app is not None and not app.is_live:
            app = app.outer
        return app is not None

    @cached_property
    def live_tokens(self) -> LiveTokens:
        """What signs for live regions: one for all apps that are mounted in each other."""
        from .living import make_tokens

        outer = self.app.outer
        return make_tokens(self.app) if outer is None else outer.site.live_tokens

    # -- templates ------------------------------------------------------------------------------------------------

    def load_templates(self, reverser: Reverser) -> None:
        """Compile the templates before the first request; raises ``AppInvalid`` with all that is wrong in any of them."""
        try:
            self.app.templates.load()
        except TemplateError as error:
            found = [finding for finding in self.check_templates(reverser) if finding.level == "error"]
            raise AppInvalid(found or [Finding.from_error(error)]) from error

    def check_templates(self, reverser: Reverser) -> list[Finding]:
        """Return what is wrong with the app's own templates and those of installed packages; see ``templates.checks``."""
        from vivace.templates.checks import Questions, check_templates, words_of
        from vivace.templates.engine import COMPILED

        from .evidence import short_path
        from .regionchecks import static_regions

        templates = self.app.templates
        environment = templates.environment

        @cache
        def code() -> frozenset[str] | None:
            packages = self.app.installed.parts if self.app.installed is not None else ()
            installed = [folder for part in packages if (folder := part.folder("")) is not None]
            return words_of([self.app.root, *installed])

        questions = Questions(
            route=partial(_fits, reverser),
            static=lambda name: None if self.has_static(name) else self.assets.unknown(name),
            place=short_path,
            provided=frozenset({*templates.providers, *templates.built_in}),
            code=code,
        )
        names = templates.names()
        loader, pages = environment.loader, [name for name in names if name.endswith(COMPILED)]
        own = [name for name in pages if not is_our_file(loader.get_source(environment, name)[1] or "")]
        found, known = check_templates(environment, own, questions), frozenset(names)
        return [
            *self._missing_templates(known),
            *self._asked_by_code(known),
            *static_regions(self.app, known),
            *found,
        ]

    def _missing_templates(self, known: frozenset[str]) -> list[Finding]:
        """Return a warning for each class-based view whose templates are not among those that there are."""
        environment, found = self.app.templates.environment, dict[Any, Finding]()
        for route in self.app.collect():
            view: Any = getattr(route.handler, "view_handler", None)
            names: Sequence[str] = view.template_candidates() if view is not None else ()
            if view is not None and names and known.isdisjoint(name.partition("#")[0] for name in names):
                error = environment.loader.missing(names[0])
                message = (
                    f"{view.__qualname__} at {route.path} shows a template that is not there: {names[0]!r}."
                )
                found[view] = Finding("view-template-missing", message, error.fix, route.place, "warning")
        return list(found.values())

    def _asked_by_code(self, known: frozenset[str]) -> Iterator[Finding]:
        """Yield a warning for each name in modules of handlers that is no template's: ``render(request, "hom.html")``."""
        from vivace.templates.asked import asked_for

        from .evidence import is_own, short_path

        environment = self.app.templates.environment
        modules = {getattr(route.handler, "__module__", "") for route in self.app.collect()}
        files = {getattr(sys.modules.get(module), "__file__", None) or "" for module in modules}
        own = (Path(file) for file in sorted(files) if file.endswith(".py") and is_own(file))
        for name, path, line in asked_for(file for file in own if file.is_relative_to(self.app.root)):
            if name not in known:
                error = environment.loader.missing(name)
                place = f"{short_path(path)}:{line}"
                yield Finding("template-not-found", error.what, error.fix, place, "warning")


def _fits(reverser: Reverser, name: str, positional: int, keywords: tuple[str, ...]) -> None:
    """Raise unless a route of that name takes so many values without names, and these with names."""
    if any(known.endswith(f":{name.removeprefix(':')}") for known in reverser.names):
        return  # relative to the namespace of whoever shows the page
    args = (None,) * positional
    reverser.check(name, [*placed(reverser, name, args, dict.fromkeys(keywords)), *keywords])


def placed(reverser: Reverser, name: str, args: tuple[Any, ...], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return positional values under the names of a route's parameters; raises ``WrongRouteParameters``."""
    choices = reverser.parameters(name)
    free = [[one for one in names if one not in params] for names in choices]
    chosen = next((names for names in free if len(names) == len(args)), max(free, key=len))
    if len(args) > len(chosen):
        raise WrongRouteParameters(
            f"The route {name!r} is given more values without names than it has parameters.",
            expected=f"{len(chosen)} ({', '.join(chosen)})" if chosen else "none: it has no parameters",
            got=f"{len(args)} values",
            fix="Give parameters by their names: {% url 'post' id=post.id %}.",
        )
    return dict(zip(chosen, args, strict=False))


__all__ = ["Site", "placed"]
