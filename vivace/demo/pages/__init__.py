"""The pages, a router for each part of the site."""

from __future__ import annotations

from . import activity, chat, comments, members, post, posts, somebody

ROUTERS = [
    posts.router, post.router, comments.router, members.router, activity.router, chat.router, somebody.router,
]  # fmt: skip

__all__ = ["ROUTERS"]
