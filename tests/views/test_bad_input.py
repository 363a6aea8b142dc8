"""What strangers send: markup in rows, messages and names, wrong keys and pages, replayed messages, foreign writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from vivace import App, Request, Response, Secret, Settings, models, resource
from vivace.http.request import Connection
from vivace.testing import Client
from vivace.views import Flash, flash
from vivace.views.flashes import MOST_BYTES, PREFIX, flashes

KEYS = Settings(secret_key=Secret("what strangers send is not believed"))
EVIL = "\"><script>alert(1)</script>'&{{7*7}}"


class Post(models.Model):
    title = models.CharField(max_length=80)
    link = models.URLField(blank=True)

    class Meta:
        app_label = "wall"

    def __str__(self) -> str:
        return self.title


def wall() -> App:
    app = App(models=[Post], settings=KEYS)
    app.include(resource(Post))
    return app


async def test_sc_markup_in_rows_and_messages_is_shown_as_text_on_every_page() -> None:
    async with Client(wall(), follow=True) as client:
        made = await client.post("/posts/new", form={"title": EVIL})
        post = await Post.objects.get()
        pages = [made.text]
        for path in (
            "/posts",
            f"/posts/{post.pk}",
            f"/posts/{post.pk}/edit",
            f"/posts/{post.pk}/delete",
            f"/posts?q={EVIL}",
        ):
            pages.append((await client.get(path)).text)  # noqa: PERF401
        refused = await client.post(f"/posts/{post.pk}/edit", form={"title": EVIL * 5})
        assert refused.status == 422
        for page in (*pages, refused.text):
            assert "<script>alert" not in page
            assert "&49" not in page  # what the braces at its end would come to
            assert "&amp;49" not in page


async def test_sc_a_write_from_another_site_changes_nothing() -> None:
    async with Client(wall(), same_origin=False) as client:
        foreign = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
        post = await Post.objects.create(title="mine")
        for path in ("/posts/new", f"/posts/{post.pk}/edit", f"/posts/{post.pk}/delete"):
            assert (await client.post(path, form={"title": "theirs"}, headers=foreign)).status == 403
        assert [kept.title for kept in await Post.objects.all()] == ["mine"]


async def test_se3_a_message_cannot_be_moved_to_another_name_or_made_by_a_stranger() -> None:
    app = App(settings=KEYS)

    @app.get("/say")
    async def say(request: Request) -> None:
        flash(request, Markup("<b>ours</b>"))

    @app.get("/show")
    async def show(request: Request) -> list[str]:
        return [item.text for item in await flashes(request)]

    client = Client(app)
    await client.get("/say")
    (cookie,) = [cookie for cookie in client.cookies if cookie.name.startswith(PREFIX)]
    thief = Client(app)
    thief.cookies.set(PREFIX + "1", cookie.value)
    assert (await thief.get("/show")).json() == []


@pytest.mark.parametrize(
    "texts", [["x"], ["ä" * 900] * 8, ["\x00\n\"'<"], ["x" * 5000], ["x" * 5000, "short"]]
)
async def test_se3_any_text_is_kept_or_dropped_within_bounds(texts: list[str]) -> None:
    request, response = Request("GET", "/", [], Connection()), Response()
    request.app = App(settings=KEYS)
    for text in texts:
        flash(request, text)
    for hook in request.hooks or ():
        await hook(request, response)
    lines = [value for name, value in response.headers.raw if name == b"set-cookie"]
    assert sum(map(len, lines)) <= MOST_BYTES + 200  # and the attributes of the cookie
    assert len(lines) == (0 if texts == ["x" * 5000] else 1)


@given(st.text(), st.sampled_from(["info", "error"]), st.text(), st.booleans())
def test_se3_a_message_as_html_is_escaped_unless_it_was_markup(
    text: str, level: str, tags: str, html: bool
) -> None:
    item = Flash(text, level, tags, html)
    assert item.__html__() == (text if html else str(escape(text)))
    assert str(escape(item)) == item.__html__()
