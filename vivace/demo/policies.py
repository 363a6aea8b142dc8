"""Who may do what: authors change and delete what is theirs, staff may do so with everything."""

from __future__ import annotations

from typing import Any

from vivace.auth import Policy

from .models import Comment, Post


class _Authors(Policy):
    def change(self, user: Any, row: Post | Comment) -> bool:
        return bool(user.is_authenticated and (row.author_id == user.pk or user.is_staff))

    delete = change


class PostPolicy(_Authors):
    """Posts."""

    model = Post


class CommentPolicy(_Authors):
    """Comments."""

    model = Comment


POLICIES = [PostPolicy, CommentPolicy]
