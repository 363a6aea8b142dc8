"""Functions: ``Func`` and ``Transform``, and what wraps an expression.

A function is described by class attributes: its name (per dialect where they differ), the joiner of its arguments and,
for the rare ones, a template. A user's own class may say more in Django's way, with ``as_sql(compiler, connection)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from vivace.errors import FieldError
from vivace.models.expressions.base import Expression, is_expression
from vivace.models.expressions.registering import Lookups
from vivace.models.expressions.values import Value

if TYPE_CHECKING:
    from vivace.models.sql.lifting import Lifter
    from vivace.models.sql.outputs import Outputs
    from vivace.models.sql.render import Renderer


def parsed(value: Any) -> Expression:
    """Return an argument as an expression: text names a field, as in Django."""
    from vivace.models.expressions.names import F  # names derive from what is built on functions

    if isinstance(value, Expression):
        return value
    if isinstance(value, str):
        return F(value)
    if is_expression(value):
        from vivace.models.expressions.subqueries import Subquery

        return Subquery(value)
    return Value(value)


class Func(Expression):
    """A function call: ``Func(F("title"), function="LOWER")``, or a subclass with ``function`` set."""

    function: str = ""
    sqlite_function: ClassVar[str] = ""
    postgresql_function: ClassVar[str] = ""
    template: str = "%(function)s(%(expressions)s)"
    arg_joiner: str = ", "
    arity: ClassVar[int | None] = None
    allows_composite_expressions: ClassVar[bool] = False

    def __init__(self, *expressions: Any, output_field: Any = None, **extra: Any) -> None:
        if self.arity is not None and len(expressions) != self.arity:
            word = "argument" if self.arity == 1 else "arguments"
            raise TypeError(
                f"{type(self).__name__!r} takes exactly {self.arity} {word} ({len(expressions)} given)"
            )
        self.source: tuple[Expression, ...] = tuple(parsed(each) for each in expressions)
        if output_field is not None:
            self.output_field = output_field
        self.extra: tuple[tuple[str, Any], ...] = tuple(sorted(extra.items()))

    def lifted(self, lifter: Lifter) -> Expression:
        node = super().lifted(lifter)
        if not self.allows_composite_expressions:
            for each in node.children():
                if len(getattr(getattr(each, "path", None), "targets", ())) > 1:
                    raise FieldError(
                        f"{type(self).__name__} cannot take a composite primary key.",
                        fix="name one of its fields: " + ", ".join(f.name for f in each.path.targets),  # type: ignore[attr-defined]
                    )
        return node

    def get_source_expressions(self) -> list[Expression]:
        """Return the arguments."""
        return list(self.source)

    def render(self, r: Renderer) -> Any:
        special = getattr(self, f"{r.dialect}_function")
        options = {
            "function": special or self.function,
            "template": self.template,
            "arg_joiner": self.arg_joiner,
        }
        options.update(self.extra)
        if options["template"] == Func.template and options["arg_joiner"] == ", ":
            return r.call(options["function"], *self.arguments(r))
        return r.template(options, self.arguments(r))

    def as_sql(
        self,
        compiler: Any,
        connection: Any,
        function: str | None = None,
        template: str | None = None,
        arg_joiner: str | None = None,
        **extra: Any,
    ) -> tuple[str, list[Any]]:
        """Return SQL and parameters, for a subclass that calls it with another template: Django's signature."""
        options = {"function": self.function, "template": self.template, "arg_joiner": self.arg_joiner}
        options.update(self.extra)
        given = {"function": function, "template": template, "arg_joiner": arg_joiner, **extra}
        options.update({name: value for name, value in given.items() if value is not None})
        r = compiler.renderer
        arguments = compiler.token(r.joined(self.arguments(r), options["arg_joiner"]))
        return str(options["template"]) % {**options, "expressions": arguments}, []

    def arguments(self, r: Renderer) -> tuple[Any, ...]:
        """Return what stands between the parentheses."""
        return self.source


class Transform(Func, Lookups):
    """A function of one argument that can stand in a path: ``name__lower__contains``."""

    is_transform: ClassVar[bool] = True
    bilateral: ClassVar[bool] = False
    arity: ClassVar[int | None] = 1
    lookup_name: str = ""

    @property
    def lhs(self) -> Expression:
        """The expression that it transforms."""
        return self.source[0]


class ExpressionWrapper(Expression):
    """An expression with another output field."""

    def __init__(self, expression: Any, output_field: Any) -> None:
        self.expression = parsed(expression)
        self.output_field = output_field

    def render(self, r: Renderer) -> Any:
        return r.side(self.expression)


class Cast(Expression):
    """An expression in the column type of ``output_field``."""

    def __init__(self, expression: Any, output_field: Any) -> None:
        self.expression = parsed(expression)
        self.output_field = output_field

    def render(self, r: Renderer) -> Any:
        return r.cast(self.expression, self.output_field)


class Collate(Expression):
    """An expression under a collation."""

    def __init__(self, expression: Any, collation: str) -> None:
        if not collation or not all(part.replace("-", "_").isidentifier() for part in collation.split(".")):
            raise ValueError(f"Invalid collation name: {collation!r}.")
        self.expression = parsed(expression)
        self.collation = collation

    def infer(self, outputs: Outputs) -> Any:
        return outputs.of(self.expression)

    def render(self, r: Renderer) -> Any:
        return r.sql(self.expression, " COLLATE ", r.quoted(self.collation))


class Columns(Expression):
    """Several columns as one value: a composite key."""

    def __init__(self, *columns: Expression, field: Any = None) -> None:
        self.columns = columns
        self.field = field

    def infer(self, outputs: Outputs) -> Any:
        return self.field

    def render(self, r: Renderer) -> Any:
        return r.row(self.columns)


class Tuple(Expression):
    """Several expressions as a row: ``(a, b)``."""

    def __init__(self, *parts: Any) -> None:
        if not parts:
            raise FieldError("A tuple in a query needs at least one part.")
        self.parts = tuple(parsed(each) for each in parts)

    def lifted(self, lifter: Lifter) -> Expression:
        return self.map(lifter.lift)

    def infer(self, outputs: Outputs) -> Any:
        return None

    def render(self, r: Renderer) -> Any:
        return r.row(self.parts)


__all__ = ["Cast", "Collate", "Columns", "ExpressionWrapper", "Func", "Transform", "Tuple", "parsed"]
