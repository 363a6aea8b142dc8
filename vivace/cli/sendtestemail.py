"""``vivace sendtestemail``: find out whether the mail settings are right, before a visitor does."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from . import target as targets
from .terminal import say

if TYPE_CHECKING:
    from vivace.app import App


@click.command()
@targets.option
@click.argument("addresses", nargs=-1, metavar="[ADDRESS]...")
@click.option("--admins", is_flag=True, help="Also to the addresses of the setting mail.admins.")
@click.option("--managers", is_flag=True, help="Also to those of mail.managers.")
def sendtestemail(target: str, addresses: Sequence[str], admins: bool, managers: bool) -> None:
    """Send a message as the settings of the app say, and say what came of it."""
    app = targets.load(target)
    mail = app.settings.mail
    wanted = [*addresses, *(mail.admins if admins else ()), *(mail.managers if managers else ())]
    if not wanted:
        raise click.UsageError("Name an address, or --admins or --managers (and set VIVACE_MAIL_ADMINS).")
    asyncio.run(_send(app, wanted))


async def _send(app: App, addresses: Sequence[str]) -> None:
    from vivace.mail import EmailMessage

    host = socket.gethostname()
    text = f"This message was sent by `vivace sendtestemail` on {host}.\nThe mail settings of the app work."
    await app.mail.send(EmailMessage(f"Test message from {host}", text, to=addresses))
    await app.mail.close()
    say(f"taken by {type(app.mail.backend).__name__} for {', '.join(addresses)}")


__all__ = ["sendtestemail"]
