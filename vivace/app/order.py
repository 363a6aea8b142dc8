"""What runs around each handler, in the order in which it runs: the table of ``pipeline`` for one app (MW2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vivace.routing import Route
from vivace.routing.routes import qualified_name

from .pipeline import checks_origin

if TYPE_CHECKING:
    from .application import App

PHASES: Final = (
    "host check",
    "app middleware",
    "app before",
    "origin check",
    "middleware",
    "before",
    "guards",
    "handler",
    "on_timeout",
    "on_abort",
    "on_error",
    "app on_error",
    "errors",
    "app errors",
    "after",
    "app after",
    "on_sent",
    "app on_sent",
)


class RouteHooks(msgspec.Struct, frozen=True):
    """One route and its phases: pairs of a phase and the names of what runs in it; empty phases are left out."""

    method: str
    path: str
    phases: tuple[tuple[str, tuple[str, ...]], ...]

    def __str__(self) -> str:
        lines = [f"{self.method} {self.path}"]
        return "\n".join([*lines, *(f"  {phase}: {', '.join(names)}" for phase, names in self.phases)])


def describe_hooks(app: App) -> list[RouteHooks]:
    """Return a row for each route of a frozen app, in the order of registration; a mount's method is ``*``."""
    return [
        RouteHooks("|".join(route.methods) or "*", route.path, _phases(app, route))
        for route in app.compile().routes
    ]


def _phases(app: App, route: Route) -> tuple[tuple[str, tuple[str, ...]], ...]:
    parts, hooks, own = app.compile().plan.parts, app.app_hooks, route.options
    cors = app.security.cors if app.security is not None else None
    found: dict[str, Sequence[Any]] = {
        "host check": [parts.check_host],
        "app middleware": parts.middleware,
        "app before": parts.before,
        "origin check": [parts.check_origin] if checks_origin(route) else [],
        "middleware": own.middleware,
        "before": own.before,
        "guards": own.guards,
        "handler": [route.handler],
        "on_timeout": own.on_timeout,
        "on_abort": own.on_abort,
        "on_error": own.on_error,
        "app on_error": hooks["on_error"],
        "errors": list(own.errors.values()),
        "app errors": list(app.app_errors.values()),
        "after": own.after,
        "app after": [*app.app_after, *([cors.after] if cors is not None else ())],
        "on_sent": own.on_sent,
        "app on_sent": hooks["on_sent"],
    }
    named = ((phase, tuple(qualified_name(hook) for hook in found[phase] if hook)) for phase in PHASES)
    return tuple((phase, names) for phase, names in named if names)
