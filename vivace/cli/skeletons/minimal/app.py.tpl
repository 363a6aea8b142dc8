"""<< title >>: one file. `vivace dev` serves it, `pytest` tests it."""

from __future__ import annotations

from vivace import App

app = App()


@app.get("/")
async def hello(name: str = "world") -> dict[str, str]:
    """Greet somebody: /?name=Ada."""
    return {"hello": name}
