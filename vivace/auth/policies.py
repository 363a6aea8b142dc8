"""Policies as code: who may do what with one object, in one class for each model. What it does not say is denied.

    class PostPolicy(Policy):
        model = Post

        def view(self, user: Any, post: Post) -> bool:
            return post.published or post.author_id == user.pk

        async def change(self, user: Any, post: Post) -> bool:
            return post.author_id == user.pk

    app = App(installed=[Auth(policies=[PostPolicy])])

They answer ``await user.has_perm("blog.change_post", post)``, ``await can(user, "change", post)`` and
``await authorize(request, "change", post)``, which raises 403. Which rows of a table somebody sees is the model's own
``visible_to``: see ``QuerySet.for_user``.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, ClassVar

from vivace.errors import PermissionDenied
from vivace.http.request import Request

from .backends import Backend
from .current import current_realm
from .guards import login_required_error


class Policy:
    """What may be done with objects of ``model``: a method for each action, ``def`` or ``async def`` (user, object) → bool."""

    model: ClassVar[type[Any]]


class Policies(Backend):
    """The backend that asks policies; the nearest base of an object's class that has one decides."""

    def __init__(self, policies: Sequence[type[Policy]]) -> None:
        self._by_model = {policy.model: policy() for policy in policies}

    async def has_perm(self, user: Any, perm: str, obj: Any = None) -> bool:
        """Ask the policy of the object's model for the action; no object, no policy or no method: no.

        Somebody who was switched off may nothing, whatever a policy says; nobody in particular is asked about.
        """
        policy = next((self._by_model[cls] for cls in type(obj).__mro__ if cls in self._by_model), None)
        if policy is None or not (user.is_active or user.is_anonymous):
            return False
        meta = obj._meta
        action = perm.removeprefix(f"{meta.app_label}.").removesuffix(f"_{meta.model_name}")
        if action.startswith("_") or perm != f"{meta.app_label}.{action}_{meta.model_name}":
            return False
        method = getattr(policy, action, None)
        allowed = method(user, obj) if inspect.ismethod(method) else False
        return bool(await allowed if inspect.isawaitable(allowed) else allowed)


async def can(user: Any, action: str, obj: Any) -> bool:
    """Say whether the user may do something with an object: ``await can(user, "change", post)``."""
    meta = obj._meta
    perm = f"{meta.app_label}.{action}_{meta.model_name}"
    return await current_realm().permissions.has(user, perm, obj)


async def authorize(request: Request, action: str, obj: Any) -> None:
    """Raise ``PermissionDenied`` (403) unless the user may do this with the object, ``LoginRequired`` where nobody is signed in."""
    user: Any = await request.user()
    if await can(user, action, obj):
        return
    if user.is_anonymous:
        raise login_required_error()
    raise PermissionDenied("You may not do this.")


__all__ = ["Policies", "Policy", "authorize", "can"]
