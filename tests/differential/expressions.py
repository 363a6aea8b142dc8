"""Strategies for expressions of each kind of value, nested in each other, and for aggregates and windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from hypothesis import strategies as st

from tests.differential.conditions import Scope, condition, filters, has, pair, path, values
from tests.differential.django_side import NEWEST
from tests.differential.programs import Call, Cut, Of, Op, Query
from tests.differential.schema import COLLATION
from tests.differential.vocabulary import KEYS, relations

OUTPUT: Final = {
    "int": Call("IntegerField"),
    "float": Call("FloatField"),
    "decimal": Call("DecimalField", named=(("max_digits", 12), ("decimal_places", 2))),
    "text": Call("TextField"),
    "bool": Call("BooleanField"),
    "date": Call("DateField"),
    "datetime": Call("DateTimeField"),
    "time": Call("TimeField"),
    "duration": Call("DurationField"),
    "uuid": Call("UUIDField"),
    "json": Call("JSONField"),
}
SCALARS: Final = ("int", "float", "decimal", "text", "bool", "date", "datetime", "time", "duration", "uuid")
PLAIN: Final = ("int", "float", "decimal", "text", "date", "datetime")

Maker = Callable[[Scope, int], st.SearchStrategy[Any]]


def expression(scope: Scope, kind: str, size: int = 2) -> st.SearchStrategy[Any]:
    """An expression whose values are of a kind; ``size`` is how deep it nests."""
    return _expression(scope, kind, size)


@st.composite
def _expression(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    if not size or draw(st.integers(0, 4)) == 0:
        if has(scope, kind) and draw(st.integers(0, 3)):
            return column(draw(path(scope, kind)).name)
        return literal(draw(values(kind)), kind)
    makers = (*GENERAL, *SPECIAL.get(kind, ()))
    name = draw(st.sampled_from(makers))
    return draw(MAKERS[name](scope, kind, size - 1))


def column(name: str) -> Call:
    """``F(name)``."""
    return Call("F", (name,))


def literal(value: Any, kind: str) -> Call:
    """``Value(…)`` with its type."""
    return Call("Value", (value,), (("output_field", OUTPUT[kind]),))


# Each maker: (scope, kind of the result, size of the parts) -> expression.


@st.composite
def _case(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    whens: list[Any] = []
    for _ in range(draw(st.integers(1, 2))):
        result = draw(expression(scope, kind, size))
        if draw(st.booleans()):
            whens.append(Call("When", (draw(condition(scope, 1)),), (("then", result),)))
        else:
            whens.append(Call("When", named=(*dict([draw(pair(scope))]).items(), ("then", result))))
    named: list[tuple[str, Any]] = []
    if draw(st.booleans()):
        named.append(("default", draw(expression(scope, kind, size))))
    return Call("Case", tuple(whens), (*named, ("output_field", OUTPUT[kind])))


@st.composite
def _several(draw: st.DrawFn, name: str, scope: Scope, kind: str, size: int) -> Any:
    parts = [draw(expression(scope, kind, size)) for _ in range(draw(st.integers(2, 3)))]
    return Call(name, tuple(parts))


@st.composite
def _null_if(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    return Call("NullIf", (draw(expression(scope, kind, size)), draw(expression(scope, kind, 0))))


@st.composite
def _wrapped(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    inner = condition(scope, 1) if kind == "bool" and draw(st.booleans()) else expression(scope, kind, size)
    return Call("ExpressionWrapper", (draw(inner),), (("output_field", OUTPUT[kind]),))


_CASTS: Final = {
    "int": ("bool", "int", "decimal"),
    "float": ("int", "decimal"),
    "decimal": ("int", "float"),
    "text": ("int", "text", "uuid", "date"),
    "date": ("datetime", "date"),
    "bool": ("bool",),
}


@st.composite
def _cast(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    source = draw(st.sampled_from(_CASTS.get(kind, (kind,))))
    return Call("Cast", (draw(expression(scope, source, size)), OUTPUT[kind]))


@st.composite
def _subquery(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    inner = draw(inner_query(scope, kind))
    return inner if inner is None else Call("Subquery", (inner,))


@st.composite
def inner_query(draw: st.DrawFn, scope: Scope, kind: str) -> Any:
    """A query of one row and one column that refers to the query around it, where it can."""
    model, link = draw(linked(scope))
    own = Scope(model, depth=1, outer=scope)
    if not has(own, kind):
        model, own = "Book", Scope("Book", depth=1, outer=scope)
        link = ("pk", Call("OuterRef", ("pk",)))
    steps = [Call("filter", named=(link,))]
    if draw(st.booleans()):
        steps += draw(filters(own, 1))
    if kind == "int" and draw(st.booleans()):
        counted = (("n", draw(aggregate(own, ("Count", "Sum", "Max")))),)
        grouped = Call("values", (draw(st.sampled_from(("pk", link[0]))),))
        order = Call("order_by", (grouped.args[0],))
        return Query(
            model,
            (*steps, order, grouped, Call("annotate", named=counted), Call("values", ("n",)), Cut(None, 1)),
        )
    name = draw(path(own.near() if has(own.near(), kind) else own, kind)).name
    order = Call("order_by", (name, "pk"))
    return Query(model, (*steps, order, Call("values", (name,)), Cut(None, 1)))


@st.composite
def linked(draw: st.DrawFn, scope: Scope) -> tuple[str, tuple[str, Any]]:
    """A model and the condition that ties it to the outer query's row."""
    ties: list[tuple[str, str, str]] = [
        (relation.model, back.name, relation.name)
        for relation in relations(scope.model)
        for back in relations(relation.model)
        if back.model == scope.model and not back.many and back.key == "int" and scope.model != "Shelf"
    ]
    if draw(st.integers(0, 3)) and ties:
        model, back, _ = draw(st.sampled_from(ties))
        return model, (back, Call("OuterRef", ("pk",)))
    columns = [each.name for each in scope.near().paths("int")] or ["pk"]
    return "Book", (
        draw(st.sampled_from(("year", "pages", "pk"))),
        Call("OuterRef", (draw(st.sampled_from(columns)),)),
    )


@st.composite
def exists(draw: st.DrawFn, scope: Scope, kind: str = "bool", size: int = 0) -> Any:
    """Exists(…), sometimes negated."""
    model, link = draw(linked(scope))
    query = Query(model, (Call("filter", named=(link,)),))
    if draw(st.booleans()):
        query = query.then(*draw(filters(Scope(model, depth=1, outer=scope), 1)))
    found = Call("Exists", (query,))
    return Op("~", found) if draw(st.booleans()) else found


@st.composite
def _arithmetic(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    signs = {"int": "+-*%", "float": "+-*/", "decimal": "+-*"}[kind]
    sign = draw(st.sampled_from(signs))
    left = draw(expression(scope, kind, size))
    if sign == "%" or (sign == "/"):
        return Op(sign, left, draw(st.sampled_from((2, 7, 3))))
    right = draw(st.one_of(values(kind), expression(scope, kind, size)))
    return Op(sign, left, right)


@st.composite
def _negated(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    return Op("-", draw(expression(scope, kind, size)))


@st.composite
def _bits(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    name = draw(st.sampled_from(("bitand", "bitor", "bitxor", "bitleftshift", "bitrightshift")))
    operand = draw(st.integers(0, 3)) if "shift" in name else draw(values("int"))
    return Of(draw(_plain_column(scope, "int")), Call(name, (operand,)))


@st.composite
def _plain_column(draw: st.DrawFn, scope: Scope, kind: str) -> Any:
    return column(draw(path(scope, kind)).name) if has(scope, kind) else literal(draw(values(kind)), kind)


@st.composite
def _int_of_text(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    name = draw(st.sampled_from(("Length", "StrIndex", "Length")))
    inner = draw(expression(scope, "text", size))
    return Call(
        name, (inner,) if name == "Length" else (inner, Call("Value", (draw(st.sampled_from("aoN")),)))
    )


@st.composite
def _number(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    names = ("Abs", "Sign") if kind == "int" else ("Abs", "Floor", "Ceil", "Round")
    return Call(draw(st.sampled_from(names)), (draw(expression(scope, kind, size)),))


@st.composite
def _root(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    name, constant = draw(
        st.sampled_from(
            (("Sqrt", None), ("Exp", None), ("Power", 2), ("Sin", None), ("ATan", None), ("Degrees", None))
        )
    )
    inner = draw(_plain_column(scope, "float"))
    if name == "Sqrt":
        inner = Call("Abs", (inner,))
    if name == "Exp":
        inner = Call("Least", (inner, literal(3.0, "float")))
    return Call(name, (inner,) if constant is None else (inner, constant))


@st.composite
def _extract(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    parts = ("Year", "Month", "Day", "Quarter", "Week", "WeekDay", "IsoWeekDay", "IsoYear")
    times = ("Hour", "Minute", "Second")
    source = draw(st.sampled_from(("date", "datetime", "time")))
    offered = {"date": parts, "datetime": (*parts, *times), "time": times}[source]
    inner = draw(_plain_column(scope, source))
    name = draw(st.sampled_from(offered))
    if draw(st.booleans()):
        lookup = {"WeekDay": "week_day", "IsoWeekDay": "iso_week_day", "IsoYear": "iso_year"}.get(
            name, name.lower()
        )
        return Call("Extract", (inner, lookup))
    return Call(f"Extract{name}", (inner,))


@st.composite
def _truncated(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    parts = {"date": ("Year", "Month", "Quarter", "Week", "Day"), "time": ("Hour", "Minute", "Second")}
    offered = parts.get(kind, (*parts["date"], *parts["time"]))
    name = draw(st.sampled_from(offered))
    inner = draw(_plain_column(scope, kind))
    if draw(st.booleans()):
        return Call("Trunc", (inner, name.lower()))
    return Call(f"Trunc{name}", (inner,))


@st.composite
def _part_of_moment(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    return Call("TruncDate" if kind == "date" else "TruncTime", (draw(_plain_column(scope, "datetime")),))


@st.composite
def _shifted(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    sign = draw(st.sampled_from("+-"))
    by = draw(st.one_of(values("duration"), _plain_column(scope, "duration")))
    return Op(sign, draw(_plain_column(scope, kind)), by)


@st.composite
def _between(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    source = draw(st.sampled_from(("datetime", "date", "time")))
    return Op("-", draw(_plain_column(scope, source)), draw(_plain_column(scope, source)))


@st.composite
def _texts(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    name = draw(
        st.sampled_from(
            (
                *("Upper", "Lower", "Trim", "LTrim", "RTrim", "Reverse", "Concat", "Substr", "Left", "Right"),
                *("Replace", "LPad", "RPad", "Repeat", "MD5", "SHA1"),
            )
        )
    )
    inner = draw(expression(scope, "text", size))
    more: dict[str, tuple[Any, ...]] = {
        "Concat": (Call("Value", ("-",)), draw(expression(scope, "text", size))),
        "Substr": (draw(st.integers(1, 4)), draw(st.integers(0, 3))),
        "Left": (draw(st.integers(1, 3)),),
        "Right": (draw(st.integers(1, 3)),),
        "Replace": (
            Call("Value", (draw(st.sampled_from("aoN")),)),
            Call("Value", (draw(st.sampled_from(("", "xy"))),)),
        ),
        "LPad": (draw(st.integers(0, 9)), Call("Value", ("*",))),
        "RPad": (draw(st.integers(0, 9)), Call("Value", ("ab",))),
        "Repeat": (draw(st.integers(0, 2)),),
    }
    return Call(name, (inner, *more.get(name, ())))


@st.composite
def _collated(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    return Call("Collate", (draw(expression(scope, "text", size)), COLLATION))


@st.composite
def _key_text(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    near = scope.near()  # Django knows KT of own columns only
    if not has(near, "json"):
        return draw(_plain_column(scope, "text"))
    return Call("KT", (f"{draw(path(near, 'json')).name}__{draw(st.sampled_from(KEYS))}",))


@st.composite
def _objects(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    if has(scope, "json") and draw(st.booleans()):
        return column(f"{draw(path(scope, 'json')).name}__{draw(st.sampled_from(KEYS))}")
    part = expression(scope.near(), draw(st.sampled_from(("int", "text"))), 0)
    if NEWEST and draw(st.booleans()):
        return Call("JSONArray", (draw(part), draw(part)))
    return Call("JSONObject", named=(("k", draw(part)), ("l", draw(part))))


@st.composite
def _compared(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    return draw(condition(scope, 1))


@st.composite
def _raw(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    return Call("RawSQL", ("%s + 1", (draw(values("int")),), Call("IntegerField")))


@st.composite
def _func(draw: st.DrawFn, scope: Scope, kind: str, size: int) -> Any:
    inner = draw(expression(scope, "text", size))
    return Call("Func", (inner,), (("function", "LOWER"), ("output_field", OUTPUT["text"])))


MAKERS: Final[dict[str, Callable[[Scope, str, int], st.SearchStrategy[Any]]]] = {
    "Case": _case,
    "Coalesce": lambda scope, kind, size: _several("Coalesce", scope, kind, size),
    "Greatest": lambda scope, kind, size: _several("Greatest", scope, kind, size),
    "Least": lambda scope, kind, size: _several("Least", scope, kind, size),
    "NullIf": _null_if,
    "ExpressionWrapper": _wrapped,
    "Cast": _cast,
    "Subquery": _subquery,
    "Exists": exists,
    "arithmetic": _arithmetic,
    "negated": _negated,
    "bits": _bits,
    "Length": _int_of_text,
    "Abs": _number,
    "Sqrt": _root,
    "Extract": _extract,
    "Trunc": _truncated,
    "TruncDate": _part_of_moment,
    "shifted": _shifted,
    "between": _between,
    "texts": _texts,
    "Collate": _collated,
    "KT": _key_text,
    "JSONObject": _objects,
    "Q": _compared,
    "RawSQL": _raw,
    "Func": _func,
}
GENERAL: Final = ("Case", "Coalesce", "Greatest", "Least", "NullIf", "ExpressionWrapper", "Cast", "Subquery")
SPECIAL: Final[dict[str, tuple[str, ...]]] = {
    "int": ("arithmetic", "negated", "bits", "Length", "Abs", "Extract", "RawSQL"),
    "float": ("arithmetic", "negated", "Abs", "Sqrt"),
    "decimal": ("arithmetic", "negated"),
    "text": ("texts", "texts", "Collate", "KT", "Func"),
    "bool": ("Exists", "Q"),
    "date": ("Trunc", "TruncDate"),
    "datetime": ("Trunc", "shifted"),
    "time": ("Trunc", "TruncDate"),
    "duration": ("between",),
    "json": ("JSONObject",),
}

AGGREGATES: Final = (
    "Count",
    "Sum",
    "Avg",
    "Min",
    "Max",
    "StdDev",
    "Variance",
    *(("StringAgg", "AnyValue", "BitAnd", "BitOr", "BitXor") if NEWEST else ()),
)
_SUMMED: Final = {
    "Sum": ("int", "float", "decimal", "duration"),
    "Avg": ("int", "float", "decimal", "duration"),
    "Min": PLAIN,
    "Max": PLAIN,
    "StdDev": ("int", "float", "decimal"),
    "Variance": ("int", "float", "decimal"),
    "Count": (*PLAIN, "json", "bool"),
    "BitAnd": ("int",),
    "BitOr": ("int",),
    "BitXor": ("int",),
    "StringAgg": ("text",),
}


@st.composite
def aggregate(draw: st.DrawFn, scope: Scope, offered: tuple[str, ...] = AGGREGATES) -> Any:
    """An aggregate with any of its options."""
    name = draw(st.sampled_from(offered))
    if name == "AnyValue":
        return Call("AnyValue", (literal(draw(values("int")), "int"),))
    if name == "Count" and draw(st.integers(0, 3)) == 0:
        return Call("Count", ("*",), draw(_options(scope, name, "int")))
    if name == "Count" and draw(st.booleans()) and scope.depth:
        return Call(
            "Count",
            (draw(st.sampled_from([each.name for each in relations(scope.model)])),),
            draw(_options(scope, name, "int")),
        )
    kinds = [kind for kind in _SUMMED[name] if has(scope, kind)] or ["int"]
    kind = draw(st.sampled_from(kinds))
    if draw(st.integers(0, 2)):
        source: Any = draw(path(scope, kind)).name
    else:
        source = draw(expression(scope, kind, 1))
    if name == "StringAgg" and draw(
        st.booleans()
    ):  # equal texts need no order, which Django has not on SQLite
        same = literal(draw(values("text")), "text")
        return Call(name, (same, Call("Value", (",",))), draw(_options(scope, name, "text")))
    if name == "StringAgg":
        order = (("order_by", (source, "pk")),)
        return Call(name, (source, Call("Value", (",",))), (*draw(_options(scope, name, "text")), *order))
    return Call(name, (source,), draw(_options(scope, name, kind)))


@st.composite
def _options(draw: st.DrawFn, scope: Scope, name: str, kind: str) -> tuple[tuple[str, Any], ...]:
    options: list[tuple[str, Any]] = []
    if draw(st.integers(0, 2)) == 0:
        options.append(("filter", draw(condition(scope, 1))))
    if name in ("Count", "Sum", "Avg", "Min", "Max") and draw(st.integers(0, 2)) == 0:
        options.append(("distinct", True))
    if name in ("Sum", "Min", "Max", "Avg", "BitOr") and draw(st.integers(0, 2)) == 0:
        options.append(("default", draw(values(kind))))
    if name in ("StdDev", "Variance") and draw(st.booleans()):
        options.append(("sample", True))
    return tuple(options)


RANKINGS: Final = ("RowNumber", "Rank", "DenseRank", "PercentRank", "CumeDist", "Ntile")
SHIFTS: Final = ("Lag", "Lead", "FirstValue", "LastValue", "NthValue")
FRAMED: Final = ("Sum", "Avg", "Min", "Max", "Count")
WINDOWS: Final = (*RANKINGS, *SHIFTS, *FRAMED)


@st.composite
def window(draw: st.DrawFn, scope: Scope, name: str) -> Any:
    """A window expression; its order is total, since what it says depends on it."""
    near = scope.near()
    kind = draw(st.sampled_from(("int", "text", "float", "datetime") if name in SHIFTS else ("int",)))
    if name == "Ntile":
        function = Call(name, (draw(st.integers(1, 4)),))
    elif name in RANKINGS:
        function = Call(name)
    elif name in FRAMED:
        function = Call(name, (draw(_plain_column(near, "int")),))
    else:
        function = Call(name, (draw(expression(near, kind, 1)), *draw(_shift_options(name, kind))))
    named: list[tuple[str, Any]] = []
    if draw(st.booleans()):
        parts = draw(
            st.lists(_plain_column(near, draw(st.sampled_from(("int", "text")))), min_size=1, max_size=2)
        )
        named.append(("partition_by", parts))
    value_range = draw(st.integers(0, 5)) == 0 and name in (*FRAMED, "FirstValue", "LastValue")
    if name not in FRAMED or value_range or draw(st.booleans()):
        named.append(("order_by", draw(_window_order(near, single=False))))
    if name in (*FRAMED, "FirstValue", "LastValue", "NthValue") and draw(st.booleans()):
        named.append(
            ("frame", draw(_frame(value_range=value_range or len(named) < 1 or named[-1][0] != "order_by")))
        )
    return Call("Window", (function,), tuple(named))


@st.composite
def _window_order(draw: st.DrawFn, scope: Scope, single: bool) -> Any:
    kind = draw(st.sampled_from(("int", "text", "float")))
    first = draw(order_term(scope, kind))
    return [first, "pk"]


@st.composite
def _shift_options(draw: st.DrawFn, name: str, kind: str) -> tuple[Any, ...]:
    if name == "NthValue":
        return (draw(st.integers(1, 3)),)
    if name in ("Lag", "Lead") and draw(st.booleans()):
        if draw(st.booleans()):
            return (draw(st.integers(1, 3)), literal(draw(values(kind)), kind))
        return (draw(st.integers(1, 3)),)
    return ()


@st.composite
def _frame(draw: st.DrawFn, value_range: bool) -> Any:
    named: list[tuple[str, Any]] = []
    if value_range:
        name = "ValueRange"
        start, end = draw(st.sampled_from(((None, 0), (0, None), (None, None))))
    else:
        name = "RowRange"
        start, end = draw(
            st.sampled_from(((None, 0), (-1, 1), (-2, 0), (0, None), (None, None), (1, 2), (-2, -1), (0, 0)))
        )
    named += [("start", start), ("end", end)]
    if NEWEST and draw(st.integers(0, 2)) == 0:
        choice = draw(st.sampled_from(("CURRENT ROW", "GROUP", "TIES", "NO OTHERS")))
        named.append(("exclusion", Call("WindowFrameExclusion", (choice,))))
    return Call(name, named=tuple(named))


@st.composite
def order_term(draw: st.DrawFn, scope: Scope, kind: str) -> Any:
    """A column or an expression to order by, with a direction and the place of NULLs."""
    what = draw(st.integers(0, 4))
    if what < 2 and has(scope, kind):
        return draw(st.sampled_from(("", "-"))) + draw(path(scope, kind)).name
    target = draw(_plain_column(scope, kind)) if what < 4 else draw(expression(scope, kind, 1))
    nulls = draw(st.sampled_from(((), (("nulls_first", True),), (("nulls_last", True),))))
    return Of(target, Call(draw(st.sampled_from(("asc", "desc"))), named=nulls))
