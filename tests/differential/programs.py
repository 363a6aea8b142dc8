"""Queries as small values: trees of calls, which one interpreter applies to Django's names or to ours.

A tree prints as the code that it stands for, so a failing case can be pasted into a shell; and since it is data, Hypothesis
shrinks it. Leaves are plain values; lists and tuples may hold trees.
"""

from __future__ import annotations

import datetime
import decimal
import operator
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

OPERATORS: Final[dict[str, Callable[..., Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
    "**": operator.pow,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
}


@dataclass(frozen=True, slots=True)
class Call:
    """``name(*args, **named)``; in a query: ``.name(…)`` of what stands before."""

    name: str
    args: tuple[Any, ...] = ()
    named: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Cut:
    """``[start:stop]``."""

    start: int | None
    stop: int | None


@dataclass(frozen=True, slots=True)
class Of:
    """A method of an expression: ``target.call``."""

    target: Any
    call: Call


@dataclass(frozen=True, slots=True)
class Op:
    """``left sign right``, or ``~left`` and ``-left``."""

    sign: str
    left: Any
    right: Any = None


@dataclass(frozen=True, slots=True)
class Query:
    """``model.objects`` and the steps after it."""

    model: str
    steps: tuple[Call | Cut, ...] = ()

    def then(self, *steps: Call | Cut) -> Query:
        """Return the query with more steps."""
        return Query(self.model, (*self.steps, *steps))


@dataclass(frozen=True, slots=True)
class Written:
    """A program as text, with the names that both worlds have."""

    source: str


Program: TypeAlias = Query | Written | Op


@dataclass(frozen=True, slots=True)
class Case:
    """A program, the rows of FEATURES it is for, and how its answer may be compared."""

    row: str
    program: Program
    total: bool = False  # the order of the rows is fully determined
    touches: tuple[str, ...] = ()  # relations that were loaded, compared with each object
    writes: bool = False  # runs in a transaction that is rolled back; the tables are compared too

    def __repr__(self) -> str:
        return f"{self.row}: {text(self.program)}" + (f"  # touches {self.touches}" if self.touches else "")


def build(tree: Any, names: Mapping[str, Any]) -> Any:
    """Apply a tree to the names of one world."""
    maker = _BUILDERS.get(tree.__class__)
    return tree if maker is None else maker(tree, names)


def _build_call(tree: Call, names: Mapping[str, Any]) -> Any:
    return _called(names[tree.name], tree, names)


def _called(function: Any, tree: Call, names: Mapping[str, Any]) -> Any:
    args = [build(each, names) for each in tree.args]
    return function(*args, **{name: build(each, names) for name, each in tree.named})


def _build_of(tree: Of, names: Mapping[str, Any]) -> Any:
    return _called(getattr(build(tree.target, names), tree.call.name), tree.call, names)


def _build_op(tree: Op, names: Mapping[str, Any]) -> Any:
    left = build(tree.left, names)
    if tree.right is None:
        return ~left if tree.sign == "~" else -left
    return OPERATORS[tree.sign](left, build(tree.right, names))


def _build_query(tree: Query, names: Mapping[str, Any]) -> Any:
    result = names[tree.model].objects
    for step in tree.steps:
        if type(step) is Cut:
            result = result[step.start : step.stop]
        elif type(step) is Call:
            result = _called(getattr(result, step.name), step, names)
    return result


_BUILDERS: Final[dict[type, Callable[[Any, Mapping[str, Any]], Any]]] = {
    Call: _build_call,
    Of: _build_of,
    Op: _build_op,
    Query: _build_query,
    Written: lambda tree, names: eval(tree.source, dict(names)),
    list: lambda tree, names: [build(each, names) for each in tree],
    tuple: lambda tree, names: tuple(build(each, names) for each in tree),
}


def text(tree: Any) -> str:
    """Print a tree as the code it stands for."""
    printer = _PRINTERS.get(tree.__class__)
    return repr(tree) if printer is None else printer(tree)


def _text_call(tree: Call) -> str:
    named = [f"{name}={text(each)}" for name, each in tree.named]
    if any(not name.isidentifier() for name, _ in tree.named):
        named = ["**{" + ", ".join(f"{name!r}: {text(each)}" for name, each in tree.named) + "}"]
    return f"{tree.name}({', '.join([*(text(each) for each in tree.args), *named])})"


def _text_op(tree: Op) -> str:
    if tree.right is None:
        return f"{tree.sign}{text(tree.left)}"
    return f"({text(tree.left)} {tree.sign} {text(tree.right)})"


def _text_query(tree: Query) -> str:
    parts = [f"{tree.model}.objects"]
    for step in tree.steps:
        if isinstance(step, Cut):
            start, stop = ("" if each is None else str(each) for each in (step.start, step.stop))
            parts.append(f"[{start}:{stop}]")
        else:
            parts.append("." + _text_call(step))
    return "".join(parts)


def _text_moment(value: datetime.datetime) -> str:
    return (
        repr(value)
        .removeprefix("datetime.")
        .replace("datetime.timezone.utc", "utc")
        .replace("datetime.UTC", "utc")
    )


_PRINTERS: Final[dict[type, Callable[[Any], str]]] = {
    Call: _text_call,
    Of: lambda tree: f"{text(tree.target)}.{_text_call(tree.call)}",
    Op: _text_op,
    Query: _text_query,
    Written: lambda tree: tree.source,
    list: lambda tree: f"[{', '.join(text(each) for each in tree)}]",
    tuple: lambda tree: f"({', '.join(text(each) for each in tree)}{',' if len(tree) == 1 else ''})",
    decimal.Decimal: lambda value: f"D({str(value)!r})",
    datetime.datetime: _text_moment,
    datetime.date: lambda value: repr(value).removeprefix("datetime."),
    datetime.time: lambda value: repr(value).removeprefix("datetime."),
    datetime.timedelta: lambda value: repr(value).removeprefix("datetime."),
    uuid.UUID: repr,
}

LITERALS: Final[dict[str, Any]] = {
    "D": decimal.Decimal,
    "date": datetime.date,
    "datetime": datetime.datetime,
    "time": datetime.time,
    "timedelta": datetime.timedelta,
    "utc": datetime.UTC,
    "UUID": uuid.UUID,
}


def features(tree: Any) -> Iterator[str]:
    """Yield what a tree uses: names of calls, lookups and transforms, operators."""
    if isinstance(tree, (list, tuple)):
        parts: tuple[Any, ...] = tuple(tree)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        for each in parts:
            yield from features(each)
    elif isinstance(tree, Call):
        yield tree.name
        for name, value in tree.named:
            yield from name.split("__")[1:] if tree.name in _FILTERS else (name,)
            yield from features(value)
        yield from features(tree.args)
    elif isinstance(tree, Of):
        yield from features(tree.target)
        yield from features(tree.call)
    elif isinstance(tree, Op):
        yield tree.sign
        yield from features((tree.left, tree.right))
    elif isinstance(tree, Cut):
        yield "slice"
    elif isinstance(tree, Query):
        yield from features(tree.steps)


_FILTERS: Final = frozenset(("filter", "exclude", "Q", "When", "get"))
