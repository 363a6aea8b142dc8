"""The type of a query that stands for one value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.models.sql.state import QueryState, Sub

if TYPE_CHECKING:
    from vivace.models.sql.outputs import Outputs


def single_field(query: Any, outputs: Outputs) -> Any:
    """Return the field of the first column of a state, a lifted query or a finished SELECT."""
    if not isinstance(query, (QueryState, Sub)):
        return outputs.of(query.items[0].expression)
    state = query if isinstance(query, QueryState) else QueryState(query.model, query.steps, (), query.shape)
    chosen = state.values_names()
    if chosen is None:
        return outputs.plain(state.model._meta.pk)
    from vivace.models.sql.lifting import Lifter

    return outputs.of(Lifter(state).name(chosen[0])) if chosen else None


__all__ = ["single_field"]
