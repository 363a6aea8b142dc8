"""WebSockets on the engine: frames, compression, handshake, and the connection that joins them.

Imported when the first WebSocket is opened, to keep start-up light.
"""

from __future__ import annotations

from .connection import EngineWebSocket as EngineWebSocket
from .fanout import fan_out as fan_out
from .frames import encode_message as encode_message
from .handshake import check_upgrade as check_upgrade
