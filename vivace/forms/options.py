"""Options by name: those that were given over their defaults, and an error for names that there are not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vivace.errors import FormError, nearest


def complete(
    owner: str, given: Mapping[str, Any], defaults: Mapping[str, Any], also: Iterable[str] = ()
) -> dict[str, Any]:
    """Return all options; ``also`` are names that the owner takes beside them. Raises ``FormError``."""
    for name in given:
        if name not in defaults:
            known = [*also, *defaults]
            raise FormError(
                f"{owner} has no option {name!r}.",
                expected=f"one of {', '.join(known)}",
                fix=nearest(name, known),
            )
    return {**defaults, **given}
