"""Path patterns compiled into one router, and back from names to paths.

From registration to look-up: ``Router.collect`` → ``bind_routes`` (types of the handlers) → ``check_routes`` →
``compile_routes`` and ``Reverser``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivace.errors.nearest import lazy_names

from .checks import RouteRow as RouteRow
from .checks import check_routes as check_routes
from .checks import describe as describe
from .compiling import compile_routes as compile_routes
from .constraints import version as version
from .converters import Converter as Converter
from .converters import converter_for as converter_for
from .matcher import REST as REST
from .matcher import Matcher as Matcher
from .matcher import RoutingOptions as RoutingOptions
from .patterns import Pattern as Pattern
from .patterns import decode_path as decode_path
from .patterns import parse_pattern as parse_pattern
from .reverse import Reverser as Reverser
from .router import Router as Router
from .routes import WEBSOCKET as WEBSOCKET
from .routes import Route as Route
from .routes import RouteKwargs as RouteKwargs
from .routes import RouteOptions as RouteOptions
from .routes import bind_routes as bind_routes

if TYPE_CHECKING:
    from .folders import package_router as package_router

__getattr__, __dir__ = lazy_names(__name__, {"folders": "package_router"})  # few programs route by folder
