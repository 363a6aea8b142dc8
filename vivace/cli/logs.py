"""Where log lines go when nobody has said otherwise: to stderr, with time, process and level."""

from __future__ import annotations

import logging
import sys
from typing import Any, Final

FORMAT: Final = "%(asctime)s [%(process)d] %(levelname)s %(name)s: %(message)s"


class FoldingFormatter(logging.Formatter):
    """Writes tracebacks for whoever develops the app: their own lines, and how many frames of libraries stood between."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name is that of logging
        """Return a traceback as text."""
        from vivace.app.folding import folded

        return (folded(ei[1]) if ei[1] is not None else "") or super().formatException(ei)


def set_up_logging(level: int = logging.INFO, *, folded: bool = False) -> None:
    """Log to stderr unless logging was set up before; ``folded`` leaves the frames of libraries out of tracebacks."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter((FoldingFormatter if folded else logging.Formatter)(FORMAT))
    logging.basicConfig(handlers=[handler], level=level)


__all__ = ["FORMAT", "FoldingFormatter", "set_up_logging"]
