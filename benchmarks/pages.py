"""The rows about pages: one for who is logged in, two that are kept, and a form of twenty fields."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator
from contextlib import ExitStack

from . import apps, databases, peers
from .contest import Options
from .data import Cost, working
from .load import Load
from .report import Bound, Row
from .servers import Broken, Unavailable

FORM_MS = 1.0
FIELDS = 20
COMMIT_US = 50.0
KEPT_RESULTS = 10_000
TITLE = f"a form of {FIELDS} fields rendered"


def member_is_right(page: str) -> bool:
    """Say whether a page shows the member's address, and a token in its form."""
    token = re.search(r'name="csrfmiddlewaretoken" value="[\w-]{40,}"', page)
    return f"Signed in as {databases.MEMBER}<" in page and token is not None


MEMBER = Load(
    "/member",
    accept_text=member_is_right,
    cookie=f"session={databases.SESSION}; sessionid={databases.SESSION[:32]}",
)


def kept_is_right(page: str) -> bool:
    """Say whether a page shows all fortunes, the first ones and the chosen one."""
    return (
        page.count("<tr><td>") == len(databases.FORTUNES)
        and page.count("<li>") == 3
        and page.count("<p>") == 1
    )


KEPT = Load("/kept", accept_text=kept_is_right)
FRAGMENTS = Load("/fragments", accept_text=kept_is_right)


def form(options: Options) -> Iterator[Row]:
    """Measure ``{{ form }}`` in a page, in this process's CPU time; Django's of the same form for information."""
    with ExitStack() as stack:
        mine = stack.enter_context(working(apps.worker("form_work"), {}, options.server_core, 0))
        notes, theirs = "", None
        try:
            program = peers.program("Django's forms, works")
            theirs = stack.enter_context(working(program, {}, options.server_core, 0))
        except Unavailable as error:
            notes = str(error)
        rounds = [(mine.do("form"), theirs and theirs.do("form")) for _ in range(options.rounds + 1)][1:]
        ours = _milliseconds([cost for cost, _ in rounds])
        others = _milliseconds([cost for _, cost in rounds if cost])
        yield Row(
            TITLE,
            "Django's forms",
            f"{ours:.2f} ms",
            f"{others:.2f} ms" if others else "–",
            ours,
            "ms",
            Bound(FORM_MS, at_most=True),
            notes=notes or f"CPU; Django's time is {others / ours:.1f} ×, for information",
        )


def unmatched(options: Options) -> Iterator[Row]:
    """Measure what a commit costs that meets none of 10,000 results that are kept, in this process's CPU time."""
    with working(apps.worker("kept_work"), {}, options.server_core, 0) as mine:
        costs = [mine.do("unmatched") for _ in range(options.rounds + 1)][1:]
    if any(cost.told["kept"] < KEPT_RESULTS for cost in costs):
        raise Broken(f"expected {KEPT_RESULTS:,} kept results")
    microseconds = statistics.median(1e6 * cost.cpu / cost.told["count"] for cost in costs)
    title = f"commit beside {KEPT_RESULTS:,} kept results"
    yield Row(title, "", f"{microseconds:.1f} µs", "–", microseconds, "µs", Bound(COMMIT_US, at_most=True))


def _milliseconds(costs: list[Cost]) -> float:
    for cost in costs:
        if cost.told["fields"] != FIELDS:
            raise Broken(f"expected {FIELDS} fields in the form, got {cost.told['fields']:.0f}")
    return statistics.median(1000 * cost.cpu / cost.told["count"] for cost in costs) if costs else 0.0


__all__ = ["FRAGMENTS", "KEPT", "MEMBER", "form", "kept_is_right", "member_is_right", "unmatched"]
