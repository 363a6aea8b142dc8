"""What is answered about tasks, as JSON."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from vivace import Query, Router, get_object_or_404

from ..settings import settings
from .models import Task

routes = Router("/tasks", name="task")


class TaskIn(msgspec.Struct, forbid_unknown_fields=True):
    """What clients send; whatever does not fit is answered 422, with all problems at once."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    done: bool = False
    due: date | None = None


@routes.get("", name="list")
async def tasks(page: Annotated[int, Query(ge=1)] = 1) -> list[Task]:
    """Return a page of the tasks, the newest first."""
    start = (page - 1) * settings.page_size
    return await Task.objects.order_by("-pk")[start : start + settings.page_size]


@routes.post("", name="create", status=201)
async def create(given: TaskIn) -> Task:
    """Make a task."""
    return await Task.objects.create(title=given.title, done=given.done, due=given.due)


@routes.get("/{pk:int}", name="detail")
async def task(pk: int) -> Task:
    """Return a task."""
    return await get_object_or_404(Task, pk=pk)


@routes.put("/{pk:int}", name="update")
async def update(pk: int, given: TaskIn) -> Task:
    """Change a task."""
    found = await get_object_or_404(Task, pk=pk)
    found.title, found.done, found.due = given.title, given.done, given.due
    await found.save()
    return found


@routes.delete("/{pk:int}", name="delete")
async def delete(pk: int) -> None:
    """Delete a task."""
    found = await get_object_or_404(Task, pk=pk)
    await found.delete()
