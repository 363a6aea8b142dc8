"""What is wrong with the channels that a program declares is said before it starts."""

from __future__ import annotations

import msgspec
import pytest

from vivace import App, Channel
from vivace.errors import AppInvalid


class Say(msgspec.Struct):
    """What a member says."""

    text: str


def test_what_is_wrong_with_channels_is_said_at_the_start() -> None:
    app = App()

    @app.channel("a/{x}")
    def plain(x: str, channel: Channel) -> None:
        pass

    @app.channel("a/{y}")
    async def again(y: str, channel: Channel) -> None:
        pass

    @app.channel("b")
    async def needs(channel: Channel, body: Say) -> None:
        pass

    @app.channel("d")
    async def untyped(channel) -> None:  # type: ignore[no-untyped-def] # pyright: ignore
        pass

    typed = app.channel("c")

    @typed.on("x")
    async def twice(one: Say, two: Say) -> None:
        pass

    @typed.on("x")
    async def double(one: Say) -> None:
        pass

    with pytest.raises(AppInvalid) as invalid:
        app.compile()
    ids = {finding.id for finding in invalid.value.findings}
    assert {"channel-handler", "route-duplicate", "no-body"} <= ids
    assert {"channel-event-twice", "channel-without-type"} <= ids
    assert {finding.id for finding in app.check()} == ids  # also when asked twice
