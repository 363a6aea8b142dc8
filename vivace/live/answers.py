"""Answers to forms that the client of live pages sent by ``fetch``."""

from __future__ import annotations

from typing import Final

from vivace.http.request import SAFE_METHODS, Request
from vivace.http.response import Response

ASKS: Final = "vivace-form"
TELLS: Final = "vivace-location"
_MOVED: Final = (301, 302, 303)  # after these a browser goes on with GET


def tell_place(request: Request, response: Response) -> None:
    """Answer 204 with ``Vivace-Location`` where a form of a live page would be redirected; a hook after every response.

    A script's ``fetch`` follows redirects unseen. Then the next page would be asked for once by the script and once by
    the browser, and the first of them would use up what is shown once; and one on another site could not be followed.
    """
    if request.method in SAFE_METHODS or response.status not in _MOVED or ASKS not in request.headers:
        return
    place = response.headers.get("location")
    if place is not None:
        del response.headers["location"]
        response.headers[TELLS] = place
        response.status = 204


__all__ = ["tell_place"]
