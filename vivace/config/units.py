"""Numbers that say what they count, as annotations; ``values.py`` reads them from text::

Bytes      1048576, 1MB, 1 MiB, 10k      K, M, G and T are powers of 1,024, as in nginx and PostgreSQL
Seconds    1.5, 30s, 5m, 1h30m, 250ms    ``timedelta`` too
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, TypeAlias


class Unit(Enum):
    """What a number counts."""

    BYTES = "a size such as 4096, 64KB or 10MB"
    SECONDS = "a duration such as 30, 1.5s, 5m or 1h30m"


Bytes: TypeAlias = Annotated[int, Unit.BYTES]
"""A number of bytes; as text also ``64KB``, ``10MB``."""

Seconds: TypeAlias = Annotated[float, Unit.SECONDS]
"""A number of seconds; as text also ``30s``, ``5m``, ``1h30m``."""
