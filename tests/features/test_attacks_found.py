"""What attacks on a whole app have found, each kept as a test named after its row."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any

import pytest

from vivace import App, Request
from vivace.auth import login_required, permission_required
from vivace.errors import AppInvalid, InvalidMail
from vivace.mail import Attachment, EmailMessage
from vivace.mail.message import seal
from vivace.testing import Client


def bare(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a handler as many a decorator does: without functools.wraps."""

    async def wrapper(request: Request) -> Any:
        return await function(request)

    return wrapper


def careful(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a handler, and keep what decorators left on it."""

    @wraps(function)
    async def wrapper(request: Request) -> Any:
        return await function(request)

    return wrapper


def secret() -> Callable[..., Any]:
    async def handler(request: Request) -> str:
        return "secret"

    return handler


class Teller:
    """A handler that is an object."""

    @login_required
    async def __call__(self, request: Request) -> str:
        return "secret"


def site(folder: Path, handler: Callable[..., Any], **options: Any) -> App:
    app = App(installed=["vivace.auth"], databases={"default": f"sqlite:///{folder / 'x.sqlite3'}"})
    app.get("/secret", **options)(handler)
    return app


@pytest.mark.parametrize(
    "handler",
    [
        careful(login_required(secret())),
        login_required(bare(secret())),
        partial(login_required(secret())),
        partial(careful(permission_required("a.b")(secret()))),
        Teller(),
    ],
    ids=["wraps", "outermost", "partial", "partial of wraps", "object"],
)
async def test_ro9_a_guard_holds_through_what_is_put_around_a_handler(
    tmp_path: Path, handler: Callable[..., Any]
) -> None:
    """`functools.partial` and objects with `__call__` have no marks of their own: both were open to everybody."""
    async with Client(site(tmp_path, handler)) as client:
        assert (await client.get("/secret")).status == 401


@pytest.mark.parametrize("guard", [login_required, permission_required("a.b")])
@pytest.mark.parametrize("depth", [1, 2])
def test_ro9_a_guard_that_a_decorator_hides_stops_the_start(tmp_path: Path, guard: Any, depth: int) -> None:
    """A decorator without functools.wraps above a guard opened the route, and nobody was told."""
    handler = guard(secret())
    for _ in range(depth):
        handler = bare(handler)
    with pytest.raises(AppInvalid, match="route-guard-lost"):
        site(tmp_path, handler).compile()


async def test_ro9_a_route_with_the_guard_itself_may_call_guarded_handlers(tmp_path: Path) -> None:
    handler = bare(login_required(secret()))
    async with Client(site(tmp_path, handler, guards=[login_required])) as client:
        assert (await client.get("/secret")).status == 401


@pytest.mark.parametrize(
    "name", ['vivace_flash_x"y', "vivace_flash_(1)", "vivace_flash_\xe9", "vivace_flash_@,"]
)
async def test_se3_a_planted_cookie_with_an_impossible_name_breaks_no_page(tmp_path: Path, name: str) -> None:
    """A page that shows messages answered 500, to everybody on whom a sister domain could plant such a cookie."""
    async with Client(site(tmp_path, secret())) as client:
        response = await client.get("/accounts/login", headers={"cookie": f"{name}=1"})
        assert response.status == 200


ENCODED = [
    "=?utf-8?q?a=0D=0ABcc:_eve@example.com?=",
    "=?utf-8?b?YQ0KQmNjOiBldmlsQHgueQ==?=",
    "x =?utf-8?q?=0A=0Aanother body?= y",
    "=?utf-8?q?=0D?=Bcc: eve@example.com",
]


@pytest.mark.parametrize("text", ENCODED)
@pytest.mark.parametrize("place", ["subject", "to", "reply_to", "from", "header", "attachment"])
def test_em1_an_encoded_word_begins_no_header(text: str, place: str) -> None:
    """Python's email decodes encoded words and wrote their line breaks as they were: a contact form sent any header."""
    named = f"{text} <ada@example.com>"
    message = EmailMessage(
        text if place == "subject" else "Hello",
        "body",
        named if place == "from" else "",
        named if place == "to" else "ada@example.com",
        reply_to=named if place == "reply_to" else "",
        headers={"X-Note": text} if place == "header" else {},
        attachments=[Attachment(text, b"x")] if place == "attachment" else [],
    )
    with pytest.raises(InvalidMail, match="encoded word"):
        seal(message, "site@example.com")


def test_em1_two_addresses_are_no_encoded_word_together() -> None:
    halves = ["=?utf-8?q?a@example.com", "=0ABcc?=@example.com"]
    with pytest.raises(InvalidMail, match="encoded word"):
        seal(EmailMessage("Hello", "body", "", halves), "site@example.com")


@pytest.mark.parametrize("subject", ["2 + 2 =?", "a?=b", "Grüße =? ", "??="])
def test_em1_question_marks_of_people_are_no_encoded_words(subject: str) -> None:
    assert seal(EmailMessage(subject, "body", "", "ada@example.com"), "site@example.com").content
