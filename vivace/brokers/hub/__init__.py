"""The hub: a broker for all processes on one machine, over a Unix socket, without any infrastructure."""

from __future__ import annotations

from .client import HubBroker as HubBroker
from .place import hub_path as hub_path
