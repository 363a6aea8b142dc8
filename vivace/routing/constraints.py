"""Ready-made constraints for ``where=``."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from vivace.http.request import Request


class version(msgspec.Struct, frozen=True):  # noqa: N801  (reads as a word: where=version("2.1.0"))
    """The route answers clients whose ``Accept-Version`` covers this version: ``2``, ``2.x``, ``2.1.0``, ``*``.

    Without the header the route does not answer; routes are tried in the order of their registration, so register the
    newest first and one without ``where`` last. The app adds ``Vary: Accept-Version`` to what they answer.
    """

    number: str
    vary: ClassVar[tuple[str, ...]] = ("Accept-Version",)

    def __call__(self, request: Request) -> bool:
        """Return whether the client accepts this version."""
        header = request.headers.first(b"accept-version")
        if header is None:
            return False
        wanted = header.decode("latin-1").strip().split(".")
        mine = self.number.split(".")
        return len(wanted) <= max(len(mine), 3) and all(
            asked in {"x", "X", "*"} or asked == own
            for asked, own in zip(wanted, [*mine, "0", "0"], strict=False)
        )
