"""Differences that are meant, each with its reason: where Django has a bug, refuses what can be answered, or answers late.

A row of the table says how to know the difference as narrowly as it can; what it covers is counted, not forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from tests.differential import django_side
from tests.differential.compare import Refused, same, untyped
from tests.differential.programs import Call, Case, Of, Op, Query, features, text
from tests.differential.vocabulary import relations


@dataclass(frozen=True, slots=True)
class Deliberate:
    """A difference that is meant: how to know it, and why."""

    reason: str
    uses: frozenset[str] = frozenset()  # features of which the program has all
    dialects: tuple[str, ...] = ("sqlite", "postgresql")
    django: str = ""  # what Django's error says, a pattern
    ours: str = ""  # what ours says, a pattern
    when: Callable[[Case], bool] = lambda case: True
    loose: bool = False  # the answers are the same but for types: see ``untyped``

    def covers(self, case: Case, dialect: str, theirs: Any, ours: Any) -> bool:
        """Tell whether this is why the answers differ."""
        return (
            dialect in self.dialects
            and _says(theirs, self.django)
            and _says(ours, self.ours)
            and self.uses <= set(features(case.program))
            and self.when(case)
            and (not self.loose or same(case, untyped(theirs), untyped(ours)))
        )


def _says(answer: Any, pattern: str) -> bool:
    """An error where a pattern is given, an answer where none is."""
    if not pattern:
        return not isinstance(answer, Refused)
    return isinstance(answer, Refused) and re.search(pattern, answer.said) is not None


def compares_far_columns(case: Case) -> bool:
    """A condition over many under a negation, compared with more than a column of the query's own row."""
    return any(
        _crosses_many(model, name) and _names_columns(value) and not _is_near(model, value)
        for model, name, value in _negated(case.program)
    )


def _negated(tree: Any, model: str = "", below: bool = False) -> Iterator[tuple[str, str, Any]]:
    """Yield the (model, path, value) of conditions under a negation."""
    if isinstance(tree, Query):
        for step in tree.steps:
            yield from _negated(step, tree.model)
    elif isinstance(tree, Call):
        below = below or tree.name == "exclude"
        for each in tree.args:
            yield from _negated(each, model, below)
        for name, value in tree.named:
            if below and tree.name in ("exclude", "Q", "When"):
                yield model, name, value
            yield from _negated(value, model, below)
    elif isinstance(tree, Op):
        below = below or tree.sign == "~"
        yield from _negated(tree.left, model, below)
        yield from _negated(tree.right, model, below)
    elif isinstance(tree, Of):
        yield from _negated(tree.target, model, below)
    elif isinstance(tree, (list, tuple)):
        for each in tree:  # pyright: ignore[reportUnknownVariableType]
            yield from _negated(each, model, below)


def _crosses_many(model: str, name: str) -> bool:
    for part in name.split("__"):
        relation = next((each for each in relations(model) if each.name == part), None)
        if relation is None:
            return False
        if relation.many:
            return True
        model = relation.model
    return False


def _names_columns(value: Any) -> bool:
    return not {"F", "When", "Q", "OuterRef"}.isdisjoint(features(value))


def _is_near(model: str, value: Any) -> bool:
    return isinstance(value, Call) and value.name == "F" and not _crosses_many(model, value.args[0])


_TIE: Final = re.compile(r'"?[U-Z]\d+"?\."\w+" = \("?\w+"?\."\w+"\)\)? LIMIT 1\)')


def mistaken_tie(case: Case) -> bool:
    """Django tied a negation over many to a join of the query around, which it knows by its name only."""
    return bool(list(_negated(case.program))) and _TIE.search(django_side.sql(case.program)) is not None


def through_absent_child(case: Case) -> bool:
    """Django's SQL joins a child and its parent LEFT, behind a key that is compared with a constant."""
    sql = django_side.sql(case.program)
    return 'LEFT OUTER JOIN "differential_novel"' in sql and re.search(r'"book_id" = \d', sql) is not None


def chooses_from_combination(tree: Any) -> bool:
    """Whether columns are chosen of a combination whose parts have chosen theirs."""
    names = [step.name for step in getattr(tree, "steps", ()) if isinstance(step, Call)]
    places = [place for place, name in enumerate(names) if name in ("union", "intersection", "difference")]
    return bool(places) and any(name in ("values", "values_list") for name in names[places[0] :])


def lists_none(tree: Any) -> bool:
    """Whether an ``in`` has None in its list."""
    if isinstance(tree, Call):
        listed = any(
            name.endswith("__in") and None in value for name, value in tree.named if isinstance(value, list)
        )
        if listed:
            return True
    return any(map(lists_none, _parts(tree)))


def asks_for_nothing(tree: Any) -> bool:
    """Whether a Subquery or a Q as a value has a condition that no row can meet."""
    if isinstance(tree, Call) and tree.name in ("Subquery", "ExpressionWrapper"):
        return re.search(r"_in=\[(None)?\]", text(tree)) is not None
    parts = _parts(tree)
    if isinstance(tree, Call) and tree.name in ("annotate", "alias"):  # a Q as a value
        parts = tuple(Call("Subquery", (each,)) if _is_q(each) else each for each in parts)
    return any(map(asks_for_nothing, parts))


def _parts(tree: Any) -> tuple[Any, ...]:
    """Return what a tree is made of, one step down; what is called on an expression does not count."""
    if isinstance(tree, Call):
        return (*tree.args, *(value for _, value in tree.named))
    if isinstance(tree, Query):
        return tuple(tree.steps)
    if isinstance(tree, Of):
        return (tree.target,)
    return (tree.left, tree.right) if isinstance(tree, Op) else ()


def _is_q(tree: Any) -> bool:
    return isinstance(tree, Op) or (isinstance(tree, Call) and tree.name == "Q")


def values_nothing(case: Case) -> bool:
    """A Q without conditions stands where a value should."""
    return re.search(r"(=|Wrapper\(|, )~*Q\(\)", text(case.program)) is not None


def combines_nothing(case: Case) -> bool:
    """Django's SQL of a union or difference has but one SELECT."""
    names = set(features(case.program))
    return bool(names & {"union", "difference"}) and not re.search(
        "UNION|EXCEPT", django_side.sql(case.program)
    )


def unbracketed(case: Case) -> bool:
    """Django's SQL has ``NOT (…) IS NULL``, which is ``NOT ((…) IS NULL)``, or ``NOT (…) IN (…)``."""
    return re.search(r"NOT \(.+\) (IS (NOT )?NULL|IN \()", django_side.sql(case.program)) is not None


DELIBERATE: Final[tuple[Deliberate, ...]] = (
    Deliberate(
        "Django joins INNER under an exclusive or, and loses rows that one side accepts",
        uses=frozenset("^"),
    ),
    Deliberate(
        "Django joins INNER under an exclusive or, and loses the row that get() asks for",
        uses=frozenset("^"),
        django="DoesNotExist",
    ),
    Deliberate(
        "Django resolves a column in a range or a sum within the subquery of an exclude, and then drops its table",
        django=r"(?i)no such column: [T-Z]\d|column [T-Z]\d+\.\w+ does not exist|missing FROM-clause|invalid reference to FROM-clause",
    ),
    Deliberate(
        "Django ties the subquery of an exclude to the wrong table when its right side crosses many too",
        when=compares_far_columns,
    ),
    Deliberate(
        "Django takes a join of the query around for that of an exclude's subquery when their aliases are equal",
        when=mistaken_tie,
    ),
    Deliberate("Django refuses the year 0, which no row has", django="(?i)year.*out of range"),
    Deliberate(
        "It refuses it too where not one row is found",
        django="(?i)year.*out of range",
        ours=r"get\(\) found|No \w+ matches",
    ),
    Deliberate(
        "Django's SQLite functions fail for the sample deviation of one value, which is NULL",
        dialects=("sqlite",),
        django="user-defined aggregate's 'finalize'",
    ),
    Deliberate(
        "Django refuses to order an aggregate on SQLite",
        dialects=("sqlite",),
        django="does not support specifying an order on aggregates",
    ),
    Deliberate(
        "Django has no check of what a duration is compared with; a number is of seconds here",
        django=r"'int' object has no attribute 'days'|operator does not exist: interval \S+ integer",
    ),
    Deliberate(
        "Django does not escape wildcards of a column on the right side of iexact",
        dialects=("sqlite",),
        uses=frozenset(("iexact", "F")),
    ),
    Deliberate(
        "Django forgets the parentheses of a negation that is compared with NULL or a list",
        uses=frozenset("~"),
        when=unbracketed,
    ),
    Deliberate(
        "Django orders a combination by the model's default, which it may not select",
        django="ORDER BY (term|not allowed)",
    ),
    Deliberate(
        "Django's functions for SQLite take texts only",
        dialects=("sqlite",),
        django="function raised exception",
    ),
    Deliberate(
        "Django reads the text of a JSON key as JSON", django="JSONDecodeError", uses=frozenset(("KT",))
    ),
    Deliberate(
        "DISTINCT ON is refused where no query would run too", dialects=("sqlite",), ours="DISTINCT ON needs"
    ),
    Deliberate("The types of what nothing selects are checked too", ours="contains mixed types"),
    Deliberate("Django refuses texts of several kinds in text functions", django="contains mixed types"),
    Deliberate(
        "Django leaves texts and NULL in functions without a type, which PostgreSQL refuses",
        dialects=("postgresql",),
        django=r"could not determine polymorphic type|non-integer constant in ORDER BY|\(unknown\) is not unique",
    ),
    Deliberate(
        "The sum of big integers is a whole number here, where PostgreSQL's numeric makes Django say Decimal",
        dialects=("postgresql",),
        uses=frozenset(("Sum",)),
        loose=True,
    ),
    Deliberate(
        "Django takes a truncated date for a moment once it is aggregated twice",
        dialects=("postgresql",),
        uses=frozenset(("aggregate",)),
        when=lambda case: any(name.startswith("Trunc") for name in features(case.program)),
    ),
    Deliberate(
        "The sign of a whole number is one here, where PostgreSQL makes a float of it",
        dialects=("postgresql",),
        uses=frozenset(("Sign",)),
        loose=True,
    ),
    Deliberate(
        "PostgreSQL 18 finds a parent row of no child in Django's LEFT JOINs from a constant key; ours are INNER",
        dialects=("postgresql",),
        when=through_absent_child,
    ),
    Deliberate(
        "Parts of dates are whole numbers here, where Django leaves PostgreSQL's numeric",
        dialects=("postgresql",),
        django=r"function bit_\w+\(numeric\) does not exist",
    ),
    Deliberate(
        "Django 5.2 finds rows with NULL when it excludes a list that has None; 6.1 and Vivace do not",
        when=lambda case: not django_side.NEWEST and lists_none(case.program),
    ),
    Deliberate(
        "Of such rows it also finds the only one, the first or the last",
        ours=r"No \w+ matches",
        when=lambda case: not django_side.NEWEST and lists_none(case.program),
    ),
    Deliberate(
        "Django leaves out a part of a union or difference that has no rows, and then keeps doubles",
        when=combines_nothing,
    ),
    Deliberate(
        "Django refuses to exclude over many where the query's key has several columns",
        django="doesn't support multi-column subqueries",
    ),
    Deliberate(
        "Django's subqueries within subqueries are deeper than SQLite's parser",
        dialects=("sqlite",),
        django="parser stack overflow",
    ),
    Deliberate(
        "Django orders by a number, which PostgreSQL takes for the position of a column",
        dialects=("postgresql",),
        django=r"ORDER BY position -?\d+ is not in select list",
    ),
    Deliberate(
        "Django finds no row at all where no row can meet the condition of a FilteredRelation, which is an outer join",
        uses=frozenset(("FilteredRelation",)),
        when=lambda case: re.search(r"FilteredRelation\(.*__in=\[(None)?\]", text(case.program)) is not None,
    ),
    Deliberate(
        "Django's condition of a FilteredRelation names a table that it joins later",
        uses=frozenset(("FilteredRelation",)),
        django="ON clause references tables to its right|invalid reference to FROM-clause entry",
    ),
    Deliberate(
        "Django names a table in an exclude's subquery that it did not join there",
        django="missing FROM-clause entry|no such column: [U-Z]",
    ),
    Deliberate(
        "Django does not look at what a query without rows asks for",
        ours=r"COUNT\(DISTINCT \*\)|'isnull' takes True or False",
    ),
    Deliberate(
        "Django keeps the columns of a combination's parts when it is asked for fewer",
        when=lambda case: chooses_from_combination(case.program),
    ),
    Deliberate(
        "Django attaches what it prefetches by the join of the queryset's own filter over the same relation",
        uses=frozenset(("Prefetch", "filter")),
        when=lambda case: re.search(r"Prefetch\('tags', .*books__", text(case.program)) is not None,
    ),
    Deliberate(
        "Django reads the least of dates as a moment where one was truncated",
        dialects=("postgresql",),
        when=lambda case: (
            not {"Least", "Greatest"}.isdisjoint(features(case.program))
            and any(name.startswith("Trunc") for name in features(case.program))
        ),
    ),
    Deliberate(
        "Django reads a truncated date as a moment, and a moment without its zone, once it stands in another expression",
        dialects=("postgresql",),
        when=lambda case: any(name.startswith("Trunc") for name in features(case.program)),
        loose=True,
    ),
    Deliberate(
        "So the text of a truncated date has hours in Django",
        dialects=("postgresql",),
        uses=frozenset(("Cast", "TextField")),
        when=lambda case: any(name.startswith("Trunc") for name in features(case.program)),
    ),
    Deliberate(
        "A cast to JSON is JSON's own spelling here, and the text as it was stored in Django",
        dialects=("sqlite",),
        uses=frozenset(("Cast", "JSONField", "NullIf")),
    ),
    Deliberate(
        "Django 5.2 leaves on objects the keys that they had, where bulk_create updates rows that have others",
        uses=frozenset(("update_conflicts",)),
        when=lambda case: not django_side.NEWEST,
    ),
    Deliberate(
        "Django's hashes need PostgreSQL's extension pgcrypto; all but SHA-1 are built in",
        dialects=("postgresql",),
        django=r"function digest\(",
    ),
    Deliberate(
        "Rows are ordered by a Q too, which has no asc() and desc() in Django",
        django="'Q' object has no attribute '(asc|desc)'",
    ),
    Deliberate(
        "Django takes what is made of a query or Q that nothing can meet for 0, or finds no rows, where it is NULL or False",
        when=lambda case: asks_for_nothing(case.program),
    ),
    Deliberate(
        "What a Q says that is known without a row is True or False here, where Django says 1 or 0",
        when=lambda case: re.search(r"Q\(\)|_in=\[(None)?\]", text(case.program)) is not None,
        loose=True,
    ),
    Deliberate(
        "A Q without conditions is a value here, True; Django loses it on the way", when=values_nothing
    ),
    Deliberate("Or Django fails for what it lost", django=".", when=values_nothing),
    Deliberate(
        "Django refuses to count different composite keys",
        uses=frozenset(("Count", "distinct")),
        django=r"COUNT\(DISTINCT\) doesn't support composite",
    ),
    Deliberate(
        "Django fetches the columns that a child and its parent share once, whatever was deferred of which",
        uses=frozenset(("select_related",)),
        when=lambda case: (
            re.search(r"select_related\('(book_ptr|novel)'\)\.(defer|only)", text(case.program)) is not None
        ),
    ),
    Deliberate(
        "Rows deleted through a proxy and as parents are counted under one name or the other",
        uses=frozenset(("delete",)),
        when=lambda case: text(case.program).startswith("Oldest."),
    ),
)
__all__ = ["DELIBERATE", "Deliberate"]
