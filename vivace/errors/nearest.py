"""The nearest match to a misspelt name."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, candidates: Iterable[str]) -> str:
    """Return a sentence ``Did you mean 'x'?`` for the closest candidate, or ``""`` when none is close."""
    from difflib import get_close_matches  # only an error needs it

    matches = get_close_matches(name, list(candidates), n=1, cutoff=0.6)
    return f"Did you mean {matches[0]!r}?" if matches else ""
