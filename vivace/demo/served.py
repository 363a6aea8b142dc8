"""What ``vivace demo`` serves: the site of ``app.py``, which at its start gets tables and content, and then goes on by itself."""

from __future__ import annotations

import sys
import time

from vivace.migrations.project import executor_for, project_of

from .app import app
from .content.filling import fill
from .life import EVERY, Life
from .models import Post

__all__ = ["app"]


@app.on_startup
async def prepare() -> None:
    """Bring the tables to the last migration, and write the content if there is none. A second start takes what is there."""
    await executor_for(project_of(app.models), app.databases).migrate()
    if await Post.objects.exists():
        return
    say("Writing a community: all members, posts and comments are made up by a program.")
    start = time.monotonic()
    await fill(tell=lambda what, count: say(f"  {count:5,} {what}"))
    say(f"Done in {time.monotonic() - start:.1f} seconds.")


app.every(EVERY)(Life().step)


def say(text: str) -> None:
    """Write a line on the terminal."""
    print(text, file=sys.stderr, flush=True)
