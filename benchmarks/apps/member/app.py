"""A page for who is logged in, with a form, as a user writes it; the account and its session are made at the start."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import Any

from vivace import App, Request, Response, render
from vivace.auth import StoredSession, User, current_realm
from vivace.auth.sessions.rows import hashed
from vivace.auth.sessions.session import BACKEND, HASH, USER_ID, encoded
from vivace.migrations.create import create_tables

app = App(installed=["vivace.auth"])
WEEK = 604_800.0


@app.get("/member")
async def member(request: Request) -> Response:
    return render(request, "member.html")


@app.on_startup
async def make_tables() -> None:
    await create_tables(app.databases.default, app.models)
    user: Any = await User.objects.create_user(os.environ["BENCHMARK_MEMBER"], "correct horse battery")
    data = {
        USER_ID: str(user.pk),
        BACKEND: current_realm().backends[0].path,
        HASH: user.get_session_auth_hash(),
    }
    now = time.time()
    await StoredSession.objects.create(
        session_key=hashed(os.environ["BENCHMARK_SESSION"]),
        session_data=encoded(data),
        expire_date=datetime.fromtimestamp(now + WEEK, UTC),
        created=datetime.fromtimestamp(now, UTC),
        last_seen=datetime.fromtimestamp(now, UTC),
        user=user,
    )


@app.get("/")
async def ready() -> str:
    return "ready"
