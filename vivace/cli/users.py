"""``vivace createsuperuser``, ``changepassword`` and ``clearsessions``.

Without a terminal to ask at (``--no-input``) values come from options and the environment: ``SUPERUSER_PASSWORD``, and
``SUPERUSER_<FIELD>`` for each field that is asked for (``SUPERUSER_EMAIL``). A password is never an option: other users of the
machine could read it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import click

from vivace.errors import TargetError, ValidationError

from . import target as targets
from .terminal import say

if TYPE_CHECKING:
    from vivace.app import App

PREFIX: Final = "SUPERUSER_"
_no_input = click.option("--no-input", "--noinput", "silent", is_flag=True, help="Ask nothing.")


@click.command()
@targets.option
@click.option("--email", default="", help="What the user logs in with.")
@click.option("--name", default="", help="The user's name.")
@_no_input
def createsuperuser(target: str, email: str, name: str, silent: bool) -> None:
    """Make a user who may do everything."""
    _run(target, lambda: _create(email, name, silent))


async def _create(login: str, name: str, silent: bool) -> None:
    from vivace.auth import current_realm

    model = current_realm().user_model
    fields: dict[str, str] = {"name": name} if name else {}
    wanted: list[str] = [model.USERNAME_FIELD, *model.REQUIRED_FIELDS]
    for field in dict.fromkeys(wanted):
        given = login if field == model.USERNAME_FIELD else fields.get(field, "")
        fields[field] = await _value(model, field, given, silent)
    email = fields.pop(model.EMAIL_FIELD, "")
    user = model(**{model.EMAIL_FIELD: email, **fields})
    password = await _password(user, silent)
    manager: Any = model._default_manager
    made = await manager.create_superuser(email, password, **fields)
    say(f"{made.get_username()} may do everything now.")


async def _value(model: Any, field: str, given: str, silent: bool) -> str:
    """Return a value that the field takes, and for the login name one that nobody has."""
    value = given or os.environ.get(PREFIX + field.upper(), "")
    asked = model._meta.get_field(field)
    while True:
        if not value and not silent:
            value = click.prompt(str(asked.verbose_name).capitalize(), err=True)
        wrong = await _wrong_value(model, asked, value)
        if not wrong:
            return value
        if silent or given:
            raise click.UsageError(f"{field}: {wrong}")
        say(wrong)
        value = ""


async def _wrong_value(model: Any, field: Any, value: str) -> str:
    if not value:
        return "This is needed."
    try:
        field.clean(value, None)
    except ValidationError as error:
        return " ".join(error.messages)
    manager: Any = model._default_manager
    if field.name == model.USERNAME_FIELD and await manager.named(value).exists():
        return f"{value} is taken."
    return ""


@click.command()
@targets.option
@click.argument("login", metavar="EMAIL")
@_no_input
def changepassword(target: str, login: str, silent: bool) -> None:
    """Give a user another password, and end their sessions."""
    _run(target, lambda: _change(login, silent))


async def _change(login: str, silent: bool) -> None:
    from vivace.auth import current_realm

    manager: Any = current_realm().user_model._default_manager
    user = await manager.named(login).first()
    if user is None:
        raise click.UsageError(f"There is no user {login!r}.")
    await user.set_password(await _password(user, silent))
    await user.save(update_fields=["password"])
    say(f"{user.get_username()} has a new password. All their sessions have ended.")


async def _password(user: Any, silent: bool) -> str | None:
    """Return a password that the rules take, or that somebody insists on; ``None``: no login with a password."""
    from vivace.auth import validate_password

    given = os.environ.get(PREFIX + "PASSWORD", "")
    while True:
        password = given
        if not password and silent:
            return None
        if not password:
            password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        try:
            await validate_password(password, user)
        except ValidationError as error:
            if silent:
                raise click.UsageError(f"{PREFIX}PASSWORD: {' '.join(error.messages)}") from None
            say("\n".join(error.messages))
            given = ""
            if not click.confirm("Use it all the same?", err=True):
                continue
        return str(password)


@click.command()
@targets.option
def clearsessions(target: str) -> None:
    """Delete the sessions that are over."""
    _run(target, _clear)


async def _clear() -> None:
    from vivace.auth import clear_expired

    say(f"{await clear_expired()} sessions were over and are deleted.")


def _run(target: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run work in the started app; it must have users."""
    app = targets.load(target)
    app.compile()
    if "user" not in app.parts:
        raise TargetError(
            f"{app!r} has no users.",
            fix='Install them: App(installed=["vivace.auth"]).',
            expected="vivace.auth",
        )
    asyncio.run(_inside(app, work))


async def _inside(app: App, work: Callable[[], Awaitable[None]]) -> None:
    app.data.makes_tables = True
    async with app:
        await work()


__all__ = ["changepassword", "clearsessions", "createsuperuser"]
