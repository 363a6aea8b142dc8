"""How a worker collects garbage: not what was there when it began to serve, and less often.

CPython looks for cycles after every 700 objects (2,000 since 3.14) that were made and not freed; a page with a session makes
about a hundred, which live until it is sent, so the collector ran with every few requests. Measured on such a page, in
instructions a request: 660,000 as Python comes, 647,000 with what was loaded frozen, 624,000 with that and ``OBJECTS``; in time
it is more, since a collection leaves little of the processor's cache to the others. What waits for a collection is at most so
many objects: a few hundred kilobytes.

``gc.freeze`` without a collection before it: that would take 20 ms of a start of 200, and what it found was made while modules
were imported, where the collector ran often enough.
"""

from __future__ import annotations

import gc
from typing import Final

OBJECTS: Final = 5_000
PYTHONS_OWN: Final = frozenset({700, 2_000})


def settle() -> None:
    """Leave alone what exists now, and collect less often, unless the program has chosen its own threshold.

    For a process that serves: in one that tests or scripts run in, what exists now is not what stays.
    """
    gc.freeze()
    first, *others = gc.get_threshold()
    if first in PYTHONS_OWN:
        gc.set_threshold(OBJECTS, *others)


__all__ = ["OBJECTS", "settle"]
