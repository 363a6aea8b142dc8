"""What a query reads, and whether it is provably short.

*Reads.* Each table named in a statement has an entry. It is narrowed to ``column = values`` only by a condition that
every row used from that table must meet: a conjunct of WHERE, or a disjunction of which every branch narrows it. Never
within a negation, on an outer-joined table, in a filter of an aggregate, in HAVING, in a subquery. A table joined by its
primary key (a forward relation) narrows to that key only where a condition names it.

*Short.* A statement is short when it finds its rows by a unique key, or by an index with a limit of at most 100 rows, and
does nothing that costs more per row: one table, or joins to one row by primary key; no aggregate, window, LIKE, function
of ours, subquery, sort (but by the primary key of at most one row), DISTINCT or combination.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from vivace.changes import ANYTHING, Condition, Scope
from vivace.models.expressions.base import Expression
from vivace.models.expressions.conditional import Junction
from vivace.models.expressions.values import Slot
from vivace.models.lookups.base import Exact, In
from vivace.models.sql.outputs import OUTPUTS
from vivace.models.sql.reaching import reached
from vivace.models.sql.refs import Column

if TYPE_CHECKING:
    from vivace.models.sql.building import Builder
    from vivace.models.sql.joins import Join
    from vivace.models.sql.select import Select

VALUES: Final = 100  # an IN of more values narrows nothing and is not short
EXACT: Final = frozenset(
    (
        "BooleanField",
        "CharField",
        "DateField",
        "DateTimeField",
        "EmailField",
        "SlugField",
        "TextField",
        "URLField",
        "UUIDField",
    )
)
Test = tuple[Any, Slot]  # the field, and the slot of its value or values
Narrow = Callable[[Sequence[Any]], "tuple[str, Scope]"]


class Reading:
    """The answers for one SELECT."""

    def __init__(self, builder: Builder, select: Select, *, anything: bool = False) -> None:
        self.tests = narrowed(select)
        tables = set(builder.context.tables)
        narrow: list[Narrow] = []
        for alias, tests in self.tests.items():
            table = select_table(select, alias)
            if table is not None and _occurs_once(builder, table, select):
                tables.discard(table)
                narrow.append(_narrowing(table, tests, builder.context.dialect))
        self.reached = tuple(
            each
            for each in reached(select)
            if each.table in tables and _occurs_once(builder, each.table, select)
        )
        self.whole: tuple[tuple[str, Scope], ...] = tuple((table, None) for table in sorted(tables))
        if anything:
            self.whole = (*self.whole, (ANYTHING, None))
        self.narrow = tuple(narrow)
        self.short = is_short(builder, select, self.tests)


def select_table(select: Select, alias: str) -> str | None:
    """Return the table of an alias, ``None`` when it is joined as LEFT or is no table."""
    for join in select.joins:
        if join.alias == alias and join.kind != "LEFT" and join.source is None:
            return str(join.model._meta.db_table)
    return None


def _occurs_once(builder: Builder, table: str, select: Select) -> bool:
    """Say whether this is the statement's only use of a table: another use may read other rows."""
    here = sum(1 for join in select.joins if join.model._meta.db_table == table)
    return here == 1 and not _has_subquery(select) and not select.ctes and select.inside is None


def _has_subquery(select: Select) -> bool:
    from vivace.models.expressions.subqueries import Subquery
    from vivace.models.expressions.values import RawSQL

    return any(
        isinstance(each, (Subquery, RawSQL)) for node in select.expressions() for each in node.walk()
    ) or any(join.source is not None for join in select.joins)


def narrowed(select: Select) -> dict[str, list[Test]]:
    """Return, for each alias that a conjunct narrows, the tests of which one must hold."""
    found: dict[str, list[Test]] = {}
    for part in select.where:
        for alias, tests in _tests(part).items():
            found.setdefault(alias, tests)
            if any(field.primary_key for field, _ in tests):
                found[alias] = tests
    for join in select.joins:
        if join.kind == "INNER" and join.hop is not None and join.hop.direct and join.alias not in found:
            carried = _over(join, found.get(join.parent, []))
            if carried:
                found[join.alias] = carried
    return found


def _over(join: Join, tests: list[Test]) -> list[Test]:
    """Return tests of a key as tests of what it points to."""
    pairs = join.hop.pairs if join.hop is not None else ()
    if len(pairs) != 1 or not all(field is pairs[0][0] for field, _ in tests):
        return []
    return [(pairs[0][1], slot) for _, slot in tests]


def _tests(node: Expression) -> dict[str, list[Test]]:
    if isinstance(node, Junction):
        if node.negated or node.connector == "XOR":
            return {}
        branches = [_tests(part) for part in node.parts]
        if node.connector == "AND":
            return {alias: tests for branch in reversed(branches) for alias, tests in branch.items()}
        if not branches:
            return {}
        shared = set(branches[0]).intersection(*branches[1:])
        return {alias: [test for branch in branches for test in branch[alias]] for alias in shared}
    return dict(_test(node))


def _test(node: Expression) -> Iterator[tuple[str, list[Test]]]:
    if (
        not isinstance(node, (Exact, In))
        or not isinstance(node.lhs, Column)
        or not isinstance(node.rhs, Slot)
    ):
        return
    if type(node).__module__.startswith("vivace.models.lookups") and _is_exact(node.lhs.field):
        yield node.lhs.alias, [(node.lhs.field, node.rhs)]


def _is_exact(field: Any) -> bool:
    """Say whether equal values are equal in every form: 1.50 and 1.5 are not, nor are texts under a collation.

    A type of column that is not ours may be anything: citext does not tell "a" from "A".
    """
    plain: Any = OUTPUTS.plain(field)
    plain = getattr(plain, "output_field", plain)  # what a generated column holds
    exact = OUTPUTS.is_integer(plain) or OUTPUTS.name(plain) in EXACT
    ours = all(_is_ours(plain, name) for name in ("db_type", "db_parameters", "db_type_parameters"))
    return exact and ours and not getattr(plain, "db_collation", None)


def _is_ours(field: Any, method: str) -> bool:
    """Say whether a field has a method from here, if it has it at all."""
    owner = next((each for each in field.__class__.__mro__ if method in each.__dict__), None)
    return owner is None or owner.__module__.startswith("vivace.models.")


def _narrowing(table: str, tests: list[Test], dialect: str) -> Narrow:
    columns = [
        (field.column, slot.index, slot.many, slot.field.binder(dialect) if slot.field else None)
        for field, slot in tests
    ]

    adapt = _adapter(dialect)
    ends_of_time = _ends_of_time if dialect == "postgresql" else _none

    def narrow(values: Sequence[Any]) -> tuple[str, Scope]:
        conditions: list[Condition] = []
        for column, index, many, bind in columns:
            given = values[index] if many else (values[index],)
            if len(given) > VALUES:
                return table, None
            stored = frozenset(adapt(each if bind is None else bind(each)) for each in given)
            conditions.append(Condition(column, stored | ends_of_time(stored)))
        return table, tuple(conditions)

    return narrow


def _adapter(dialect: str) -> Callable[[Any], Any]:
    """Return what turns a bound value into what the database tells of it: SQLite has four types only."""
    if dialect != "sqlite":
        return lambda value: value
    from vivace.db.sqlite.binding import adapt

    return lambda value: value if isinstance(value, (str, int, float, bytes)) else adapt(value)


def _none(values: frozenset[Any]) -> frozenset[Any]:
    return frozenset()


def _ends_of_time(values: frozenset[Any]) -> frozenset[Any]:
    """Return the other form of the first and the last moment: PostgreSQL stores infinity, and tells it without a zone."""
    moments = [each for each in values if isinstance(each, datetime) and each.year in (1, 9999)]
    return frozenset(end for end in (datetime.min, datetime.max) if any(_near(each, end) for each in moments))


def _near(moment: datetime, end: datetime) -> bool:
    return abs(moment.replace(tzinfo=None) - end) < timedelta(days=2)


# -- short -----------------------------------------------------------------------------------------------------------


def is_short(builder: Builder, select: Select, tests: dict[str, list[Test]]) -> bool:
    """Say whether a SELECT provably touches few rows, by an index."""
    if not _is_plain(builder, select):
        return False
    own = [
        test
        for alias in (builder.base_alias,)
        for part in select.where
        for test in _conjunct_test(part, alias)
    ]
    if not own:
        return False
    unique = [slot for field, slot in own if field.unique and not slot.many]
    if unique:
        return True
    lists = [slot for field, slot in own if field.unique and slot.many]
    if lists:
        return not select.order  # the caller checks the length of the list
    indexed = any(_is_indexed(field) and not slot.many for field, slot in own)
    return indexed and builder.shape.few and not builder.shape.offset and not select.order


def _conjunct_test(part: Expression, alias: str) -> Iterator[Test]:
    if isinstance(part, Junction) and not part.negated and part.connector == "AND":
        for each in part.parts:
            yield from _conjunct_test(each, alias)
    else:
        for found, tests in _test(part):
            if found == alias:
                yield from tests


def _is_indexed(field: Any) -> bool:
    return bool(field.unique or field.db_index)


def _is_plain(builder: Builder, select: Select) -> bool:
    if select.inside is not None or select.group is not None or select.having or select.ctes or select.tables:
        return False
    if select.distinct or select.distinct_on or select.raw_where or select.offset is not None:
        return False
    for join in select.joins:
        if join.source is not None or join.condition is not None:
            return False
        if join.hop is not None and (join.hop.many or not all(other.unique for _, other in join.hop.pairs)):
            return False
    return all(_is_cheap(node) for node in select.expressions())


def _is_cheap(node: Expression) -> bool:
    from vivace.models.expressions.ordering import OrderBy
    from vivace.models.expressions.values import Constant, Null
    from vivace.models.lookups.base import Compared, IsNull, Range

    cheap = (Column, Slot, Constant, Null, Junction, OrderBy, Compared, IsNull, Range, In)
    return all(isinstance(each, cheap) for each in node.walk())


def short_lists(builder: Builder, select: Select) -> Iterator[int]:
    """Yield the slots of lists that must be short for the statement to be."""
    for node in select.expressions():
        for each in node.walk():
            if isinstance(each, Slot) and each.many:
                yield each.index


__all__ = ["Reading", "is_short", "narrowed", "short_lists"]
