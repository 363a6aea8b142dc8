"""The App collects the parts, checks them and freezes them into a plan. Each name is imported when it is asked for.

The supervisor of the workers needs to know what a target is called, and must not load what apps are made of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vivace.errors.nearest import lazy_names

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

_ROOMS: Final = {
    "application": "App",
    "binding": "Body Cookie Depends Form Header Path Query",
    "current": "current_app current_request",
    "offloading": "offload",
}
__getattr__, __dir__ = lazy_names(__name__, _ROOMS)
