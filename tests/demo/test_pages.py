"""The pages of the demo's site: what they show, to whom, and how they stay true."""

from __future__ import annotations

import re
from typing import Any

import pytest

from vivace.db.observing import Run, execute_wrapper
from vivace.demo.models import Comment, Line, Notice, Post, Vote, now
from vivace.demo.pages.post import LATEST
from vivace.errors.testing import ChannelRefused
from vivace.testing.assertions import assert_redirects

from .conftest import Site

PUBLIC = ("/", "/?sort=new", "/?sort=top", "/topics/town", "/search", "/search?q=fountain", "/posts/{id}", "/members", "/members/ada",
          "/activity", "/somebody-else", "/accounts/login", "/accounts/signup")  # fmt: skip
ERRORS = {"/nothing": 404, "/posts/9999": 404, "/topics/none": 404, "/members/none": 404, "/?page=many": 422}
SEARCHES = {
    "FOUNTAIN": True,
    "again runs": True,
    "fountain missing": False,
    "%": False,
    "_": False,
    "<b>": False,
}
INLINE = re.compile(
    r"""<style|<script(?![^>]*\b(?:src|type="(?:importmap|application/json)"))|\son\w+="|\sstyle="""
)
OWN = ("/posts/new", "/you", "/notices", "/chat/square", "/posts/{id}/edit")


async def test_pages_are_there_for_everybody_in_the_look_of_the_site(site: Site) -> None:
    for path in PUBLIC:
        page = await site.client.get(path.format(id=site.post.id))
        assert page.status == 200, path
        assert 'class="brand"' in page.text
        assert 'id="content"' in page.text
        assert INLINE.search(page.text) is None, path


async def test_pages_of_members_send_others_to_the_login(site: Site) -> None:
    for path in OWN:
        asked = path.format(id=site.post.id)
        assert (await site.ada_client.get(asked)).status == 200, path
        refused = await site.client.get(asked)
        assert refused.status == 302, path
        assert refused.headers["location"].startswith("/accounts/login?next=")


async def test_errors_are_pages_of_the_site(site: Site) -> None:
    for path, status in ERRORS.items():
        page = await site.client.get(path)
        assert page.status == status, path
        assert 'class="brand"' in page.text
        assert "To the posts" in page.text


async def test_error_is_a_document_for_programs(site: Site) -> None:
    answer = await site.client.get("/nothing", headers={"accept": "application/json"})
    assert answer.json()["status"] == 404


async def test_somebody_signs_up_chooses_a_name_and_writes(site: Site) -> None:
    chosen = {
        "email": "eve@example.com",
        "new_password1": "violet anchor 7",
        "new_password2": "violet anchor 7",
    }
    made = await site.client.post("/accounts/signup", form=chosen)
    assert made.status == 303
    form = await site.client.get("/you")
    assert re.search(r'name="handle" value="[a-z]+-[a-z]+-\d{4}"', form.text)
    saved = await site.client.post("/you", form={"name": "Eve", "handle": "eve", "about": "New here"})
    assert_redirects(saved, "/you")
    posted = await site.client.post(
        "/posts/new", form={"title": "Hello", "topic": str(site.topic.pk), "body": "I am new."}
    )
    assert posted.status == 303
    page = await site.client.get(posted.headers["location"])
    assert "Eve" in page.text
    assert (await Post.objects.get(title="Hello")).score == 1


async def test_post_that_is_refused_is_shown_again(site: Site) -> None:
    fine = {"title": "x", "body": "x", "topic": str(site.topic.pk)}
    for wrong, says in (
        ({"title": ""}, "required"),
        ({"title": "x" * 121}, "at most 120"),
        ({"topic": "99"}, "valid choice"),
    ):
        page = await site.ada_client.post("/posts/new", form={**fine, **wrong})
        assert page.status == 422
        assert says in page.text
    assert await Post.objects.count() == 1


async def test_comment_is_shown_counted_and_told_to_the_author(site: Site) -> None:
    said = await site.bob_client.post(f"/posts/{site.post.id}", form={"body": "Since <when>?"})
    assert said.status == 303
    page = (await site.client.get(f"/posts/{site.post.id}")).text
    assert "Since &lt;when&gt;?" in page
    assert "1 comment<" in page
    assert 'aria-label="Notices, 1 new"' in (await site.ada_client.get("/")).text
    assert "Since &lt;when&gt;?" in (await site.ada_client.get("/notices")).text
    await site.ada_client.post("/notices")
    assert not await Notice.objects.filter(is_new=True).exists()


async def test_own_comment_is_no_news(site: Site) -> None:
    await site.ada_client.post(f"/posts/{site.post.id}", form={"body": "Forgot to say."})
    assert not await Notice.objects.exists()
    empty = await site.ada_client.post(f"/posts/{site.post.id}", form={"body": "  "})
    assert empty.status == 422


async def test_vote_counts_once_and_can_be_taken_back(site: Site) -> None:
    back = "/topics/town"
    for _ in range(2):
        answer = await site.bob_client.post(f"/posts/{site.post.id}/vote", query={"back": back})
        assert_redirects(answer, back)
    assert (await Post.objects.get(pk=site.post.pk)).score == await Vote.objects.count() == 1
    page = (await site.bob_client.get(back)).text
    assert "You voted for" in page
    assert "already" in page
    await site.bob_client.post(f"/posts/{site.post.id}/vote", query={"take_back": "1"})
    assert (await Post.objects.get(pk=site.post.pk)).score == await Vote.objects.count() == 0


async def test_vote_leads_to_no_other_site_and_needs_a_member(site: Site) -> None:
    away = await site.bob_client.post(f"/posts/{site.post.id}/vote", query={"back": "https://evil.example/"})
    assert_redirects(away, f"/posts/{site.post.id}")
    sent = {"vivace-form": "1", "sec-fetch-mode": "cors"}  # as a live page sends it
    nobody = await site.client.post(f"/posts/{site.post.id}/vote", headers=sent)
    assert (nobody.status, nobody.headers["vivace-location"]) == (204, "/accounts/login")
    assert await Vote.objects.count() == 1


async def test_list_is_in_its_order_and_in_pages(site: Site) -> None:
    for number in range(20):
        post = Post(topic=site.topic, author=site.ada, title=f"Number {number}", body="…", made_at=now())
        post.count(number)
        await post.save()
    new, top = [(await site.client.get("/", query={"sort": sort})).text for sort in ("new", "top")]
    assert re.findall(r"Number (\d+)</a>", new)[0] == "19"
    assert re.findall(r"Number (\d+)</a>", top)[:3] == ["19", "18", "17"]
    second = (await site.client.get("/", query={"sort": "top", "page": "2"})).text
    assert "The fountain" in second
    assert re.search(r'<nav class="vv-pagination".*aria-current="page"', second, re.DOTALL)


async def test_search_finds_posts_that_have_all_words(site: Site) -> None:
    for words, found in SEARCHES.items():
        page = (await site.client.get("/search", query={"q": words})).text
        assert (f"/posts/{site.post.id}" in page) is found, words
        assert "<b>" not in page


async def test_found_words_are_marked_and_escaped(site: Site) -> None:
    await Post.objects.create(
        topic=site.topic, author=site.ada, title="<i>tea</i> & more", body="a" * 500 + " tea"
    )
    page = (await site.client.get("/search", query={"q": "tea"})).text
    assert "&lt;i&gt;<mark>tea</mark>&lt;/i&gt; &amp; more" in page
    assert "… aaa" in page


async def test_dashboard_counts_what_happens(site: Site) -> None:
    await site.comment(site.bob)
    page = (await site.client.get("/activity")).text
    assert re.search(r"Comments</dt><dd>1</dd>", page)
    assert page.count('<svg class="chart"') == 2
    assert re.search(r'aria-label="What happened in the last twenty minutes: 2 in all', page)


async def test_a_post_shows_what_was_said_last_and_all_of_it_when_asked(site: Site) -> None:
    path = f"/posts/{site.post.pk}"
    assert "older comment" not in (await site.client.get(path)).text
    time = now()
    said = [
        Comment(post=site.post, author=site.bob, body=f"said {number}.", made_at=time) for number in range(60)
    ]
    await Comment.objects.bulk_create(said)
    await Post.objects.filter(pk=site.post.pk).update(replies=await site.post.comments.count())
    page = (await site.client.get(path)).text
    assert re.findall(r"said (\d+)\.", page) == [str(number) for number in range(60 - LATEST, 60)]
    older = re.search(rf'href="({path}\?older=1)#comments">(\d+) older comments', page)
    assert older is not None
    assert int(older[2]) == await site.post.comments.count() - LATEST
    whole = (await site.client.get(older[1])).text
    assert re.findall(r"said (\d+)\.", whole) == [str(number) for number in range(60)]
    assert "older comment" not in whole


async def test_the_dashboard_reads_no_more_rows_where_more_has_happened(site: Site) -> None:
    counts: list[int] = []

    async def count(database: Any, statement: Any, parameters: Any, run: Run) -> Any:
        found: Any = await run(statement, parameters)
        counts.append(len(found) if type(found) is list else 0)  # pyright: ignore[reportUnknownArgumentType]
        return found  # pyright: ignore[reportUnknownVariableType]

    async def rows() -> int:
        counts.clear()
        with execute_wrapper(count):
            await site.client.get("/activity")
        return sum(counts)

    before = await rows()
    assert before
    time = now()
    await Line.objects.bulk_create(
        [Line(room="square", author=site.bob, text=str(number), made_at=time) for number in range(200)]
    )
    page = (await site.client.get("/activity")).text
    drawn = re.search(r"in the last twenty minutes: (\d+) in all", page)
    assert drawn is not None
    assert int(drawn[1]) >= 200
    assert await rows() <= before + 2


async def test_lists_and_dashboard_are_live(site: Site) -> None:
    said = f"/posts/{site.post.id}"
    async with (
        site.client.live("/") as front,
        site.client.live(said) as post,
        site.client.live("/activity") as activity,
    ):
        await site.bob_client.post(said, form={"body": "Live, is it?"})
        await front.shows('aria-label="1 comment"', 1)
        await post.shows("Live, is it?", 3)
        await activity.shows("Live, is it?", 5)


async def test_notice_comes_to_who_looks(site: Site) -> None:
    async with site.ada_client.live("/members") as page:
        await site.bob_client.post(f"/posts/{site.post.id}", form={"body": "Look!"})
        await page.shows("Notices, 1 new")


async def test_chat_passes_on_keeps_and_shows_who_is_there(site: Site) -> None:
    async with site.ada_client.channel("chat/square") as ada, site.bob_client.channel("chat/square") as bob:
        await ada.ask("say", {"text": "  <b>Morning!</b> "})
        said = await bob.receive("said")
        assert (said["name"], said["text"]) == ("Ada", "<b>Morning!</b>")
        assert {member["handle"] for member in bob.members.values()} == {"ada", "bob"}
        with pytest.raises(ChannelRefused):
            await ada.ask("shout", {"text": "?"})
    assert await Line.objects.filter(room="square").count() == 1
    assert "&lt;b&gt;Morning!&lt;/b&gt;" in (await site.bob_client.get("/chat/square")).text


async def test_chat_is_for_members_and_its_rooms(site: Site) -> None:
    for browser, room in ((site.client, "square"), (site.ada_client, "nowhere")):
        with pytest.raises(ChannelRefused):
            async with browser.channel(f"chat/{room}"):
                pass
    assert (await site.ada_client.get("/chat/nowhere")).status == 404


async def test_who_leaves_leaves_what_they_said(site: Site) -> None:
    await site.comment(site.bob, "Still here")
    await site.bob_client.post(f"/posts/{site.post.id}/vote")
    await site.bob.delete()
    page = (await site.client.get(f"/posts/{site.post.id}")).text
    assert "Still here" in page
    assert "somebody who left" in page
    assert await Comment.objects.count() == (await Post.objects.get(pk=site.post.pk)).score == 1
