"""What a user writes into ``Annotated[…]`` to say where a parameter comes from, when its type does not say it.

``Annotated[str, Header("user-agent")]``, ``Annotated[int, Query(ge=1)]``, ``Annotated[Filter, Query()]``,
``Annotated[Session, Depends(open_session)]``. Constraints are those of ``msgspec.Meta``, which may stand beside a
marker or instead of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict, Unpack

import msgspec


class Constraints(TypedDict, total=False):
    """What ``msgspec.Meta`` checks: numbers by size, text and lists by length, text by pattern."""

    gt: float
    ge: float
    lt: float
    le: float
    multiple_of: float
    pattern: str
    min_length: int
    max_length: int


def _meta(constraints: Any) -> msgspec.Meta:
    """Return the constraints as msgspec knows them; it refuses those that exclude each other."""
    return msgspec.Meta(**constraints)


class Marker:
    """A place in the request; ``name`` there, when it is not the parameter's own."""

    place = ""
    __slots__ = ("meta", "name")

    def __init__(self, name: str = "", **constraints: Unpack[Constraints]) -> None:
        self.name = name
        self.meta = _meta(constraints) if constraints else None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})" if self.name else f"{type(self).__name__}()"


class Path(Marker):
    """A part of the path, by the name in the pattern."""

    place = "path"
    __slots__ = ()


class Query(Marker):
    """A query parameter; on a Struct, dataclass or TypedDict: one parameter per field."""

    place = "query"
    __slots__ = ()


class Header(Marker):
    """A request header; without a name ``user_agent`` is read from ``user-agent``."""

    place = "header"
    __slots__ = ()


class Cookie(Marker):
    """A cookie."""

    place = "cookie"
    __slots__ = ()


class Form(Marker):
    """A form field; on a Struct, dataclass or TypedDict: the whole form, one field per field.

    Fields that the model does not have are refused; ``Form(allow_unknown=True)`` ignores them.
    """

    place = "form"
    __slots__ = ("allow_unknown",)

    def __init__(
        self, name: str = "", *, allow_unknown: bool = False, **constraints: Unpack[Constraints]
    ) -> None:
        super().__init__(name, **constraints)
        self.allow_unknown = allow_unknown


class Body(Marker):
    """The JSON body, or by ``Body("article")`` what it has under a name: ``{"article": …}``.

    Fields that the type does not have are refused; ``Body(allow_unknown=True)`` ignores them.
    """

    place = "body"
    __slots__ = ("allow_unknown",)

    def __init__(
        self, name: str = "", *, allow_unknown: bool = False, **constraints: Unpack[Constraints]
    ) -> None:
        super().__init__(name, **constraints)
        self.allow_unknown = allow_unknown


class Depends:
    """A value made by ``provider`` for this request, when the type alone does not name the provider."""

    __slots__ = ("provider",)

    def __init__(self, provider: Callable[..., Any]) -> None:
        self.provider = provider


__all__ = ["Body", "Constraints", "Cookie", "Depends", "Form", "Header", "Marker", "Path", "Query"]
