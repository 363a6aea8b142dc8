"""What the demo's site begins with, and the members who go on by themselves."""

from __future__ import annotations

from random import Random

import pytest

from vivace.db import query_log
from vivace.demo.chart import chart
from vivace.demo.content.filling import fill
from vivace.demo.content.writing import Size, Writer
from vivace.demo.life import Life
from vivace.demo.models import DAY, EPOCH, Comment, Line, Member, Post, Topic, Vote, now

from .conftest import Site

SMALL = Size(members=8, posts=20, comments=40, votes=60, lines=10)


def test_the_same_is_written_each_time() -> None:
    def names() -> list[str]:
        return [member.name for member in Writer(EPOCH, SMALL).members()]

    assert names() == names()
    assert len(set(names())) == SMALL.members


async def test_content_is_written_in_few_statements_and_counts_are_true(site: Site) -> None:
    await Topic.objects.all().update(slug="old")
    told: list[tuple[str, int]] = []
    with query_log() as log:
        await fill(SMALL, lambda what, count: told.append((what, count)))
    assert len(log) < 60
    assert dict(told)["comments"] == SMALL.comments
    assert await Line.objects.count() == SMALL.lines
    time = now()
    async for post in Post.objects.exclude(pk=site.post.pk):
        assert post.score == await Vote.objects.filter(post=post).count() >= 1
        assert post.replies == await Comment.objects.filter(post=post).count()
        assert post.made_at <= time
        assert not await Comment.objects.filter(post=post, made_at__lt=post.made_at).exists()
    assert await Member.objects.filter(is_generated=True, password__startswith="!").count() == SMALL.members


async def test_pages_show_the_content_in_few_queries(site: Site) -> None:
    await Topic.objects.all().update(slug="old")
    await fill(SMALL)
    for path in ("/", "/activity", "/members", "/search?q=a", "/chat/square"):
        with query_log() as log:
            page = await site.ada_client.get(path)
        assert page.status == 200
        assert len(log) <= 16, path


async def test_members_go_on_by_themselves(site: Site) -> None:
    life = Life(Random(1))
    for _ in range(12):
        await life.step()
    assert await Vote.objects.exists()
    assert await Comment.objects.exists()


async def test_nobody_there_does_nothing(site: Site) -> None:
    await Post.objects.all().delete()
    await Life(Random(1)).step()
    assert not await Comment.objects.exists()


def test_chart_counts_in_steps_that_end_now() -> None:
    moments = [(EPOCH, 1), (EPOCH + DAY * 0.5, 1), (EPOCH + DAY, 1), (EPOCH - 3 * DAY, 5)]
    drawn = chart(moments, EPOCH + 1.2 * DAY, DAY, 3)
    assert [bar.count for bar in drawn.bars] == [0, 2, 1]
    assert [bar.since for bar in drawn.bars] == [EPOCH - DAY, EPOCH, EPOCH + DAY]
    assert (drawn.top, drawn.lines, drawn.total) == (4, [0, 1, 2, 3, 4], 3)
    assert drawn.bars[1].height == 100
    tall = chart(moments, EPOCH + 1.2 * DAY, DAY, 3, 400)
    assert (tall.height, tall.bars[1].height) == (400, 200)


@pytest.mark.parametrize(("most", "top"), [(0, 4), (4, 4), (5, 8), (9, 20), (21, 40), (81, 200), (900, 2000)])
def test_scale_of_a_chart_divides_into_four(most: int, top: int) -> None:
    drawn = chart([(EPOCH, most)], EPOCH, DAY, 2)
    assert (drawn.top, drawn.top % 4) == (top, 0)
