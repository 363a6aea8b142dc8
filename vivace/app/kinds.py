"""The class of a value whose type is not known: ``type``, without what strict checkers infer from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

class_of: Callable[[Any], Any] = type
"""``type(value)`` as ``Any``: pyright takes ``type(Any)`` for a partially unknown type and reports each use."""
