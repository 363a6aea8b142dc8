"""Values that are kept for a while, so that they need not be computed again."""

from __future__ import annotations

from .cache import Cache as Cache
from .cache import Store as Store
from .memory import MemoryStore as MemoryStore
