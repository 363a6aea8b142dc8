"""The dashboard: what happens on the site, as it happens. Everybody sees the same, so it is rendered once for all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from vivace import Request, Response, Router, render
from vivace.demo.chart import WIDTH, Chart, chart
from vivace.demo.models import DAY, Comment, Line, Member, Post, Topic, Vote, now
from vivace.models import Count
from vivace.models.functions import TruncDay, TruncMinute

router = Router()
KINDS: dict[str, Any] = {"posts": Post, "comments": Comment, "votes": Vote, "chat lines": Line}
MINUTE, COLUMNS = timedelta(minutes=1), 20
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
    """Return what happened in the last twenty minutes, minute by minute."""
    time = now()
    found = [
        each
        for model in KINDS.values()
        for each in await counted(model, time - MINUTE * COLUMNS, TruncMinute("made_at", tzinfo=UTC))
    ]
    return chart(found, time, MINUTE, COLUMNS)


async def days() -> Chart:
    """Return the comments of the last four weeks, day by day."""
    time = now()
    found = await counted(Comment, time - 28 * DAY, TruncDay("made_at", tzinfo=UTC))
    return chart(found, time, DAY, 28, TALL)


async def counted(model: Any, moment: datetime, step: TruncMinute | TruncDay) -> list[tuple[datetime, int]]:
    """Return how many rows were made in each step since a moment. The database counts: there may be a hundred thousand."""
    steps = model.objects.filter(made_at__gt=moment).annotate(step=step).order_by().values("step")
    found: list[tuple[datetime, int]] = await steps.annotate(count=Count("pk")).values_list("step", "count")
    return found
