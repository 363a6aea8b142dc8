"""Where log lines go when nobody has said otherwise: to stderr, with time, process and level."""

from __future__ import annotations

import logging
import sys
from typing import Final

FORMAT: Final = "%(asctime)s [%(process)d] %(levelname)s %(name)s: %(message)s"


def set_up_logging(level: int = logging.INFO) -> None:
    """Log to stderr unless logging was set up before."""
    logging.basicConfig(stream=sys.stderr, level=level, format=FORMAT)


__all__ = ["FORMAT", "set_up_logging"]
