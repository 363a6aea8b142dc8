"""Real time: one connection per page for channels, presence and live regions."""

from __future__ import annotations

from .channel import Channel as Channel
from .channel import Event as Event
from .connection import Connection as Connection
from .declaration import ChannelDeclaration as ChannelDeclaration
from .frames import text_frame as text_frame
from .hub import Hub as Hub
from .hub import VerbHandler as VerbHandler
from .manager import Channels as Channels
from .options import RealtimeOptions as RealtimeOptions
