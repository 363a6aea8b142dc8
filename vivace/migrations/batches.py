"""Data migrations in steps: each batch of rows is a transaction of its own, and a rerun goes on where the last one stopped.

One transaction over all rows would hold its locks to the end, and lose everything at the last error.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from vivace.errors import BadMigration

if TYPE_CHECKING:
    from .historical import HistoricalModels
    from .schema.editor import Editor


class Batched:
    """See ``batched``."""

    def __init__(self, model: str, code: Callable[..., Any], size: int, where: Any, pause: float) -> None:
        self.model = model
        self.code = code
        self.size = size
        self.where = where
        self.pause = pause
        self.__name__ = f"{getattr(code, '__name__', 'batches')} in batches of {size} {model}"

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """Return how a file makes it."""
        kwargs: dict[str, Any] = {"size": self.size} if self.size != 1000 else {}
        kwargs.update({"where": self.where} if self.where is not None else {})
        kwargs.update({"pause": self.pause} if self.pause else {})
        return "vivace.migrations.batched", (self.model, self.code), kwargs

    async def __call__(self, apps: HistoricalModels, editor: Editor) -> None:
        """Work through the rows from where it got to."""
        if editor.in_transaction or editor.progress is None:
            raise BadMigration(
                "Batches cannot be transactions of their own within the migration's transaction.",
                fix="Set atomic = False in the Migration.",
            )
        model = apps.get_model(self.model)
        last = await editor.progress.position()
        while rows := await self._rows(model, last):
            async with editor.batch():
                result = self.code(apps, rows)
                if inspect.isawaitable(result):
                    await result
                last = rows[-1].pk
                await editor.progress.reach(last if isinstance(last, int) else str(last))
            if self.pause:
                await asyncio.sleep(self.pause)

    async def _rows(self, model: Any, last: Any) -> list[Any]:
        rows = model.objects.order_by("pk")
        if self.where is not None:
            rows = rows.filter(self.where)
        if last is not None:
            rows = rows.filter(pk__gt=last)
        return list(await rows[: self.size])


def batched(
    model: str,
    code: Callable[[HistoricalModels, list[Any]], Awaitable[object] | None],
    *,
    size: int = 1000,
    where: Any = None,
    pause: float = 0.0,
) -> Batched:
    """Return code for ``RunPython`` that calls ``async def code(apps, rows)`` for each batch of a model's rows.

    Rows come in the order of their key, ``size`` at a time, those that meet ``where`` (a ``Q``); between batches it waits
    ``pause`` seconds. Each batch is a transaction that also notes how far it got. The migration needs ``atomic = False``.
    """
    return Batched(model, code, size, where, pause)


__all__ = ["Batched", "batched"]
