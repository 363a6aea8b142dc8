"""Twelve rows and one of the program's own, sorted and shown by a template, as a user writes it."""

from __future__ import annotations

from vivace import App, Request, Response, models, render

app = App()


class Fortune(models.Model):
    message = models.CharField(max_length=2048)

    class Meta:
        db_table = "fortune"
        managed = False


@app.get("/fortunes")
async def fortunes(request: Request) -> Response:
    added = Fortune(id=0, message="Additional fortune added at request time.")
    rows = [*await Fortune.objects.all(), added]
    rows.sort(key=lambda fortune: fortune.message)
    return render(request, "fortunes.html", fortunes=rows)


@app.get("/")
async def ready() -> str:
    return "ready"
