"""``Secret[T]`` as a type of input: decoded as ``T``, then wrapped, so that it is hidden from the first moment."""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from vivace.config.secret import Secret


def decode_secret(wanted: Any, value: Any) -> Any:
    """Be msgspec's ``dec_hook``: make a ``Secret`` of a value of its inner type; other classes must match."""
    if getattr(wanted, "__origin__", wanted) is Secret:
        inner = get_args(wanted) or (str,)
        return Secret(msgspec.convert(value, inner[0]))
    raise TypeError(f"{wanted} cannot be read from JSON")
