"""Writes what the site begins with: members, posts, comments, votes, chat, from the pieces in ``phrases.py``.

The same pieces come in the same order each time (the generator is seeded); only the times move along, so that the newest is
always a few seconds old. Objects are made here and saved in ``filling.py``.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

import msgspec

from vivace.demo.models import DAY, Comment, Line, Member, Post, Topic, Vote

from .phrases import (
    ABOUTS,
    CLOSINGS,
    COMMON,
    FIRST_NAMES,
    LAST_NAMES,
    LINES,
    OPENINGS,
    PLACES,
    REPLIES,
    THEMES,
    Theme,
)

SEED = 1843
SPAN = 90 * DAY  # what is written goes back so far
HALF_HOUR = timedelta(minutes=30)
LATELY = 0.03  # this part of comments and votes, so that the dashboard has something to show


class Size(msgspec.Struct, frozen=True):
    """How much of everything there shall be."""

    members: int = 60
    posts: int = 400
    comments: int = 3000
    votes: int = 6000
    lines: int = 180


class Writer:
    """Makes the rows of a site that has gone on until ``now``."""

    def __init__(self, now: datetime, size: Size) -> None:
        self.now = now
        self.size = size
        self.random = Random(SEED)

    def members(self) -> Iterator[Member]:
        """Make members, each with a name of their own. Nobody can log in as one by a password."""
        names = [f"{first} {last}" for first in FIRST_NAMES for last in LAST_NAMES]
        for name in self.random.sample(names, self.size.members):
            handle = name.lower().replace(" ", "-")
            member = Member(
                name=name,
                handle=handle,
                email=f"{handle}@piazza.example",
                about=self.say(ABOUTS),
                is_generated=True,
                date_joined=self.now - SPAN - self.random.random() * 600 * DAY,
            )
            member.set_unusable_password()
            yield member

    def topics(self) -> Iterator[Topic]:
        """Make the topics."""
        for theme in THEMES:
            yield Topic(name=theme.name, slug=theme.name.lower(), about=theme.about)

    def posts(self, topics: list[Topic], members: list[Member]) -> Iterator[Post]:
        """Make posts, the oldest first, more of them lately than long ago."""
        moments = sorted(self.before_now(SPAN, 1.6) for _ in range(self.size.posts))
        for moment in moments:
            theme = self.random.choice(THEMES)
            topic = next(each for each in topics if each.name == theme.name)
            title = self.say(theme.titles, theme)
            yield Post(
                topic=topic,
                author=self.random.choice(members),
                title=title[0].upper() + title[1:],
                body=self.text(theme),
                made_at=moment,
            )

    def text(self, theme: Theme) -> str:
        """Return one to three paragraphs."""
        first = f"{self.say(OPENINGS, theme)} {self.say(theme.sentences, theme)} {self.say(COMMON, theme)}"
        middle = [
            f"{self.say(theme.sentences, theme)} {self.say(COMMON, theme)}"
            for _ in range(self.random.choice((0, 0, 1)))
        ]
        return "\n\n".join([first, *middle, self.say(CLOSINGS, theme)])

    def comments(self, posts: list[Post], members: list[Member]) -> Iterator[Comment]:
        """Make comments: to some posts many, to most a few, none before its post."""
        weights = [self.random.paretovariate(1.1) * self.read(post) for post in posts]
        themes = {theme.name: theme for theme in THEMES}
        for post in self.random.choices(posts, weights, k=self.size.comments):
            theme = themes[post.topic.name]
            words = [self.say(REPLIES, theme)]
            if self.random.random() < 0.5:
                words.append(self.say(theme.sentences, theme))
            made_at = self.between(post.made_at)
            yield Comment(
                post=post, author=self.random.choice(members), body=" ".join(words), made_at=made_at
            )

    def votes(self, posts: list[Post], members: list[Member]) -> Iterator[Vote]:
        """Make votes, each author's among them, no two alike."""
        pairs = {(post.pk, post.author_id) for post in posts}
        weights = [self.random.paretovariate(1.3) * self.read(post) for post in posts]
        by_key = {post.pk: post for post in posts}
        for post in self.random.choices(posts, weights, k=self.size.votes):
            pairs.add((post.pk, self.random.choice(members).pk))
        for post_id, member_id in sorted(pairs, key=str):
            yield Vote(post_id=post_id, member_id=member_id, made_at=self.between(by_key[post_id].made_at))

    def lines(self, rooms: list[str], members: list[Member]) -> Iterator[Line]:
        """Make what was said in the chat, the oldest first."""
        for moment in sorted(self.before_now(2 * DAY, 2.5) for _ in range(self.size.lines)):
            yield Line(
                room=self.random.choice(rooms),
                author=self.random.choice(members),
                text=self.say(LINES),
                made_at=moment,
            )

    def reply(self, topic: str) -> str:
        """Return something to say to a post."""
        theme = next((each for each in THEMES if each.name == topic), THEMES[0])
        return f"{self.say(REPLIES, theme)} {self.say(theme.sentences, theme)}"

    def say(self, phrases: tuple[str, ...], theme: Theme | None = None) -> str:
        """Return one of the phrases, with what stands for a thing or a place."""
        phrase = self.random.choice(phrases)
        if "{thing}" in phrase and theme is not None:
            phrase = phrase.replace("{thing}", self.random.choice(theme.things))
        return phrase.replace("{place}", self.random.choice(PLACES))

    def read(self, post: Post) -> float:
        """Return how much of a post's readers have come by: all of them after a day, nobody at once."""
        return min(1.0, 0.1 + (self.now - post.made_at) / DAY)

    def before_now(self, span: timedelta, late: float) -> datetime:
        """Return a moment of the past ``span``: the more ``late``, the more of them are near its end."""
        return self.now - span * math.pow(self.random.random(), late)

    def between(self, start: datetime) -> datetime:
        """Return a moment between another one and now, rather soon after it; a few are of this very half hour."""
        if self.random.random() < LATELY:
            start = max(start, self.now - HALF_HOUR)
            return start + (self.now - start) * self.random.random()
        return start + (self.now - start) * math.pow(self.random.random(), 3)

    def picture(self, width: int = 240, height: int = 180) -> bytes:
        """Return a picture, a PNG of a few hills at some time of the day."""
        sky, hill = ([self.random.randrange(60, 230) for _ in range(3)] for _ in range(2))
        ridge, slope = self.random.uniform(0.4, 0.7), self.random.uniform(0.0004, 0.002)
        middle = self.random.randrange(width)
        rows = bytearray()
        for y in range(height):
            rows.append(0)
            for x in range(width):
                is_sky = y / height < ridge + slope * abs(x - middle)
                shade = 1.15 - 0.5 * y / height
                rows += bytes(min(255, int(part * shade)) for part in (sky if is_sky else hill))
        return png(width, height, bytes(rows))


def png(width: int, height: int, rows: bytes) -> bytes:
    """Return an image of 8-bit RGB rows, each behind a zero, as PNG (RFC 2083)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
