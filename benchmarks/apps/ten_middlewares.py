"""The JSON reply behind ten middlewares that do nothing: what a layer costs by itself."""

from __future__ import annotations

from vivace import App, Request, Response
from vivace.http.types import CallNext, Middleware

LAYERS = 10


def layer() -> Middleware:
    async def pass_on(request: Request, call_next: CallNext) -> Response:
        return await call_next(request)

    return pass_on


app = App(middleware=[layer() for _ in range(LAYERS)])


@app.get("/json")
async def as_json() -> dict[str, str]:
    return {"message": "Hello, World!"}
