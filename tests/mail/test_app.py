"""Mail in an app: after the commit and never without it, by the current app, into the outbox of the test client."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.db.backends import DIALECTS, url_of
from tests.mail.servers import mail_server
from vivace import App, Response, Settings, models
from vivace.config.settings import Mail
from vivace.crypto import Secret
from vivace.db import atomic
from vivace.errors import Conflict
from vivace.errors.testing import ClientMisuse
from vivace.mail import EmailMessage, mail_admins, send_mail
from vivace.migrations.create import create_tables
from vivace.testing import Client


class Order(models.Model):
    email = models.EmailField()

    class Meta:
        app_label = "mailtest"


def shop(url: str = "", databases: dict[str, str] | None = None, **mail: object) -> App:
    app = App(settings=Settings(mail=Mail(url=Secret(url), **mail)), models=[Order], databases=databases)  # type: ignore[arg-type]

    @app.post("/order")
    async def order(email: str, fail: bool = False) -> str:
        async with atomic():
            async with atomic():
                await Order.objects.create(email=email)
                await send_mail("Thank you", "for your order", "", email)
            if fail:
                raise Conflict("no")
        return "ordered"

    return app


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_em2_mail_follows_the_commit_and_is_dropped_with_a_rollback(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    app = shop(databases={"default": url_of(dialect, tmp_path, request)})
    async with Client(app) as client:
        assert (await client.post("/order?email=a@b.c")).status == 200
        assert (await client.post("/order?email=x@b.c&fail=true")).status == 409
        assert [message.to for message in client.outbox] == ["a@b.c"]
        assert await Order.objects.count() == 1


async def test_em2_failing_server_does_not_fail_what_is_committed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = {"default": f"sqlite:///{tmp_path}/a.sqlite3"}
    async with mail_server() as server:
        app = shop(f"smtp://127.0.0.1:{server.port}", url, retries=0)
        async with Client(app, isolate=False) as client:
            await create_tables(app.databases.default, [Order])
            server.answers = ["451 later"]
            with caplog.at_level(logging.ERROR, "vivace.mail"):
                assert (await client.post("/order?email=a@b.c")).status == 200
                await app.background.drain(5)
            app.background.open = True
            assert "was not sent" in caplog.text
            assert len(app.mail.failed) == 1
            assert await app.mail.retry() == 1
    assert [envelope.rcpt_tos for envelope in server.envelopes] == [["a@b.c"]]


async def test_em2_the_stop_of_the_app_waits_for_its_mail(tmp_path: Path) -> None:
    async with mail_server() as server:
        app = shop(f"smtp://127.0.0.1:{server.port}", {"default": f"sqlite:///{tmp_path}/a.sqlite3"})
        async with Client(app, isolate=False):
            for n in range(20):
                app.mail.send_soon(EmailMessage("s", "b", to=f"u{n}@b.c"))
    assert len(server.envelopes) == 20
    assert server.connections == 1


async def test_em4_outbox_keeps_what_an_app_without_models_sends() -> None:
    app = App(settings=Settings(mail=Mail(admins=("root@b.c",))))

    @app.get("/")
    async def alarm() -> Response:
        await mail_admins("Fire", "in the kitchen")
        return Response(b"")

    async with Client(app) as client:
        await client.get("/")
        assert [(message.subject, message.body) for message in client.outbox] == [("Fire", "in the kitchen")]
    async with Client(app) as client:
        assert client.outbox == []


async def test_em4_mounted_app_sends_by_the_outer_one() -> None:
    inner, outer = App(), App(settings=Settings(mail=Mail(sender="outer@b.c")))

    @inner.get("/")
    async def greet() -> str:
        await send_mail("Hi", "there", "", "a@b.c")
        return "sent"

    outer.mount("/inner", inner)
    async with Client(outer) as client:
        await client.get("/inner/")
        assert inner.mail is outer.mail
        assert len(client.outbox) == 1


async def test_em4_client_that_isolates_nothing_says_so() -> None:
    app = App(settings=Settings(), databases={"default": "sqlite://:memory:"})
    async with Client(app, isolate=False) as client:
        with pytest.raises(ClientMisuse, match="keeps no mail"):
            _ = client.outbox
