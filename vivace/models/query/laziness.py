"""What a queryset says that has not been fetched, when it is used as a list."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from vivace.errors import NotLoaded

from .rendering import current_wait

if TYPE_CHECKING:
    from .queryset import QuerySet
    from .raw import RawQuerySet

R = TypeVar("R")


def evaluated(queryset: QuerySet[Any, R], use: str) -> list[R]:
    """Return the rows of a queryset that was fetched; in a render fetch them, elsewhere raise ``NotLoaded``."""
    if queryset._cache is None:
        wait = None if queryset._strict else current_wait()
        if wait is None:
            raise not_evaluated(queryset, use)
        if queryset._loader is None:
            wait(queryset._fetch())
        else:
            instance, name = queryset._loader
            wait(instance.load(name))  # for all its peers
            queryset._cache = instance._state.fields_cache[name].rows
    rows = queryset._cache
    return [] if rows is None else rows


def not_evaluated(queryset: QuerySet[Any, Any] | RawQuerySet[Any], use: str) -> NotLoaded:
    """Return the error for a queryset that was used as a list before it was awaited."""
    model = queryset.model.__name__
    return NotLoaded(
        f"A {type(queryset).__name__} of {model} was {use}, but has not been fetched.",
        expected="a queryset that was awaited: nothing else asks the database",
        fix="Write `rows = await queryset`, `async for row in queryset`, `await queryset.count()` "
        "or `await queryset.exists()`.",
    )


class OneRow(Generic[R]):
    """``queryset[3]`` before the queryset was fetched: await it to get the row. Raises ``IndexError`` when there is none."""

    __slots__ = ("_index", "_queryset")

    def __init__(self, queryset: QuerySet[Any, R], index: int) -> None:
        self._queryset = queryset
        self._index = index

    def __await__(self) -> Generator[Any, Any, R]:
        rows = yield from self._queryset.__await__()
        if not rows:
            raise IndexError(f"{type(self._queryset).__name__} has no row {self._index}")
        return rows[0]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        model = self._queryset.model.__name__
        raise NotLoaded(
            f".{name} was read from row {self._index} of a QuerySet of {model} that has not been fetched.",
            expected="a row that was awaited: nothing else asks the database",
            fix=f"Write `(await queryset[{self._index}]).{name}`.",
        )

    def __repr__(self) -> str:
        return f"<row {self._index} of {self._queryset!r}: await it>"


__all__ = ["OneRow", "evaluated", "not_evaluated"]
