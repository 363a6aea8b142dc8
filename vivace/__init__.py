"""Vivace: one Python web framework for what people pick Django for and what they pick Node.js for.

The names a program begins with are here; the rest lives in the room it belongs to. Each is imported when it is first
asked for, so that ``import vivace`` costs next to nothing and a small service loads no more than it uses.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from . import models as models
    from .app import App as App
    from .app import Body as Body
    from .app import Cookie as Cookie
    from .app import Depends as Depends
    from .app import Form as Form
    from .app import Header as Header
    from .app import Path as Path
    from .app import Query as Query
    from .app import current_app as current_app
    from .app import current_request as current_request
    from .app import offload as offload
    from .app.assets import StaticSite as StaticSite
    from .app.compression import Compression as Compression
    from .app.compression import CompressionOptions as CompressionOptions
    from .app.logging import configure_logging as configure_logging
    from .app.memo import memo as memo
    from .app.plugins import Plugin as Plugin
    from .app.static import StaticFiles as StaticFiles
    from .app.static import StaticOptions as StaticOptions
    from .cache.functions import cached as cached
    from .cache.pages import cache_page as cache_page
    from .config.secret import Secret as Secret
    from .config.settings import Settings as Settings
    from .engine.asgi import ASGIMount as ASGIMount
    from .engine.asgi import WSGIMount as WSGIMount
    from .engine.websocket import fan_out as fan_out
    from .http.eventstream import Event as Event
    from .http.eventstream import EventStream as EventStream
    from .http.files import File as File
    from .http.forms import FormData as FormData
    from .http.forms import Upload as Upload
    from .http.redirect import Redirect as Redirect
    from .http.request import Request as Request
    from .http.response import HTML as HTML
    from .http.response import JSON as JSON
    from .http.response import Empty as Empty
    from .http.response import Response as Response
    from .http.response import Stream as Stream
    from .http.response import Text as Text
    from .http.websocket import WebSocket as WebSocket
    from .http.websocket import WebSocketDisconnect as WebSocketDisconnect
    from .http.websocket import WebSocketOptions as WebSocketOptions
    from .realtime.channel import Channel as Channel
    from .routing import Router as Router
    from .security import CORS as CORS
    from .security import Security as Security
    from .security import SecurityHeaders as SecurityHeaders
    from .templates import TemplateOptions as TemplateOptions
    from .templates import render as render
    from .templates import render_to_string as render_to_string
    from .views.flashes import flash as flash
    from .views.resources import resource as resource
    from .views.shortcuts import get_list_or_404 as get_list_or_404
    from .views.shortcuts import get_object_or_404 as get_object_or_404
    from .views.shortcuts import redirect as redirect

_ROOMS = {
    "app": "App Body Cookie Depends Form Header Path Query current_app current_request offload",
    "app.assets": "StaticSite",
    "app.compression": "Compression CompressionOptions",
    "app.logging": "configure_logging",
    "app.memo": "memo",
    "app.plugins": "Plugin",
    "app.static": "StaticFiles StaticOptions",
    "cache.functions": "cached",
    "cache.pages": "cache_page",
    "config.secret": "Secret",
    "config.settings": "Settings",
    "engine.asgi": "ASGIMount WSGIMount",
    "engine.websocket": "fan_out",
    "http.eventstream": "Event EventStream",
    "http.files": "File",
    "http.forms": "FormData Upload",
    "http.redirect": "Redirect",
    "http.request": "Request",
    "http.response": "HTML JSON Empty Response Stream Text",
    "http.websocket": "WebSocket WebSocketDisconnect WebSocketOptions",
    "realtime.channel": "Channel",
    "routing": "Router",
    "security": "CORS Security SecurityHeaders",
    "views.flashes": "flash",
    "views.resources": "resource",
    "views.shortcuts": "get_list_or_404 get_object_or_404 redirect",
    "templates": "TemplateOptions render render_to_string",
}
_SUBMODULES = ("models",)
_HOMES = {name: f"{__name__}.{room}" for room, names in _ROOMS.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_SUBMODULES})
