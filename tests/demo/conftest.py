"""The site of ``vivace demo`` for tests: the app, and people in it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

import pytest

from vivace import App, Secret, Settings
from vivace.config.settings import AuthSettings, Media
from vivace.demo.app import make_app
from vivace.demo.models import Comment, Member, Post, Topic
from vivace.testing import Client


@dataclass
class Site:
    """A site with two members, a topic and a post of the first; each member has a browser."""

    app: App
    client: Client  # of nobody in particular
    ada: Member
    bob: Member
    topic: Topic
    post: Post
    ada_client: Client
    bob_client: Client

    async def comment(self, author: Member, body: str = "Well said") -> Comment:
        """Make a comment."""
        return await Comment.objects.create(post=self.post, author=author, body=body)


@pytest.fixture(scope="session")
def piazza(tmp_path_factory: pytest.TempPathFactory) -> App:
    """The app of all tests: its files are in a folder of theirs, its passwords are quick."""
    settings = Settings(
        secret_key=Secret("only for tests, so it may be read by everybody"),
        media=Media(root=str(tmp_path_factory.mktemp("media"))),
        auth=AuthSettings(confirm_email=False, argon2_memory=65_536, argon2_passes=1),
    )
    return make_app(settings)


@pytest.fixture
async def site(piazza: App) -> AsyncGenerator[Site]:
    async with Client(piazza, headers={"accept": "text/html"}) as client:
        ada = await Member.objects.create(
            email="ada@example.com", handle="ada", name="Ada", is_generated=True
        )
        bob = await Member.objects.create(
            email="bob@example.com", handle="bob", name="Bob", is_generated=True
        )
        topic = await Topic.objects.create(name="Town", slug="town", about="What is new")
        post = await Post.objects.create(topic=topic, author=ada, title="The fountain", body="It runs again.")
        browsers = [Client(piazza, headers={"accept": "text/html"}) for _ in range(2)]
        for browser, member in zip(browsers, (ada, bob), strict=True):
            await browser.login(member)
        yield Site(piazza, client, ada, bob, topic, post, *browsers)
