"""ASGI and WSGI, both ways: the app under foreign servers, foreign apps inside the app."""

from __future__ import annotations

from .inward import ASGIMount as ASGIMount
from .outward import ASGIAdapter as ASGIAdapter
from .wsgi import WSGIMount as WSGIMount
