"""Mathematical functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.models.expressions.base import Expression
from vivace.models.expressions.func import Func, Transform
from vivace.models.expressions.values import Value

if TYPE_CHECKING:
    from vivace.models.sql.outputs import Outputs
    from vivace.models.sql.render import Renderer


def _numeric(node: Func, outputs: Outputs) -> Any:
    """Return the result's type: decimal when any argument is, float for whole numbers, else the argument's."""
    sources = [outputs.of(each) for each in node.source]
    kinds = [outputs.name(each) for each in sources]
    if "DecimalField" in kinds:
        return outputs.kind("DecimalField")
    if any(outputs.is_integer(each) for each in sources):
        return outputs.kind("FloatField")
    return next((each for each in sources if each is not None), None)


class _Numeric(Transform):
    def infer(self, outputs: Outputs) -> Any:
        return _numeric(self, outputs)


class _Decimals:
    """For functions that PostgreSQL has for NUMERIC but not for floats."""

    source: tuple[Expression, ...]

    def arguments(self, r: Renderer) -> tuple[Any, ...]:
        if r.dialect != "postgresql":
            return self.source
        return tuple(
            r.typed(each, "numeric") if r.kind(each) == "FloatField" else each for each in self.source
        )


class Abs(Transform):
    """Without its sign."""

    function = "ABS"
    lookup_name = "abs"


class ACos(_Numeric):
    """Arc cosine."""

    function = "ACOS"
    lookup_name = "acos"


class ASin(_Numeric):
    """Arc sine."""

    function = "ASIN"
    lookup_name = "asin"


class ATan(_Numeric):
    """Arc tangent."""

    function = "ATAN"
    lookup_name = "atan"


class ATan2(Func):
    """Arc tangent of the quotient of two numbers."""

    function = "ATAN2"
    arity = 2

    def infer(self, outputs: Outputs) -> Any:
        return _numeric(self, outputs)


class Ceil(Transform):
    """The smallest whole number that is not less."""

    function = "CEILING"
    lookup_name = "ceil"


class Cos(_Numeric):
    """Cosine."""

    function = "COS"
    lookup_name = "cos"


class Cot(_Numeric):
    """Cotangent."""

    function = "COT"
    lookup_name = "cot"


class Degrees(_Numeric):
    """Radians in degrees."""

    function = "DEGREES"
    lookup_name = "degrees"


class Exp(_Numeric):
    """e to this power."""

    function = "EXP"
    lookup_name = "exp"


class Floor(Transform):
    """The largest whole number that is not greater."""

    function = "FLOOR"
    lookup_name = "floor"


class Ln(_Numeric):
    """Natural logarithm."""

    function = "LN"
    lookup_name = "ln"


class Log(_Decimals, Func):
    """Logarithm of the second number to the base of the first."""

    function = "LOG"
    arity = 2

    def infer(self, outputs: Outputs) -> Any:
        return _numeric(self, outputs)


class Mod(_Decimals, Func):
    """The remainder of a division."""

    function = "MOD"
    arity = 2

    def infer(self, outputs: Outputs) -> Any:
        return _numeric(self, outputs)


class Pi(Func):
    """π."""

    function = "PI"
    arity = 0
    output_kind = "FloatField"


class Power(Func):
    """The first number to the power of the second."""

    function = "POWER"
    arity = 2

    def infer(self, outputs: Outputs) -> Any:
        return _numeric(self, outputs)


class Radians(_Numeric):
    """Degrees in radians."""

    function = "RADIANS"
    lookup_name = "radians"


class Random(Func):
    """A number from 0 up to 1, another one for each row."""

    function = "RANDOM"
    sqlite_function = "vivace_random"
    arity = 0
    output_kind = "FloatField"


class Round(_Decimals, Transform):
    """Rounded to a number of decimal places."""

    function = "ROUND"
    lookup_name = "round"
    arity = None

    def __init__(self, expression: Any, precision: Any = 0, **extra: Any) -> None:
        digits = precision if isinstance(precision, Expression) else Value(precision)
        super().__init__(expression, digits, **extra)

    def infer(self, outputs: Outputs) -> Any:
        return outputs.of(self.source[0])


class Sign(Transform):
    """-1, 0 or 1."""

    function = "SIGN"
    lookup_name = "sign"


class Sin(_Numeric):
    """Sine."""

    function = "SIN"
    lookup_name = "sin"


class Sqrt(_Numeric):
    """Square root."""

    function = "SQRT"
    lookup_name = "sqrt"


class Tan(_Numeric):
    """Tangent."""

    function = "TAN"
    lookup_name = "tan"


__all__ = [
    "ACos",
    "ASin",
    "ATan",
    "ATan2",
    "Abs",
    "Ceil",
    "Cos",
    "Cot",
    "Degrees",
    "Exp",
    "Floor",
    "Ln",
    "Log",
    "Mod",
    "Pi",
    "Power",
    "Radians",
    "Random",
    "Round",
    "Sign",
    "Sin",
    "Sqrt",
    "Tan",
]
