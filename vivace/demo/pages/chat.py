"""The chat: a page with what was said, and a channel for what is being said now.

This is the one part with a script (``static/chat.js``): a chat is not a page that changes but a stream of events, and who
types does not wait for a render.
"""

from __future__ import annotations

import msgspec

from vivace import Channel, Redirect, Request, Response, Router, render
from vivace.auth import signed_in
from vivace.demo import actions
from vivace.demo.models import Line, Member
from vivace.errors import NotFound

router = Router("/chat")
ROOMS = {"square": "For everybody", "workshop": "Help with what is broken", "kitchen": "What is on the stove"}
HISTORY = 60


class Saying(msgspec.Struct):
    """What a page sends."""

    text: str


@router.get("", name="chat")
async def first() -> Redirect:
    """Go to the first room."""
    return Redirect("/chat/square")


@router.get("/{room}", name="room", guards=[signed_in])
async def show(request: Request, room: str) -> Response:
    """Show a room and what was said last."""
    if room not in ROOMS:
        raise NotFound(f"There is no room “{room}”.")
    said = await Line.objects.filter(room=room).select_related("author").order_by("-id")[:HISTORY]
    return render(request, "chat.html", room=room, rooms=ROOMS, lines=said[::-1], longest=Line.LONGEST)


async def is_room(room: str) -> bool:
    """Say whether there is such a room: a guard of the channel."""
    return room in ROOMS


async def talk(room: str, channel: Channel, user: Member) -> None:
    """Run once for each open page in a room: show that its member is here, and pass on what they say."""
    who = {"name": str(user), "handle": user.handle, "initials": user.initials, "hue": user.hue}
    async with channel.present(who):
        async for event in channel:
            if event.name != "say":
                event.fail("This room only knows “say”.")
                continue
            text = event.read(Saying).text.strip()[: Line.LONGEST]
            if text:
                line = await actions.say(room, user, text)
                await channel.broadcast("said", {**who, "text": text, "at": line.made_at.isoformat()})
            event.ack()
