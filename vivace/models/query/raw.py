"""raw(): objects of the rows of a statement that the program wrote itself."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from vivace.db import Statement
from vivace.errors import FieldDoesNotExist, QueryError
from vivace.models.cachekeys import raw_key

from . import running
from .laziness import not_evaluated
from .peers import Peers

if TYPE_CHECKING:
    from vivace.models.base import Model

    M = TypeVar("M", bound=Model)
else:
    M = TypeVar("M")

_MARK: Final = re.compile(r"%%|%s|%\((\w+)\)s")


class RawQuerySet(Generic[M]):
    """Objects of a model from a SELECT: columns are fields by their names, others become attributes.

    The statement must return the primary key; fields that it leaves out are deferred. ``%s`` (or ``%(name)s``) stands
    for each parameter, ``%%`` for a percent sign; texts are never put into SQL.
    """

    def __init__(
        self,
        raw_query: str,
        model: type[M],
        params: Any = (),
        translations: Mapping[str, str] | None = None,
        using: str | None = None,
        tables: Sequence[str] | None = None,
    ) -> None:
        self.raw_query = raw_query
        self.model = model
        self.params = params
        self.translations = dict(translations or {})
        self._db = using
        self._tables = None if tables is None else tuple(tables)
        self._prefetch: tuple[Any, ...] = ()
        self._cache: list[M] | None = None

    def __repr__(self) -> str:
        return f"<RawQuerySet of {self.model.__name__}: {self.raw_query}>"

    def __vivace_key__(self, keying: Any) -> Any:
        return raw_key(self, keying)

    def using(self, alias: str | None) -> RawQuerySet[M]:
        """Ask this database."""
        return self._copy(using=alias)

    def prefetch_related(self, *lookups: Any) -> RawQuerySet[M]:
        """Fetch related objects along."""
        new = self._copy(using=self._db)
        new._prefetch = () if lookups == (None,) else (*self._prefetch, *lookups)
        return new

    def reads(self, *tables: str) -> RawQuerySet[M]:
        """Name the tables that the statement reads, beside that of its model: cached results then know when they end.

        Until this is called, with names or without, any write ends them.
        """
        new = self._copy(using=self._db)
        new._tables = (*(self._tables or ()), *tables)
        return new

    def _copy(self, *, using: str | None) -> RawQuerySet[M]:
        new = RawQuerySet(self.raw_query, self.model, self.params, self.translations, using, self._tables)
        new._prefetch = self._prefetch
        return new

    def __await__(self) -> Generator[Any, Any, list[M]]:
        return self._fetch().__await__()

    async def __aiter__(self) -> AsyncGenerator[M]:
        for each in await self._fetch():
            yield each

    def __iter__(self) -> Iterator[M]:
        return iter(self._fetched())

    def __len__(self) -> int:
        return len(self._fetched())

    def __getitem__(self, index: Any) -> Any:
        return self._fetched()[index]

    def _fetched(self) -> list[Any]:
        if self._cache is None:
            raise not_evaluated(self, "used as a list")
        return self._cache

    async def _fetch(self) -> list[M]:
        if self._cache is None:
            self._cache = await self._evaluate()
        return self._cache[:]

    async def _evaluate(self) -> list[M]:
        database = running.reader(self.model, self._db)
        meta = self.model._meta
        sql, values = with_placeholders(self.raw_query, self.params, database.dialect)
        tables = None if self._tables is None else frozenset((meta.db_table, *self._tables))
        named: list[Any] = await database.fetch(Statement(sql=sql, reads=tables, named=True), values)
        rows = [tuple(row.values()) for row in named]
        objects = self._objects(list(named[0].keys()), rows, database.alias, database.dialect) if rows else []
        if self._prefetch and objects:
            from .prefetching import prefetch_related_objects

            await prefetch_related_objects(objects, *self._prefetch)
        return objects

    def _objects(self, names: Sequence[str], rows: Sequence[Any], alias: str, dialect: str) -> list[M]:
        fields = {field.column: field for field in self.model._meta.concrete_fields}
        places: list[tuple[int, str, Callable[[Any], Any] | None]] = []
        extras: list[tuple[int, str]] = []
        for position, name in enumerate(names):
            column = self.translations.get(name, name)
            field = fields.get(column) or self._named(column)
            if field is None:
                extras.append((position, name))
            else:
                places.append((position, field.attname, field.converter(dialect)))
        attnames = [attname for _, attname, _ in places]
        if not {field.attname for field in self.model._meta.pk_fields}.issubset(attnames):
            raise QueryError(
                f"A raw query of {self.model.__name__} must include the primary key.", got=", ".join(names)
            )
        try:
            objects = [self._object(row, alias, attnames, places, extras) for row in rows]
        except (TypeError, ValueError) as error:
            raise self._unreadable(rows, places) from error
        together = Peers(objects)
        for each in objects:
            each._state.peers = together
        return objects

    def _object(
        self,
        row: Any,
        alias: str,
        attnames: list[str],
        places: list[tuple[int, str, Callable[[Any], Any] | None]],
        extras: list[tuple[int, str]],
    ) -> M:
        values = [
            row[position] if convert is None else convert(row[position]) for position, _, convert in places
        ]
        instance = self.model.from_db(alias, attnames, values)
        for position, name in extras:
            setattr(instance, name, row[position])
        return instance

    def _unreadable(
        self, rows: Any, places: list[tuple[int, str, Callable[[Any], Any] | None]]
    ) -> QueryError:
        found = ("a row", "")
        for row, (position, name, convert) in itertools.product(rows, places):
            try:
                _ = convert is None or convert(row[position])
            except (TypeError, ValueError):
                found = (f"{self.model.__name__}.{name}", repr(row[position]))
                break
        return QueryError(
            f"A raw query returned for {found[0]} what that field cannot read.",
            expected="a value as the field's column stores it",
            got=found[1],
            fix="Select that column, or name yours otherwise with AS or translations.",
        )

    def _named(self, name: str) -> Any:
        try:
            field = self.model._meta.get_field(name)
        except FieldDoesNotExist:
            return None
        return field if field.concrete else None


def with_placeholders(sql: str, params: Any, dialect: str) -> tuple[str, tuple[Any, ...]]:
    """Return SQL with the dialect's placeholders in place of ``%s`` or ``%(name)s``, and the values in their order.

    Raises ``QueryError`` when marks and parameters do not match.
    """
    values: list[Any] = []
    positional = iter(() if isinstance(params, Mapping) else params or ())

    def replace(mark: re.Match[str]) -> str:
        if mark[0] == "%%":
            return "%"
        values.append(params[mark[1]] if mark[1] else next(positional))
        return "?" if dialect == "sqlite" else f"${len(values)}"

    if not params:
        return sql, ()
    try:
        text = _MARK.sub(replace, sql)
    except (StopIteration, KeyError, TypeError) as error:
        raise QueryError(
            "A raw query has marks without parameters.", got=f"{sql} with {params!r}"[:200]
        ) from error
    if not isinstance(params, Mapping) and next(positional, values) is not values:
        raise QueryError("A raw query has more parameters than marks.", got=f"{sql} with {params!r}"[:200])
    return text, tuple(values)


__all__ = ["RawQuerySet", "with_placeholders"]
