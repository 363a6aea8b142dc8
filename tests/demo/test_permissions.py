"""Who may change, delete, enter and upload what in the demo's site."""

from __future__ import annotations

import pytest

from vivace.demo.models import Attachment, Comment, Member, Post
from vivace.demo.pages.somebody import PROXIES
from vivace.testing import Client
from vivace.testing.assertions import assert_redirects

from .conftest import Site

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
WRONG_FILES: list[tuple[list[tuple[str, bytes]], str]] = [
    ([("a.png", b"<html><script>alert(1)</script>")], "Pictures, PDFs and plain texts only."),
    ([("a.png", b"Just text")], "not what its name says"),
    ([("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")], "Pictures, PDFs and plain texts only."),
    ([("a.txt", b"x" * 2_000_001)], "2 MB"),
    ([(f"{number}.txt", b"x") for number in range(5)], "at most 4"),
    ([("a.txt", b"")], "empty"),
]
POST = {"title": "With files", "body": "See below."}


async def test_post_is_changed_by_its_author_alone(site: Site) -> None:
    place, form = (
        f"/posts/{site.post.id}/edit",
        {"title": "Mine now", "body": "…", "topic": str(site.topic.pk)},
    )
    assert (await site.bob_client.get(place)).status == 403
    assert (await site.bob_client.post(place, form=form)).status == 403
    assert (await Post.objects.get(pk=site.post.pk)).title == "The fountain"
    assert_redirects(await site.ada_client.post(place, form=form), f"/posts/{site.post.id}")
    assert "edited" in (await site.client.get(f"/posts/{site.post.id}")).text
    assert "Edit</a>" not in (await site.bob_client.get(f"/posts/{site.post.id}")).text


async def test_post_is_deleted_by_its_author_or_by_staff_with_all_that_belongs_to_it(site: Site) -> None:
    await site.comment(site.bob)
    place = f"/posts/{site.post.id}/delete"
    assert (await site.bob_client.post(place)).status == 403
    await Member.objects.filter(pk=site.bob.pk).update(is_staff=True)
    assert_redirects(await site.bob_client.post(place), "/")
    assert not await Post.objects.exists()
    assert not await Comment.objects.exists()


async def test_comment_is_changed_and_deleted_by_its_author_alone(site: Site) -> None:
    comment = await site.comment(site.bob)
    place = f"/comments/{comment.id}"
    for method, path in (("GET", place), ("POST", place), ("POST", f"{place}/delete")):
        assert (await site.ada_client.request(method, path)).status == 403
        assert (await site.client.request(method, path)).status in (302, 303)
    await site.bob_client.post(place, form={"body": "Better said"})
    assert (await Comment.objects.get()).body == "Better said"
    assert "Better said" in (await site.bob_client.get(f"/posts/{site.post.id}")).text
    await site.bob_client.post(f"{place}/delete")
    assert not await Comment.objects.exists()
    assert (await Post.objects.get(pk=site.post.pk)).replies == 0


async def test_attachments_are_kept_shown_and_served_harmlessly(site: Site) -> None:
    files = [("attachments", ("../my view.png", PNG)), ("attachments", ("notes.txt", b"Nothing happened."))]
    form = {**POST, "topic": str(site.topic.pk)}
    posted = await site.ada_client.post("/posts/new", form=form, files=files)
    assert posted.status == 303
    page = (await site.client.get(posted.headers["location"])).text
    assert "my_view.png" in page
    assert page.count('<img src="/media/') == 1
    kept = await Attachment.objects.order_by("id").first()
    assert kept is not None
    served = await site.client.get(kept.file.url)
    assert served.body == PNG
    assert served.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert served.headers["x-content-type-options"] == "nosniff"
    await site.ada_client.post(f"{posted.headers['location']}/delete")
    assert (await site.client.get(kept.file.url)).status == 404


async def test_uploads_are_refused(site: Site) -> None:
    form = {**POST, "topic": str(site.topic.pk)}
    for files, says in WRONG_FILES:
        page = await site.ada_client.post(
            "/posts/new", form=form, files=[("attachments", file) for file in files]
        )
        assert page.status == 422, says
        assert says in page.text
    assert not await Attachment.objects.exists()


@pytest.mark.parametrize("field", ["title", "body"])
async def test_what_people_write_stays_text(site: Site, field: str) -> None:
    evil = "<img src=x onerror=alert(1)> javascript:alert(1) {{ 'a' * 40 }}"
    form = {"title": "Fine", "body": "Fine", "topic": str(site.topic.pk), field: evil}
    posted = await site.ada_client.post("/posts/new", form=form)
    for path in (
        posted.headers["location"],
        "/?sort=new",
        "/search?q=onerror",
        "/members/ada",
        f"{posted.headers['location']}/edit",
    ):
        page = (await site.ada_client.get(path)).text
        assert "<img src=x" not in page
        assert "a" * 40 not in page


async def test_profile_of_somebody_stays_text_and_handles_stay_unique(site: Site) -> None:
    saved = await site.ada_client.post(
        "/you", form={"name": "<b>Ada</b>", "handle": "ada", "about": '"><script>'}
    )
    assert saved.status == 303
    page = (await site.client.get("/members/ada")).text
    assert "&lt;b&gt;Ada&lt;/b&gt;" in page
    assert '"><script>' not in page
    assert (await site.ada_client.post("/you", form={"handle": "bob"})).status == 422
    assert (await site.ada_client.post("/you", form={"handle": "a/b"})).status == 422


async def test_one_click_entry_is_for_generated_members(site: Site) -> None:
    await Member.objects.create(email="real@example.com", handle="real")
    assert "/somebody-else/real" not in (await site.client.get("/somebody-else")).text
    assert (await site.client.post("/somebody-else/real")).status == 404
    assert_redirects(await site.client.post("/somebody-else/bob"), "/")
    assert "You are Bob now" in (await site.client.get("/")).text


async def test_one_click_entry_is_not_there_for_who_is_elsewhere(site: Site) -> None:
    elsewhere = [
        Client(site.app, client=("203.0.113.5", 4711)),
        *(Client(site.app, headers={name: "203.0.113.5"}) for name in PROXIES),
        Client(site.app, "http://piazza.localhost"),
    ]
    for client in elsewhere:
        assert (await client.get("/somebody-else")).status in (404, 421)
        assert (await client.post("/somebody-else/bob")).status in (404, 421)


async def test_other_address_is_offered_for_a_second_person(site: Site) -> None:
    assert 'href="http://127.0.0.1/somebody-else"' in (await site.client.get("/somebody-else")).text
    other = Client(site.app, "http://127.0.0.1:8000", headers={"accept": "text/html"})
    assert 'href="http://localhost:8000/somebody-else"' in (await other.get("/somebody-else")).text
