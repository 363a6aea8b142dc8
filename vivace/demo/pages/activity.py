"""The dashboard: what happens on the site, as it happens. Everybody sees the same, so it is rendered once for all."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from vivace import Request, Response, Router, render
from vivace.demo.chart import WIDTH, Chart, chart
from vivace.demo.models import DAY, Comment, Line, Member, Post, Topic, Vote, now
from vivace.models import Count, QuerySet

router = Router()
KINDS: dict[str, Any] = {"posts": Post, "comments": Comment, "votes": Vote, "chat lines": Line}
STEP, COLUMNS = timedelta(seconds=30), 40
TALL = 440  # of the chart that stands beside the topics


@router.get("/activity", name="activity")
async def activity(request: Request) -> Response:
    """Show the dashboard. The template asks for each part when its region shows it."""
    return render(
        request,
        "activity.html",
        counts=counts,
        pulse=pulse,
        days=days,
        topics=Topic.objects.annotate(written=Count("posts")).order_by("-written", "name"),
        latest=Comment.objects.select_related("author", "post").order_by("-made_at", "-id")[:6],
        width=WIDTH,
    )


async def counts() -> list[tuple[str, int]]:
    """Return how many there are of everything."""
    kinds = {"members": Member, **KINDS}
    return [(name, await model.objects.count()) for name, model in kinds.items()]


async def pulse() -> Chart:
    """Return what happened in the last twenty minutes, in steps of half a minute."""
    time = now()
    found = [moment for model in KINDS.values() async for moment in since(model, time - STEP * COLUMNS)]
    return chart(found, time, STEP, COLUMNS)


async def days() -> Chart:
    """Return the comments of the last four weeks, day by day."""
    time = now()
    return chart([moment async for moment in since(Comment, time - 28 * DAY)], time, DAY, 28, TALL)


def since(model: Any, moment: datetime) -> QuerySet[Any, datetime]:
    """Return when rows were made that are younger than ``moment``."""
    moments: QuerySet[Any, datetime] = model.objects.filter(made_at__gt=moment).values_list(
        "made_at", flat=True
    )
    return moments
