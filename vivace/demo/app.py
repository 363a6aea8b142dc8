"""Piazza: the parts of the site, put together."""

from __future__ import annotations

from pathlib import Path

from vivace import App, Request, Settings
from vivace.auth import Auth, signed_in
from vivace.config.load import load
from vivace.models import Count, QuerySet

from .library import library
from .models import Member, Topic
from .pages import ROUTERS
from .pages.chat import is_room, talk
from .pages.errors import add_error_pages
from .policies import POLICIES


def make_app(settings: Settings) -> App:
    """Put the site together; tests make one with settings of their own."""
    made = App(settings=settings, installed=[Auth(user=Member, policies=POLICIES)], hood=True)
    made.templates.add(library)
    made.context_provider(topic_counts)
    made.channel("chat/{room}", guard=[signed_in, is_room])(talk)
    for router in ROUTERS:
        made.include(router)
    add_error_pages(made)
    return made


def topic_counts(request: Request) -> QuerySet[Topic]:
    """Return what the side of lists shows: the topics, and how much was written about each."""
    return Topic.objects.annotate(written=Count("posts")).order_by("name")


# There is nobody to write mail to: accounts are made at once. `.env` and the environment say the rest.
app = make_app(load(Path(__file__).parent, auth={"confirm_email": False}).settings)
