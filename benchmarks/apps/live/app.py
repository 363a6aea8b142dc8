"""A page with one live region, written as a user writes it; ``/stats`` says how often it was rendered again."""

from __future__ import annotations

from vivace import App, Redirect, models, render
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.migrations.create import create_tables

app = App()


class Note(models.Model):
    author = models.CharField(max_length=40)
    text = models.TextField(max_length=500)

    class Meta:
        ordering = ["-id"]


@app.on_startup
async def prepare() -> None:
    await create_tables(app.databases.default, app.models)


@app.get("/")
async def page(request: Request) -> Response:
    return render(request, "page.html", notes=Note.objects.all()[:50])


@app.post("/say/{number}")
async def say(number: int) -> Redirect:
    await Note.objects.create(author="Ann", text=f"note number {number}")
    return Redirect("/")


@app.get("/stats")
async def stats() -> dict[str, int]:
    renderer = app.live.renderer
    return {"renders": renderer.passes, "queries": renderer.queries, "viewers": len(set(app.live.viewers))}
