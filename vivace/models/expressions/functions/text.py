"""Functions of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.models.expressions.base import Expression
from vivace.models.expressions.func import Func, Transform
from vivace.models.expressions.values import Value

if TYPE_CHECKING:
    from vivace.models.sql.outputs import Outputs
    from vivace.models.sql.render import Renderer


def _number(value: Any) -> Expression:
    return value if isinstance(value, Expression) else Value(value)


class Chr(Transform):
    """The character of a code point."""

    function = "CHR"
    sqlite_function = "CHAR"
    lookup_name = "chr"
    output_kind = "CharField"


class Concat(Func):
    """Texts one after another; NULL counts as nothing."""

    output_kind = ""

    def __init__(self, *expressions: Any, **extra: Any) -> None:
        if len(expressions) < 2:
            raise ValueError("Concat must take at least two expressions")
        super().__init__(*expressions, **extra)

    def render(self, r: Renderer) -> Any:
        parts = [r.sql("COALESCE(", self._text(r, each), ", '')") for each in self.source]
        return r.sql("(", r.joined(parts, " || "), ")")

    @staticmethod
    def _text(r: Renderer, node: Expression) -> Any:
        return node if r.dialect == "sqlite" else r.sql("(", node, ")::text")


class ConcatPair(Concat):
    """Two texts one after the other."""

    arity = 2


class Left(Func):
    """The first characters."""

    function = "LEFT"
    output_kind = "CharField"

    def __init__(self, expression: Any, length: Any, **extra: Any) -> None:
        if not isinstance(length, Expression) and length < 1:
            raise ValueError("'length' must be greater than 0.")
        super().__init__(expression, _number(length), **extra)

    def render(self, r: Renderer) -> Any:
        text, length = self.source
        return r.call("SUBSTR", text, "1", length) if r.dialect == "sqlite" else r.call("LEFT", text, length)


class Right(Left):
    """The last characters."""

    def render(self, r: Renderer) -> Any:
        text, length = self.source
        if r.dialect == "sqlite":
            return r.call("SUBSTR", text, r.sql("-(", length, ")"), length)
        return r.call("RIGHT", text, length)


class Length(Transform):
    """The number of characters."""

    function = "LENGTH"
    lookup_name = "length"
    output_kind = "IntegerField"


class Lower(Transform):
    """In lower case."""

    function = "LOWER"
    lookup_name = "lower"


class Upper(Transform):
    """In upper case."""

    function = "UPPER"
    lookup_name = "upper"


class LPad(Func):
    """Filled up on the left to a length."""

    function = "LPAD"
    output_kind = "CharField"

    def __init__(self, expression: Any, length: Any, fill_text: Any = None, **extra: Any) -> None:
        if not isinstance(length, Expression) and length is not None and length < 0:
            raise ValueError("'length' must be greater or equal to 0.")
        fill = Value(" ") if fill_text is None else fill_text
        super().__init__(expression, _number(length), fill, **extra)


class RPad(LPad):
    """Filled up on the right to a length."""

    function = "RPAD"


class LTrim(Transform):
    """Without spaces at its beginning."""

    function = "LTRIM"
    lookup_name = "ltrim"


class RTrim(Transform):
    """Without spaces at its end."""

    function = "RTRIM"
    lookup_name = "rtrim"


class Trim(Transform):
    """Without spaces at its ends."""

    function = "TRIM"
    lookup_name = "trim"


class Ord(Transform):
    """The code point of the first character."""

    function = "ASCII"
    sqlite_function = "UNICODE"
    lookup_name = "ord"
    output_kind = "IntegerField"


class Repeat(Func):
    """Several times in a row."""

    function = "REPEAT"
    output_kind = "CharField"

    def __init__(self, expression: Any, number: Any, **extra: Any) -> None:
        if not isinstance(number, Expression) and number is not None and number < 0:
            raise ValueError("'number' must be greater or equal to 0.")
        super().__init__(expression, _number(number), **extra)


class Replace(Func):
    """With each occurrence of a text replaced by another."""

    function = "REPLACE"
    output_kind = "CharField"

    def __init__(self, expression: Any, text: Any, replacement: Any = None, **extra: Any) -> None:
        super().__init__(expression, text, Value("") if replacement is None else replacement, **extra)


class Reverse(Transform):
    """Backwards."""

    function = "REVERSE"
    lookup_name = "reverse"


class StrIndex(Func):
    """The position of a text within, counted from 1; 0 when it is not there."""

    function = "STRPOS"
    sqlite_function = "INSTR"
    arity = 2
    output_kind = "IntegerField"


class Substr(Func):
    """A part, from ``pos`` (counted from 1), of ``length`` characters or up to the end."""

    function = "SUBSTRING"
    sqlite_function = "SUBSTR"
    output_kind = "CharField"

    def __init__(self, expression: Any, pos: Any, length: Any = None, **extra: Any) -> None:
        if not isinstance(pos, Expression) and pos < 1:
            raise ValueError("'pos' must be greater than 0")
        rest = () if length is None else (_number(length),)
        super().__init__(expression, _number(pos), *rest, **extra)

    def infer(self, outputs: Outputs) -> Any:
        return outputs.kind("CharField")


__all__ = [
    "Chr",
    "Concat",
    "ConcatPair",
    "LPad",
    "LTrim",
    "Left",
    "Length",
    "Lower",
    "Ord",
    "RPad",
    "RTrim",
    "Repeat",
    "Replace",
    "Reverse",
    "Right",
    "StrIndex",
    "Substr",
    "Trim",
    "Upper",
]
