"""From a state and a verb to a plan: looked up by shape, compiled the first time.

The key is (model, steps, shape, verb, dialect, listening). Steps and verbs keep their hashes, common steps are the same
objects each time, so a look-up compares identities. The cache is bounded: shapes that a program makes endlessly (names
built from user input) push out others, but memory does not grow.
"""

from __future__ import annotations

from typing import Any, Final

from vivace.db.types import Dialect, Listening
from vivace.models.sql.plan import Plan
from vivace.models.sql.state import QueryState
from vivace.models.sql.verbs import Delete, Verb

SIZE: Final = 4000


class PlanCache:
    """Plans by key. ``compiled`` counts how many were made."""

    def __init__(self, size: int = SIZE) -> None:
        self.size = size
        self.compiled = 0
        self.plans: dict[Any, Plan] = {}

    def make(self, key: Any) -> Plan:
        """Compile a plan and keep it; the oldest quarter goes when there are too many."""
        from vivace.models.sql.compiling import compiled_plan  # SQLAlchemy loads with the first query

        plan = compiled_plan(*key)
        if type(key[3]) is Delete:
            key[0]._meta.apps.warmed(self)
        self.compiled += 1
        if len(self.plans) >= self.size:
            for old in list(self.plans)[: max(1, self.size // 4)]:
                self.plans.pop(old, None)
        self.plans[key] = plan
        return plan

    def expire(self) -> None:
        """Forget what depends on which models there are: a new one may be deleted from by the database (DB_CASCADE)."""
        for key in [key for key in self.plans if type(key[3]) is Delete]:
            self.plans.pop(key, None)

    def clear(self) -> None:
        """Forget all: for tests."""
        self.plans.clear()


PLANS: Final = PlanCache()
_known = PLANS.plans


def plan_for(state: QueryState, verb: Verb, dialect: Dialect, listening: Listening = False) -> Plan:
    """Return the plan of a query: found, or compiled when its shape is new."""
    key = (state.model, state.steps, state.shape, verb, dialect, listening)
    plan = _known.get(key)
    return plan if plan is not None else PLANS.make(key)


__all__ = ["PLANS", "PlanCache", "plan_for"]
