"""The templates of an app: its folder, those of what is installed, and the names that all templates know.

===============  =====================================================================================
name             what a template reads by it
===============  =====================================================================================
``request``      the request
``user``         who is signed in: a value, not something to await
``session``      the session
``perms``        what who is signed in may do: ``perms.blog.change_post``
``csrf_token``   the token of a form, as text; ``{% csrf_token %}`` is the whole hidden field
``csp_nonce``    the nonce of this page's inline scripts
``flashes``      the messages that were kept for the next page
``debug``        whether somebody develops
===============  =====================================================================================

Each is asked for when a template reads it, and no sooner: a page that shows no user costs no query for one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vivace.errors import NotProvided
from vivace.http.request import Request
from vivace.models.query.rendering import rendering
from vivace.templates.bridge import how_to_wait
from vivace.templates.context import PARTS, Provider
from vivace.templates.engine import Templates, current_templates

if TYPE_CHECKING:
    from .application import App


def make_templates(app: App, options: Any) -> Templates:
    """Make the templates of ``app``, and let code that runs in the app find them."""
    installed = app.installed
    folders = list(installed.folders("templates")) if installed is not None else []
    templates = Templates(options, root=app.root, folders=folders, app=app, debug=app.debug)
    templates.built_in.update(BUILT_IN)
    for part in installed.parts if installed is not None else ():
        if part.library is not None:
            templates.add(part.library)
    app.variables += [(current_templates, templates), (rendering, how_to_wait)]
    return templates


def has_live_tags(app: App, around: tuple[Any, ...] = ()) -> bool:
    """Return whether a template of the app has a live region, or one of an app that is mounted in it."""
    if around:
        app.take_settings(around[-1])  # before its templates are made of others
    if app.has_templates and app.templates.has_live_tags():
        return True
    inner: list[Any] = [route.mount for route in app.collect() if hasattr(route.mount, "mounted_in")]
    # One that is mounted in itself is told of elsewhere.
    return any(has_live_tags(mount, (*around, app)) for mount in inner if mount not in (*around, app))


def _request(request: Request) -> Request:
    return request


def _debug(request: Request) -> bool:
    return bool(request.app.debug)


def _csp_nonce(request: Request) -> str:
    return request.csp_nonce


def _elsewhere(module: str, name: str) -> Provider:
    """Return a provider that a higher room has; an app that does not use it loads nothing of it."""

    function: Provider | None = None

    def provide(request: Request) -> Any:
        nonlocal function
        if function is None:  # looking for the module again took longer than the token of a form
            function = _found(module, name)
        return function(request)

    return provide


def _found(module: str, name: str) -> Provider:
    try:
        function: Provider = getattr(import_module(module), name)
    except (ImportError, AttributeError):
        raise NotProvided(
            f"A template reads {name!r}, and this installation has nothing that gives it.",
            expected=f"{module}.{name}",
            fix=f"Give the template a value for it: render(request, …, {name}=…).",
        ) from None
    return function


def _part(name: str) -> Provider:
    """Return a provider of a part of the request: at once where a view or a guard has asked for it."""

    def provide(request: Request) -> Any:
        known = request.known_part(name)
        return request.part(name) if known is None else known

    return provide


BUILT_IN: dict[str, Provider] = {
    "request": _request,
    **{name: _part(name) for name in PARTS},
    "perms": _elsewhere("vivace.auth.perms", "perms"),
    "csrf_token": _elsewhere("vivace.security.tokens", "csrf_token"),
    "csp_nonce": _csp_nonce,
    "flashes": _elsewhere("vivace.views.flashes", "flashes"),
    "debug": _debug,
}

__all__ = ["BUILT_IN", "has_live_tags", "make_templates"]
