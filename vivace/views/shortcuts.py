"""What nearly every view says: fetch or 404, redirect."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast, overload, runtime_checkable

from vivace.errors import DataError, InvalidValue, NotFound, ObjectDoesNotExist, UnexpectedArgument
from vivace.http.redirect import Redirect
from vivace.http.request import Request
from vivace.http.response import Response

if TYPE_CHECKING:
    from vivace.models import Model, QuerySet

    M = TypeVar("M", bound=Model)
R = TypeVar("R")

_OF_A_URL: Final = re.compile(r"[/?#.]")
NO_SUCH_ROW: Final = (ObjectDoesNotExist, InvalidValue, DataError)
"""What a look-up by somebody's text may end in: no row, or text that no row can have."""


@runtime_checkable
class HasAbsoluteURL(Protocol):
    """Something that knows the address of its page."""

    def get_absolute_url(self) -> str | Awaitable[str]: ...


class _To(Redirect):
    """A redirect whose address is found when it is sent: a route with parameters, or an object's own page."""

    def __init__(self, target: str | HasAbsoluteURL, params: dict[str, Any], **options: Any) -> None:
        super().__init__("", **options)
        self._to = target
        self._params = params

    async def prepare(self, request: Request) -> Response:
        to = self._to
        if isinstance(to, str):
            url = str(request.app.reverse(to, **self._params))
        else:
            given = to.get_absolute_url()
            url = given if isinstance(given, str) else await given
        self.target = url
        self._point_to(url)
        return self.resolve(request.method, str)


def redirect(
    to: str | HasAbsoluteURL, /, *, permanent: bool = False, preserve_request: bool = False, **params: Any
) -> Redirect:
    """Return a redirect to a URL, to the route of that name with ``params``, or to an object's ``get_absolute_url()``.

    A text with any of ``/ ? # .`` is a URL; ``blog:post`` is a route. The status is that of ``Redirect``: 303 after an
    unsafe method, else 302; ``permanent`` 301; ``preserve_request`` keeps method and body (307, 308). An unknown route is
    ``UnknownRoute`` when the answer is prepared. For addresses from outside use ``Redirect.safe``.
    """
    if isinstance(to, str) and _OF_A_URL.search(to) and not params:
        return Redirect(to, permanent=permanent, preserve=preserve_request)
    if not isinstance(to, str) and not hasattr(to, "get_absolute_url"):
        raise UnexpectedArgument(
            "redirect() does not know where to go.",
            expected="a URL, the name of a route, or an object with get_absolute_url()",
            got=type(to).__qualname__,
            fix=f"Define get_absolute_url(self) in {type(to).__qualname__}.",
        )
    return _To(to, params, permanent=permanent, preserve=preserve_request)


@overload
async def get_object_or_404(source: type[M], /, *args: Any, **kwargs: Any) -> M: ...
@overload
async def get_object_or_404(source: QuerySet[M, R], /, *args: Any, **kwargs: Any) -> R: ...
async def get_object_or_404(source: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Return the one row of a model, manager or queryset that matches. Raises ``NotFound`` when there is none.

    A value that no row can have (``pk="abc"``) is 404 as well. More than one row is the model's
    ``MultipleObjectsReturned``.
    """
    queryset = _queryset(source, "get_object_or_404")
    try:
        return await queryset.get(*args, **kwargs)
    except NO_SUCH_ROW as error:
        raise not_found(queryset) from error


@overload
async def get_list_or_404(source: type[M], /, *args: Any, **kwargs: Any) -> list[M]: ...
@overload
async def get_list_or_404(source: QuerySet[M, R], /, *args: Any, **kwargs: Any) -> list[R]: ...
async def get_list_or_404(source: Any, /, *args: Any, **kwargs: Any) -> list[Any]:
    """Return the rows of a model, manager or queryset that match, at least one. Raises ``NotFound`` when there is none."""
    queryset = _queryset(source, "get_list_or_404")
    try:
        rows = cast("list[Any]", await queryset.filter(*args, **kwargs))
    except NO_SUCH_ROW as error:
        raise not_found(queryset) from error
    if not rows:
        raise not_found(queryset)
    return rows


def not_found(queryset: Any) -> NotFound:
    """Return the 404 that says which kind of thing is not there."""
    return NotFound(f"No {queryset.model._meta.verbose_name} found matching the query.")


def _queryset(source: Any, caller: str) -> Any:
    manager = getattr(source, "_default_manager", source) if inspect.isclass(source) else source
    if not hasattr(manager, "get") or not hasattr(manager, "filter"):
        raise UnexpectedArgument(
            f"{caller}() has nothing to look in.",
            expected="a model, a manager or a queryset",
            got=repr(source)[:80],
        )
    return manager


__all__ = ["get_list_or_404", "get_object_or_404", "redirect"]
