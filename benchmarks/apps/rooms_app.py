"""A room, written as a user writes it: what a member says, all members get."""

from __future__ import annotations

from vivace import App, Channel

app = App()


@app.channel("bench/{name}")
async def bench(name: str, channel: Channel) -> None:
    async for event in channel:
        if event.name == "say":
            await channel.broadcast("said", {"text": event.data["text"]})
