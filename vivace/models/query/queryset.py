"""QuerySet: which rows are wanted, said step by step; fetched when it is awaited.

Rules:

1. A queryset is a value. Each method returns a new one; nothing is asked of a database before an ``await``.
2. ``await qs`` fetches and returns a list, and the queryset then behaves as that list: ``len``, indexing, iteration.
   Before that, they raise ``NotLoaded`` with the fix (in templates, and only there, they fetch).
3. What a query *is* stands in ``query_state`` (see ``sql/state.py``). Beside it a queryset knows where to ask
   (``using``), what to make of rows, and what to fetch along with them.

Methods are few lines here; their work is in the modules beside this one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar, cast, overload

from vivace.models.cachekeys import queryset_key
from vivace.models.sql import lift

from . import building, bulk, changing, copying, creating, fetching, single
from .attributes import missing_attribute
from .laziness import OneRow, evaluated
from .rendering import CHANGES

if TYPE_CHECKING:
    from typing import Self

    from typing_extensions import TypeVar as TypeVarWithDefault

    from vivace.models.base import Model
    from vivace.models.expressions.base import Expression
    from vivace.models.expressions.names import FieldRef
    from vivace.models.jsonable import RowsOf
    from vivace.models.sql.state import QueryState

    from .hydrate import RowKind
    from .raw import RawQuerySet

    M = TypeVarWithDefault("M", bound=Model, default=Any)
    R = TypeVarWithDefault("R", default=M)
else:
    M = TypeVar("M")
    R = TypeVar("R")

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")


class QuerySet(Generic[M, R]):
    """Rows of a model as objects (``QuerySet[Book]``), or what ``values`` and ``values_list`` make of them."""

    __vivace_changes__: ClassVar[frozenset[str]] = CHANGES

    model: type[M]
    query_state: QueryState

    def __init__(
        self,
        model: type[M] | None = None,
        query: Any = None,
        using: str | None = None,
        hints: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = cast("type[M]", model)
        self.query_state = building.state_of(model) if query is None else query
        self._db = using
        self._hints: Mapping[str, Any] = hints or {}
        self._rows: RowKind = "instances"
        self._prefetch: tuple[Any, ...] = ()
        # a relation, and the objects that it leads to by their keys
        self._known: tuple[Any, dict[Any, Any]] | None = None
        self._loader: tuple[Any, str] | None = None  # the object and relation of which it is all rows
        self._strict = False
        self._sticky: tuple[QueryState, dict[str, Any]] | None = None  # see building.filtered
        self._cache: list[R] | None = None

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise missing_attribute(self, name)

        def __class_getitem__(cls, parameters: Any) -> Any:
            return cls  # `QuerySet[Book]` in a user's code: the second parameter has a default for type checkers only

    if TYPE_CHECKING:

        @classmethod
        def as_manager(cls) -> Self: ...

    else:

        @classmethod
        def as_manager(cls) -> Any:
            """Return a manager that has this queryset's methods."""
            from .manager import manager_of

            return manager_of(cls)

    # -- copies ------------------------------------------------------------------------------------------------------

    def _with(self, state: QueryState) -> Self:
        """Return a copy that asks for something else and has fetched nothing."""
        values = (
            self.__dict__.copy()
        )  # 0.32 µs with what follows; to update the new one's dictionary takes 0.51
        values["query_state"] = state
        values["_cache"] = values["_sticky"] = values["_loader"] = None
        new = object.__new__(type(self))
        new.__dict__ = values
        return new

    def _but(self, **changes: Any) -> Self:
        new = self._with(self.query_state)
        new.__dict__.update(changes)
        return new

    def _clone(self) -> Self:
        return self._with(self.query_state)

    def all(self) -> Self:
        """Return a copy, to be fetched anew."""
        values = self.__dict__.copy()  # as in `_with`, without the call: most queries begin here
        values["_cache"] = values["_sticky"] = values["_loader"] = None
        new = object.__new__(type(self))
        new.__dict__ = values
        return new

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self._clone()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_hints": {}, "_loader": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    # -- as a list, once it was awaited -------------------------------------------------------------------------------

    async def _fetch(self) -> list[R]:
        if self._cache is None:
            self._cache = await fetching.evaluate(self)
        return self._cache

    def __await__(self) -> Generator[Any, Any, list[R]]:
        return fetching.evaluate(self, None, True).__await__()

    def __vivace_rows__(self) -> RowsOf:
        from vivace.models.jsonable import RowsOf  # only for a handler that returns a queryset

        return RowsOf(self)

    __vivace_key__ = queryset_key

    async def __aiter__(self) -> AsyncGenerator[R]:
        for row in await self._fetch():
            yield row

    def __iter__(self) -> Iterator[R]:
        return iter(evaluated(self, "iterated over"))

    def __len__(self) -> int:
        return len(evaluated(self, "asked for its length"))

    def __bool__(self) -> bool:
        return bool(evaluated(self, "asked whether it has rows"))

    def __contains__(self, row: object) -> bool:
        return row in evaluated(self, "asked for membership")

    @overload
    def __getitem__(self, index: int) -> OneRow[R]: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Any:
        """Slice (lazily) or pick a row: ``await qs[:5]``, ``await qs[0]``; of a fetched queryset at once."""
        if self._cache is not None:
            return self._cache[index]
        if isinstance(index, slice):
            return self._with(building.sliced(self.query_state, index))
        return OneRow(self._with(building.at(self.query_state, index)), index)

    def __repr__(self) -> str:
        name = f"{type(self).__name__} of {self.model.__name__ if self.model else None}"
        if self._cache is None:
            return f"<{name}: not fetched>"
        shown = ", ".join(repr(row) for row in self._cache[:20])
        return f"<{name} [{shown}{', …' if len(self._cache) > 20 else ''}]>"

    # -- which rows ---------------------------------------------------------------------------------------------------

    def filter(self, *args: Any, **kwargs: Any) -> Self:
        """Keep rows that meet all conditions. One call asks it of one related row, several calls of any."""
        return self._with(building.filtered(self, args, kwargs, negated=False))

    def exclude(self, *args: Any, **kwargs: Any) -> Self:
        """Drop rows that meet all these conditions together."""
        return self._with(building.filtered(self, args, kwargs, negated=True))

    def complex_filter(self, filter_obj: Any) -> Self:
        """Filter by a ``Q`` or a dictionary of conditions."""
        return self.filter(**filter_obj) if isinstance(filter_obj, Mapping) else self.filter(filter_obj)

    def annotate(self, *args: Any, **kwargs: Any) -> Self:
        """Give each row further attributes, computed by the database."""
        return self._with(lift.annotate(self.query_state, args, kwargs))

    def alias(self, *args: Any, **kwargs: Any) -> Self:
        """Name expressions for later calls without fetching them."""
        return self._with(lift.annotate(self.query_state, args, kwargs, visible=False))

    def order_by(self, *field_names: Any) -> Self:
        """Order by these instead of what was said before; without any, no order. ``"-name"`` descends, ``"?"`` is random."""
        return self._with(lift.order_by(self.query_state, field_names))

    def reverse(self) -> Self:
        """Turn the order around."""
        return self._with(lift.reverse(self.query_state))

    def distinct(self, *field_names: Any) -> Self:
        """Drop repeated rows; with names (PostgreSQL), keep the first of those that are equal in them."""
        return self._with(lift.distinct(self.query_state, building.loading(field_names)))

    def for_user(self, user: Any) -> Self:
        """Keep rows that the user may see, as the model's classmethod ``visible_to(user)`` says; without one, none."""
        from .visibility import visible

        return cast("Self", visible(self, user))

    def none(self) -> Self:
        """Return a queryset of no rows, for which nothing is sent."""
        return self._with(lift.none(self.query_state))

    def union(self, *other_qs: QuerySet[Any, Any], all: bool = False) -> Self:
        """Rows of this and the others; repeated ones once unless ``all``."""
        return building.combined(self, "union", other_qs, all=all)

    def intersection(self, *other_qs: QuerySet[Any, Any]) -> Self:
        """Rows that all of them have."""
        return building.combined(self, "intersection", other_qs)

    def difference(self, *other_qs: QuerySet[Any, Any]) -> Self:
        """Rows of this one that none of the others has."""
        return building.combined(self, "difference", other_qs)

    def __and__(self, other: QuerySet[Any, Any]) -> Self:
        return building.merged(self, other, "AND")

    def __or__(self, other: QuerySet[Any, Any]) -> Self:
        return building.merged(self, other, "OR")

    def __xor__(self, other: QuerySet[Any, Any]) -> Self:
        return building.merged(self, other, "XOR")

    def with_cte(
        self,
        name: str,
        query: QuerySet[Any, Any] | None = None,
        *,
        on: Mapping[str, str] | None = None,
        repeated: QuerySet[Any, Any] | None = None,
        outer: bool = False,
    ) -> Self:
        """Name a query (``WITH``) and join it where ``on`` pairs a field with one of its columns (``CteColumn``).

        ``outer`` keeps rows that it has no row for. ``repeated`` makes it recursive: a query that itself uses
        ``with_cte(name, on=…)``, without a query, for the rows found last.
        """
        first, second = (None if each is None else each.query_state for each in (query, repeated))
        return self._with(lift.with_cte(self.query_state, name, first, on=on, repeated=second, outer=outer))

    def using(self, alias: str | None) -> Self:
        """Ask this database; ``None``: the one that routers choose."""
        return self._but(_db=alias)

    def select_for_update(
        self, nowait: bool = False, skip_locked: bool = False, of: Iterable[str] = (), no_key: bool = False
    ) -> Self:
        """Lock the rows until the transaction ends (on SQLite the transaction itself is the lock)."""
        return self._with(building.locked(self.query_state, nowait, skip_locked, tuple(of), no_key))

    def extra(
        self,
        select: Mapping[str, str] | None = None,
        where: Iterable[str] = (),
        params: Iterable[Any] = (),
        tables: Iterable[str] = (),
        order_by: Iterable[str] = (),
        select_params: Iterable[Any] = (),
    ) -> Self:
        """Add raw pieces of SQL, ``%s`` for each parameter. ``RawSQL`` expressions do it better."""
        raw: dict[str, Any] = {"where": tuple(where), "tables": tuple(tables), "order_by": tuple(order_by)}
        given: dict[str, Any] = {"params": tuple(params), "select_params": tuple(select_params)}
        return self._with(lift.extra(self.query_state, select=select, **raw, **given))  # noqa: S610 - ours

    # -- what to make of them -----------------------------------------------------------------------------------------

    def values(self, *fields: Any, **expressions: Any) -> QuerySet[M, dict[str, Any]]:
        """Rows as dictionaries of these fields and expressions; without any, of all fields."""
        return self._with(lift.values(self.query_state, fields, expressions))._but(_rows="dicts")  # type: ignore[return-value]

    @overload
    def values_list(self, field: FieldRef[A], /, *, flat: Literal[True]) -> QuerySet[M, A]: ...
    @overload
    def values_list(self, field: FieldRef[A], /) -> QuerySet[M, tuple[A]]: ...
    @overload
    def values_list(self, a: FieldRef[A], b: FieldRef[B], /) -> QuerySet[M, tuple[A, B]]: ...
    @overload
    def values_list(
        self, a: FieldRef[A], b: FieldRef[B], c: FieldRef[C], /
    ) -> QuerySet[M, tuple[A, B, C]]: ...
    @overload
    def values_list(
        self, a: FieldRef[A], b: FieldRef[B], c: FieldRef[C], d: FieldRef[D], /
    ) -> QuerySet[M, tuple[A, B, C, D]]: ...
    @overload
    def values_list(
        self, a: FieldRef[A], b: FieldRef[B], c: FieldRef[C], d: FieldRef[D], e: FieldRef[E], /
    ) -> QuerySet[M, tuple[A, B, C, D, E]]: ...
    @overload
    def values_list(self, *fields: Any, flat: bool, named: bool = False) -> QuerySet[M, Any]: ...
    @overload
    def values_list(self, *fields: Any, named: bool) -> QuerySet[M, Any]: ...
    @overload
    def values_list(self, *fields: str | Expression) -> QuerySet[M, tuple[Any, ...]]: ...
    def values_list(self, *fields: Any, flat: bool = False, named: bool = False) -> Any:
        """Rows as tuples; ``flat``: as the values of the one field; ``named``: as named tuples."""
        kind = building.tuple_kind(fields, flat, named)
        return self._with(lift.values(self.query_state, fields, {}))._but(_rows=kind)

    def dates(self, field_name: str, kind: str, order: str = "ASC") -> QuerySet[M, Any]:
        """The distinct dates of a field, cut to ``year``, ``month``, ``week`` or ``day``."""
        return cast("QuerySet[M, Any]", building.moments(self, field_name, kind, order))

    def datetimes(
        self, field_name: str, kind: str, order: str = "ASC", tzinfo: Any = None
    ) -> QuerySet[M, Any]:
        """The distinct moments of a field, cut to ``year`` … ``second``."""
        rows = building.moments(self, field_name, kind, order, times=True, tzinfo=tzinfo)
        return cast("QuerySet[M, Any]", rows)

    def select_related(self, *fields: Any) -> Self:
        """Fetch these foreign keys' objects in the same query; ``None`` forgets what was named before."""
        return self._with(building.related(self, fields))

    def prefetch_related(self, *lookups: Any) -> Self:
        """Fetch related objects along, one query for each relation; ``None`` forgets what was named before."""
        return self._but(
            _prefetch=() if lookups == (None,) else (*self._prefetch, *building.prefetches(lookups))
        )

    def defer(self, *fields: Any) -> Self:
        """Leave these columns out; ``None`` brings all back."""
        return self._with(building.deferred(self, fields))

    def only(self, *fields: Any) -> Self:
        """Fetch these columns only, and the key."""
        return self._with(building.only(self, fields))

    def strict(self, on: bool = True) -> Self:
        """Let templates raise ``NotLoaded`` for relations that this query did not fetch, instead of loading them."""
        return self._but(_strict=on)

    # -- what a queryset knows of itself ------------------------------------------------------------------------------

    @property
    def ordered(self) -> bool:
        """Whether rows come in a defined order."""
        return self.query_state.ordered

    @property
    def totally_ordered(self) -> bool:
        """Whether the order leaves no two rows equal: it includes unique fields that are not null."""
        return building.totally_ordered(self.query_state)

    @property
    def db(self) -> str:
        """The alias of the database that it would read from now."""
        return fetching.read_database(self).alias

    def _filter_sticky(self, conditions: dict[str, Any]) -> Self:
        """Filter, and let the next ``filter`` share the joins to many rows of this one: for related managers."""
        return self.filter(**conditions)._but(_sticky=(self.query_state, conditions))

    # -- awaited: one answer ------------------------------------------------------------------------------------------

    def get(self, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, R]:
        """Return the one row that matches. Raises ``Model.DoesNotExist`` or ``Model.MultipleObjectsReturned``."""
        return single.get(self, args, kwargs)

    async def first(self) -> R | None:
        """Return the first row (by key when there is no order), or ``None``."""
        return cast("R | None", await single.first(self))

    async def last(self) -> R | None:
        """Return the last row (by key when there is no order), or ``None``."""
        return cast("R | None", await single.last(self))

    async def earliest(self, *fields: str) -> R:
        """Return the first row by these fields or ``Meta.get_latest_by``. Raises ``DoesNotExist``."""
        return cast("R", await single.extreme(self, fields, latest=False))

    async def latest(self, *fields: str) -> R:
        """Return the last row by these fields or ``Meta.get_latest_by``. Raises ``DoesNotExist``."""
        return cast("R", await single.extreme(self, fields, latest=True))

    async def count(self) -> int:
        """Return the number of rows."""
        return len(self._cache) if self._cache is not None else await single.count(self)

    async def exists(self) -> bool:
        """Return whether there is any row."""
        return bool(self._cache) if self._cache is not None else await single.exists(self)

    async def contains(self, obj: Any) -> bool:
        """Return whether an object is among the rows."""
        return await single.contains(self, obj)

    async def aggregate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return one dictionary of aggregates over all rows."""
        return await single.aggregate(self, args, kwargs)

    async def in_bulk(self, id_list: Iterable[Any] | None = None, *, field_name: str = "pk") -> dict[Any, R]:
        """Return objects by key, or by another unique field; all of them without a list."""
        return await single.in_bulk(self, id_list, field_name)

    async def explain(self, *, format: str | None = None, **options: Any) -> str:
        """Return how the database would run the query."""
        return await single.explain(self, format, options)

    async def iterator(self, chunk_size: int = 2000) -> AsyncIterator[R]:
        """Yield rows while they come, holding ``chunk_size`` of them at a time; prefetches run once for each chunk."""
        async for rows in fetching.chunks(self, chunk_size):
            for row in rows:
                yield cast("R", row)

    # -- awaited: writing ---------------------------------------------------------------------------------------------

    async def create(self, **kwargs: Any) -> R:
        """Make an object, insert it and return it."""
        return cast("R", await creating.create(self, kwargs))

    async def get_or_create(self, defaults: Mapping[str, Any] | None = None, **kwargs: Any) -> tuple[R, bool]:
        """Return the row that matches, else one made of ``kwargs`` and ``defaults``; and whether it was made."""
        return await creating.get_or_create(self, defaults or {}, kwargs)

    async def update_or_create(
        self,
        defaults: Mapping[str, Any] | None = None,
        create_defaults: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> tuple[R, bool]:
        """Update the row that matches with ``defaults``, else create one (of ``create_defaults`` if given)."""
        made = defaults if create_defaults is None else create_defaults
        return await creating.update_or_create(self, defaults or {}, made or {}, kwargs)

    async def bulk_create(
        self,
        objs: Iterable[M],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Iterable[str] | None = None,
        unique_fields: Iterable[str] | None = None,
    ) -> list[M]:
        """Insert objects with few statements; they get their keys. ``save`` is not called and sends no signals."""
        conflict = bulk.conflict_of(
            self.model, ignore_conflicts, update_conflicts, update_fields, unique_fields
        )
        return cast("list[M]", await bulk.create(self, list(objs), batch_size, conflict))

    async def copy_create(self, objs: Iterable[M]) -> int:
        """Insert objects the fastest way (COPY on PostgreSQL) and return how many; they do not get their keys."""
        return await copying.create(self, list(objs))

    async def bulk_update(
        self, objs: Iterable[M], fields: Iterable[str], batch_size: int | None = None
    ) -> int:
        """Write these fields of objects with few statements, in the order of their keys; return how many rows matched."""
        return await bulk.update(self, list(objs), list(fields), batch_size)

    async def update(self, **kwargs: Any) -> int:
        """Set fields of all rows to values or expressions; return how many rows matched."""
        return await changing.update(self, kwargs)

    async def delete(self) -> tuple[int, dict[str, int]]:
        """Delete all rows and what ``on_delete`` says of others; return how many, in all and by model."""
        return await changing.delete(self)

    async def _raw_delete(self, using: str) -> int:
        return await changing.raw_delete(self, using)

    async def _update(self, values: Mapping[Any, Any]) -> int:
        return await changing.update(self, {field.name: value for field, value in values.items()})

    def raw(
        self,
        raw_query: str,
        params: Any = (),
        translations: Mapping[str, str] | None = None,
        using: str | None = None,
    ) -> RawQuerySet[M]:
        """Make objects of the rows of a statement (``%s`` or ``%(name)s`` for each parameter)."""
        from .raw import RawQuerySet

        return RawQuerySet(
            raw_query, model=self.model, params=params, translations=translations, using=using or self._db
        )


__all__ = ["QuerySet"]
