"""The App collects the parts, checks them and freezes them into a plan. Each name is imported when it is asked for.

The supervisor of the workers needs to know what a target is called, and must not load what apps are made of.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .application import App as App
    from .binding import Body as Body
    from .binding import Cookie as Cookie
    from .binding import Depends as Depends
    from .binding import Form as Form
    from .binding import Header as Header
    from .binding import Path as Path
    from .binding import Query as Query
    from .current import current_app as current_app
    from .current import current_request as current_request
    from .offloading import offload as offload

_HOMES: Final = {
    "App": "application",
    **dict.fromkeys(("Body", "Cookie", "Depends", "Form", "Header", "Path", "Query"), "binding"),
    "current_app": "current",
    "current_request": "current",
    "offload": "offloading",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{home}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
