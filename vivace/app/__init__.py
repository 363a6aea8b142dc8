"""The App collects the parts, checks them and freezes them into a plan."""

from __future__ import annotations

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
