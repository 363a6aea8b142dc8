"""Window: an expression over rows around the row at hand."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

from vivace.models.expressions.aggregates import ordering_of
from vivace.models.expressions.base import Expression, several
from vivace.models.expressions.func import parsed

if TYPE_CHECKING:
    from vivace.models.sql.outputs import Outputs
    from vivace.models.sql.render import Renderer


class WindowFrameExclusion(Enum):
    """Which rows of the frame are left out."""

    CURRENT_ROW = "CURRENT ROW"
    GROUP = "GROUP"
    TIES = "TIES"
    NO_OTHERS = "NO OTHERS"


class WindowFrame(Expression):
    """Which rows belong to a window: from ``start`` to ``end`` relative to the row at hand, ``None`` without bound.

    Negative numbers count rows (or values) before it, positive ones after it, 0 is the row itself.
    """

    frame_type: ClassVar[str] = ""

    def __init__(self, start: int | None = None, end: int | None = None, exclusion: Any = None) -> None:
        if exclusion is not None and not isinstance(exclusion, WindowFrameExclusion):
            raise TypeError(f"{type(self).__name__}.exclusion must be a WindowFrameExclusion instance.")
        bounds: tuple[Any, Any] = (start, end)
        for bound in bounds:
            if bound is not None and (not isinstance(bound, int) or isinstance(bound, bool)):
                raise ValueError(f"A bound of a window frame is a whole number or None, not {bound!r}.")
        if start is not None and end is not None and start > end:
            raise ValueError("start cannot be greater than end.")
        self.start = start
        self.end = end
        self.exclusion: WindowFrameExclusion | None = exclusion

    def render(self, r: Renderer) -> Any:
        bounds = f"{_bound(self.start, 'UNBOUNDED PRECEDING')} AND {_bound(self.end, 'UNBOUNDED FOLLOWING')}"
        exclude = f" EXCLUDE {self.exclusion.value}" if self.exclusion is not None else ""
        return r.sql(f"{self.frame_type} BETWEEN {bounds}{exclude}")


def _bound(value: int | None, unbounded: str) -> str:
    if value is None:
        return unbounded
    if value == 0:
        return "CURRENT ROW"
    return f"{-value} PRECEDING" if value < 0 else f"{value} FOLLOWING"


class RowRange(WindowFrame):
    """A frame counted in rows."""

    frame_type = "ROWS"


class ValueRange(WindowFrame):
    """A frame counted in values of the ordering."""

    frame_type = "RANGE"


class Window(Expression):
    """``expression OVER (PARTITION BY … ORDER BY … frame)``."""

    def __init__(
        self,
        expression: Expression,
        partition_by: Any = None,
        order_by: Any = None,
        frame: WindowFrame | None = None,
        output_field: Any = None,
    ) -> None:
        if not getattr(expression, "window_compatible", False):
            raise ValueError(f"Expression {type(expression).__name__!r} isn't compatible with OVER clauses.")
        self.expression = expression
        self.partition_by = tuple(parsed(each) for each in several(partition_by) if each is not None)
        self.order_by: tuple[Expression, ...] = _order(order_by)
        self.frame = frame
        self.output_field = output_field

    @property
    def contains_over_clause(self) -> bool:
        return True

    @property
    def contains_aggregate(self) -> bool:
        return False

    def infer(self, outputs: Outputs) -> Any:
        return outputs.of(self.expression)

    def render(self, r: Renderer) -> Any:
        return r.window(self)


def _order(order_by: Any) -> tuple[Expression, ...]:
    if order_by is None:
        return ()
    if isinstance(order_by, (str, list, tuple, Expression)):
        return ordering_of(order_by)
    raise ValueError(
        "Window.order_by must be either a string reference, an expression, or a list or tuple of them."
    )


__all__ = ["RowRange", "ValueRange", "Window", "WindowFrame", "WindowFrameExclusion"]
