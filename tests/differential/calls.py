"""Strategies of OR8: each database function on columns and small expressions, and what may follow it.

Arguments stay where a function is defined: what a database says outside of it (an error, infinity, NULL) is its own affair.
"""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from tests.differential.conditions import Scope, lookup_pair, main_models
from tests.differential.expressions import expression, literal
from tests.differential.programs import Call, Case, Op, Query
from tests.differential.vocabulary import LOOKUPS

_PARTS: Final = ("Year", "IsoYear", "Quarter", "Month", "Week", "IsoWeekDay", "WeekDay", "Day")
_TIMES: Final = ("Hour", "Minute", "Second")
_KEPT: Final = ("Year", "Quarter", "Month", "Week", "Day")
# the function, the kind of its value, the kinds of its arguments
_CALLS: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    *((name, "float", ("unit",)) for name in ("ACos", "ASin")),
    *((name, "float", ("small",)) for name in ("ATan", "Cos", "Exp", "Radians", "Degrees", "Sin", "Tan")),
    *((name, "float", ("positive",)) for name in ("Cot", "Ln", "Sqrt")),
    ("ATan2", "float", ("positive", "small")),
    ("Log", "float", ("base", "positive")),
    ("Power", "float", ("positive", "exponent")),
    ("Mod", "int", ("int", "divisor")),
    ("Pi", "float", ()),
    *((name, "float", ("float",)) for name in ("Abs", "Ceil", "Floor", "Sign")),
    ("Round", "decimal", ("decimal", "digits")),
    *((name, "int", ("text",)) for name in ("Length", "Ord")),
    ("Chr", "text", ("code",)),
    ("StrIndex", "int", ("text", "piece")),
    *((name, "text", ("text",)) for name in ("Lower", "Upper", "Reverse", "Trim", "LTrim", "RTrim")),
    *((name, "text", ("text",)) for name in ("MD5", "SHA224", "SHA256", "SHA384", "SHA512")),
    *((name, "text", ("text", "length")) for name in ("Left", "Right", "Repeat")),
    *((name, "text", ("text", "length", "piece")) for name in ("LPad", "RPad")),
    ("Substr", "text", ("text", "place", "length")),
    ("Replace", "text", ("text", "piece", "text")),
    ("ConcatPair", "text", ("text", "text")),
    ("Concat", "text", ("text", "text", "text")),
    *((f"Extract{name}", "int", ("date",)) for name in _PARTS),
    *((f"Extract{name}", "int", ("datetime",)) for name in _TIMES),
    *((f"Trunc{name}", "date", ("date",)) for name in _KEPT),
    *((f"Trunc{name}", "datetime", ("datetime",)) for name in _TIMES),
    ("TruncDate", "date", ("datetime",)),
    ("TruncTime", "time", ("datetime",)),
)
NAMES: Final = tuple(name for name, _, _ in _CALLS)
_CONSTANTS: Final[dict[str, tuple[Any, ...]]] = {
    "base": (2.0, 10.0),
    "exponent": (2.0, 3.0, -1.0),
    "divisor": (2, 3, 7),
    "digits": (0, 1),
    "code": (33, 65, 223, 8364),
    "length": (1, 2, 5),
    "place": (1, 2, 4),
}


@st.composite
def function_case(draw: st.DrawFn, name: str) -> Case:
    """A function of near or far columns, shown, counted, ordered by or filtered by."""
    model = draw(main_models)
    scope = Scope(model, depth=draw(st.integers(0, 1)))
    kind, wanted = next((kind, wanted) for each, kind, wanted in _CALLS if each == name)
    found = Call(name, tuple(draw(_argument(scope, each)) for each in wanted))
    query = Query(model, (Call("annotate", named=(("x", found),)),))
    lookup = draw(st.sampled_from(("isnull",) if kind == "float" else LOOKUPS[kind]))
    given = draw(lookup_pair(Scope("Tag", (("x", kind),), depth=0), kind, lookup))
    tails: tuple[tuple[Call, ...], ...] = (
        (Call("values", ("pk", "x")),),
        (Call("values", ("pk", "x")),),
        (Call("order_by", ("x", "pk")), Call("values_list", ("x",))),
        (Call("filter", named=(given,)),),
        (Call("exclude", named=(given,)), Call("count")),
        (Call("order_by"), Call("values", ("x",)), Call("annotate", named=(("n", Call("Count", ("pk",))),))),
    )
    return Case("OR8", query.then(*draw(st.sampled_from(tails))))


@st.composite
def _argument(draw: st.DrawFn, scope: Scope, kind: str) -> Any:
    if kind in _CONSTANTS:
        return draw(st.sampled_from(_CONSTANTS[kind]))
    if kind == "piece":
        return Call("Value", (draw(st.sampled_from(("a", "o", "N", "xy", "ë"))),))
    if kind == "unit":
        return Call("Least", (Call("Abs", (draw(expression(scope, "float", 0)),)), literal(1.0, "float")))
    if kind == "positive":
        return Op("+", Call("Abs", (draw(expression(scope, "float", 0)),)), literal(0.5, "float"))
    if kind == "small":
        return Call("Least", (draw(expression(scope, "float", 0)), literal(3.0, "float")))
    return draw(expression(scope, kind, 1 if kind in ("int", "text", "decimal") else 0))


FUNCTIONS: Final = {name: function_case(name) for name in NAMES}
__all__ = ["FUNCTIONS", "NAMES"]
