"""Brokers carry changes and channel messages between the processes of an app."""

from __future__ import annotations

from .base import Broker as Broker
from .base import BrokerOptions as BrokerOptions
from .base import Lease as Lease
from .base import Message as Message
from .base import Position as Position
from .base import decode_lease as decode_lease
from .base import leases_of as leases_of
from .memory import MemoryBroker as MemoryBroker
