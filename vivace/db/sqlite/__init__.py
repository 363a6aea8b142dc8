"""SQLite that feels like a database server: see ``driver``."""

from .driver import SQLiteDriver
from .functions import UserAggregate, UserFunction
from .options import SQLiteOptions

__all__ = ["SQLiteDriver", "SQLiteOptions", "UserAggregate", "UserFunction"]
