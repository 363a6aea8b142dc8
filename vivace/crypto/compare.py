"""Comparison that takes the same time wherever the difference is."""

from __future__ import annotations

import hmac


def constant_time_compare(left: str | bytes, right: str | bytes) -> bool:
    """Return whether both are the same bytes; text counts as its UTF-8. The time tells at most the length."""
    if isinstance(left, str) and isinstance(right, str) and left.isascii() and right.isascii():
        return hmac.compare_digest(left, right)  # the same without two copies
    return hmac.compare_digest(_as_bytes(left), _as_bytes(right))


def _as_bytes(value: str | bytes) -> bytes:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
