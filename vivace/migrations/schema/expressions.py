"""SQL of expressions within DDL: conditions, index keys, generated columns, database defaults. Literals, no parameters.

The one place that asks the query compiler. It needs a class with the model's fields, which is made for the purpose from
the state: relations of it point nowhere, as DDL cannot join.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .names import quote_all

if TYPE_CHECKING:
    from .describe import Context


def plain_value(expression: Any) -> tuple[bool, Any]:
    """Say whether a database default is a plain value, and which."""
    if type(expression).__name__ == "Value":
        return True, expression.value
    if hasattr(expression, "resolve_expression") or hasattr(expression, "resolved"):
        return False, None
    return True, expression


def condition_sql(context: Context, condition: Any) -> str:
    """Return the SQL of a condition (``Q``)."""
    from . import literal_sql

    return literal_sql.condition_sql(_model(context), condition, context.dialect)


def expression_sql(context: Context, expression: Any, output_field: Any = None) -> str:
    """Return the SQL of an expression."""
    from . import literal_sql

    return literal_sql.expression_sql(_model(context), expression, context.dialect)


def index_part(context: Context, expression: Any) -> str:
    """Return an index key: a column as it stands, any other expression in parentheses; order behind."""
    inner, order = expression, ""
    if type(expression).__name__ == "OrderBy":
        inner = expression.expression
        order = " DESC" if expression.descending else " ASC"
    if type(inner).__name__ == "OpClass":
        order = f" {inner.name}{order}" if context.dialect == "postgresql" else order
        inner = inner.expression
    sql = expression_sql(context, inner)
    if type(inner).__name__ not in ("F", "FieldRef"):
        sql = f"({sql})"
    return f"{sql}{order}"


def exclusion_sql(context: Context, constraint: Any) -> str:
    """Return an EXCLUDE constraint without its name."""
    parts = [
        f"{index_part(context, expression)} WITH {operator}"
        for expression, operator in constraint.expressions
    ]
    include = (
        f" INCLUDE ({quote_all([context.column(name) for name in constraint.include])})"
        if constraint.include
        else ""
    )
    condition = f" WHERE ({condition_sql(context, constraint.condition)})" if constraint.condition else ""
    deferrable = f" DEFERRABLE INITIALLY {constraint.deferrable.name}" if constraint.deferrable else ""
    return f"EXCLUDE USING {constraint.index_type} ({', '.join(parts)}){include}{condition}{deferrable}"


def _model(context: Context) -> Any:
    return context.state.apps.get_model(context.model.app_label, context.model.name)


__all__ = ["condition_sql", "exclusion_sql", "expression_sql", "index_part", "plain_value"]
