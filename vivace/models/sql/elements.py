"""SQL as pieces that SQLAlchemy compiles: its dialects quote names, number and cast parameters and write types.

Only this module, ``binding`` and ``render`` touch SQLAlchemy, and only from the first query on.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ClauseElement


class Sql(ClauseElement):
    """Pieces in a row: our own text (never a user's), and elements."""

    inherit_cache = False
    __visit_name__ = "vivace_sql"

    def __init__(self, parts: tuple[Any, ...]) -> None:
        self.parts = parts


class Name(ClauseElement):
    """An identifier, always quoted."""

    inherit_cache = False
    __visit_name__ = "vivace_name"

    def __init__(self, name: str) -> None:
        self.name = name


class TypeName(ClauseElement):
    """The name of a type, for CAST."""

    inherit_cache = False
    __visit_name__ = "vivace_type"

    def __init__(self, type_: Any) -> None:
        self.type_ = type_


@compiles(Sql)
def _sql(element: Any, compiler: Any, **kwargs: Any) -> str:
    return "".join(
        part if isinstance(part, str) else compiler.process(part, **kwargs) for part in element.parts
    )


@compiles(Name)
def _name(element: Any, compiler: Any, **kwargs: Any) -> str:
    return str(compiler.preparer.quote_identifier(element.name))


@compiles(TypeName)
def _type(element: Any, compiler: Any, **kwargs: Any) -> str:
    return str(compiler.dialect.type_compiler_instance.process(element.type_))


@cache
def dialect_named(name: str) -> Any:
    """Return SQLAlchemy's dialect: of SQLite with ``?``, of PostgreSQL as asyncpg takes it with ``$1``."""
    if name == "sqlite":
        from sqlalchemy.dialects.sqlite.pysqlite import dialect

        return dialect(paramstyle="qmark")
    from sqlalchemy.dialects.postgresql.asyncpg import dialect as postgresql

    make: Any = postgresql  # SQLAlchemy leaves it untyped
    return make(paramstyle="numeric_dollar")


def flat(parts: tuple[Any, ...]) -> Sql:
    """Return pieces as one element."""
    return Sql(parts)


__all__ = ["Name", "Sql", "TypeName", "dialect_named", "flat", "sa"]
