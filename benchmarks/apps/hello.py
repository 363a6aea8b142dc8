"""The smallest program, for the time from the command to the first answer."""

from __future__ import annotations

from vivace import App

app = App()


@app.get("/")
async def home() -> str:
    return "Hello, World!"
