"""What works have in common: a clock, and doing what the lines of standard input name.

The answer is a line of JSON: seconds on the wall, CPU seconds, and what the work has to tell.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Self

from vivace import App

Told = dict[str, float]


class Clock:
    """Measures the part of a work that counts."""

    def __enter__(self) -> Self:
        gc.collect()
        self.seconds, self.cpu = -time.perf_counter(), -time.process_time()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds += time.perf_counter()
        self.cpu += time.process_time()

    def told(self, **more: float) -> Told:
        """Return the answer."""
        return {"seconds": self.seconds, "cpu": self.cpu, **more}


async def answer(app: App, *works: Callable[[], Awaitable[Told]]) -> None:
    """Do the work that each line names, in an app that runs."""
    named = {work.__name__: work for work in works}
    async with app:
        for line in sys.stdin:
            print(json.dumps(await named[line.strip()]()), flush=True)
