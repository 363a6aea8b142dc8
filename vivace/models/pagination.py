"""Pages of a query: by number, as Django's Paginator, or by key, which stays stable while rows come and go (OR20).

Numbered pages cost a COUNT and an OFFSET that the database walks through: fine for thousands of rows, slow for millions, and
an insert moves every later row by one. Keyset pages ask for "the next ones after this row": one index look-up however far,
and no row twice or never. They have no numbers, so there is no jumping.

The condition of a keyset page for ``ORDER BY a, b DESC, id`` after (x, y, z) is::

    a > x  OR  a = x AND b < y  OR  a = x AND b = y AND id > z

spelled out since row comparison needs one direction for all columns. The primary key is put at the end of any ordering
that does not end rows' ties by itself.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

import msgspec

from vivace.errors import DataError, FieldError, InvalidCursor, InvalidPage, InvalidValue

from .expressions.q import Q

if TYPE_CHECKING:
    from .query.queryset import QuerySet

T = TypeVar("T")
ELLIPSIS: Final = "…"


class Page(Generic[T]):
    """One numbered page: its rows, and where it stands among the others. It is a sequence of its rows."""

    def __init__(self, items: list[T], number: int, paginator: Paginator[T], count: int) -> None:
        self.items = items
        self.number = number
        self.paginator = paginator
        self.count = count

    @property
    def object_list(self) -> list[T]:
        """The rows, under Django's name."""
        return self.items

    @property
    def num_pages(self) -> int:
        """How many pages there are."""
        return self.paginator.pages_of(self.count)

    @property
    def page_range(self) -> range:
        """All page numbers."""
        return range(1, self.num_pages + 1)

    @property
    def has_next(self) -> bool:
        """Whether a page follows."""
        return self.number < self.num_pages

    @property
    def has_previous(self) -> bool:
        """Whether a page comes before."""
        return self.number > 1

    @property
    def has_other_pages(self) -> bool:
        """Whether this is not the only page."""
        return self.has_previous or self.has_next

    @property
    def next_page_number(self) -> int:
        """The number of the next page. Raises ``InvalidPage`` on the last one."""
        return self.paginator.checked(self.number + 1, self.count)

    @property
    def previous_page_number(self) -> int:
        """The number of the page before. Raises ``InvalidPage`` on the first one."""
        return self.paginator.checked(self.number - 1, self.count)

    @property
    def start_index(self) -> int:
        """The position of the first row among all, counted from 1; 0 when there are none."""
        return (self.number - 1) * self.paginator.per_page + 1 if self.count else 0

    @property
    def end_index(self) -> int:
        """The position of the last row among all, counted from 1."""
        return self.start_index + len(self.items) - 1 if self.items else 0

    def elided_page_range(self, on_each_side: int = 3, on_ends: int = 2) -> Iterator[int | str]:
        """Yield page numbers around this one and at both ends, with ``…`` where some are left out."""
        last = self.num_pages
        if last <= (on_each_side + on_ends) * 2:
            yield from self.page_range
            return
        start, stop = self.number - on_each_side, self.number + on_each_side
        if start > on_ends + 2:  # a page left out alone is shown instead
            yield from range(1, on_ends + 1)
            yield ELLIPSIS
        else:
            start = 1
        if stop < last - on_ends - 1:
            yield from range(start, stop + 1)
            yield ELLIPSIS
            start = last - on_ends + 1
        yield from range(start, last + 1)

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __getitem__(self, index: int) -> T:
        return self.items[index]

    def __repr__(self) -> str:
        return f"<Page {self.number} of {self.num_pages}>"


class Paginator(Generic[T]):
    """Cuts a query, or any sequence, into numbered pages of ``per_page`` rows.

    A last page of at most ``orphans`` rows joins the one before it. ``count`` saves the COUNT when it is known.
    """

    def __init__(
        self,
        source: QuerySet[Any, T] | Sequence[T],
        per_page: int,
        *,
        orphans: int = 0,
        allow_empty_first_page: bool = True,
        count: int | None = None,
    ) -> None:
        self.source = source
        self.per_page = max(1, per_page)
        self.orphans = orphans
        self.allow_empty_first_page = allow_empty_first_page
        self._count = count

    async def count(self) -> int:
        """Return how many rows there are in all; asked once."""
        if self._count is None:
            source = cast("Any", self.source)
            self._count = int(await source.count()) if hasattr(source, "query_state") else len(source)
        return self._count

    def pages_of(self, count: int) -> int:
        """Return how many pages so many rows make."""
        if count == 0 and not self.allow_empty_first_page:
            return 0
        return max(1, -(-max(0, count - self.orphans) // self.per_page))

    def checked(self, number: object, count: int) -> int:
        """Return a page number as one. Raises ``InvalidPage`` when it is none, or there is no such page."""
        page = _whole(number, 0)
        last = self.pages_of(count)
        if not 1 <= page <= last:
            raise InvalidPage(
                "There is no such page.", expected=f"a number from 1 to {last}", got=repr(number)[:40]
            )
        return page

    async def page(self, number: int | str) -> Page[T]:
        """Return a page. Raises ``InvalidPage`` (404) when there is none of this number."""
        count = await self.count()
        return await self._page(self.checked(number, count), count)

    async def get_page(self, number: int | str | None) -> Page[T]:
        """Return the page nearest to what a visitor asked for: nonsense means the first, too much the last."""
        count = await self.count()
        wanted = _whole(number, 1)
        last = self.pages_of(count)
        return await self._page(last if wanted > last or wanted < 1 else wanted, count)

    async def _page(self, number: int, count: int) -> Page[T]:
        start = (number - 1) * self.per_page
        stop = start + self.per_page
        part: Any = self.source[start : count if stop + self.orphans >= count else stop]
        rows: list[T] = await part if hasattr(part, "__await__") else list(part)
        return Page(rows, number, self, count)


def _whole(number: object, otherwise: int) -> int:
    """Return a page number, ``otherwise`` for what is none; 2.0 is one, as in Django, 2.5 and "2.0" are not."""
    if isinstance(number, float):
        return int(number) if number.is_integer() else otherwise
    try:
        return int(str(number))
    except ValueError:
        return otherwise


class KeysetPage(Generic[T]):
    """Rows, and the cursors that lead on from them (``None``: nothing is there)."""

    def __init__(self, items: list[T], after: str | None, before: str | None) -> None:
        self.items = items
        self.next_cursor = after
        self.previous_cursor = before

    @property
    def has_next(self) -> bool:
        """Whether rows follow."""
        return self.next_cursor is not None

    @property
    def has_previous(self) -> bool:
        """Whether rows come before."""
        return self.previous_cursor is not None

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)


class KeysetPaginator(Generic[T]):
    """Pages of a query that stay stable while rows are inserted and deleted.

    The ordering (that of the query, or ``Meta.ordering``) must be of the model's own columns that are never null; the
    primary key is added. A cursor is opaque and safe to show; one that was tampered with is ``InvalidCursor`` (400).
    Rows of ``values()`` and ``values_list()`` must have these columns.
    """

    def __init__(self, queryset: QuerySet[Any, T], per_page: int) -> None:
        self.per_page = max(1, per_page)
        self.keys = _ordering_keys(queryset)
        self.queryset = queryset.order_by(*(f"{'-' if down else ''}{name}" for name, down in self.keys))
        self._readers = [_reader(queryset, name) for name, _ in self.keys]

    async def page(self, *, after: str | None = None, before: str | None = None) -> KeysetPage[T]:
        """Return the rows after (or before) a cursor; without one, the first."""
        if before is not None:
            return await self._backwards(before)
        more, rows = await self._rows(after, forward=True)
        return KeysetPage(
            rows,
            self.cursor(rows[-1]) if more else None,
            self.cursor(rows[0]) if after is not None and rows else None,
        )

    async def _backwards(self, before: str) -> KeysetPage[T]:
        more, rows = await self._rows(before, forward=False)
        rows.reverse()
        return KeysetPage(
            rows, self.cursor(rows[-1]) if rows else None, self.cursor(rows[0]) if more and rows else None
        )

    async def _rows(self, cursor: str | None, *, forward: bool) -> tuple[bool, list[T]]:
        """Return the rows beyond a cursor, nearest first, and whether there are more."""
        queryset = self.queryset if forward else self.queryset.reverse()
        try:
            if cursor is not None:
                queryset = queryset.filter(self._beyond(cursor, forward=forward))
            rows: list[T] = list(await queryset[: self.per_page + 1])
        except (InvalidValue, DataError) as error:
            if cursor is None:
                raise
            raise _bad_cursor(cursor) from error  # no row has such a value: we did not make it
        return len(rows) > self.per_page, rows[: self.per_page]

    def cursor(self, row: T) -> str:
        """Return the cursor that stands for a row."""
        values = [read(row) for read in self._readers]
        return base64.urlsafe_b64encode(msgspec.json.encode(values)).rstrip(b"=").decode()

    def _beyond(self, cursor: str, *, forward: bool) -> Q:
        values = self._read(cursor)
        condition, equal = Q(), Q()
        for index, (name, down) in enumerate(self.keys):
            lookup = "lt" if down == forward else "gt"
            step = equal & Q(**{f"{name}__{lookup}": values[index]})
            condition = step if index == 0 else condition | step
            equal = equal & Q(**{name: values[index]})
        return condition

    def _read(self, cursor: str) -> list[Any]:
        try:
            padded = cursor.encode() + b"=" * (-len(cursor) % 4)
            values: Any = msgspec.json.decode(base64.b64decode(padded, b"-_", validate=True))
        except (binascii.Error, msgspec.DecodeError, ValueError, RecursionError):
            values = None
        if not isinstance(values, list) or len(values) != len(self.keys) or None in values:  # pyright: ignore[reportUnknownArgumentType]
            raise _bad_cursor(cursor)
        meta = self.queryset.model._meta
        try:
            pairs = zip(self.keys, values, strict=True)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            return [_field(meta, name).to_python(value) for (name, _), value in pairs]  # pyright: ignore[reportUnknownVariableType]
        except Exception as error:
            raise _bad_cursor(cursor) from error


def _bad_cursor(cursor: str) -> InvalidCursor:
    return InvalidCursor(
        "A page was asked for by a cursor that leads nowhere.",
        expected="a cursor from an earlier page of the same list",
        got=repr(cursor)[:40],
    )


def _field(meta: Any, name: str) -> Any:
    return meta.pk if name == "pk" else meta.get_field(name)


def _reader(queryset: QuerySet[Any, Any], name: str) -> Callable[[Any], Any]:
    """Return what takes a key from a row. Raises ``FieldError`` when ``values`` left it out."""
    chosen = queryset.query_state.values_names()
    if chosen is None:
        return attrgetter(name)
    meta = queryset.model._meta
    field = _field(meta, name)
    names = {name, field.name, *(("pk",) if field is meta.pk else ())}
    there = next((each for each in chosen if each in names), None)
    if there is None:
        raise FieldError(
            f"Rows of values() of {meta.label} cannot be paged without {name!r}: it is part of their order.",
            expected="all columns that the rows are ordered by, and the primary key",
            got=", ".join(chosen),
            fix=f"Add {name!r} to values() or values_list().",
        )
    if queryset._rows == "flat":
        return lambda row: row
    return itemgetter(there if queryset._rows == "dicts" else chosen.index(there))


def _written_ordering(queryset: QuerySet[Any, Any]) -> list[tuple[str, bool]]:
    state = queryset.query_state
    items = state.ordering()
    if items is None:
        names = [str(name) for name in queryset.model._meta.ordering]
        keys = [(name.lstrip("-"), name.startswith("-")) for name in names]
    else:
        keys = [(item.name, item.descending) for item in items if item.name]
        if len(keys) != len(items):
            raise FieldError(
                f"{queryset.model._meta.label} cannot be paged by an expression or at random.",
                expected="names of columns in order_by",
                fix="Order by columns, or use Paginator.",
            )
    return [(name, down != state.shape.reversed) for name, down in keys]


def _ordering_keys(queryset: QuerySet[Any, Any]) -> list[tuple[str, bool]]:
    """Return (attribute, descending) pairs that order rows totally. Raises ``FieldError`` for what cannot be a key."""
    meta = queryset.model._meta
    keys = _written_ordering(queryset)
    for name, _ in keys:
        if name != "pk":
            field = meta.get_field(name)
            if field.null or not field.concrete:
                raise FieldError(
                    f"{meta.label} cannot be paged by {name!r}.",
                    expected="columns of the model itself that are never null",
                    fix="Order by such columns, or use Paginator.",
                )
    names = [meta.pk.attname if name == "pk" else meta.get_field(name).attname for name, _ in keys]
    keys = [(attname, down) for attname, (_, down) in zip(names, keys, strict=True)]
    unique = any(name == meta.pk.attname or meta.get_field(name).unique for name, _ in keys)
    return keys if unique else [*keys, (meta.pk.attname, keys[-1][1] if keys else False)]


__all__ = ["KeysetPage", "KeysetPaginator", "Page", "Paginator"]
