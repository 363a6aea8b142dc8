"""Manager: where queries of a model begin (``Book.objects``).

A manager has the methods of its queryset class, made by ``from_queryset``. One that does not override ``get_queryset``
starts all queries from one kept queryset: querysets never change, so sharing costs nothing and saves making one.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from vivace.models.cachekeys import manager_key

from . import single
from .attributes import missing_attribute
from .queryset import QuerySet
from .rendering import CHANGES

if TYPE_CHECKING:
    from typing import Self

    from typing_extensions import TypeVar as TypeVarWithDefault

    from vivace.errors import Finding
    from vivace.models.base import Model

    M = TypeVarWithDefault("M", bound=Model, default=Any)
    N = TypeVar("N", bound=Model)
    Q = TypeVar("Q", bound=QuerySet[Any, Any])
    MYPY = False  # mypy takes it for true


class ManagerBase:
    """What managers have beside the methods of their querysets."""

    __vivace_changes__: ClassVar[frozenset[str]] = CHANGES

    creation_counter: int
    auto_created = False
    use_in_migrations = False
    _queryset_class: ClassVar[type[QuerySet[Any, Any]]] = QuerySet
    _built_with_as_manager = False
    _counter: ClassVar[Any] = count()

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        new = super().__new__(cls)
        new._constructor_args = (args, kwargs)
        return new

    def __init__(self) -> None:
        self.creation_counter = next(ManagerBase._counter)
        self.model: Any = None
        self.name: str | None = None
        self._db: str | None = None
        self._hints: Mapping[str, Any] = {}
        self._start: tuple[Any, QuerySet[Any, Any], Callable[[], Any], bool] | None = None
        """The model, the queryset that its queries begin with, how that one is copied, and whether its ``get`` is ours."""

    _constructor_args: tuple[tuple[Any, ...], dict[str, Any]]

    def __vivace_key__(self, keying: Any) -> Any:
        return manager_key(self, keying)

    def __getattr__(self, name: str) -> Any:
        raise missing_attribute(self, name)

    def __class_getitem__(cls, parameters: Any) -> Any:
        return cls

    def __copy__(self) -> Self:
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._start = None
        return twin

    def __str__(self) -> str:
        label = self.model._meta.label if self.model is not None else None
        return f"{label}.{self.name}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ManagerBase)
            and type(self) is type(other)
            and self._constructor_args == other._constructor_args
        )

    def __hash__(self) -> int:
        return id(self)

    @classmethod
    def from_queryset(cls, queryset_class: type[Any], class_name: str | None = None) -> Any:
        """Return a manager class with the public methods of a queryset class."""
        name = class_name or f"{cls.__name__}From{queryset_class.__name__}"
        return type(name, (cls,), {"_queryset_class": queryset_class, **_proxies(cls, queryset_class)})

    def contribute_to_class(self, cls: Any, name: str) -> None:
        """Become the manager ``name`` of a model; the metaclass calls this."""
        self.name = self.name or name
        self.model = cls
        setattr(cls, name, ManagerDescriptor(self))
        cls._meta.add_manager(self)

    def get_queryset(self) -> Any:
        """Return the queryset that queries begin with; override it to restrict them."""
        return self._queryset_class(model=self.model, using=self._db, hints=self._hints)

    def _begin(self) -> Any:
        """Return a queryset to call a method of: kept where ``get_queryset`` is the plain one."""
        kept = self.__dict__  # reading attributes of what has a `__getattr__` costs three times as much
        start = kept["_start"]
        if start is not None and start[0] is kept["model"]:
            return start[1]
        begin = self.get_queryset()
        if type(self).get_queryset is ManagerBase.get_queryset:
            self._start = self.model, begin, begin.all, type(begin).get is QuerySet.get
        return begin

    def all(self) -> Any:
        """Return a queryset of all rows."""
        kept = self.__dict__
        start = kept["_start"]
        if start is not None and start[0] is kept["model"]:
            return start[2]()
        begin = self._begin()
        # one that was made for this call is none that others have: and a copy would not be where a relation keeps its rows
        start = kept["_start"]
        return begin.all() if start is not None and start[1] is begin else begin

    def __await__(self) -> Generator[Any, Any, Any]:
        return self.all().__await__()  # type: ignore[no-any-return]

    def __aiter__(self) -> AsyncIterator[Any]:
        return self.all().__aiter__()  # type: ignore[no-any-return]

    def using(self, alias: str | None) -> Any:
        """Return a queryset of a named database."""
        return self.get_queryset().using(alias)

    def db_manager(self, using: str | None = None, hints: Mapping[str, Any] | None = None) -> Self:
        """Return a manager that asks a named database."""
        twin = self.__copy__()
        twin._db = using or self._db
        twin._hints = hints or self._hints
        return twin

    @property
    def db(self) -> str:
        """The alias of the database that is asked."""
        alias: str = self._begin().db
        return alias

    def deconstruct(self) -> tuple[bool, str | None, str | None, tuple[Any, ...], dict[str, Any]]:
        """Return how a migration makes it: (as_manager, manager path, queryset path, args, kwargs)."""
        if self._built_with_as_manager:
            of = self._queryset_class
            return True, None, f"{of.__module__}.{of.__qualname__}", (), {}
        args, kwargs = self._constructor_args
        return False, f"{type(self).__module__}.{type(self).__qualname__}", None, args, kwargs

    def check(self, **kwargs: Any) -> list[Finding]:
        """Return what is wrong with it: nothing, unless a subclass says so."""
        return []


def _proxies(manager_class: type[Any], queryset_class: type[Any]) -> dict[str, Any]:
    """Return methods that call the queryset's; private ones only when they ask for it (``queryset_only = False``)."""
    methods: dict[str, Any] = {}
    for name, method in inspect.getmembers(queryset_class, inspect.isfunction):
        if hasattr(manager_class, name):
            continue
        only = getattr(method, "queryset_only", None)
        if only or (only is None and name.startswith("_")):
            continue
        methods[name] = _proxy(name, method)
    return methods


def _proxy(name: str, method: Any) -> Any:
    if (
        method is QuerySet.get
    ):  # called most, and one call itself: its arguments need not be taken apart again

        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            kept = self.__dict__
            start: Any = kept["_start"]
            if start is not None and start[0] is kept["model"] and start[3]:
                return single.get(start[1], args, kwargs)
            return self._begin().get(*args, **kwargs)
    else:

        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            return getattr(self._begin(), name)(*args, **kwargs)

    call.__name__ = name
    call.__qualname__ = f"Manager.{name}"
    call.__doc__ = method.__doc__
    return call


class ManagerDescriptor:
    """Gives a class its manager, and its objects an error."""

    __slots__ = ("manager", "model")

    def __init__(self, manager: Any) -> None:
        self.manager = manager
        self.model = manager.model

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None and owner is self.model:
            return self.manager
        manager = self.manager
        if instance is not None:
            raise AttributeError(
                f"A manager belongs to the class: {owner.__name__}.{manager.name}, not to its objects."
            )
        if owner._meta.abstract:
            raise AttributeError(f"{owner.__name__} is abstract: it has no rows to ask for.")
        return owner._meta.managers_map[manager.name]


if TYPE_CHECKING:

    class Manager(QuerySet[M, M], Generic[M]):
        """What type checkers see: a manager has all methods of its queryset."""

        name: str | None
        auto_created: bool
        use_in_migrations: bool
        creation_counter: int

        def __init__(self) -> None: ...
        def get_queryset(self) -> QuerySet[M, M]: ...
        def contribute_to_class(self, cls: Any, name: str) -> None: ...
        def db_manager(self, using: str | None = None, hints: Mapping[str, Any] | None = None) -> Self: ...
        def deconstruct(
            self,
        ) -> tuple[bool, str | None, str | None, tuple[Any, ...], dict[str, Any]]: ...
        def check(self, **kwargs: Any) -> list[Finding]: ...

        if MYPY:

            @classmethod
            def from_queryset(  # pyright: ignore[reportRedeclaration]
                cls, queryset_class: type[QuerySet[N, Any]], class_name: str | None = None
            ) -> type[AnyManager[N]]: ...

        else:

            @classmethod
            def from_queryset(cls, queryset_class: type[Q], class_name: str | None = None) -> type[Q]: ...

    class AnyManager(Manager[M]):
        """A manager with further methods, of which mypy cannot be told more."""

        def __getattr__(self, name: str) -> Any: ...

else:
    Manager = ManagerBase.from_queryset(QuerySet, "Manager")
    Manager.__module__ = __name__
    Manager.__qualname__ = "Manager"
    Manager.__doc__ = "The default manager: all methods of QuerySet."


def manager_of(queryset_class: type[Any]) -> Any:
    """Return a manager with the methods of a queryset class: its ``as_manager()``."""
    manager: Any = Manager.from_queryset(queryset_class)()
    manager._built_with_as_manager = True
    return manager


class EmptyManager(Manager[Any]):
    """A manager without rows, for things that look like a model's objects but are not stored."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def get_queryset(self) -> Any:
        return super().get_queryset().none()


__all__ = ["EmptyManager", "Manager", "ManagerBase", "ManagerDescriptor", "manager_of"]
