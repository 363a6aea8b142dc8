"""Commits that meet nothing of what is kept: see ``benchmarks/pages.py``."""

from __future__ import annotations

import asyncio

from vivace import App, cached
from vivace.changes import Change, Condition, WriteSet, current_reads

from .works import Clock, Told, answer

KEPT = 10_000
COMMITS = 10_000
app = App()


@cached
async def kept(number: int) -> str:
    """Read a row of one author."""
    reads = current_reads()
    if reads is not None:
        reads.add("book", (Condition("author_id", frozenset({number})),))
    return f"the books of {number}"


async def unmatched() -> Told:
    """Keep many results, and tell of commits that meet none of them."""
    while not app.changes.started:
        _ = app.dependents.feed
        await asyncio.sleep(0.01)
    for number in range(KEPT):
        await kept(number)
    old, new = {"id": 1, "author_id": -1, "shop_id": 7}, {"id": 1, "author_id": -2, "shop_id": 7}
    write = WriteSet(changes=(Change(table="book", operation="update", key=(1,), old=old, new=new),))
    with Clock() as clock:
        for _ in range(COMMITS):
            app.dependents.told(write)
    return clock.told(count=COMMITS, kept=len(app.dependents))


if __name__ == "__main__":
    asyncio.run(answer(app, unmatched))
