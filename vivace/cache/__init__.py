"""Values that are kept for a while, so that they need not be computed again."""

from __future__ import annotations

from .cache import Cache as Cache
from .cache import CacheStats as CacheStats
from .guarded import Guarded as Guarded
from .memory import MemoryStore as MemoryStore
from .stampede import Leases as Leases
from .store import MISSING as MISSING
from .store import Counts as Counts
from .store import Found as Found
from .store import Keep as Keep
from .store import Store as Store
