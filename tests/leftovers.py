"""What is left to Python's garbage collector, counted: objects that refer to each other, which nobody else knows."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

OF_TESTS: Final = ("vivace.testing", "vivace.engine", "vivace.http.headers")  # the test client's own


@contextmanager
def left_behind() -> Generator[Counter[str]]:
    """Count, by name, the objects that are left to the collector; the counter is filled at the end."""
    found: Counter[str] = Counter()
    gc.disable()
    gc.freeze()  # what is there now is not looked through
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found.update(f"{type(each).__module__}.{type(each).__name__}" for each in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.unfreeze()
        gc.enable()


def ours(left: Counter[str]) -> set[str]:
    """Return the names of what is ours, or a template's."""
    return {
        name for name in left if name.startswith(("vivace.", "jinja2.")) and not name.startswith(OF_TESTS)
    }


__all__ = ["left_behind", "ours"]
