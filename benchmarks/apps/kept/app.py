"""A page of three parts, as a user writes it: kept as a whole, and in fragments of which each is kept."""

from __future__ import annotations

from vivace import App, Request, Response, cache_page, models, render

app = App()


class Fortune(models.Model):
    message = models.CharField(max_length=2048)

    class Meta:
        db_table = "fortune"
        managed = False
        ordering = ["message"]


def page(request: Request) -> Response:
    every = Fortune.objects.all()
    return render(request, "page.html", fortunes=every, first=every[:3], chosen=Fortune.objects.filter(pk=7))


@app.get("/kept")
@cache_page()
async def kept(request: Request) -> Response:
    return page(request)


@app.get("/fragments")
async def fragments(request: Request) -> Response:
    return page(request)


@app.get("/")
async def ready() -> str:
    return "ready"
