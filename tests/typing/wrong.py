"""What type checkers must refuse: each line of ``mistakes`` is an error for mypy and for pyright."""

from __future__ import annotations

from vivace import App, Request, Response

app = App()


@app.get("/{id}")
async def show(id: int) -> str:
    return str(id)


async def mistakes(request: Request) -> None:
    await show("one")
    app.get("/x", timeuot=3)
    app.get("/x", timeout="soon")
    app.before(lambda: None)(request)
    Response(body=1)
    App(debug="yes")
    app.nothing()
