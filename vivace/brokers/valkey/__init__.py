"""Valkey and Redis: a client, and the broker that rests on it. Needs the extra ``valkey``."""

from __future__ import annotations

from .broker import ValkeyBroker as ValkeyBroker
from .client import Script as Script
from .client import ValkeyClient as ValkeyClient
from .client import script as script
from .options import ValkeyOptions as ValkeyOptions
from .options import valkey_options as valkey_options

__all__ = ["Script", "ValkeyBroker", "ValkeyClient", "ValkeyOptions", "script", "valkey_options"]
