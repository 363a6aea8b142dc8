"""The rows about rooms: what one member says, a thousand get, from one process or from two that are joined by Valkey.

The same is asked of each server in its own protocol (``loadgen.DIALECTS``). Valkey runs on the load's core, as on a machine
of its own, and is the same for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from . import databases
from .contest import Contest, Options, Rival, compare
from .load import Load
from .report import Row
from .servers import Program

MEMBERS = 1000
OURS = Load("/_vivace/socket", "room-vivace", connections=MEMBERS)
SOCKET_IO = Load("/socket.io/?EIO=4&transport=websocket", "room-socketio", connections=MEMBERS)
WS = Load("/fan", "room-plain", connections=MEMBERS)
ONE_PROCESS = Contest(
    "channel, 1,000 members",
    OURS,
    "Vivace's channels",
    (Rival("ws", 1.3), Rival("Socket.IO", 3.0)),
    loads={"ws": WS, "Socket.IO": SOCKET_IO},
)
TWO_WORKERS = Contest(
    "channel, 1,000 members, 2 workers, Valkey",
    OURS,
    "Vivace's channels, 2 workers",
    (Rival("Socket.IO, 2 workers", 2.0),),
    loads={"Socket.IO, 2 workers": SOCKET_IO},
)

Find = Callable[[str], Program]


def two_workers(find: Find, options: Options) -> Iterator[Row]:
    """Compare servers of two processes each, which find each other through a Valkey."""
    with databases.valkey(options.load_core) as urls:

        def given(name: str) -> Program:
            program = find(name)
            return replace(program, environment={**program.environment, **urls})

        yield from compare(TWO_WORKERS, given, options)
