"""Rendering: resolved expressions and SELECTs into SQL elements.

Everything that reaches ``sql()`` as text is written in this house; names are quoted, values are parameters.
"""

from __future__ import annotations

from typing import Any, Final

from vivace.errors import FieldError
from vivace.models.expressions.base import Expression
from vivace.models.expressions.conditional import Junction, Known
from vivace.models.expressions.func import Columns, Func, Tuple
from vivace.models.expressions.subqueries import Subquery
from vivace.models.expressions.values import Constant, Null, Slot, Star
from vivace.models.sql.binding import Binds
from vivace.models.sql.elements import Name, Sql, TypeName
from vivace.models.sql.foreign import Foreign
from vivace.models.sql.outputs import OUTPUTS
from vivace.models.sql.selecting import SelectRenderer

_TEXTS: Final = frozenset(("CharField", "TextField", "SlugField", "EmailField", "URLField"))
_ESCAPES: Final = (("\\", "\\\\"), ("%", "\\%"), ("_", "\\_"))


class Renderer(SelectRenderer):
    """See the module. One per statement."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self.binds = Binds(dialect)
        self.foreigns = Foreign(self)
        self.reads_anything = False  # a piece of raw SQL has a query of its own

    # -- composition -------------------------------------------------------------------------------------------------

    def render(self, node: Any) -> Any:
        """Return the SQL of an expression; elements pass."""
        if not isinstance(node, Expression):
            return node
        if self.foreigns.speaks(node):
            return self.foreigns.render(node)
        return node.render(self)

    def sql(self, *parts: Any) -> Sql:
        """Return pieces in a row: text of ours, expressions, elements."""
        return Sql(tuple(part if isinstance(part, str) else self.render(part) for part in parts))

    def joined(self, parts: Any, joiner: str = ", ") -> Sql:
        """Return pieces with a joiner between them."""
        pieces: list[Any] = []
        for part in parts:
            if pieces:
                pieces.append(joiner)
            pieces.append(part if isinstance(part, str) else self.render(part))
        return Sql(tuple(pieces))

    def call(self, name: str, *arguments: Any) -> Sql:
        """Return a function call."""
        return self.sql(f"{name}(", self.joined(arguments), ")")

    def template(self, options: dict[str, Any], arguments: Any) -> Sql:
        """Return a function by its template: ``%(function)s(%(expressions)s)`` and the like."""
        text = str(options["template"])
        mark = "\x00"
        filled = text % {**options, "expressions": mark}
        before, *after = filled.split(mark)
        parts: list[Any] = [before]
        for each in after:
            parts += [self.joined(arguments, str(options["arg_joiner"])), each]
        return self.sql(*parts)

    def foreign(self, node: Expression) -> Any:
        """Return the SQL of an expression that says it in Django's way."""
        return self.foreigns.render(node)

    def quoted(self, name: str) -> Name:
        """Return an identifier."""
        return Name(name)

    def spliced(self, text: str, params: tuple[Expression, ...]) -> list[Any]:
        """Return raw text with parameters in place of its ``%s``; ``%%`` is a percent sign."""
        pieces = text.split("%s")
        if len(pieces) - 1 != len(params):
            raise FieldError(
                "Raw SQL has another number of %s than of parameters.",
                expected=str(len(pieces) - 1),
                got=str(len(params)),
            )
        parts: list[Any] = [pieces[0].replace("%%", "%")]
        for param, piece in zip(params, pieces[1:], strict=True):
            parts += [param, piece.replace("%%", "%")]
        return parts

    # -- values ------------------------------------------------------------------------------------------------------

    def slot(self, slot: Slot) -> Any:
        """Return a parameter."""
        element = self.binds.slot(slot)
        field = slot.field if slot.field is not None else None
        kind = OUTPUTS.name(field) if field is not None else slot.kind
        if self.dialect == "sqlite" and kind == "DecimalField" and not slot.many:
            return Sql(
                ("CAST(", element, " AS NUMERIC)")
            )  # bound as text, which would sort behind all numbers
        return element

    def constant(self, value: Any, kind: str) -> Any:
        """Return a parameter that is the same in each run."""
        field = OUTPUTS.kind(kind) if kind else None
        bind = field.binder(self.dialect) if field is not None else None
        return self.binds.constant(value if bind is None else bind(value), self.binds.type_of(field))

    def null(self, field: Any) -> Any:
        """Return NULL, typed where its type is known."""
        if field is None or self.dialect == "sqlite":
            return Sql(("NULL",))
        return Sql(("CAST(NULL AS ", self.type_name(field), ")"))

    def typed(self, node: Expression, type_name: str) -> Sql:
        """Return an expression cast to a type that both databases know."""
        return self.sql("CAST(", node, f" AS {type_name})")

    def cast(self, node: Expression, field: Any) -> Sql:
        """Return an expression in the column type of a field."""
        kind = OUTPUTS.name(field)
        if self.dialect == "sqlite":
            form = {
                "DateTimeField": "strftime('%Y-%m-%d %H:%M:%f', ",
                "DateField": "date(",
                "TimeField": "strftime('%H:%M:%f', ",
                "JSONField": "json(",
            }.get(kind)
            if form is not None:
                return self.sql(form, node, ")")
            if kind == "DecimalField":
                return self.sql("CAST(", node, " AS NUMERIC)")
        plain = OUTPUTS.plain(field)
        name = plain.cast_db_type(self.dialect)
        if kind in _TEXTS and getattr(field, "max_length", None) is None:
            name = "text" if self.dialect == "sqlite" else "varchar"
        if kind == "DecimalField" and getattr(field, "max_digits", None) is None:
            name = "numeric"
        return self.sql("CAST(", node, f" AS {name})")

    def field(self, node: Expression) -> Any:
        """Return the field that an expression's value is one of, ``None`` when it is unknown."""
        return OUTPUTS.of(node)

    def type_name(self, field: Any) -> TypeName:
        """Return the type of a field's values as a cast names it: without lengths and precisions where it can."""
        return TypeName(OUTPUTS.plain(field).sa_type(self.dialect))

    def kind(self, node: Expression) -> str:
        """Return the name of the type of an expression, "" when it is unknown."""
        return OUTPUTS.name(self.field(node))

    def temporal(self, node: Any, left: str, right: str) -> Any:
        """Return a sum or difference of dates, times and durations."""
        duration = "DurationField"
        if left == right == duration or not left or not right:
            return self.sql("(", node.left, f" {node.operator} ", node.right, ")")
        if self.dialect == "sqlite":
            return self._sqlite_temporal(node, left, right)
        if node.operator == "-" and left == right == "DateField":
            return self.sql("(interval '1 day' * (", node.left, " - ", node.right, "))")
        return self.sql("(", node.left, f" {node.operator} ", node.right, ")")

    def _sqlite_temporal(self, node: Any, left: str, right: str) -> Any:
        if node.operator == "-" and "DurationField" not in (left, right):
            name = "vivace_time_diff" if left == right == "TimeField" else "vivace_datetime_diff"
            return self.call(name, node.left, node.right)
        moment, duration = (node.right, node.left) if left == "DurationField" else (node.left, node.right)
        amount = self.sql("-", duration) if node.operator == "-" else duration
        return self.call("vivace_datetime_add", moment, amount)

    # -- columns -----------------------------------------------------------------------------------------------------

    def column(self, alias: str, field: Any) -> Sql:
        """Return a column of a table."""
        return Sql((Name(alias), ".", Name(field.column)))

    def named(self, alias: str, name: str, field: Any) -> Sql:
        """Return a column of a query in FROM."""
        return Sql((Name(alias), ".", Name(name))) if alias else Sql((Name(name),))

    def outer(self, node: Expression) -> Any:
        """Return an expression of the query around: aliases are unique in a statement."""
        return self.render(node)

    def row(self, parts: Any) -> Sql:
        """Return a row of values."""
        return self.sql("(", self.joined(parts), ")")

    def ordered(self, element: Any, descending: bool, nulls: str) -> Sql:
        """Return one part of an ordering."""
        direction = " DESC" if descending else " ASC"
        return Sql((element, direction, f" NULLS {nulls.upper()}" if nulls else ""))

    # -- conditions --------------------------------------------------------------------------------------------------

    def known(self, node: Any) -> bool | None:
        """Return the answer of a condition where it is known."""
        if isinstance(node, Known):
            return node.value
        if not isinstance(node, Junction):
            return None
        answers = [self.known(part) for part in node.parts]
        answer = _joined_answer(node.connector, answers)
        return answer if answer is None or not node.negated else not answer

    def truth(self, node: Expression) -> Any:
        """Return a condition as it stands in WHERE."""
        return self.render(node)

    def wrapped_truth(self, node: Expression) -> Sql:
        """Return a condition in parentheses."""
        return self.sql("(", self.truth(node), ")")

    def junction(self, node: Junction) -> Sql:
        """Return conditions under a connector, without those of which the answer is known."""
        answer = self.known(node)
        if answer is not None:
            return self.sql("1 = 1" if answer else "1 = 0")
        parts = [part for part in node.parts if self.known(part) is None]
        if node.connector == "XOR":
            inner = self._odd(node)
        elif len(parts) == 1:
            inner = self.sql(self.truth(parts[0]))
        else:
            inner = self.joined((self.sql("(", self.truth(p), ")") for p in parts), f" {node.connector} ")
        return self.sql("NOT (", inner, ")") if node.negated else inner

    def _odd(self, node: Junction) -> Sql:
        counted = [self.sql("CASE WHEN ", self.truth(part), " THEN 1 ELSE 0 END") for part in node.parts]
        return self.sql("(", self.joined(counted, " + "), ") % 2 = 1")

    def side(self, node: Any) -> Any:
        """Return one side of a comparison."""
        element = self.render(node)
        return self.sql("(", element, ")") if _loose(node) else element

    def null_test(self, node: Expression, null: bool) -> Sql:
        """Return IS NULL or IS NOT NULL."""
        return self.sql(self.side(node), " IS NULL" if null else " IS NOT NULL")

    def row_null(self, node: Columns, null: bool) -> Sql:
        """Return whether any column of a row is NULL, or none is."""
        tests = (self.null_test(column, null) for column in node.columns)
        return self.sql("(", self.joined(tests, " OR " if null else " AND "), ")")

    def member(self, left: Expression, right: Any) -> Sql:
        """Return IN: a list as one parameter, expressions, or a query."""
        if isinstance(right, tuple):
            return self.sql(self.side(left), " IN (", self.joined(right), ")")
        if isinstance(right, Subquery):
            return self.sql(self.side(left), " IN ", right)
        if self.dialect == "postgresql":
            return self.sql(self.side(left), " = ANY(", right, ")")
        kind = OUTPUTS.name(right.field) if right.field is not None else right.kind
        value = {"DecimalField": "CAST(value AS NUMERIC)", "BinaryField": "unhex(value)"}.get(kind, "value")
        return self.sql(
            self.side(left), " IN (SELECT ", value, " FROM json_each(", self.binds.slot(right), "))"
        )

    def row_member(self, left: Columns, right: Any) -> Sql:
        """Return IN for rows."""
        if isinstance(right, Subquery):
            return self.sql(left, " IN ", right)
        fields = [OUTPUTS.plain(OUTPUTS.of(column)) for column in left.columns]
        if self.dialect == "postgresql":
            arrays = [self.binds.column_of(right.index, i, field) for i, field in enumerate(fields)]
            return self.sql(left, " IN (SELECT * FROM unnest(", self.joined(arrays), "))")
        parts = ", ".join(f"json_extract(value, '$[{i}]')" for i in range(len(fields)))
        return self.sql(left, " IN (SELECT ", parts, " FROM json_each(", self.binds.slot(right), "))")

    def as_text(self, node: Expression) -> Any:
        """Return an expression as text."""
        if self.dialect == "sqlite":
            return self.side(node)
        if self.kind(node) == "GenericIPAddressField":
            return self.call("HOST", node)
        return self.sql(self.side(node), "::text")

    def like(self, left: Expression, right: Any, form: str, ignores_case: bool) -> Sql:
        """Return LIKE with a pattern that a parameter or an expression gives."""
        pattern = self.render(right) if isinstance(right, Slot) else self._pattern(right, form)
        if self.dialect == "sqlite":
            return self.sql(self.side(left), " LIKE ", pattern, " ESCAPE '\\'")
        if ignores_case:
            return self.sql("UPPER(", self.as_text(left), ") LIKE UPPER(", pattern, ")")
        return self.sql(self.as_text(left), " LIKE ", pattern)

    def _pattern(self, right: Expression, form: str) -> Sql:
        text = self.as_text(right)
        for sign, escaped in _ESCAPES:
            text = self.sql("REPLACE(", text, f", '{sign}', '{escaped}')")
        before = "'%' || " if form in ("contains", "endswith") else ""
        after = " || '%'" if form in ("contains", "startswith") else ""
        return self.sql(before, text, after)

    def iexact(self, left: Expression, right: Any) -> Sql:
        """Return equality in any case."""
        if self.dialect == "postgresql":
            return self.sql("UPPER(", self.as_text(left), ") = UPPER(", self.as_text(right), ")")
        return self.like(left, right, "iexact", True)


def _joined_answer(connector: str, answers: list[bool | None]) -> bool | None:
    if connector == "AND":
        return False if False in answers else True if all(answers) else None
    if connector == "OR":
        if True in answers:
            return True
        return (
            False
            if all(answer is False for answer in answers) and answers
            else (True if not answers else None)
        )
    if None in answers:
        return None
    return sum(bool(answer) for answer in answers) % 2 == 1


def _loose(node: Any) -> bool:
    """Say whether an expression needs parentheses beside an operator."""
    if isinstance(node, (Func, Slot, Constant, Null, Star, Columns, Tuple, Subquery)):
        return False
    return getattr(node, "conditional", False) or isinstance(node, (Junction, Known))


__all__ = ["Renderer"]
