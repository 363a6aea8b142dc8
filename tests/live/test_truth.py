"""The promise itself: whatever is written, by whatever kind of statement, an open page shows what a new one would."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

import pytest

from tests.live.pages import HEAD, Note, Topic, make_app
from vivace import App, render
from vivace.db import atomic
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.models import Count, Q
from vivace.testing import Client, LivePage

TEXTS = {
    "base.html": HEAD
    + "{% block head %}{% live %}{{ topics | length }} topics{% endlive %}{% endblock %}{% block body %}{% endblock %}",
    "page.html": "{% extends 'base.html' %}{% block body %}"
    "{% live %}{% for topic in topics %}<h2>{{ topic.name }}: {{ topic.size }}</h2>{% endfor %}{% endlive %}"
    "{% live %}{% for note in chosen %}<p>{{ note.text }} ({{ note.topic.name }})</p>{% else %}none{% endfor %}{% endlive %}"
    "{% live %}<ul>{% for note in notes %}{% live key=note.id %}<li>{{ note.text }}</li>{% endlive %}{% endfor %}</ul>{% endlive %}"
    "{% for topic in topics %}{% live key=topic.id %}{{ topic.name }}{% endlive %}{% endfor %}"
    "{% live %}{{ exists }} {{ notes.filter(public=false) | length }}{% endlive %}"
    "{% endblock %}",
}
STEPS = 25


def truth_app() -> App:
    """Return an app with a page of many kinds of regions and queries."""
    app = make_app(TEXTS)

    @app.get("/{word}")
    async def page(request: Request, word: str) -> Response:
        return render(
            request,
            "page.html",
            topics=Topic.objects.annotate(size=Count("note")).order_by("id"),
            chosen=Note.objects.filter(Q(topic__name=word) | Q(text=word)).select_related("topic"),
            notes=Note.objects.all(),
            exists=await Note.objects.filter(text=word).exists(),
        )

    return app


def steps(chance: random.Random) -> list[Callable[[], Awaitable[object]]]:
    """Return what may be written next."""
    words = ("a", "b", "c")

    async def topic() -> Topic | None:
        return await Topic.objects.order_by("?").first()

    async def make() -> None:
        await Note.objects.create(
            text=chance.choice(words), topic=await topic(), public=chance.random() < 0.5
        )

    async def change() -> None:
        found = await Note.objects.order_by("?").first()
        if found is not None:
            found.text, found.topic = chance.choice(words), await topic()
            await found.save()

    async def together() -> None:
        async with atomic():
            await make()
            await change()
            await Topic.objects.filter(name=chance.choice(words)).update(name=chance.choice(words))

    async def undone() -> None:
        try:
            async with atomic():
                await make()
                raise KeyError
        except KeyError:
            pass

    return [
        lambda: Topic.objects.create(name=chance.choice(words)),
        make,
        make,
        change,
        together,
        undone,
        lambda: Note.objects.filter(text=chance.choice(words)).update(public=False),
        lambda: Note.objects.filter(text=chance.choice(words), public=False).delete(),
        lambda: Topic.objects.filter(name=chance.choice(words), note__isnull=True).delete(),
        lambda: Note.objects.bulk_create([Note(text=chance.choice(words)) for _ in range(3)]),
    ]


async def the_same(client: Client, page: LivePage, url: str) -> None:
    """See that an open page shows what a new one does."""
    await page.settled()
    fresh = client.live(url)
    fresh._read((await client.get(url)).text)
    # A loop on the page itself is not live: what it shows more, or less, is not there until the page is fetched.
    common = [region for region in page.regions if region in fresh.regions]
    assert {region: page.html(region) for region in common} == {
        region: fresh.html(region) for region in common
    }
    assert [each for each in fresh.regions if each not in common and not each.startswith("~")] == []


@pytest.mark.parametrize("seed", range(6))
async def test_n1_an_open_page_shows_what_a_new_one_would(seed: int) -> None:
    chance, app = random.Random(seed), truth_app()
    async with Client(app) as client:
        choices = steps(chance)
        for _ in range(5):
            await chance.choice(choices)()
        async with client.live("/a") as a, client.live("/b") as b:
            for _ in range(STEPS):
                for _ in range(chance.randrange(1, 4)):
                    await chance.choice(choices)()
                if chance.random() < 0.2:
                    await a.disconnect()
                    await chance.choice(choices)()
                    await a.connect()
                await the_same(client, a, "/a")
                await the_same(client, b, "/b")
