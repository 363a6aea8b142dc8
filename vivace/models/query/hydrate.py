"""Rows into objects, by functions that are generated once per plan.

Theory of operation. What a row becomes is known when its query is compiled: which columns, which classes, which
converters. So the code that does it is written out as Python source for exactly that (no loop over fields, no test for
things that this query does not have), compiled once, and kept on the plan. Storing attributes one by one uses the
interpreter's inline values (0.4 µs for a row of six columns, less than ``dict(zip(names, row))``).

Rules:

1. The fast path makes objects without ``__init__``, as ``copy`` and ``pickle`` do. A model that overrides ``__init__``,
   ``__new__`` or ``from_db``, or whose ``pre_init``/``post_init`` have receivers, goes through ``Model.from_db``.
2. Every object has a ``ModelState`` that is not ``adding``, and its ``Peers``: those of the result, or those that were
   reached over the same relation. Objects without relations share an ``Origin``, of which their state is made when asked for.
3. Source text contains only numbers, names that are checked to be identifiers, and literals written by ``repr``; all
   else is bound by name.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from vivace.models.cachekeys import absent_key
from vivace.models.signals import post_init, pre_init
from vivace.models.state import ModelState, Origin

from .peers import Peers

if TYPE_CHECKING:
    from vivace.models.sql.plan import Plan, Related, Selection

Rows: TypeAlias = Sequence[Sequence[Any]]
Hydrator: TypeAlias = Callable[[Rows, str, bool], list[Any]]
"""Takes rows, the alias of their database, and whether the query is strict."""

_named: Callable[..., Any] = getattr(collections, "namedtuple")  # noqa: B009 - its names are not known here
RowKind: TypeAlias = Literal["instances", "dicts", "tuples", "named", "flat"]


class Absent:
    """A foreign key that points to a row that is not there: known, so that reading it needs no query."""

    __slots__ = ("key",)

    def __init__(self, key: tuple[Any, ...]) -> None:
        self.key = key

    def __vivace_key__(self, keying: Any) -> Any:
        return absent_key(self, keying)


def absent(owner: Any, relation: Any) -> Absent | None:
    """Return what an owner keeps for a forward relation that found nothing; ``None`` when its key is empty."""
    key = tuple(owner.__dict__.get(field.attname) for field in relation.local_related_fields)
    return None if None in key else Absent(key)


def is_plain(model: Any) -> bool:
    """Say whether objects of a class may be made without its constructors."""
    return (
        model.__new__ is object.__new__
        and getattr(model.__init__, "__qualname__", "") == "Model.__init__"
        and model.from_db.__func__.__qualname__ == "Model.from_db"
        and not pre_init.has_listeners(model)
        and not post_init.has_listeners(model)
    )


class _Source:
    """The text of one function under construction, and the values that it names."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.values: dict[str, Any] = {}
        self.objects = 0
        self.shared: set[int] = set()  # the objects that have no state of their own yet

    def add(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def bind(self, prefix: str, value: Any) -> str:
        name = f"{prefix}{len(self.values)}"
        self.values[name] = value
        return name

    def function(self, name: str) -> Any:
        exec(compile("\n".join(self.lines), f"<vivace {name}>", "exec"), self.values)  # noqa: S102 - see rule 3
        return self.values[name]


def _unpacking(width: int) -> str:
    return "(" + "".join(f"c{index}, " for index in range(width)) + ")"


def _begin_row(source: _Source, width: int) -> None:
    """Write how a row is taken apart: a record of asyncpg makes an iterator to be unpacked, dear for one or two columns."""
    if width > 2:
        source.add(1, f"for {_unpacking(width)} in rows:")
        return
    source.add(1, "for row in rows:")
    for index in range(width):
        source.add(2, f"c{index} = row[{index}]")


def _identifier(name: str) -> str:
    if not name.isidentifier():
        raise ValueError(f"{name!r} is not an identifier")
    return name


# -- instances --------------------------------------------------------------------------------------------------------


def instances(plan: Plan) -> Hydrator:
    """Return the function that turns rows of a plan into instances; made once per plan."""
    selection = plan.selection
    if selection is None:
        raise ValueError("a plan of values has no instances")
    quiet = not (pre_init.connected or post_init.connected) or is_quiet(selection)
    related = selection.model._meta.has_relations
    made = plan.hydrator
    if made is None or made[1] is not quiet or made[2] is not related:
        made = plan.hydrator = (_make_instances(plan, selection), quiet, related)
    hydrator: Hydrator = made[0]
    return hydrator


def has_nothing_to_load(selection: Selection) -> bool:
    """Say whether its objects have all that they can ever have: such objects need not know each other."""
    options = selection.model._meta
    return not options.has_relations and len(selection.attnames) == len(options.concrete_fields)


def is_quiet(selection: Selection) -> bool:
    """Say whether nobody listens to the making of any of its objects."""
    model = selection.model
    if pre_init.has_listeners(model) or post_init.has_listeners(model):
        return False
    return all(is_quiet(each.selection) for each in selection.related) if selection.related else True


def _make_instances(plan: Plan, selection: Selection) -> Hydrator:
    source = _Source()
    source.values.update(
        new=object.__new__,
        State=ModelState,
        Origin=Origin,
        Peers=Peers,
        absent=absent,
        set=object.__setattr__,
    )
    source.add(0, "def hydrate(rows, db, strict):")
    opening = len(source.lines)
    _begin_row(source, len(plan.outputs))
    name = _write_object(source, selection, 2, remote="")
    for attribute, position in plan.annotations:
        converter = plan.outputs[position].converter
        value = f"c{position}" if converter is None else f"{source.bind('v', converter)}(c{position})"
        source.add(
            2,
            f"{name}.{attribute} = {value}"
            if attribute.isidentifier() and attribute.isascii() and not iskeyword(attribute)
            else _odd(source, name, attribute, value),
        )
    names = tuple(name for name, _ in plan.annotations)
    if names and 0 not in source.shared:
        source.add(2, f"s0.annotated = {source.bind('n', names)}")
    count = source.objects
    each = range(count)
    alone = (
        "None"
        if has_nothing_to_load(selection)
        else "None if len(rows) == 1 and not strict else Peers(strict=strict)"  # a single row is its own only peer
    )
    source.lines[opening:opening] = [
        *(f"    list{n} = []" for n in each),
        *(f"    peers{n} = {alone}" for n in each),
        *(_origin_line(source, n, () if n else names) for n in sorted(source.shared)),
    ]
    source.add(1, "if peers0 is not None:")
    for number in each:
        source.add(2, f"peers{number}.adopt(list{number})")
    source.add(1, "return list0")
    hydrator: Hydrator = source.function("hydrate")
    return hydrator


class _Alone(dict[str, Origin]):
    """Origins of objects that came with nobody, by database: one for all of a plan."""

    def __init__(self, annotated: tuple[str, ...]) -> None:
        super().__init__()
        self.annotated = annotated

    def __missing__(self, db: str) -> Origin:
        made = self[db] = Origin(db, None, self.annotated)
        return made


def _origin_line(source: _Source, number: int, annotated: tuple[str, ...]) -> str:
    alone, names = source.bind("a", _Alone(annotated)), source.bind("n", annotated)
    peers = f"peers{number}"
    return f"    origin{number} = {alone}[db] if {peers} is None else Origin(db, {peers}, {names})"


def _odd(source: _Source, name: str, attribute: str, value: str) -> str:
    """Return the statement that sets an attribute whose name is no identifier (``annotate(**{"a-b": …})``)."""
    return f"{name}.__dict__[{source.bind('n', attribute)}] = {value}"


def _write_object(source: _Source, selection: Selection, depth: int, *, remote: str, owner: str = "") -> str:
    """Write the lines that make one object, and below them those of its relations; return the variable's name."""
    number = source.objects
    source.objects += 1
    name, state = f"o{number}", f"s{number}"
    converters = dict(selection.converters)
    values = [
        f"c{position}" if index not in converters else f"{source.bind('v', converters[index])}(c{position})"
        for index, position in enumerate(selection.positions)
    ]
    model = source.bind("m", selection.model)
    if is_plain(selection.model):
        source.add(depth, f"{name} = new({model})")
        if selection.related or remote:
            source.add(depth, f"{name}._state = {state} = new(State)")
            source.add(
                depth,
                f"{state}.adding = False; {state}.db = db; {state}.peers = peers{number}; {state}.cache = None",
            )
        else:
            source.shared.add(number)
            source.add(depth, f"{name}._origin = origin{number}")
        for attname, value in zip(selection.attnames, values, strict=True):
            source.add(depth, f"{name}.{_identifier(attname)} = {value}")
    else:
        names = source.bind("n", list(selection.attnames))
        source.add(depth, f"{name} = {model}.from_db(db, {names}, [{', '.join(values)}])")
        source.add(depth, f"{state} = {name}._state; {state}.peers = peers{number}")
    source.add(depth, f"list{number}.append({name})")  # a bound method in a variable costs twice as much
    kept = [_write_related(source, related, name, depth) for related in selection.related]
    if remote:
        kept.append(f"{remote!r}: {owner}")
    if kept:
        source.add(depth, f"{state}.cache = {{{', '.join(kept)}}}")
    return name


def _write_related(source: _Source, related: Related, owner: str, depth: int) -> str:
    """Write the lines that make a related object or find that there is none; return its entry in the owner's cache."""
    missing = " and ".join(f"c{position} is None" for position in related.selection.key)
    forward = hasattr(related.relation, "attname")
    source.add(depth, f"if {missing}:")
    result = f"o{source.objects}"
    relation = source.bind("r", related.relation)
    source.add(depth + 1, f"{result} = absent({owner}, {relation})" if forward else f"{result} = None")
    source.add(depth, "else:")
    _write_object(source, related.selection, depth + 1, remote=related.remote_cache_name, owner=owner)
    return f"{related.cache_name!r}: {result}"


# -- values -----------------------------------------------------------------------------------------------------------


def values(plan: Plan, names: Sequence[str], kind: RowKind) -> Hydrator:
    """Return the function that turns rows of a plan into what ``values`` or ``values_list`` asked for."""
    made: dict[RowKind, Hydrator] | None = plan.hydrator
    if made is None:
        made = plan.hydrator = {}
    if kind not in made:
        made[kind] = _make_values(plan, names, kind)
    return made[kind]


def _make_values(plan: Plan, names: Sequence[str], kind: RowKind) -> Hydrator:
    source = _Source()
    parts = [
        f"c{index}" if output.converter is None else f"{source.bind('v', output.converter)}(c{index})"
        for index, output in enumerate(plan.outputs)
    ]
    source.add(0, "def hydrate(rows, db, strict):")
    source.add(
        1, f"return [{_row_expression(source, parts, names, kind)} for {_unpacking(len(parts))} in rows]"
    )
    hydrator: Hydrator = source.function("hydrate")
    return hydrator


def _row_expression(source: _Source, parts: list[str], names: Sequence[str], kind: RowKind) -> str:
    if kind == "flat":
        return parts[0]
    if kind == "dicts":
        return "{" + ", ".join(f"{name!r}: {part}" for name, part in zip(names, parts, strict=True)) + "}"
    row = "(" + "".join(f"{part}, " for part in parts) + ")"
    if kind == "named":
        return f"{source.bind('t', _named('Row', list(names)))}._make({row})"
    return row


__all__ = ["Absent", "Hydrator", "RowKind", "absent", "instances", "is_plain", "values"]
