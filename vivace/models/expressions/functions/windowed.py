"""Functions that need a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from vivace.models.expressions.func import Func
from vivace.models.expressions.values import Value

if TYPE_CHECKING:
    from vivace.models.sql.outputs import Outputs


class _Windowed(Func):
    window_compatible: ClassVar[bool] = True


class _Place(_Windowed):
    arity = 0
    output_kind = "IntegerField"


class RowNumber(_Place):
    """The number of the row in its partition."""

    function = "ROW_NUMBER"


class Rank(_Place):
    """The number of the row, the same for equal ones, with gaps."""

    function = "RANK"


class DenseRank(_Place):
    """The number of the row, the same for equal ones, without gaps."""

    function = "DENSE_RANK"


class PercentRank(_Windowed):
    """The rank as a part of 1."""

    function = "PERCENT_RANK"
    arity = 0
    output_kind = "FloatField"


class CumeDist(_Windowed):
    """The part of rows that come before it or are equal."""

    function = "CUME_DIST"
    arity = 0
    output_kind = "FloatField"


class Ntile(_Windowed):
    """The number of the part, when the partition is cut into parts of equal size."""

    function = "NTILE"
    output_kind = "IntegerField"

    def __init__(self, num_buckets: int = 1, **extra: Any) -> None:
        if num_buckets <= 0:
            raise ValueError("num_buckets must be greater than 0.")
        super().__init__(Value(num_buckets), **extra)


class _First(_Windowed):
    def infer(self, outputs: Outputs) -> Any:
        return outputs.of(self.source[0])


class FirstValue(_First):
    """The value of the frame's first row."""

    function = "FIRST_VALUE"
    arity = 1


class LastValue(_First):
    """The value of the frame's last row."""

    function = "LAST_VALUE"
    arity = 1


class NthValue(_First):
    """The value of the frame's row of this number."""

    function = "NTH_VALUE"

    def __init__(self, expression: Any, nth: int | None = 1, **extra: Any) -> None:
        if expression is None:
            raise ValueError(f"{type(self).__name__} requires a non-null source expression.")
        if nth is None or nth <= 0:
            raise ValueError(f"{type(self).__name__} requires a positive integer as for nth.")
        super().__init__(expression, Value(nth), **extra)


class Lag(_First):
    """The value of the row so many before."""

    function = "LAG"

    def __init__(self, expression: Any, offset: int | None = 1, default: Any = None, **extra: Any) -> None:
        if expression is None:
            raise ValueError(f"{type(self).__name__} requires a non-null source expression.")
        if offset is None or offset <= 0:
            raise ValueError(f"{type(self).__name__} requires a positive integer for the offset.")
        rest = () if default is None else (default if hasattr(default, "lifted") else Value(default),)
        super().__init__(expression, Value(offset), *rest, **extra)


class Lead(Lag):
    """The value of the row so many behind."""

    function = "LEAD"


__all__ = [
    "CumeDist",
    "DenseRank",
    "FirstValue",
    "Lag",
    "LastValue",
    "Lead",
    "NthValue",
    "Ntile",
    "PercentRank",
    "Rank",
    "RowNumber",
]
