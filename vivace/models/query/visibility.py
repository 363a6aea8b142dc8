"""Which rows somebody may see: the model says it in one place, ``QuerySet.for_user`` asks.

    class Post(models.Model):
        @classmethod
        def visible_to(cls, user: Any) -> models.Q:
            return models.Q(published=True) | models.Q(author=user.pk)

    posts = await Post.objects.for_user(user)

``visible_to`` answers with a ``Q``, a queryset, ``True`` (all) or ``False`` (none). A model that does not say anything
shows nothing: a forgotten rule is an empty page, not a leak.
"""

from __future__ import annotations

from typing import Any

from vivace.errors import QueryError
from vivace.models.expressions.base import is_expression
from vivace.models.expressions.q import Q


def visible(queryset: Any, user: Any) -> Any:
    """Return the rows of a queryset that a user may see. Raises ``QueryError`` for an answer that is none."""
    model = queryset.model
    rule = getattr(model, "visible_to", None)
    answer = False if rule is None else rule(user)
    if isinstance(answer, bool):
        return queryset.all() if answer else queryset.none()
    if isinstance(answer, Q) or is_expression(answer):
        return queryset.filter(answer)
    if getattr(answer, "query_state", None) is not None and answer.model is model:
        return queryset.filter(pk__in=answer.order_by().values("pk"))
    raise QueryError(
        f"{model.__qualname__}.visible_to() answered with something that selects no rows.",
        expected=f"a Q, a queryset of {model.__qualname__}, True or False",
        got=type(answer).__qualname__,
        fix="It is a plain classmethod: def visible_to(cls, user) -> Q.",
    )


__all__ = ["visible"]
