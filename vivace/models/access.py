"""What type checkers see of attributes that no source line assigns: none of it exists at run time otherwise.

``id``: a model without a primary key of its own has a ``BigAutoField``. A model that declares ``id`` in another type
overrides it; mypy allows that only where the inherited type admits anything, hence its union with ``Any``, from which
it still infers ``int``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from typing import overload

    from .base import Model
    from .expressions.base import Expression
    from .expressions.names import FieldRef
    from .query.manager import Manager
    from .query.managers import RelatedManager

    M = TypeVar("M", bound=Model)
    MYPY = False  # mypy takes it for true
else:
    M = TypeVar("M")

T = TypeVar("T")

if TYPE_CHECKING:
    if MYPY:

        class AutoId:  # pyright: ignore[reportRedeclaration]
            @overload
            def __get__(self, instance: None, owner: type[Any]) -> FieldRef[int] | Any: ...
            @overload
            def __get__(self, instance: Model, owner: type[Any]) -> int | Any: ...
            def __get__(self, instance: Any, owner: type[Any]) -> Any: ...
            def __set__(self, instance: Model, value: Any) -> None: ...

    else:

        class AutoId:
            @overload
            def __get__(self, instance: None, owner: type[Any]) -> FieldRef[int]: ...
            @overload
            def __get__(self, instance: Model, owner: type[Any]) -> int: ...
            def __get__(self, instance: Any, owner: type[Any]) -> Any: ...
            def __set__(self, instance: Model, value: Any) -> None: ...

    class DefaultManager:
        """``objects`` of a model that declares no manager.

        To override it mypy wants a subtype of what an *object* has (checker.py, ``lvalue_type_from_base``): with ``Any`` there,
        which no object has at run time, a model's ``objects`` may be of the type of its queryset, as ``as_manager()`` says.
        """

        @overload
        def __get__(self, instance: None, owner: type[M]) -> Manager[M]: ...
        @overload
        def __get__(self, instance: M, owner: type[M]) -> Any: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...


class Id(Generic[T]):
    """Declares the key behind a foreign key: ``author_id: models.Id[int]``."""

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type[Any]) -> FieldRef[T]: ...
        @overload
        def __get__(self, instance: Model, owner: type[Any]) -> T: ...
        def __get__(self, instance: Any, owner: type[Any]) -> Any: ...
        def __set__(self, instance: Model, value: T | Expression | None) -> None: ...


class Annotated(Generic[T]):
    """Declares what a query annotates: ``total: models.Annotated[int]``."""

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type[Any]) -> FieldRef[T]: ...
        @overload
        def __get__(self, instance: Model, owner: type[Any]) -> T: ...
        def __get__(self, instance: Any, owner: type[Any]) -> Any: ...
        def __set__(self, instance: Model, value: T) -> None: ...  # of a new object, which no query has seen


class Reverse(Generic[M]):
    """Declares the other side of a relation to many: ``books: models.Reverse["Book"]``."""

    if TYPE_CHECKING:

        def __get__(self, instance: Model | None, owner: type[Any]) -> RelatedManager[M]: ...


class ReverseOne(Generic[M]):
    """Declares the other side of a relation to one: ``profile: models.ReverseOne["Profile"]``."""

    if TYPE_CHECKING:

        def __get__(self, instance: Model | None, owner: type[Any]) -> M: ...
