"""``RedirectView``: an address that leads elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from vivace.errors import VivaceError
from vivace.errors.views import BadView
from vivace.http.redirect import Redirect
from vivace.http.request import Request
from vivace.http.response import Response

from .base import View, has_own, resolved

logger = logging.getLogger("vivace.views")


class RedirectView(View):
    """Redirects every method to ``url`` (``%(name)s`` is a parameter of the path) or the route ``pattern_name``.

    ``permanent``: clients may remember it. ``query_string``: the query goes along. ``preserve_request``: with the same
    method and body (307, 308). Where ``get_redirect_url`` gives ``None``, the answer is 410.
    """

    permanent: bool = False
    url: str | None = None
    pattern_name: str | None = None
    query_string: bool = False
    preserve_request: bool = False

    @classmethod
    def check_options(cls, given: Mapping[str, Any]) -> None:
        """Refuse a redirect to nowhere."""
        super().check_options(given)
        url, name = (given.get(option, getattr(cls, option)) for option in ("url", "pattern_name"))
        if url is None and name is None and not has_own(cls, "get_redirect_url"):
            raise BadView(
                f"{cls.__name__} does not say where to redirect.",
                expected="url, pattern_name or get_redirect_url()",
                got="none of them",
                fix=f'{cls.__name__}.as_view(url="/new/") or as_view(pattern_name="name-of-a-route").',
            )

    def get_redirect_url(self, *args: Any, **kwargs: Any) -> str | None:
        """Return where to go, ``None`` for nowhere (410)."""
        if self.url is not None:
            url = self.url % {name: quote(str(value), safe="/") for name, value in kwargs.items()}
        elif self.pattern_name is not None:
            try:
                url = str(self.request.app.reverse(self.pattern_name, **kwargs))
            except VivaceError as error:
                logger.warning("%s redirects nowhere: %s", type(self).__name__, error.what)
                return None
        else:
            return None
        query = self.request.query_string
        if self.query_string and query:
            url += f"{'&' if '?' in url else '?'}{query}"
        return url

    async def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Redirect, or answer 410."""
        url: str | None = await resolved(self.get_redirect_url(*args, **kwargs))
        if url:
            return Redirect(url, permanent=self.permanent, preserve=self.preserve_request)
        logger.warning("%s %s is gone", request.method, request.path)
        return Response(b"", 410)

    async def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Redirect, as ``get`` does."""
        return await self.get(request, *args, **kwargs)

    async def put(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Redirect, as ``get`` does."""
        return await self.get(request, *args, **kwargs)

    async def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Redirect, as ``get`` does."""
        return await self.get(request, *args, **kwargs)

    async def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Redirect, as ``get`` does."""
        return await self.get(request, *args, **kwargs)

    async def options(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Redirect, as ``get`` does."""
        return await self.get(request, *args, **kwargs)


__all__ = ["RedirectView"]
