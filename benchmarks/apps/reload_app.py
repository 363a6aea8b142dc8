"""What has to survive a rolling reload: a room in which numbers are said, and a page that counts them."""

from __future__ import annotations

from pathlib import Path

from vivace import App, Channel, Request, Response, models, render
from vivace.migrations.create import create_tables
from vivace.templates import TemplateOptions

PAGE = "<!doctype html><title>count</title>{% live %}<b>{{ numbers | length }}</b>{% endlive %}"


class Number(models.Model):
    """What was said."""

    value = models.IntegerField(unique=True)


app = App(templates=TemplateOptions(sources=[{"page.html": PAGE}]))
room = app.channel("room")


@room
async def listen(channel: Channel) -> None:
    async for event in channel:
        event.ack()


@app.get("/")
async def page(request: Request) -> Response:
    return render(request, "page.html", numbers=Number.objects.all())


@app.post("/say/{value:int}")
async def say(value: int) -> None:
    await Number.objects.create(value=value)
    await app.channels.emit("room", "said", value)


@app.on_startup
async def fill() -> None:
    filled = Path(app.root, "filled")
    async with app.broker.lock("fill"):  # one worker of all
        if not filled.exists():
            await create_tables(app.databases.default, app.models)
            filled.touch()
